# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the smoke test says of a cluster on a real API server: nothing of a healthy one, and where each fault is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.api_server import ApiServer
from tests.live.seldon.smoke_world import World
from tests.sample_smoke_cluster import Cluster
from tests.sample_smoke_faults import FAULTS, Fault

# No pod runs here, so the API server reaches none.
UNREACHED = {"envoy.updates", "mlserver.live"}


@pytest.fixture(scope="module")
def world(api: ApiServer) -> Iterator[World]:
    found = World(api)
    try:
        yield found
    finally:
        found.close()


def spoken(world: World, text: str) -> str:
    names = world.names
    parts = {"seldon": names.seldon, "metallb": names.metallb, "first": names.teams[0], "second": names.teams[1]}
    for part, name in parts.items():
        text = text.replace(f"{{{part}}}", name)
    return text


def broken(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {
        name: each
        for name, each in found.items()
        if each["status"] in ("fail", "warn", "error") and each["id"] not in UNREACHED
    }


def test_healthy_cluster_passes_everything_that_objects_decide(world: World) -> None:
    world.show(world.healthy)
    found = world.ask()
    assert broken(found) == {}
    rest = {name: each for name, each in found.items() if each["id"] not in UNREACHED}
    assert {each["status"] for each in rest.values()} == {"pass"}
    unreached = [each for each in found.values() if each["id"] in UNREACHED]
    assert {each["status"] for each in unreached} == {"error"}
    assert all("did not reach" in each["observed"] for each in unreached)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_found_where_it_is(world: World, fault: Fault) -> None:
    cluster = Cluster(world.healthy, world.names)
    fault.make(cluster)
    world.show(cluster.things)
    found = world.ask()
    name = spoken(world, fault.check)
    assert (found[name]["hop"], found[name]["status"]) == (fault.hop, fault.status), found[name]
    assert spoken(world, fault.words) in found[name]["observed"]
    assert set(broken(found)) | {name} == {name}


def test_user_without_rights_is_told_which(api: ApiServer, world: World) -> None:
    found = world.ask(user="guest")
    [(name, each)] = broken(found).items()
    assert name == "cluster.rights"
    assert each["observed"].startswith("may not list nodes, namespaces, pods")
    assert 'User "guest" cannot list resource "nodes"' in each["observed"]
    assert {one["root"] for one in found.values() if one["status"] == "skip"} == {("cluster.rights", "")}


def test_server_that_is_away_is_one_fault(world: World) -> None:
    found = world.ask(cluster={"host": "https://127.0.0.1:1", "api_key": "none", "validate_certs": False})
    assert list(broken(found)) == ["cluster.api"]
    assert "did not answer" in found["cluster.api"]["observed"]
