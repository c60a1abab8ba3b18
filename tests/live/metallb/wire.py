# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of its own: hosts as network namespaces, bridges between them, and cables that can be pulled.

Each namespace has no name, and is held by a process that does nothing else. So nothing of it is seen outside, and
nothing is left when the tests end, however they do.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.api_server import CONTAINED

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
# What a program reads of the machine's interfaces has to be of its own namespace.
OWN_SYS = 'mount -t sysfs sysfs /sys && exec "$@"'
Made = TypeVar("Made")


def lacking() -> str:
    """Return what keeps this machine from having networks of its own."""
    probe = ["unshare", "--net", "--mount", "sh", "-ec", "mount -t sysfs sysfs /sys; ip link add try type bridge"]
    try:
        done = subprocess.run([*CONTAINED, *probe], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return f"there is no {error.filename}"
    return f"no network namespaces with bridges here: {done.stderr.strip()}" if done.returncode else ""


class Space:
    """A network namespace."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen([*CONTAINED, "unshare", "--net", "sleep", "infinity"])
        here = os.readlink("/proc/self/ns/net")
        deadline = time.monotonic() + 10
        while os.readlink(self.path) == here:
            assert time.monotonic() < deadline, "no network namespace"
            time.sleep(0.01)
        self.ip("link set lo up")

    @property
    def path(self) -> str:
        return f"/proc/{self._holder.pid}/ns/net"

    @property
    def pid(self) -> int:
        return self._holder.pid

    def command(self, words: Sequence[str | Path]) -> list[str]:
        """Return how a program is started in here. Its process is the one that this command becomes."""
        inside = ["nsenter", f"--net={self.path}", "unshare", "--mount", "sh", "-ec", OWN_SYS, "sh"]
        return [*CONTAINED, *inside, *map(str, words)]

    def ip(self, *lines: str) -> None:
        command = ["nsenter", f"--net={self.path}", "ip", "-batch", "-"]
        subprocess.run(command, input="\n".join(lines), text=True, check=True)

    def make(self, maker: Callable[[], Made]) -> Made:
        """Return what is made in here. A socket stays where it was made, whoever uses it."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._make, maker).result()

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()

    def _make(self, maker: Callable[[], Made]) -> Made:
        with Path(self.path).open("rb") as place:
            if LIBC.setns(place.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "cannot enter a network namespace")
        return maker()


class Wire:
    """Bridges, and what is plugged into them."""

    def __init__(self, *bridges: str) -> None:
        self._switch = Space()
        self._switch.ip(*(f"link add {name} type bridge" for name in bridges))
        self._switch.ip(*(f"link set {name} up" for name in bridges))
        self._spaces: list[Space] = []

    def host(self) -> Space:
        self._spaces.append(Space())
        return self._spaces[-1]

    def plug(self, space: Space, interface: str, bridge: str, mac: str, *addresses: str) -> None:
        """Lay a cable from a bridge to a host."""
        port = self._port(space, interface)
        self._switch.ip(
            f"link add {port} type veth peer name {interface} address {mac} netns {space.pid}",
            f"link set {port} master {bridge} up",
        )
        given = [f"addr add {address} dev {interface}" for address in addresses]
        space.ip(*given, f"link set {interface} up")

    def cut(self, space: Space, interface: str) -> None:
        """Pull a cable: the host still runs, and its interface has no carrier."""
        self._switch.ip(f"link set {self._port(space, interface)} down")

    def heal(self, space: Space, interface: str) -> None:
        self._switch.ip(f"link set {self._port(space, interface)} up")

    def close(self) -> None:
        for space in (*self._spaces, self._switch):
            space.close()

    def _port(self, space: Space, interface: str) -> str:
        return f"p{self._spaces.index(space)}-{interface}"


class Relay:
    """Hands connections on, from an address in one place to another one in another place. No space is this machine."""

    def __init__(self, listen: tuple[str, int], space: Space | None, target: tuple[str, int], beyond: Space | None):
        self.served = 0
        self._target, self._beyond = target, beyond
        self._listener = make_in(space, lambda: socket.create_server(listen, backlog=128))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.served += 1
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        far = make_in(self._beyond, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        with near, far:
            try:
                far.connect(self._target)
            except OSError:
                return
            back = threading.Thread(target=pump, args=(far, near), daemon=True)
            back.start()
            pump(near, far)
            back.join()


def make_in(space: Space | None, maker: Callable[[], Made]) -> Made:
    return space.make(maker) if space else maker()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Hand on what comes, and then that nothing more comes."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):
            end.shutdown(how)
