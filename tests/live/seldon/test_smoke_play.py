# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smoke test of a cluster as a user runs it, with the inventory's words, against a real API server.

Nobody serves the address, and no pod runs, so it ends with that, after everything that objects decide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_server import ApiServer
from tests.live.edge.plays import Played, play
from tests.live.seldon.smoke_world import World
from tests.sample_smoke_cluster import ADDRESS, EXPERIMENT, GRPC_HOST, HOST, MODELS, Cluster
from tests.sample_smoke_faults import FAULTS


@pytest.fixture(scope="module")
def world(api: ApiServer) -> Iterator[World]:
    found = World(api)
    try:
        yield found
    finally:
        found.close()


def inventory(api: ApiServer, world: World, reports: Path) -> dict[str, Any]:
    names = world.names
    return {
        "serving_namespaces": [{"name": each} for each in names.teams],
        "serving_models": [
            {"name": name, "namespace": team, "requirements": ["sklearn"], "storage_uri": f"/mnt/models/{name}"}
            for name, team in zip(MODELS, names.teams, strict=True)
        ],
        "seldon_namespace": names.seldon,
        "metallb_namespace": names.metallb,
        "network_policies_ingress_namespace": names.ingress,
        "ingress_address": ADDRESS,
        "ingress_routes": [
            {"name": "models", "host": HOST, "namespace": names.seldon},
            {"name": "models-grpc", "host": GRPC_HOST, "protocol": "grpc", "tls": {"source": "private_ca"}},
        ],
        "serving_probe": {"enabled": False},
        "serving_report_directory": str(reports),
        "mlserver_access": {"kubeconfig": str(api.kubeconfig())},
    }


def played(api: ApiServer, world: World, folder: Path, **changes: Any) -> tuple[Played, dict[str, Any]]:
    reports = folder / "reports"
    variables = {**inventory(api, world, reports), **changes}
    found = play(folder, "mlserver", ["smoke_test"], api.kubeconfig(), variables)
    path = reports / "smoke_test.json"
    return found, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def of_hops(report: dict[str, Any], *statuses: str) -> set[str]:
    return {f"{each['id']} {each['target']}".strip() for each in report["checks"] if each["status"] in statuses}


def test_all_that_objects_decide_passes_and_nobody_serves_the_address(
    api: ApiServer, world: World, tmp_path: Path
) -> None:
    world.show(world.healthy)
    found, report = played(api, world, tmp_path)
    assert "MetalLB address is broken: address.connect found" in found.refusal
    broken = {each for each in of_hops(report, "fail") if not each.startswith("policies.declared")}
    assert broken == {"address.connect"}
    passed = of_hops(report, "pass")
    assert {"address.announced", f"nginx.ingress {HOST}", f"nginx.ingress {GRPC_HOST}", "cluster.version"} <= passed
    # The experiments are those that the cluster has.
    assert f"scheduler.experiment {EXPERIMENT}" in passed
    assert [hop["name"] for hop in report["hops"]][-1] == "cluster"
    assert report["first_broken"]["hop"] == "address"


def test_a_hop_that_is_nearer_to_the_caller_is_named_first(api: ApiServer, world: World, tmp_path: Path) -> None:
    cluster = Cluster(world.healthy, world.names)
    FAULTS["no node announces the address"].make(cluster)
    world.show(cluster.things)
    found, report = played(api, world, tmp_path)
    assert "MetalLB address is broken: address.announced found announced by no node" in found.refusal
    # Whatever is called through the address means nothing then.
    assert "address.connect" in of_hops(report, "skip")


def test_an_inventory_without_an_edge_asks_nothing(api: ApiServer, world: World, tmp_path: Path) -> None:
    found, report = played(api, world, tmp_path, ingress_routes=[])
    said = " ".join(found.outcome.require().split())
    assert "Nothing was asked, and so nothing is proven: the inventory has no edge (ingress_routes has no" in said
    assert report == {}
