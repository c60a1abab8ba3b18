# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside a data plane, what listens on its ports, and how it answers meanwhile."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live.data_plane import NAMESPACES, PORTS, PORTS_PER_NAMESPACE, Answer, DataPlane, wait_for

# The folders that programs work in, and how many processes each has.
PROGRAMS = {"supervisor": 1, "envoy": 1, "nginx": 2, **{f"mlserver/{name}": 1 for name in NAMESPACES}}
LISTEN = "0A"
# A call that got no answer at all.
NO_ANSWER = 0


def pids(plane: DataPlane) -> dict[str, set[int]]:
    """Return the processes of each program, by the folder it works in."""
    found: dict[str, set[int]] = {}
    for pid in plane.processes():
        try:
            folder = Path(os.readlink(f"/proc/{pid}/cwd")).relative_to(plane.directory)
        except OSError:
            continue
        found.setdefault(str(folder), set()).add(pid)
    return found


def counts(plane: DataPlane) -> dict[str, int]:
    """Return how many processes each program has."""
    return {folder: len(members) for folder, members in pids(plane).items()}


def kill(plane: DataPlane, folder: str) -> set[int]:
    """Kill a program so that it cannot clean up, of NGINX the master alone, and return all its processes."""
    members = pids(plane).get(folder, set())
    first = [pid for pid in members if folder != "nginx" or "master" in plane.processes().get(pid, "")]
    assert len(first) == 1, plane.processes()
    os.kill(first[0], signal.SIGKILL)
    return members


def ports(plane: DataPlane) -> dict[int, str]:
    """Return every port of a data plane, and the variable that sets it."""
    found = {int(plane.variables[name]): name for name in PORTS}
    count = len(plane.variables["serving_namespaces"])
    for name in PORTS_PER_NAMESPACE:
        found.update({int(plane.variables[name]) + index: name for index in range(count)})
    return found


def listeners(plane: DataPlane) -> dict[int, int]:
    """Return how many sockets listen on each of its ports, whoever holds them; two sockets can share a port."""
    found = dict.fromkeys(ports(plane), 0)
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            port = int(local.rpartition(":")[2], 16)
            if state == LISTEN and port in found:
                found[port] += 1
    return found


def assert_whole(plane: DataPlane) -> None:
    """Demand that each program runs once, and that one socket listens on each port."""
    # A worker that ends, or a program that starts, may be there for a moment.
    wait_for(lambda: counts(plane) == PROGRAMS, f"each program runs once: {counts(plane)}", 15)
    assert set(listeners(plane).values()) == {1}, listeners(plane)


@contextmanager
def asking(call: Callable[[], Answer], pause: float = 0.02) -> Iterator[list[int]]:
    """Call again and again in the background, and collect the status of each answer."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(pause):
            try:
                statuses.append(call().status)
            except (OSError, http.client.HTTPException):
                statuses.append(NO_ANSWER)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()
