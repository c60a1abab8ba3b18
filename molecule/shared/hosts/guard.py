# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine under the hosts must not change: its clock, its kernel settings, and what a host may do to them."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

from hosts.shell import HostError

SYSCTL = Path("/proc/sys")
GLOBAL = ("fs", "kernel", "vm", "net/netfilter/nf_conntrack_max", "net/ipv4/ip_forward")
# What the kernel counts or makes up by itself, and what belongs to the reader.
MOVING = re.compile(
    r"fs/(aio-nr|dentry-state|file-nr|inode-nr|inode-state|quota/.*|binfmt_misc/.*|nfs/.*)"
    r"|kernel/(hostname|domainname|ns_last_pid|pty/nr|random/.*|tainted|perf_event_max_sample_rate|usermodehelper/.*"
    r"|sched_domain/.*|seccomp/.*|numa_balancing.*)"
    r"|vm/(numa_stat|stat_refresh|drop_caches|compact_memory)"
)
# Clocks are kept right in small steps; a host that sets one moves it further.
CLOCK_SECONDS = 5.0
CLOCK = "the clock against the time since the start"
BOOT = "kernel/random/boot_id"
# Of include/uapi/linux/capability.h: the right to set the clock.
CAP_SYS_TIME = 25


def values() -> dict[str, str]:
    """Return what must be the same after the hosts as it was before them."""
    found = {CLOCK: f"{time.time() - time.clock_gettime(time.CLOCK_BOOTTIME):.3f}", BOOT: _read(SYSCTL / BOOT)}
    for name in GLOBAL:
        for folder, _, files in os.walk(SYSCTL / name):
            for file in files:
                setting = str(Path(folder, file).relative_to(SYSCTL))
                if not MOVING.fullmatch(setting):
                    found[setting] = _read(SYSCTL / setting)
        if (SYSCTL / name).is_file():
            found[name] = _read(SYSCTL / name)
    return found


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what is different, in words."""
    if before.get(BOOT) != after.get(BOOT):
        return []
    moved = float(after[CLOCK]) - float(before[CLOCK])
    found = [f"the clock of this machine moved by {moved:+.1f} s"] if abs(moved) > CLOCK_SECONDS else []
    names = [name for name in before.keys() & after.keys() - {CLOCK, BOOT} if before[name] != after[name]]
    return found + [f"{name.replace('/', '.')} was {before[name]!r} and is {after[name]!r}" for name in sorted(names)]


def refuse_unsafe(name: str, process: Path) -> None:
    """Refuse a host whose first process, by its folder in /proc, could change the machine under it."""
    try:
        status = (process / "status").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise HostError(f"{name} has no first process that could be looked at.") from error
    for field in ("CapEff", "CapBnd"):
        found = re.search(rf"^{field}:\s*([0-9a-f]+)$", status, re.MULTILINE)
        if found is None or int(found[1], 16) >> CAP_SYS_TIME & 1:
            raise HostError(f"{name} may set the clock of this machine ({field} has CAP_SYS_TIME).")
    if "ro" not in _mount_options(process, "/proc/sys"):
        raise HostError(f"{name} may change the kernel settings of this machine (/proc/sys is writable there).")


def _mount_options(process: Path, point: str) -> list[str]:
    options: list[str] = []
    for line in (process / "mountinfo").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[4] == point:
            options = words[5].split(",")
    return options
