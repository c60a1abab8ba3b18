# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Linux, through /proc and bind(), who listens where."""

from __future__ import annotations

import os
import re
import socket
import sys
from typing import Iterable, Iterator

from .._core.errors import ServingError
from .._core.processes import Holder
from .._core.sockets import LISTENING, UNCONNECTED, Listener, parse_socket_table

SOCKET = re.compile(r"socket:\[(\d+)\]")
DELETED = " (deleted)"
# Every program of a data plane is started with this variable. NGINX overwrites its environment, and is known by name.
MARK = "SERVING_CONFIG="
NGINX = "nginx"


class LinuxProcesses:
    """The machine, seen from a directory: a process is ours when it works inside it and carries our mark, or is NGINX.

    The role's launch.py, which ends what is ours, goes by the same.
    """

    def __init__(self, directory: str, *, proc: str = "/proc") -> None:
        self._directory = os.path.realpath(directory)
        self._proc = proc

    def listeners(self) -> list[Listener]:
        """Return every listening TCP socket of this network namespace."""
        return self._sockets_of("tcp", LISTENING)

    def udp_listeners(self) -> list[Listener]:
        """Return every UDP socket that takes what comes."""
        return self._sockets_of("udp", UNCONNECTED)

    def _sockets_of(self, protocol: str, state: str) -> list[Listener]:
        table = os.path.join(self._proc, "net", protocol)
        found = []
        # Where IPv6 is switched off, the second one is not there.
        for path in (table, table + "6"):
            text = _read(path)
            if text is None and path == table:
                raise ServingError(f"{path} cannot be read. Run this on a Linux host with /proc mounted.")
            found += parse_socket_table(text or "", byteorder=sys.byteorder, state=state)
        return found

    def holders(self, inodes: Iterable[int]) -> dict[int, list[Holder]]:
        """Return who has these sockets open; other users' processes show only to root."""
        wanted = set(inodes)
        found: dict[int, list[Holder]] = {inode: [] for inode in wanted}
        for pid in self._pids() if wanted else ():
            for inode in sorted(wanted.intersection(self._sockets(pid))):
                found[inode].append(self._holder(pid))
        return found

    def try_bind(self, address: str, port: int) -> int:
        """Return 0 when a server could listen there, else the error number.

        SO_REUSEPORT stays off: with it, the port of another server that set it would look free, and be shared.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                # Servers set it, and without it connections of the last minute would look like a taken port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            return error.errno or -1
        return 0

    def first_unprivileged_port(self) -> int:
        """Return the first port that needs no privilege."""
        text = _read(os.path.join(self._proc, "sys", "net", "ipv4", "ip_unprivileged_port_start"))
        return int(text) if text else 1024

    def recorded_config(self, name: str) -> str | None:
        """Return the fingerprint that a process was last started with, as its start script wrote it."""
        text = _read(os.path.join(self._directory, "run", name + ".config"))
        return None if text is None else text.strip()

    def _pids(self) -> Iterator[int]:
        return (int(entry) for entry in os.listdir(self._proc) if entry.isdigit())

    def _sockets(self, pid: int) -> Iterator[int]:
        folder = os.path.join(self._proc, str(pid), "fd")
        try:
            descriptors = os.listdir(folder)
        except OSError:
            # Another user's process, or one that has just ended.
            return
        for descriptor in descriptors:
            match = SOCKET.fullmatch(_link(os.path.join(folder, descriptor)))
            if match:
                yield int(match.group(1))

    def _holder(self, pid: int) -> Holder:
        folder = os.path.join(self._proc, str(pid))
        works_in = _link(os.path.join(folder, "cwd"))
        # A directory that was removed under a running process is still ours, and so is the process.
        if works_in.endswith(DELETED):
            works_in = works_in[: -len(DELETED)]
        name = (_read(os.path.join(folder, "comm")) or "unknown").strip()
        inside = works_in == self._directory or works_in.startswith(self._directory.rstrip("/") + "/")
        return Holder(pid=pid, name=name, ours=inside and (name == NGINX or self._is_marked(folder)))

    def _is_marked(self, folder: str) -> bool:
        variables = (_read(os.path.join(folder, "environ")) or "").split("\0")
        return any(each.startswith(MARK) for each in variables)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return None


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


__all__ = ["LinuxProcesses"]
