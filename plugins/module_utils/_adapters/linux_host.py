# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux machine shows of itself: what it is, how much room it has, what guards it."""

from __future__ import annotations

import os
import re
from typing import Any

from .host_tree import HostTree

# Raspberry Pi OS and Ubuntu mount the boot partition at the first, older ones at the second.
BOOT_FILES = ("/boot/firmware/cmdline.txt", "/boot/cmdline.txt")
POLICIES = ("/usr/share/selinux/packages/k3s.pp", "/usr/share/selinux/packages/k3s.pp.bz2")
UP = 0x1


class LinuxHost:
    """Looks at a machine."""

    def __init__(self, tree: HostTree) -> None:
        self._tree = tree

    def identity(self) -> dict[str, str]:
        """Return what it is called, and what it is."""
        return {
            "architecture": os.uname().machine,
            "hostname": self._tree.text("/proc/sys/kernel/hostname"),
            "machine_id": self._tree.text("/etc/machine-id"),
            "board": self._tree.text("/proc/device-tree/model"),
        }

    def room(self, directory: str) -> dict[str, Any]:
        """Return cores, memory and swap in bytes, and what is free where a folder lies or will lie."""
        memory = dict(re.findall(r"^(\w+): +(\d+) kB$", self._tree.read("/proc/meminfo") or "", re.MULTILINE))
        return {
            "cores": os.cpu_count() or 1,
            "memory": int(memory.get("MemTotal", 0)) * 1024,
            "swap": int(memory.get("SwapTotal", 0)) * 1024,
            "disk": self._disk(directory),
        }

    def boot(self) -> dict[str, Any]:
        """Return flags of cgroups: those the kernel runs with, and those in the file that a Raspberry Pi boots with."""
        path = next((path for path in BOOT_FILES if self._tree.has(path)), "")
        return {
            "running": _cgroup_flags(self._tree.text("/proc/cmdline")),
            "file": path,
            "flags": _cgroup_flags(self._tree.text(path)) if path else [],
        }

    def selinux(self) -> dict[str, Any]:
        """Return its mode, and whether K3s's policy is installed."""
        mode = {"1": "enforcing", "0": "permissive"}.get(self._tree.text("/sys/fs/selinux/enforce"), "disabled")
        return {"mode": mode, "k3s_policy": any(self._tree.has(path) for path in POLICIES)}

    def has_systemd(self) -> bool:
        """Say whether systemd runs it, as sd_booted(3) does."""
        return self._tree.has("/run/systemd/system")

    def has_default_route(self) -> bool:
        """Say whether there is a default route, of either family."""
        table = [line.split() for line in (self._tree.read("/proc/net/route") or "").splitlines()[1:]]
        if any(row[1] == row[7] == "00000000" and int(row[3], 16) & UP for row in table if len(row) > 7):
            return True
        # The kernel keeps an unreachable default on loopback.
        rows = [line.split() for line in (self._tree.read("/proc/net/ipv6_route") or "").splitlines()]
        return any(row[1] == "00" and row[9] != "lo" for row in rows if len(row) > 9)

    def _disk(self, directory: str) -> dict[str, Any]:
        path = self._tree.place(directory)
        while not os.path.exists(path):
            path = os.path.dirname(path)
        status = os.statvfs(path)
        while not os.path.ismount(path):
            path = os.path.dirname(path)
        return {"directory": directory, "path": path, "free": status.f_bavail * status.f_frsize}


def _cgroup_flags(line: str) -> list[str]:
    return [word for word in line.split() if word.startswith("cgroup_")]


__all__ = ["LinuxHost"]
