# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of its own: a router, a network namespace for each party, and probes from each to each.

python -m tests.live.policies.world <question.json

The question holds the parties (name and address), the ports that all of them listen on, and rules for the router, in
nft's words, one set for each round. The answer holds what got through in each round. It runs below ``unshare --net
--mount``, so everything is gone when it ends, however it does.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

CLONE_NEWNET = 0x40000000
GATEWAY = "169.254.1.1"
# A datagram that nothing answers is one that did not get through. Nothing is lost here, only slow.
QUIET_SECONDS, SENDS = 0.3, 2
# Not in the module socket: root may have a larger buffer than the machine gives to others.
SO_RCVBUFFORCE = 33
CONNECT_SECONDS = 20
# Each round has connections of its own; else one of an earlier round could be what makes a packet a known one.
ZONE = "table ip rounds {{ chain apart {{ type filter hook prerouting priority raw; ct zone set {}; }}; }}\n"


class World:
    """The parties and their sockets; the router is where this process began."""

    def __init__(self, parties: Sequence[dict[str, str]], ports: Sequence[int]) -> None:
        self._parties, self._ports, self._rounds = parties, ports, 0
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._lay()
        self._spaces = [os.open(f"/run/netns/p{index}", os.O_RDONLY) for index in range(len(parties))]
        self._listeners, self._echoes = self._listen()

    def probe(self, rules: str) -> list[list[Any]]:
        """Return who reached whom, on which port, by which protocol, under some rules of the router."""
        self._rounds += 1
        text = f"flush ruleset\n{ZONE.format(self._rounds)}{rules}"
        subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
        found: list[list[Any]] = []
        for index, source in enumerate(self._parties):
            self._enter(self._spaces[index])
            targets = [each for each in self._parties if each is not source]
            found += [[source["name"], *each, "TCP"] for each in self._connect(targets)]
        self._enter(self._home)
        return found + [[*each, "UDP"] for each in self._send()]

    def _lay(self) -> None:
        """Make a namespace and a cable for each party, with no way but through the router."""
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n", encoding="ascii")
        lines = ["link set lo up"]
        for index in range(len(self._parties)):
            subprocess.run(["ip", "netns", "add", f"p{index}"], check=True)
        for index, party in enumerate(self._parties):
            lines += [
                f"link add v{index} type veth peer name eth0 netns p{index}",
                f"addr add {GATEWAY}/32 dev v{index}",
                f"link set v{index} up",
                f"route add {party['address']}/32 dev v{index}",
            ]
        self._batch(lines)
        for index, party in enumerate(self._parties):
            inside = ["link set lo up", f"addr add {party['address']}/32 dev eth0", "link set eth0 up"]
            inside += [f"route add {GATEWAY}/32 dev eth0", f"route add default via {GATEWAY}"]
            self._batch(inside, f"p{index}")

    def _batch(self, lines: Sequence[str], space: str = "") -> None:
        where = ["-netns", space] if space else []
        subprocess.run(["ip", *where, "-batch", "-"], input="\n".join(lines), text=True, check=True)

    def _listen(self) -> tuple[list[socket.socket], list[socket.socket]]:
        """Open every port by both protocols at every party."""
        streams, datagrams = [], []
        for space, port in ((space, port) for space in self._spaces for port in self._ports):
            self._enter(space)
            stream = socket.create_server(("0.0.0.0", port), backlog=1024)
            datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagram.bind(("0.0.0.0", port))
            datagram.setblocking(False)
            streams.append(stream)
            datagrams.append(datagram)
        self._enter(self._home)
        return streams, datagrams

    def _connect(self, targets: Sequence[dict[str, str]]) -> Iterator[tuple[str, int]]:
        """Yield what takes a connection. The router refuses with a reset, so each attempt has an end."""
        waiting: dict[int, tuple[socket.socket, str, int]] = {}
        poll = select.epoll()
        for target, port in ((target, port) for target in targets for port in self._ports):
            attempt = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            attempt.setblocking(False)
            begun = attempt.connect_ex((target["address"], port))
            if begun not in (0, errno.EINPROGRESS):
                raise OSError(begun, f"cannot even try {target['address']} {port}")
            waiting[attempt.fileno()] = (attempt, target["name"], port)
            poll.register(attempt.fileno(), select.EPOLLOUT)
        deadline = time.monotonic() + CONNECT_SECONDS
        while waiting and time.monotonic() < deadline:
            for number, _ in poll.poll(1):
                attempt, name, port = waiting.pop(number)
                ended = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                poll.unregister(number)
                attempt.close()
                if ended == 0:
                    yield name, port
                elif ended != errno.ECONNREFUSED:
                    raise OSError(ended, f"an answer that no rule gives, from {name} {port}")
        poll.close()
        if waiting:
            raise TimeoutError(f"no end of {len(waiting)} attempts")

    def _send(self) -> list[tuple[str, str, int]]:
        """Return who gets an answer to a datagram, from whom and which port."""
        names = {party["address"]: party["name"] for party in self._parties}
        out = {}
        for index, party in enumerate(self._parties):
            self._enter(self._spaces[index])
            asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            asker.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
            asker.bind((party["address"], 0))
            asker.setblocking(False)
            out[asker.fileno()] = (asker, party)
        self._enter(self._home)
        found: set[tuple[str, str, int]] = set()
        for _ in range(SENDS):
            for asker, party in out.values():
                for address, port in ((each, port) for each in names for port in self._ports):
                    if address != party["address"]:
                        asker.sendto(b"?", (address, port))
            for number, (host, port) in self._answers([asker for asker, _ in out.values()]):
                found.add((out[number][1]["name"], names[host], port))
        for asker, _ in out.values():
            asker.close()
        return sorted(found)

    def _answers(self, askers: Sequence[socket.socket]) -> Iterator[tuple[int, tuple[str, int]]]:
        """Have everybody answer until it is quiet, and yield what askers get, with its sender."""
        sockets = {each.fileno(): each for each in (*askers, *self._echoes)}
        asking = {each.fileno() for each in askers}
        poll = select.poll()
        for number in sockets:
            poll.register(number, select.POLLIN)
        while ready := poll.poll(QUIET_SECONDS * 1000):
            for number, _ in ready:
                data, sender = sockets[number].recvfrom(16)
                if number in asking:
                    yield number, sender
                else:
                    sockets[number].sendto(data, sender)

    def _enter(self, space: int) -> None:
        if self._libc.setns(space, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter a network namespace")


def prepared() -> None:
    """Have a place for the names of namespaces, and enough sockets."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    # Namespaces have their names in a folder that nobody else sees.
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "policies", "/run/netns"], check=True)


def main() -> None:
    """Answer the question that comes in."""
    question = json.load(sys.stdin)
    prepared()
    world = World(question["parties"], question["ports"])
    json.dump([world.probe(rules) for rules in question["rounds"]], sys.stdout)


if __name__ == "__main__":
    main()
