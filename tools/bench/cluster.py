# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the cluster's playbooks costs that changes nothing, by the number of hosts."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live.cluster.clusters import Cluster
from tests.systemd_hosts import lacking
from tools.bench.figures import Check, NotMeasuredError, Row, Table
from tools.bench.section import Bench, undisturbed

PLAYBOOKS = ("preflight.yml", "cluster.yml")
MODULE_RUNS = 12
FIRST_SECONDS = 30
SECONDS = {3: 15, 12: 45}
# The test hosts have version 1 of control groups where this machine has it.
OPTIONS = {"k3s_config": {"kubelet-arg": ["fail-cgroupv1=false"]}}
COLUMNS = ("Seconds", "Module runs per host, at most", "Module runs in all")


@dataclass(frozen=True)
class _Run:
    seconds: float
    counts: dict[str, int]

    def row(self, name: str, *checks: Check) -> Row:
        hosts = [count for host, count in self.counts.items() if host != "localhost"]
        return Row(name, (f"{self.seconds:.1f}", str(max(hosts)), str(sum(self.counts.values()))), checks)

    @property
    def most(self) -> int:
        return max(count for host, count in self.counts.items() if host != "localhost")


def cluster(bench: Bench) -> list[Table]:
    """Make clusters of several sizes on systemd hosts, and run the playbooks again."""
    missing = lacking()
    if missing:
        raise NotMeasuredError(f"this machine can have no systemd hosts: {missing}")
    rows: list[Row] = []
    times: dict[int, float] = {}
    for size in bench.sizes.cluster_hosts:
        names = ["server-1", *(f"agent-{number}" for number in range(1, size))]
        hosts = "1 host" if size == 1 else f"{size} hosts"
        with _hosts(bench.folder / f"cluster-{size}", names) as made:
            bench.say(f"a cluster of {hosts}, the first run")
            first = _run(made, bench.folder)
            bench.say(f"a cluster of {hosts}, a run that changes nothing")
            again = _run(made, bench.folder)
        limit = SECONDS.get(size)
        checks = [Check("module runs", again.most, MODULE_RUNS)]
        checks += [Check("run", again.seconds, limit, "s")] if limit else []
        rows += [
            first.row(
                f"{hosts}: the first run", *([Check("run", first.seconds, FIRST_SECONDS, "s")] if size == 3 else [])
            ),
            again.row(f"**{hosts}: a run that changes nothing**", *checks),
        ]
        times[size] = again.seconds
    growth = _growth(times)
    if growth is not None:
        rows.append(Row("each host more", (f"{growth:.1f}", "", "")))
    text = (
        "`playbooks/preflight.yml` and then `playbooks/cluster.yml`, with the `ansible.cfg` of the checkout and "
        "Ansible's 5 forks, on systemd hosts of this machine, which share its cores with Ansible. One host is the "
        "server, the others are agents. K3s is the stand-in, which starts in less than a second: the first run is the "
        "playbooks' own share. Runs of modules are counted by a callback; a connection is kept open between them."
    )
    return [Table("Runs of the cluster's playbooks", text, COLUMNS, tuple(rows))]


def _growth(times: dict[int, float]) -> float | None:
    """Return the seconds that one host more takes, between the smallest and the largest cluster."""
    least, most = min(times), max(times)
    return None if least == most else (times[most] - times[least]) / (most - least)


@contextmanager
def _hosts(folder: Path, names: list[str]) -> Iterator[Cluster]:
    folder.mkdir()
    made = Cluster(folder, names)
    try:
        yield made
    finally:
        with undisturbed():
            made.down()


def _run(made: Cluster, folder: Path) -> _Run:
    counts_file = folder / "counts.json"
    counts: dict[str, int] = {}
    environment = {
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callbacks")),
        "ANSIBLE_CALLBACKS_ENABLED": "count_modules",
        "COUNT_MODULES": str(counts_file),
    }
    os.environ.update(environment)
    try:
        start = time.monotonic()
        for playbook in PLAYBOOKS:
            done = made.play(playbook, **OPTIONS)
            if done.status:
                raise NotMeasuredError(f"{playbook} ended with {done.status}: {done.output[-2000:]}")
            for host, count in json.loads(counts_file.read_text(encoding="utf-8")).items():
                counts[host] = counts.get(host, 0) + count
        return _Run(time.monotonic() - start, counts)
    finally:
        for name in environment:
            os.environ.pop(name)


__all__ = ["cluster"]
