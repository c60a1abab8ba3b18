# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before anything is changed, and how it is named."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.data_plane import ADDRESS, BASELINE, NAMESPACES, DataPlane, model
from tests.live.programs import ports


def plain(port: int, address: str) -> list[socket.socket]:
    return [_bound(address, port, listen=True)]


def wildcard(port: int, _: str) -> list[socket.socket]:
    return [_bound("0.0.0.0", port, listen=True)]


def mapped(port: int, address: str) -> list[socket.socket]:
    return [_bound(f"::ffff:{address}", port, listen=True)]


def shared(port: int, address: str) -> list[socket.socket]:
    return [_bound(address, port, listen=True, reuse=True) for _ in range(2)]


def bound_only(port: int, address: str) -> list[socket.socket]:
    return [_bound(address, port)]


def _bound(address: str, port: int, *, listen: bool = False, reuse: bool = False) -> socket.socket:
    taken = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if taken.family == socket.AF_INET6:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if reuse:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    taken.bind((address, port))
    if listen:
        taken.listen()
    return taken


WAYS: tuple[Callable[[int, str], list[socket.socket]], ...] = (shared, wildcard, mapped, plain, bound_only)


@pytest.fixture
def plane(tmp_path: Path) -> DataPlane:
    """Return a data plane that nobody has brought up."""
    return DataPlane(tmp_path / "plane")


def refusal(plane: DataPlane, *arguments: str) -> str:
    """Return what a run says that is refused before it changes anything."""
    before = contents(plane)
    play = plane.play("site.yml", *arguments)
    if play.status == 0:
        plane.down()
    assert play.status != 0, play.output
    assert "changed=0" in play.output
    assert contents(plane) == before, "nothing was changed"
    # Long lines are folded.
    return " ".join(play.output.split())


def contents(plane: DataPlane) -> set[Path]:
    """Return what lies around the data plane, but the link to the collection that each run needs."""
    return {path for path in plane.directory.parent.rglob("*") if "collections" not in path.parts}


def test_every_port_taken_is_named_with_its_variable(plane: DataPlane) -> None:
    with ExitStack() as held:
        for (port, name), way in zip(ports(plane).items(), itertools.cycle(WAYS), strict=False):
            address = ADDRESS if name in ("data_plane_http_port", "data_plane_grpc_port") else "127.0.0.1"
            for each in way(port, address):
                held.enter_context(each)
        said = refusal(plane)
    assert "Nothing was changed. Mend this first:" in said
    unnamed = {
        name
        for port, name in ports(plane).items()
        if not any(f"Port {port} on {address} is taken by" in said for address in (ADDRESS, "127.0.0.1"))
        or f"set {name} to a free port" not in said
    }
    assert not unnamed


@dataclass(frozen=True)
class Typo:
    """Variables that are wrong, and the words that say so."""

    variables: dict[str, Any]
    words: tuple[str, ...]


LONG = "d" * 100
TYPOS = {
    "everything that is not a type, in one report": Typo(
        {
            "data_plane_htpp_port": 18001,
            "serving_experiment": [],
            "data_plane_address": "127.0.99.1",
            "data_plane_directory": f"/tmp/{LONG}",
            "data_plane_host": "ML_API",
            "serving_models": [model(BASELINE, "financial-inferense", BASELINE)],
            "serving_namespaces": [{"name": name} for name in (*NAMESPACES, NAMESPACES[0])],
        },
        (
            "There is no variable 'data_plane_htpp_port'; did you mean 'data_plane_http_port'?",
            "There is no variable 'serving_experiment'; did you mean 'serving_experiments'?",
            "data_plane_address is '127.0.99.1', which is not in data_plane_address_pool",
            f"The socket /tmp/{LONG}/envoy/admin.sock has a path of 122 bytes, and 107 is the most",
            f"The socket /tmp/{LONG}/supervisor/supervisor.sock.0000000 has a path of 140 bytes, and 107 is the most",
            "data_plane_host is 'ML_API'",
            f"Model '{BASELINE}' is in namespace 'financial-inferense', which is not among the namespaces",
            f"Namespace '{NAMESPACES[0]}' is listed 2 times",
        ),
    ),
    "numbers out of range, in one report": Typo(
        {
            "data_plane_body_size": "1 MB",
            "data_plane_connect_timeout": 0,
            "data_plane_envoy_concurrency": 0,
            "data_plane_envoy_max_connections": 0,
            "data_plane_envoy_stats_port": 65536,
            "data_plane_http_port": 0,
            "data_plane_mlserver_grpc_port": 65535,
            "data_plane_mlserver_http_port": 65534,
            "data_plane_read_timeout": 0,
            "data_plane_retry_base_interval": 0.0001,
            "data_plane_retry_count": -1,
            "data_plane_wait_timeout": 0,
            "serving_namespaces": [{"name": name} for name in (*NAMESPACES, "third")],
        },
        (
            "data_plane_body_size is '1 MB'; set a size such as 512k or 1m, less than 2g.",
            "data_plane_connect_timeout is 0; set 1 or more.",
            "data_plane_envoy_concurrency is 0; set 1 or more.",
            "data_plane_envoy_max_connections is 0; set 1 or more.",
            "data_plane_envoy_stats_port is 65536; set a number from 1 to 65535.",
            "data_plane_http_port is 0; set a number from 1 to 65535.",
            "data_plane_mlserver_grpc_port is 65535, the first of 3, one a namespace; set a number from 1 to 65533.",
            "data_plane_mlserver_http_port is 65534, the first of 3, one a namespace; set a number from 1 to 65533.",
            "data_plane_read_timeout is 0; set 1 or more.",
            "data_plane_retry_base_interval is 0.0001; set 0.001 or more.",
            "data_plane_retry_count is -1; set 0 or more.",
            "data_plane_wait_timeout is 0; set 1 or more.",
        ),
    ),
    "wrong types, and what is missing": Typo(
        {
            "data_plane_http_port": "eighty",
            "data_plane_process_manager": "runit",
            "serving_models": [{"name": BASELINE, "namespace": NAMESPACES[0]}],
            "serving_experiments": [{"nmae": "x"}],
        },
        (
            "'data_plane_http_port' is of type",
            "value of data_plane_process_manager must be one of: auto, systemd, supervisor, got: runit",
            "missing required arguments: storage_uri found in data_plane_models",
            "nmae",
        ),
    ),
    "a pool with the machine's own address": Typo(
        {"data_plane_address_pool": "127.0.0.1-127.0.0.9"},
        ("The address pool '127.0.0.1-127.0.0.9' contains 127.0.0.1",),
    ),
    "wheels in a folder that is not there": Typo(
        {"data_plane_wheels_directory": "/no/such/wheels/"},
        ("There is no folder /no/such/wheels on this host; set data_plane_wheels_directory",),
    ),
    "wheels in a folder whose name pip would take apart": Typo(
        {"data_plane_wheels_directory": "/srv/my wheels"},
        ("data_plane_wheels_directory is '/srv/my wheels'; set an absolute path, or one below ~",),
    ),
    "an experiment of a model that is not there": Typo(
        {"serving_experiments": [{"name": "ab", "weights": {BASELINE: 1, "nobody": 1}}]},
        ("Nothing was changed. Mend this first:", "model 'nobody' is not known"),
    ),
}


@pytest.mark.parametrize("typo", TYPOS.values(), ids=TYPOS.keys())
def test_typo_is_named_with_the_right_words(typo: Typo, plane: DataPlane, tmp_path: Path) -> None:
    # Where people write it, not on the command line.
    inventory = tmp_path / "more.yml"
    inventory.write_text(json.dumps({"data_plane": {"hosts": {"localhost": typo.variables}}}))
    for name in typo.variables:
        plane.variables.pop(name, None)
    said = refusal(plane, "--inventory", str(inventory))
    missing = [words for words in typo.words if words not in said]
    assert not missing, said
