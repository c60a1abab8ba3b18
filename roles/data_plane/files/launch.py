# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a program of a data plane after ending what an earlier life of it left behind, or end them all.

Usage: launch.py start DIRECTORY NAME COMMAND...    become COMMAND, in the current folder
       launch.py detach DIRECTORY NAME COMMAND...   the same, in the background and in the folder NAME, and wait until
                                                    it answers on the socket NAME/NAME.sock
       launch.py end DIRECTORY                      end all programs of the data plane, the supervisor first

A killed NGINX master leaves its worker, which keeps the port and the old configuration; a killed supervisor leaves
everything. A process is one of ours when its working folder lies inside the data plane and it carries our mark in its
environment, or is an NGINX, which overwrites its environment. Never by name alone: others run NGINX too.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "SERVING_CONFIG"
SUPERVISOR = "supervisor"
# The supervisor first gives each program the time it needs to stop.
SUPERVISOR_PATIENCE = 60.0
START_PATIENCE = 60.0
OPEN_FILES = 65536


def read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def folder_of(pid: int) -> str | None:
    """Return the working folder of a process that carries our mark; None for any other, and for one that has ended."""
    try:
        folder = os.readlink(f"/proc/{pid}/cwd")
        variables = read(f"/proc/{pid}/environ").split(b"\0")
        is_nginx = read(f"/proc/{pid}/comm").strip() == b"nginx"
    except OSError:
        return None
    is_marked = any(each.startswith(f"{MARK}=".encode()) for each in variables)
    # A folder that was removed under a running program shows with this ending.
    ending = " (deleted)"
    folder = folder[: -len(ending)] if folder.endswith(ending) else folder
    return folder if is_marked or is_nginx else None


def find(is_ours: Callable[[str], bool]) -> list[int]:
    """Return the other processes of ours whose working folder is one of those asked for."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    folders = {pid: folder_of(pid) for pid in pids if pid != os.getpid()}
    return [pid for pid, folder in folders.items() if folder is not None and is_ours(folder)]


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end(is_ours: Callable[[str], bool], patience: float = 15.0) -> int:
    """End processes, by force after a while, and return how many there were."""
    pids = find(is_ours)
    found = len(pids)
    deadline = time.monotonic() + patience
    send(pids, signal.SIGTERM)
    while pids:
        time.sleep(0.05)
        pids = find(is_ours)
        if time.monotonic() > deadline:
            send(pids, signal.SIGKILL)
    return found


def start(directory: str, name: str, command: list[str]) -> None:
    """Become the program, after noting which configuration it starts with."""
    here = os.path.realpath(os.getcwd())
    end(lambda folder: folder == here)
    note = os.path.join(directory, "run", f"{name}.config")
    with open(f"{note}.new", "w", encoding="ascii") as stream:
        stream.write(os.environ.get(MARK, ""))
    os.replace(f"{note}.new", note)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    os.execv(command[0], command)


def answers(path: str) -> bool:
    """Say whether a program listens on a unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return False
    return True


def detach(directory: str, name: str, command: list[str]) -> None:
    """Start the program in the background, unless it answers on its socket; two at once start it once."""
    path = os.path.join(directory, name, f"{name}.sock")
    with open(os.path.join(directory, "run", f"{name}.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if answers(path):
            return
        fork(directory, name, command)
        deadline = time.monotonic() + START_PATIENCE
        while not answers(path):
            if time.monotonic() > deadline:
                sys.exit(f"{name} does not answer on {path}; see {log_of(directory, name)}.")
            time.sleep(0.05)


def log_of(directory: str, name: str) -> str:
    return os.path.join(directory, "logs", f"{name}.out")


def fork(directory: str, name: str, command: list[str]) -> None:
    """Start the program in a session of its own, so that neither a closed terminal nor Ctrl-C reaches it."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    # Only here: in the same folder, this program's parents would pass for its earlier life.
    os.chdir(os.path.join(directory, name))
    log = os.open(log_of(directory, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    start(directory, name, command)


def end_all(directory: str) -> None:
    """End every program of the data plane, and say how many there were."""
    root = os.path.realpath(directory)
    supervisor = os.path.join(root, SUPERVISOR)
    found = end(lambda folder: folder == supervisor, patience=SUPERVISOR_PATIENCE)
    found += end(lambda folder: folder.startswith(root + os.sep))
    print(f"ended {found}")


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["end"] and len(arguments) == 2:
        end_all(arguments[1])
    elif arguments[:1] == ["start"] and len(arguments) > 3:
        start(arguments[1], arguments[2], arguments[3:])
    elif arguments[:1] == ["detach"] and len(arguments) > 3:
        detach(arguments[1], arguments[2], arguments[3:])
    else:
        sys.exit(f"Usage:{(__doc__ or '').split('Usage:')[1]}")


if __name__ == "__main__":
    main(sys.argv[1:])
