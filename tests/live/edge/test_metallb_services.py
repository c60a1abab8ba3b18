# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that an inventory promises to Services, on a real API server: given, taken away again, and in dispute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_server import MERGE, ApiServer
from tests.live.edge.metallb_crds import DEFINITIONS
from tests.live.edge.test_metallb import Cluster

ADDRESSES, SHARING = "metallb.io/loadBalancerIPs", "metallb.io/allow-shared-ip"


@pytest.fixture
def cluster(api: ApiServer, namespace: str, tmp_path: Path) -> Iterator[Cluster]:
    api.establish(*DEFINITIONS)
    yield Cluster(api, namespace, tmp_path)
    services = f"/api/v1/namespaces/{namespace}/services"
    for item in api.ask("GET", services).require()["items"]:
        api.ask("DELETE", f"{services}/{item['metadata']['name']}").require()


def pin(cluster: Cluster, name: str, address: str, **more: str) -> dict[str, Any]:
    return {"namespace": cluster.namespace, "name": name, "addresses": [address], **more}


def annotated(cluster: Cluster, path: str) -> dict[str, str]:
    found: dict[str, str] = cluster.api.ask("GET", path).require()["metadata"].get("annotations", {})
    return found


def annotate(cluster: Cluster, path: str, **values: str | None) -> None:
    names = {"addresses": ADDRESSES, "other": "example.com/other"}
    body = {"metadata": {"annotations": {names[name]: value for name, value in values.items()}}}
    cluster.api.ask("PATCH", f"{path}?fieldManager=somebody", body, kind=MERGE).require()


def test_line_that_is_taken_away_takes_the_annotation_away(cluster: Cluster) -> None:
    front, back = cluster.service("front"), cluster.service("back")
    annotate(cluster, front, other="theirs")
    pins = [
        pin(cluster, "front", "192.0.2.200", sharing_key="edge"),
        pin(cluster, "back", "192.0.2.201"),
    ]
    cluster.play(metallb_service_addresses=pins).outcome.require()
    theirs = {"example.com/other": "theirs"}
    assert annotated(cluster, front) == {**theirs, ADDRESSES: "192.0.2.200", SHARING: "edge"}
    fewer = {"metallb_service_addresses": pins[1:]}
    assert cluster.play("--check", **fewer).changed == 1
    assert annotated(cluster, front)[ADDRESSES] == "192.0.2.200"
    assert cluster.play(**fewer).changed == 1
    assert (annotated(cluster, front), annotated(cluster, back)) == (theirs, {ADDRESSES: "192.0.2.201"})
    assert cluster.play("--check", **fewer).changed == 0
    assert cluster.play(**fewer).changed == 0


def test_key_that_is_taken_away_goes_and_the_address_stays(cluster: Cluster) -> None:
    front = cluster.service("front")
    cluster.play(metallb_service_addresses=[pin(cluster, "front", "192.0.2.200", sharing_key="edge")]).outcome.require()
    without = {"metallb_service_addresses": [pin(cluster, "front", "192.0.2.200")]}
    assert cluster.play(**without).changed == 1
    assert annotated(cluster, front) == {ADDRESSES: "192.0.2.200"}
    assert cluster.play(**without).changed == 0


def test_annotation_of_somebody_else_stays(cluster: Cluster) -> None:
    theirs = cluster.service("theirs")
    annotate(cluster, theirs, addresses="192.0.2.210")
    cluster.play().outcome.require()
    assert cluster.play().changed == 0
    assert annotated(cluster, theirs) == {ADDRESSES: "192.0.2.210"}


def test_address_that_somebody_else_set_is_left_unless_it_is_taken_over(cluster: Cluster) -> None:
    front = cluster.service("front")
    annotate(cluster, front, addresses="192.0.2.210")
    pins = {"metallb_service_addresses": [pin(cluster, "front", "192.0.2.200")]}
    refusal = cluster.play(**pins).refusal
    assert "somebody" in refusal
    assert "metallb_take_over" in refusal
    assert annotated(cluster, front) == {ADDRESSES: "192.0.2.210"}
    assert cluster.play(**pins, metallb_take_over=True).changed == 1
    assert annotated(cluster, front) == {ADDRESSES: "192.0.2.200"}


def test_where_metallb_goes_services_are_let_go(cluster: Cluster) -> None:
    front = cluster.service("front")
    cluster.play(metallb_service_addresses=[pin(cluster, "front", "192.0.2.200")]).outcome.require()
    gone = {"metallb_state": "absent", "metallb_removed_pools": ["lan"]}
    # The pool, what announces it, and the Service.
    assert cluster.play(**gone).changed == 2
    assert annotated(cluster, front) == {}
    assert cluster.play(**gone).changed == 0


def test_address_that_another_service_has_is_refused_before_anything_is_changed(cluster: Cluster) -> None:
    front, _ = cluster.service("front"), cluster.service("back", "192.0.2.200")
    refusal = cluster.play(metallb_service_addresses=[pin(cluster, "front", "192.0.2.200")]).refusal
    place = cluster.namespace
    assert f"gives {place}/front 192.0.2.200, which {place}/back has. Set another address" in refusal
    assert (annotated(cluster, front), cluster.specs("ipaddresspools")) == ({}, {})
