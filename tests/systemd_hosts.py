# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Systemd hosts for tests: what molecule/shared/testhosts.py makes, and how to ask them something."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, Outcome, run

PROGRAM = ROOT / "molecule/shared/testhosts.py"


def program(*words: str, env: Mapping[str, str] | None = None, timeout: float = 300) -> Outcome:
    """Run the program to its end."""
    return run([sys.executable, PROGRAM, *words], env=env, timeout=timeout)


@functools.cache
def lacking() -> str:
    """Return what keeps this machine from holding hosts."""
    said = program("probe").output.splitlines()
    return said[-1] if said[-1].startswith("No test hosts here: ") else ""


def require_hosts() -> None:
    """Skip the test where there can be no hosts; make their image, which takes a minute the first time."""
    if lacking():
        pytest.skip(lacking())
    program("image", timeout=900).require()


class Hosts:
    """The hosts of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def up(self, *names: str, options: tuple[str, ...] = ()) -> Outcome:
        return self.do("up", self.folder.name, "--hosts", ",".join(names), *options)

    def do(self, command: str, *words: str) -> Outcome:
        return program(command, *words, "--state", str(self.folder))

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.do("status", "--json").require())
        return found

    def state(self) -> dict[str, Any]:
        """Return what is written down of them."""
        found: dict[str, Any] = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        return found

    def launchers(self) -> list[int]:
        """Return the processes that hold the hosts."""
        return [host["launcher"]["pid"] for host in self.state()["hosts"]]

    def ask(self, name: str, command: str, timeout: float = 30) -> Outcome:
        """Run a shell command on a host."""
        return run(["ssh", "-F", self.folder / "ssh_config", name, command], timeout=timeout)

    def address(self, name: str) -> str:
        return next(str(host["address"]) for host in self.status()["hosts"] if host["name"] == name)


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def members(group: Path) -> list[int]:
    """Return the processes of a control group; none when it goes while it is read."""
    try:
        return [int(pid) for pid in (group / "cgroup.procs").read_text(encoding="ascii").split()]
    except OSError:
        return []


class Traces:
    """What hosts that are up leave on this machine, and no others."""

    def __init__(self, hosts: Hosts) -> None:
        state = hosts.state()
        self._bridge = f"th{state['number']}"
        self._folders = [hosts.folder, Path("/run/modelops-test-hosts", str(state["number"]))]
        for host in state["hosts"]:
            # systemd-nspawn names its lock by the root that it holds.
            with contextlib.suppress(OSError):
                info = (hosts.folder / "hosts" / host["name"] / "root").stat()
                self._folders.append(Path(f"/run/systemd/nspawn/locks/inode-{info.st_dev}:{info.st_ino}"))
        self._processes = {pid for group in self._groups() for pid in members(group)}

    def left(self) -> list[str]:
        """Return what is still there."""
        mine = (self._bridge, f"{self._bridge}-")
        found = [*Path("/sys/class/net").iterdir(), *Path("/run/netns").glob("*")]
        found += Path("/run/systemd/nspawn/propagate").glob("*")
        left = [str(path) for path in found if path.name == mine[0] or path.name.startswith(mine[1])]
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            source = line.partition(" - ")[2].split()[1]
            left += [line.split()[4]] if source == mine[0] or source.startswith(mine[1]) else []
        left += [str(path) for path in (*self._groups(), *self._folders) if path.exists()]
        return left + [f"process {pid}" for pid in self._processes if is_alive(pid)]

    def _groups(self) -> list[Path]:
        tops = [top for top, _, _ in os.walk("/sys/fs/cgroup") if Path(top).name.startswith(f"{self._bridge}-")]
        # os.walk passes over what goes while it looks, as the cgroup of a unit that ends does.
        return [Path(group) for top in tops for group, _, _ in os.walk(top)]
