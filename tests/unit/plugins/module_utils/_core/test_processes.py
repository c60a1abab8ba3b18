# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way a port can be unusable gives one conflict that says who and what to set; our own processes give none."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.processes import Holder, parse_processes, survey
from plugins.module_utils._core.sockets import Listener, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS = Holder(11, "nginx", ours=True)
WORKER = Holder(12, "nginx", ours=True)
OTHER = Holder(99, "httpd", ours=False)


@dataclass
class Machine:
    """A machine as a table: who listens where, and how a bind would end."""

    sockets: list[tuple[str, int, list[Holder]]] = field(default_factory=list)
    error: int = 0
    config: str | None = None
    tried: list[tuple[str, int]] = field(default_factory=list)

    def listeners(self) -> list[Listener]:
        return [Listener(parse_address(address), port, inode) for inode, (address, port, _) in enumerate(self.sockets)]

    def holders(self, inodes: Iterable[int]) -> dict[int, list[Holder]]:
        return {inode: self.sockets[inode][2] for inode in inodes}

    def try_bind(self, address: str, port: int) -> int:
        self.tried.append((address, port))
        return self.error

    def first_unprivileged_port(self) -> int:
        return 1024

    def recorded_config(self, name: str) -> str | None:
        return self.config


def declared(*listens: tuple[str, int], **more: Any) -> list[dict[str, Any]]:
    places = [{"address": address, "port": port, "variable": f"port_{i}"} for i, (address, port) in enumerate(listens)]
    return [{"name": "nginx", "config": "abc", "listens": [{**place, **more} for place in places]}]


def messages(found: dict[str, Any]) -> list[str]:
    return [conflict["message"] for conflict in found["conflicts"]]


IN_USE = errno.EADDRINUSE
FREE = [
    pytest.param(Machine(), id="nothing there"),
    pytest.param(Machine([("127.0.77.1", 18000, [OURS, WORKER])], IN_USE), id="ours, master and worker"),
    pytest.param(Machine([("0.0.0.0", 18000, [OURS])], IN_USE), id="ours on every address"),
    pytest.param(Machine([("127.0.77.1", 18001, [OTHER])]), id="another port"),
    pytest.param(Machine([("127.0.77.2", 18000, [OTHER])]), id="another address"),
    pytest.param(Machine([("::", 18000, [OTHER])]), id="IPv6 only on every address"),
]
PORT = "Port 18000 on 127.0.77.1"
TAKEN = [
    pytest.param(Machine([("127.0.77.1", 18000, [OTHER])], IN_USE), "httpd (pid 99)", id="the same address"),
    pytest.param(Machine([("0.0.0.0", 18000, [OTHER])], IN_USE), "httpd (pid 99)", id="every IPv4 address"),
    pytest.param(Machine([("::", 18000, [OTHER])], IN_USE), "httpd (pid 99)", id="every address"),
    pytest.param(Machine([("127.0.77.1", 18000, [OTHER])]), "httpd (pid 99)", id="a bind would be shared silently"),
    pytest.param(
        Machine([("127.0.77.1", 18000, [OURS]), ("127.0.77.1", 18000, [OTHER])], IN_USE),
        "httpd (pid 99)",
        id="shared by ours and another",
    ),
    pytest.param(
        Machine([("127.0.77.1", 18000, [OURS, OTHER])], IN_USE), "httpd (pid 99)", id="one socket, ours and another"
    ),
    pytest.param(
        Machine([("127.0.77.1", 18000, [])], IN_USE), "a process that this user cannot see", id="another user's process"
    ),
    pytest.param(Machine([], IN_USE), "a process that this user cannot see", id="bound but not listening"),
]
REFUSED = [
    pytest.param(
        ("192.0.2.1", 18000),
        errno.EADDRNOTAVAIL,
        "Port 18000 on 192.0.2.1 cannot be used: 192.0.2.1 is no address of this machine. "
        "Set the_address to one that is.",
        id="an address elsewhere",
    ),
    pytest.param(
        ("127.0.77.1", 80),
        errno.EACCES,
        "Port 80 on 127.0.77.1 is not permitted to this user. Set port_0 to a port from 1024 up.",
        id="a privileged port",
    ),
    pytest.param(
        ("127.0.77.1", 18000),
        errno.ENOBUFS,
        f"{PORT} cannot be used: bind() failed with ENOBUFS. Set port_0 to another port.",
        id="anything else",
    ),
    pytest.param(
        ("127.0.77.1", 70000),
        0,
        "Port 70000 on 127.0.77.1 is no TCP port. Set port_0 to a number from 1 to 65535.",
        id="too large",
    ),
    pytest.param(
        ("127.0.77.1", 0),
        0,
        "Port 0 on 127.0.77.1 is no TCP port. Set port_0 to a number from 1 to 65535.",
        id="zero",
    ),
    pytest.param(
        ("localhost", 18000),
        0,
        "Port 18000 on localhost cannot be used: 'localhost' is no IP address. Set the_address to one.",
        id="a name",
    ),
]


@pytest.mark.parametrize("machine", FREE)
def test_a_free_port_or_our_own_is_no_conflict(machine: Machine) -> None:
    assert messages(survey(parse_processes(declared(("127.0.77.1", 18000))), machine)) == []


@pytest.mark.parametrize(("machine", "who"), TAKEN)
def test_a_taken_port_names_the_holder_and_the_variable(machine: Machine, who: str) -> None:
    found = survey(parse_processes(declared(("127.0.77.1", 18000))), machine)
    assert messages(found) == [f"{PORT} is taken by {who}. End it, or set port_0 to a free port."]
    assert found["conflicts"][0]["holder"] == ({"pid": 99, "name": "httpd"} if "pid" in who else None)


@pytest.mark.parametrize(("listen", "error", "message"), REFUSED)
def test_an_unusable_port_says_what_to_set(listen: tuple[str, int], error: int, message: str) -> None:
    processes = parse_processes(declared(listen, address_variable="the_address"))
    assert messages(survey(processes, Machine(error=error))) == [message]


def test_an_address_without_a_variable_is_described() -> None:
    found = survey(parse_processes(declared(("192.0.2.1", 18000))), Machine(error=errno.EADDRNOTAVAIL))
    assert messages(found)[0].endswith("Set the address that belongs to port_0 to one that is.")


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        pytest.param(("127.0.0.1", 9), ("127.0.0.1", 9), True, id="the same address"),
        pytest.param(("0.0.0.0", 9), ("127.0.0.1", 9), True, id="one inside the other"),
        pytest.param(("127.0.0.1", 9), ("127.0.0.2", 9), False, id="two addresses"),
        pytest.param(("127.0.0.1", 9), ("127.0.0.1", 10), False, id="two ports"),
    ],
)
def test_a_port_declared_twice_names_both_variables(first: Any, second: Any, clash: bool) -> None:
    found = messages(survey(parse_processes(declared(first, second)), Machine()))
    words = "is declared twice: by port_0 for nginx and by port_1 for nginx. Set one of them to another port."
    assert [message.partition(second[0])[2].strip() for message in found] == ([words] if clash else [])


def test_a_port_is_not_tried_while_our_own_process_listens() -> None:
    machine = Machine([("127.0.77.1", 18000, [OURS])])
    survey(parse_processes(declared(("127.0.77.1", 18000), ("127.0.77.1", 18001))), machine)
    assert machine.tried == [("127.0.77.1", 18001)]


@pytest.mark.parametrize(
    ("machine", "state"),
    [
        pytest.param(Machine(), {"running": False, "pids": [], "config": None, "current": False}, id="never started"),
        pytest.param(
            Machine(config="abc"), {"running": False, "pids": [], "config": "abc", "current": False}, id="ended"
        ),
        pytest.param(
            Machine([("127.0.77.1", 18000, [WORKER, OURS])], config="abc"),
            {"running": True, "pids": [11, 12], "config": "abc", "current": True},
            id="as wanted",
        ),
        pytest.param(
            Machine([("127.0.77.1", 18000, [OURS])], config="old"),
            {"running": True, "pids": [11], "config": "old", "current": False},
            id="with an older configuration",
        ),
        pytest.param(
            Machine([("127.0.77.1", 18000, [OTHER])], config="abc"),
            {"running": False, "pids": [], "config": "abc", "current": False},
            id="another process on its port",
        ),
    ],
)
def test_the_state_of_a_process(machine: Machine, state: dict[str, Any]) -> None:
    assert survey(parse_processes(declared(("127.0.77.1", 18000))), machine)["processes"] == {"nginx": state}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        pytest.param(["a/b"], "Process name 'a/b' is no file name.", id="a path"),
        pytest.param([".."], "Process name '..' is no file name.", id="the folder above"),
        pytest.param(["a", "a"], "Process 'a' is declared 2 times. Give each its own name.", id="twice"),
    ],
)
def test_bad_names_are_refused(names: list[str], words: str) -> None:
    with pytest.raises(ServingError) as refusal:
        parse_processes([{"name": name} for name in names])
    assert str(refusal.value).startswith(words)
