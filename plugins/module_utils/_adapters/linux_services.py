# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on a Linux host, by the names of cgroups, and which units lie there. systemd is not asked."""

from __future__ import annotations

import re
from typing import Collection, Iterator

from .host_tree import HostTree

UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/transient",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
SERVICE = re.compile(r"/([^/]+\.service)(?=/|$)")
PODS = re.compile(r"/(kubepods[^/]*)")
RUNS_K3S = re.compile(r"^ExecStart=\S*k3s\S*\s.*?\b(?:server|agent)\b", re.MULTILINE)
CNI_FOLDER = "/etc/cni/net.d"
UFW = re.compile(r"^\s*ENABLED\s*=\s*[\"']?yes", re.MULTILINE | re.IGNORECASE)


class LinuxServices:
    """Looks at processes and unit files."""

    def __init__(self, tree: HostTree) -> None:
        self._tree = tree

    def unit_of(self, pid: int) -> str:
        """Return the unit of a process, or the cgroup of all pods, or nothing."""
        text = self._tree.read(f"/proc/{pid}/cgroup") or ""
        pods = PODS.search(text)
        # The innermost one: a user's own services lie in that of the user's manager.
        services: list[str] = SERVICE.findall(text)
        return pods[1] if pods else services[-1] if services else ""

    def running(self) -> set[str]:
        """Return the units that have a process."""
        pids = (int(name) for name in self._tree.names("/proc") if name.isdigit())
        return {unit for unit in map(self.unit_of, pids) if unit}

    def enabled(self, start: str) -> list[str]:
        """Return the units that start with the machine and whose names begin so."""
        base = UNIT_FOLDERS[0]
        folders = [f"{base}/{name}" for name in self._tree.names(base) if name.endswith(".wants")]
        return sorted({name for folder in folders for name in self._tree.names(folder) if name.startswith(start)})

    def k3s_units(self) -> list[str]:
        """Return the units that run K3s."""
        return sorted({name for folder, name in self._unit_files() if self._runs_k3s(f"{folder}/{name}")})

    def firewalls(self, running: Collection[str]) -> list[str]:
        """Return the firewalls that are active, given the units that run, and known to get in the way."""
        found = ["firewalld"] if "firewalld.service" in running else []
        return found + (["ufw"] if UFW.search(self._tree.read("/etc/ufw/ufw.conf") or "") else [])

    def cni_files(self) -> list[str]:
        """Return the configuration of networks for containers, which is not K3s's own."""
        return [f"{CNI_FOLDER}/{name}" for name in self._tree.names(CNI_FOLDER)]

    def _unit_files(self) -> Iterator[tuple[str, str]]:
        for folder in UNIT_FOLDERS:
            for name in self._tree.names(folder):
                if name.endswith(".service"):
                    yield folder, name

    def _runs_k3s(self, path: str) -> bool:
        text = (self._tree.read(path) or "").replace("\\\n", " ")
        return bool(RUNS_K3S.search(text))


__all__ = ["LinuxServices"]
