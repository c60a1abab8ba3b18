# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the playbook: each ends with all that is wrong in one message, after one look at each host, or none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sample_certificates import HOST, day, write_pair

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
SCENARIO = ROOT / "molecule" / "preflight"
FILES = {"certificate": "crt", "key": "key"}
# The guise of each host: its address, the controllers of its cgroups, and what runs it.
GOOD = {
    "server-1": ("192.0.2.11", "cpuset,cpu,io,memory,pids", "systemd"),
    "agent-1": ("192.0.2.21", "cpuset,cpu,io,memory,pids", "systemd"),
    "agent-2": ("192.0.2.22", "cpuset,cpu,io,memory,pids", "systemd"),
}
BAD = {**GOOD, "agent-1": ("192.0.2.21", "cpuset,cpu", "sysvinit"), "server-1": ("192.0.2.205", "-", "systemd")}


@dataclass(frozen=True)
class Run:
    """How a run of the playbook ended, what it said, and which hosts it ran a module on, in order."""

    status: int
    said: str
    looked_at: list[str]

    @property
    def message(self) -> list[str]:
        """The lines of the last message of a task."""
        lines = [line.strip() for line in self.said.splitlines()]
        start = len(lines) - lines[::-1].index("msg: |-")
        return lines[start : lines.index("", start)]


def preflight(folder: Path, guises: dict[str, tuple[str, str, str]], *arguments: str | Path) -> Run:
    """Run the playbook on hosts in these guises."""
    log = folder / "log"
    log.touch()
    for host, guise in guises.items():
        command = f'exec {SCENARIO}/files/guise.sh {" ".join(guise)} {sys.executable} "$@"'
        (folder / host).write_text(f"#!/bin/sh\necho {host} >>{log}\n{command}\n")
        (folder / host).chmod(0o755)
    done = subprocess.run(
        ["ansible-playbook", *arguments, ROOT / "playbooks" / "preflight.yml"],
        cwd=ROOT,
        env={**os.environ, "GUISES": str(folder), "ANSIBLE_LOCALHOST_WARNING": "false", "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return Run(done.returncode, done.stdout, sorted(log.read_text().split()))


def inventories(*names: str) -> list[str | Path]:
    return [word for name in names for word in ("-i", SCENARIO / "inventories" / f"{name}.yml")]


@pytest.mark.parametrize("name", ["homelab", "ha"])
def test_sample_inventory_is_sound_and_no_host_of_it_is_asked(name: str, tmp_path: Path) -> None:
    # Before a cluster is removed, its hosts are left alone, and here there are none.
    run = preflight(tmp_path, {}, "-i", ROOT / "inventories" / name, "-e", "preflight_state=absent")
    assert (run.status, run.message) == (0, ["Nothing is in the way."]), run.said
    assert "The cluster is to be removed, so its hosts may be in any state." in run.said


def test_good_hosts_are_looked_at_once_and_nothing_changes(tmp_path: Path) -> None:
    run = preflight(tmp_path, GOOD, *inventories("good"))
    assert run.status == 0, run.said
    assert run.message[0].startswith("Nothing is in the way.")
    assert run.looked_at == sorted(GOOD)
    assert run.said.count("changed=0") == 4


def test_check_mode_does_the_same_to_some_hosts(tmp_path: Path) -> None:
    run = preflight(tmp_path, GOOD, *inventories("good"), "--check", "--limit", "agent-1")
    assert run.status == 0, run.said
    assert run.looked_at == ["agent-1"]


def test_bad_inventory_is_refused_before_any_host_is_touched(tmp_path: Path) -> None:
    run = preflight(tmp_path, GOOD, *inventories("good", "bad_inventory"))
    assert (run.status, run.looked_at) == (2, []), run.said
    assert run.message == [
        "Nothing was changed. Mend this first:",
        "- There are 2 servers. An embedded etcd with 2 members stands the loss of no more of them than one with 1. "
        "Set k3s_servers to 1 or 3 servers, or set k3s_datastore_endpoint.",
        "- The pool 'lan' has 192.0.2.200-192.0.2.219, which overlaps k3s_cluster_cidr 192.0.2.128/25. Set addresses "
        "of the nodes' network that nothing else has.",
        "- server-1, agent-1, agent-2: There is no variable 'k3s_flanel_backend'; did you mean 'k3s_flannel_backend'?",
    ]


def test_everything_wrong_with_an_edge_is_in_one_message(tmp_path: Path) -> None:
    write_pair(tmp_path, "old", days=(-9, -2))
    write_pair(tmp_path, "other", days=(-1, 100))
    run = preflight(tmp_path, GOOD, *inventories("good", "bad_edge"))
    assert (run.status, run.looked_at) == (2, []), run.said
    assert run.said.count("fatal: ") == 1
    assert [line.split(". ")[0] for line in run.message[1:]] == [
        "- The pool 'pods' has 10.42.255.0/28, which overlaps k3s_cluster_cidr 10.42.0.0/16",
        "- The pool 'services' has 10.43.255.0/28, which overlaps k3s_service_cidr 10.43.0.0/16",
        "- The pool 'lan' has 192.0.2.200-192.0.2.219, which overlaps 192.0.2.100-192.0.2.203 of metallb_dhcp_ranges",
        "- metallb_service_addresses gives 192.0.2.210 to mlflow/mlflow and monitoring/grafana",
        "- seldon_topology is 'star'",
        "- ingress_address is 192.0.2.7, which lies in no address pool",
        "- The routes 'models' and 'again' have one host, ml-api.example.com",
        "- The route 'models' has a certificate and a key that do not belong together",
        f"- The route 'models' has a certificate that expired on {day(-2)}",
        "- 'seldon-system' is in serving_namespaces, and it is network_policies_seldon_namespace",
        "- There is no storage class: k3s_disable has local-storage, serving_storage_class is not set, and the "
        "schedulers and model servers of serving_namespaces keep data on volumes",
    ]


def test_certificate_that_expires_soon_is_said_and_stops_nobody(tmp_path: Path) -> None:
    write_pair(tmp_path, "late", days=(-100, 5))
    tls = {"source": "files", **{key: str(tmp_path / f"late.{ext}") for key, ext in FILES.items()}}
    edge = {"ingress_address": "192.0.2.200", "ingress_routes": [{"name": "models", "host": HOST, "tls": tls}]}
    run = preflight(tmp_path, GOOD, *inventories("good"), "-e", json.dumps(edge), "-e", "preflight_state=absent")
    assert (run.status, run.looked_at) == (0, []), run.said
    assert run.message == [
        "Nothing is in the way. Think of this:",
        f"- The route 'models': {tmp_path}/late.crt expires on {day(5)}. Put a newer one there.",
    ]


def test_bad_hosts_are_refused_together(tmp_path: Path) -> None:
    run = preflight(tmp_path, BAD, *inventories("good", "bad_host"))
    assert (run.status, run.looked_at) == (2, ["agent-1", "server-1"]), run.said
    problems = [line.split(". ")[0] for line in run.message[: run.message.index("And think of this:")]]
    assert problems[0] == "Nothing was changed"
    assert problems[1].startswith("- agent-2: the host could not be looked at: ")
    assert problems[2:] == [
        "- server-1: it has no cgroups at /sys/fs/cgroup, which K3s needs",
        "- server-1: eth0 has 192.0.2.205, and the pool 'lan' has 192.0.2.200-192.0.2.219",
        "- agent-1: systemd does not run here, and K3s is started by a unit",
        "- agent-1: it has no memory cgroup, which K3s needs",
    ]


def test_pool_far_from_all_hosts_is_refused(tmp_path: Path) -> None:
    far = '{"metallb_address_pools": [{"name": "far", "addresses": ["198.51.100.0/28"]}]}'
    run = preflight(tmp_path, GOOD, *inventories("good"), "-e", far)
    assert (run.status, run.looked_at) == (2, sorted(GOOD)), run.said
    assert run.message[1] == (
        "- The pool 'far' has 198.51.100.0/28, which is not inside a network of any node: nobody there would find its "
        "addresses. The nodes are in 192.0.2.0/24. Set addresses of such a network, or preflight_layer2 to false if "
        "routers know the way."
    )
