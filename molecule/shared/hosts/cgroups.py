# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups of a host: one in each hierarchy, below this process's own."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from hosts.shell import wait

# A new group of this controller takes no process before these are set.
CPUSET = ("cpuset.cpus", "cpuset.mems")


def own_folders() -> list[Path]:
    """Return the folders of this process's own control groups."""
    mounts = dict(_mounts())
    found = []
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            if name in mounts:
                root, point = mounts[name]
                found.append(Path(point, os.path.relpath(path, root)).resolve())
    return sorted({folder for folder in found if folder.is_dir()})


def controllers() -> set[str]:
    """Return the controllers that this machine has in version 2."""
    _, point = dict(_mounts()).get("", ("", ""))
    return set(Path(point, "cgroup.controllers").read_text(encoding="ascii").split()) if point else set()


def _mounts() -> Iterator[tuple[str, tuple[str, str]]]:
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        kind, _, options = after.split()[:3]
        if kind == "cgroup2":
            yield "", (root, point)
        elif kind == "cgroup":
            for name in options.split(","):
                yield name, (root, point)


def enter(folders: Iterable[Path]) -> None:
    """Move this process there."""
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for name in CPUSET:
            if (folder / name).exists() and not (folder / name).read_text(encoding="ascii").strip():
                (folder / name).write_text((folder.parent / name).read_text(encoding="ascii"), encoding="ascii")
        (folder / "cgroup.procs").write_text(f"{os.getpid()}\n", encoding="ascii")


def processes(folders: Iterable[Path]) -> set[int]:
    """Return all processes in these groups and in those below."""
    found: set[int] = set()
    for folder in folders:
        for group, _, _ in os.walk(folder):
            # Groups come and go while a host runs.
            with contextlib.suppress(OSError):
                found.update(map(int, Path(group, "cgroup.procs").read_text(encoding="ascii").split()))
    # Version 2 shows processes that this one cannot see as 0.
    return found - {0}


def kill(folders: Iterable[Path], what: str) -> None:
    """End all processes in these groups at once, as when the power goes."""
    groups = list(folders)

    def killed() -> bool:
        left = processes(groups)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait(killed, f"processes of {what} to end", seconds=20)


def remove(folders: Iterable[Path]) -> None:
    """Remove empty groups, the deepest first."""
    for folder in folders:
        for group, _, _ in os.walk(folder, topdown=False):
            wait(partial(_removed, group), f"the control group {group} to be free", seconds=5)


def _removed(group: str) -> bool:
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def first_process(folders: Iterable[Path]) -> int:
    """Return the process that is number 1 inside, or 0."""
    for pid in sorted(processes(folders)):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("NSpid:") and line.split()[2:] and line.split()[-1] == "1":
                    return pid
    return 0
