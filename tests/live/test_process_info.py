# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""process_info on this machine: real listeners of every kind, seen by who they are and where they work."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from plugins.module_utils._adapters.linux_processes import LinuxProcesses
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._wiring.process_survey import survey_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Listens as told, says on which port, and stays until its standard input closes.
SERVER = """
import json, socket, sys
how = json.loads(sys.argv[1])
server = socket.socket(socket.AF_INET6 if ":" in how["address"] else socket.AF_INET)
if "v6only" in how:
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, how["v6only"])
if how.get("reuse_port"):
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind((how["address"], how.get("port", 0)))
if how.get("listen", True):
    server.listen()
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def server(works_in: Path, *, marked: bool = True, **how: Any) -> Iterator[tuple[int, int]]:
    works_in.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, json.dumps(how)],
        cwd=works_in,
        env={**os.environ, "SERVING_CONFIG": "abc"} if marked else None,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid


def survey(directory: Path, address: str, port: int, config: str = "abc") -> dict[str, Any]:
    listens = [{"address": address, "port": port, "variable": "the_port"}]
    return survey_from(
        {"directory": str(directory), "processes": [{"name": "p", "config": config, "listens": listens}]}
    )


WAYS = [
    pytest.param({"address": "127.0.77.9"}, id="the address itself"),
    pytest.param({"address": "0.0.0.0"}, id="every IPv4 address"),
    pytest.param({"address": "::", "v6only": 0}, id="every address"),
    pytest.param({"address": "::ffff:127.0.77.9", "v6only": 0}, id="IPv4 in IPv6"),
    pytest.param({"address": "127.0.77.9", "reuse_port": True}, id="ready to share the port"),
]


@pytest.mark.parametrize("how", WAYS)
def test_a_port_of_another_process_is_a_conflict(how: dict[str, Any], tmp_path: Path) -> None:
    with server(tmp_path / "elsewhere", **how) as (port, pid):
        found = survey(tmp_path / "ours", "127.0.77.9", port)
    [conflict] = found["conflicts"]
    assert conflict["holder"]["pid"] == pid
    assert conflict["message"] == (
        f"Port {port} on 127.0.77.9 is taken by {conflict['holder']['name']} (pid {pid}). "
        "End it, or set the_port to a free port."
    )
    assert found["processes"]["p"] == {"running": False, "pids": [], "config": None, "current": False}


@pytest.mark.parametrize("how", WAYS)
def test_a_port_of_our_own_process_is_none(how: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/p.config").write_text("abc\n")
    with server(tmp_path / "nginx", **how) as (port, pid):
        found = survey(tmp_path, "127.0.77.9", port)
        assert found["conflicts"] == []
        assert found["processes"]["p"] == {"running": True, "pids": [pid], "config": "abc", "current": True}
        assert survey(tmp_path, "127.0.77.9", port, config="new")["processes"]["p"]["current"] is False


def test_a_port_that_ours_shares_with_another_process_is_a_conflict(tmp_path: Path) -> None:
    how: dict[str, Any] = {"address": "127.0.77.9", "reuse_port": True}
    with server(tmp_path / "ours", **how) as (port, _), server(tmp_path / "not", **how, port=port) as (_, pid):
        [conflict] = survey(tmp_path / "ours", "127.0.77.9", port)["conflicts"]
    assert conflict["holder"]["pid"] == pid


def test_a_listener_for_ipv6_alone_leaves_ipv4_free(tmp_path: Path) -> None:
    with server(tmp_path / "elsewhere", address="::", v6only=1) as (port, _):
        assert survey(tmp_path / "ours", "127.0.77.9", port)["conflicts"] == []


def test_a_port_that_is_bound_without_listening_is_a_conflict(tmp_path: Path) -> None:
    with server(tmp_path / "elsewhere", address="127.0.77.9", listen=False) as (port, _):
        [conflict] = survey(tmp_path / "ours", "127.0.77.9", port)["conflicts"]
    assert conflict["holder"] is None
    assert "a process that this user cannot see" in conflict["message"]


def test_a_process_stays_ours_when_its_folder_is_removed(tmp_path: Path) -> None:
    with server(tmp_path / "nginx", address="127.0.77.9") as (port, pid):
        (tmp_path / "nginx").rmdir()
        found = survey(tmp_path, "127.0.77.9", port)
    assert found["conflicts"] == []
    assert found["processes"]["p"]["pids"] == [pid]


def test_a_process_in_our_folder_without_our_mark_is_not_ours(tmp_path: Path) -> None:
    with server(tmp_path / "nginx", marked=False, address="127.0.77.9") as (port, pid):
        found = survey(tmp_path, "127.0.77.9", port)
    [conflict] = found["conflicts"]
    assert conflict["holder"]["pid"] == pid
    assert found["processes"]["p"]["running"] is False


def test_a_folder_with_a_longer_name_is_not_ours(tmp_path: Path) -> None:
    with server(tmp_path / "serving-2", address="127.0.77.9") as (port, pid):
        [conflict] = survey(tmp_path / "serving", "127.0.77.9", port)["conflicts"]
    assert conflict["holder"]["pid"] == pid


def test_a_link_to_the_directory_is_the_directory(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with server(tmp_path / "real/nginx", address="127.0.77.9") as (port, _):
        assert survey(tmp_path / "link", "127.0.77.9", port)["conflicts"] == []


def test_a_connection_of_the_last_minute_leaves_the_port_free(tmp_path: Path) -> None:
    with socket.create_server(("127.0.77.9", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address), listener.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)
    assert survey(tmp_path, *address)["conflicts"] == []


def test_an_address_of_another_machine_is_a_conflict(tmp_path: Path) -> None:
    [conflict] = survey(tmp_path, "192.0.2.1", 21000)["conflicts"]
    assert "192.0.2.1 is no address of this machine" in conflict["message"]


def test_without_proc_the_module_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"tcp cannot be read\. Run this on a Linux host with /proc mounted\.$"):
        LinuxProcesses(str(tmp_path), proc=str(tmp_path)).listeners()
