# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which process this is, so that another one can tell later whether it is still there."""

from __future__ import annotations

import os

from .._core.rollout_record import Holder


def holder_here(name: str, pid: int, *, proc: str = "/proc") -> Holder:
    """Return a process of this machine as the holder of a lock."""
    return Holder(name, _machine(proc), pid, _born(pid, proc))


def is_gone(holder: Holder, *, proc: str = "/proc") -> bool:
    """Say whether the holder is a process of this machine that has ended; False when that cannot be told."""
    if not holder.pid or not holder.machine or holder.machine != _machine(proc):
        return False
    return _born(holder.pid, proc) != holder.born


def _machine(proc: str) -> str:
    """Return a name for this boot of this machine and its namespace of processes; empty where there is none."""
    try:
        with open(os.path.join(proc, "sys", "kernel", "random", "boot_id"), encoding="ascii") as stream:
            return f"{stream.read().strip()} {os.readlink(os.path.join(proc, 'self', 'ns', 'pid'))}"
    except OSError:
        return ""


def _born(pid: int, proc: str) -> str:
    """Return when a process began, in ticks since the boot; empty when it is not there, or has ended unburied."""
    try:
        with open(os.path.join(proc, str(pid), "stat"), encoding="utf-8", errors="replace") as stream:
            # The name in the second field may hold anything, also blanks and parentheses.
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


__all__ = ["holder_here", "is_gone"]
