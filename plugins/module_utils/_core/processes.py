# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which declared processes run, and which of their ports something else stands on."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Protocol, Sequence

from .errors import ServingError
from .sockets import Address, Listener, parse_address

NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]*")


@dataclass(frozen=True)
class Listen:
    """A port that a process is to listen on, and the variables that set it."""

    process: str
    address: str
    port: int
    variable: str
    address_variable: str = ""

    def __str__(self) -> str:
        return f"Port {self.port} on {self.address}"


@dataclass(frozen=True)
class Process:
    """A process as declared: its name, the fingerprint of its configuration, and where it listens."""

    name: str
    config: str
    listens: tuple[Listen, ...]


@dataclass(frozen=True)
class Holder:
    """A process that has a socket open; it is ours when it is a program of our data plane."""

    pid: int
    name: str
    ours: bool


@dataclass(frozen=True)
class Conflict:
    """A port that cannot be used, why, and what to set."""

    listen: Listen
    message: str
    holder: Holder | None = None

    def as_dict(self) -> dict[str, Any]:
        holder = None if self.holder is None else {"pid": self.holder.pid, "name": self.holder.name}
        return {
            "address": self.listen.address,
            "port": self.listen.port,
            "variable": self.listen.variable,
            "holder": holder,
            "message": self.message,
        }


class Machine(Protocol):
    """What is asked of the machine."""

    def listeners(self) -> list[Listener]:
        """Return every listening TCP socket."""

    def holders(self, inodes: Iterable[int]) -> dict[int, list[Holder]]:
        """Return who has these sockets open, as far as this user can see."""

    def try_bind(self, address: str, port: int) -> int:
        """Return 0 when a server could listen there, else the error number."""

    def first_unprivileged_port(self) -> int:
        """Return the first port that needs no privilege."""

    def recorded_config(self, name: str) -> str | None:
        """Return the fingerprint that a process was last started with."""


def parse_processes(declared: Sequence[Mapping[str, Any]]) -> list[Process]:
    """Read processes as a task gives them."""
    processes = [_process(values) for values in declared]
    names = [process.name for process in processes]
    for name in names:
        if not NAME.fullmatch(name):
            raise ServingError(f"Process name {name!r} is no file name. Set one of letters, digits, '-', '_' and '.'.")
        if names.count(name) > 1:
            raise ServingError(f"Process {name!r} is declared {names.count(name)} times. Give each its own name.")
    return processes


def survey(processes: Sequence[Process], machine: Machine) -> dict[str, Any]:
    """Return the conflicts, and the state of each process."""
    listens = [listen for process in processes for listen in process.listens]
    ports = {listen.port for listen in listens}
    listeners = [listener for listener in machine.listeners() if listener.port in ports]
    holders = machine.holders(listener.inode for listener in listeners)
    conflicts = declared_twice(listens)
    conflicts += [conflict for listen in listens for conflict in _conflict(listen, listeners, holders, machine)]
    return {
        "conflicts": [conflict.as_dict() for conflict in conflicts],
        "processes": {process.name: _state(process, listeners, holders, machine) for process in processes},
    }


def declared_twice(listens: Sequence[Listen]) -> list[Conflict]:
    """Return the ports that two of our own processes, or two settings of one, claim."""
    conflicts = []
    for index, listen in enumerate(listens):
        for earlier in listens[:index]:
            if earlier.port == listen.port and _same_place(earlier.address, listen.address):
                message = (
                    f"{listen} is declared twice: by {earlier.variable} for {earlier.process} and by {listen.variable} "
                    f"for {listen.process}. Set one of them to another port."
                )
                conflicts.append(Conflict(listen, message))
    return conflicts


def judge(listen: Listen, found: Sequence[tuple[Listener, Sequence[Holder]]], *, error: int) -> Conflict | None:
    """Return the conflict of a port with the listeners found on it, given how an attempt to bind it ended."""
    address = parse_address(listen.address)
    foreign = [
        (listener, holders)
        for listener, holders in found
        if not _all_ours(holders) and (listener.is_certain(address) or error == errno.EADDRINUSE)
    ]
    if foreign:
        seen = [holder for _listener, holders in foreign for holder in holders if not holder.ours]
        return _taken(listen, seen[0] if seen else None)
    if error == errno.EADDRINUSE and not found:
        return _taken(listen, None)
    return None


def _process(values: Mapping[str, Any]) -> Process:
    name = str(values["name"])
    listens = tuple(
        Listen(
            process=name,
            address=str(listen["address"]),
            port=int(listen["port"]),
            variable=str(listen["variable"]),
            address_variable=str(listen.get("address_variable") or ""),
        )
        for listen in values.get("listens") or []
    )
    return Process(name=name, config=str(values.get("config") or ""), listens=listens)


def _conflict(
    listen: Listen, listeners: Sequence[Listener], holders: Mapping[int, Sequence[Holder]], machine: Machine
) -> list[Conflict]:
    conflict = _nonsense(listen)
    if conflict is None:
        address = parse_address(listen.address)
        found = [(each, holders.get(each.inode, ())) for each in listeners if _is_in_the_way(each, listen, address)]
        # Not tried where our own process listens already: a restart of it at this very moment would fail.
        ours = bool(found) and all(_all_ours(seen) for _listener, seen in found)
        error = 0 if ours else machine.try_bind(listen.address, listen.port)
        conflict = judge(listen, found, error=error) or _refused(listen, error, machine)
    return [conflict] if conflict else []


def _nonsense(listen: Listen) -> Conflict | None:
    if not 1 <= listen.port <= 65535:
        return Conflict(listen, f"{listen} is no TCP port. Set {listen.variable} to a number from 1 to 65535.")
    try:
        parse_address(listen.address)
    except ServingError as error:
        return Conflict(listen, f"{listen} cannot be used: {error}. Set {_address_variable(listen)} to one.")
    return None


def _refused(listen: Listen, error: int, machine: Machine) -> Conflict | None:
    if error in (0, errno.EADDRINUSE):
        return None
    if error == errno.EADDRNOTAVAIL:
        message = (
            f"{listen} cannot be used: {listen.address} is no address of this machine. "
            f"Set {_address_variable(listen)} to one that is."
        )
    elif error in (errno.EACCES, errno.EPERM):
        message = (
            f"{listen} is not permitted to this user. "
            f"Set {listen.variable} to a port from {machine.first_unprivileged_port()} up."
        )
    else:
        reason = errno.errorcode.get(error, str(error))
        message = f"{listen} cannot be used: bind() failed with {reason}. Set {listen.variable} to another port."
    return Conflict(listen, message)


def _taken(listen: Listen, holder: Holder | None) -> Conflict:
    by = f"{holder.name} (pid {holder.pid})" if holder else "a process that this user cannot see"
    return Conflict(listen, f"{listen} is taken by {by}. End it, or set {listen.variable} to a free port.", holder)


def _state(
    process: Process, listeners: Sequence[Listener], holders: Mapping[int, Sequence[Holder]], machine: Machine
) -> dict[str, Any]:
    proper = [listen for listen in process.listens if _nonsense(listen) is None]
    pids = {
        holder.pid
        for listen in proper
        for listener in listeners
        if _is_in_the_way(listener, listen, parse_address(listen.address))
        for holder in holders.get(listener.inode, ())
        if holder.ours
    }
    config = machine.recorded_config(process.name)
    current = bool(pids) and config == process.config
    return {"running": bool(pids), "pids": sorted(pids), "config": config, "current": current}


def _is_in_the_way(listener: Listener, listen: Listen, address: Address) -> bool:
    return listener.port == listen.port and listener.overlaps(address)


def _all_ours(holders: Sequence[Holder]) -> bool:
    return bool(holders) and all(holder.ours for holder in holders)


def _same_place(one: str, other: str) -> bool:
    try:
        return Listener(parse_address(one), 0, 0).overlaps(parse_address(other))
    except ServingError:
        return one == other


def _address_variable(listen: Listen) -> str:
    return listen.address_variable or f"the address that belongs to {listen.variable}"


__all__ = ["Conflict", "Holder", "Listen", "Machine", "Process", "declared_twice", "judge", "parse_processes", "survey"]
