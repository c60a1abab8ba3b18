# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of the words of pods that are asked through the API server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.smoke import Result, examine
from plugins.module_utils._core.smoke_pods import pod_checks
from tests.sample_smoke_cluster import Cluster, Names, healthy, thing
from tests.unit.plugins.module_utils._core.test_smoke_cluster import view

NAMES = Names()
UPDATES = f"envoy.updates {NAMES.seldon}"
GOOD = {
    "control_plane.connected_state": 1,
    "cluster_manager.cds.update_rejected": 0,
    "cluster_manager.cds.update_success": 4,
    "listener_manager.lds.update_rejected": 0,
    "http.seldon_http.rds.listener_0.update_rejected": 0,
    "http.seldon_http.rds.listener_0.update_success": 3,
    "cluster.baseline-predictor_1_http.membership_healthy": 1,
    "cluster.baseline-predictor_1_grpc.membership_healthy": 1,
    "cluster.enhanced-predictor_3_http.membership_healthy": 2,
}


class FakePods:
    """Pods with fixed words; whose API server may refuse, or reach nobody."""

    def __init__(self, stats: Mapping[str, int], *, refusal: str = "", problem: str = "", code: int = 200) -> None:
        self._stats, self._refusal, self._problem, self._code = stats, refusal, problem, code
        self.asked: list[tuple[str, str, int, str]] = []

    def refusal(self, namespace: str) -> str:
        return self._refusal

    def ask_pod(self, namespace: str, pod: str, port: int, path: str, **query: str) -> tuple[int, Mapping[str, Any]]:
        self.asked.append((namespace, pod, port, path))
        if self._problem:
            raise ServingError(self._problem)
        # Envoy gives a histogram, which has no value, at the end.
        stats = [{"name": name, "value": value} for name, value in self._stats.items()] + [{"histograms": {}}]
        return self._code, {"stats": stats} if path == "/stats" else {}


def judged(pods: FakePods, cluster: Cluster | None = None, *, walled: bool = False) -> dict[str, Result]:
    seen = view((cluster or Cluster(healthy(), NAMES)).things)
    found = examine(pod_checks(seen, NAMES.platform(), pods, walled=walled), (), lambda: 0.0)
    return {f"{each.id} {each.target}".strip(): each for each in found}


def test_pods_that_are_well_pass() -> None:
    pods = FakePods(GOOD)
    assert {name: each.status for name, each in judged(pods).items()} == {
        "mlserver.live financial-inference": "pass",
        "mlserver.live financial-research": "pass",
        UPDATES: "pass",
    }
    assert ("seldon-system", "seldon-envoy-0", 9003, "/ready") in pods.asked
    assert ("financial-research", "mlserver-financial-research-0", 9000, "/v2/health/ready") in pods.asked


CASES: dict[str, tuple[dict[str, int | None], str, str]] = {
    "not connected": ({"control_plane.connected_state": 0}, "fail", "not connected to the scheduler"),
    "no routes yet": ({"http.seldon_http.rds.listener_0.update_success": 0}, "fail", "no routes"),
    "no routes at all": ({"http.seldon_http.rds.listener_0.update_success": None}, "fail", "no routes"),
    "a model that it does not know": (
        {"cluster.enhanced-predictor_3_http.membership_healthy": None},
        "fail",
        "it knows no server of enhanced-predictor",
    ),
    "a model without an address": (
        {"cluster.baseline-predictor_1_http.membership_healthy": 0},
        "fail",
        "no server of baseline-predictor has an address",
    ),
    "refused routes": (
        {"http.seldon_http.rds.listener_0.update_rejected": 2},
        "warn",
        "refused updates: http.seldon_http.rds.listener_0.update_rejected: 2",
    ),
    "refused clusters": ({"cluster_manager.cds.update_rejected": 1}, "warn", "cds.update_rejected: 1"),
    "refused listeners": ({"listener_manager.lds.update_rejected": 1}, "warn", "lds.update_rejected: 1"),
}


@pytest.mark.parametrize(("changes", "status", "words"), CASES.values(), ids=CASES.keys())
def test_counters_of_envoy(changes: dict[str, int | None], status: str, words: str) -> None:
    stats = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    pods = FakePods(stats)
    result = judged(pods)[UPDATES]
    # A warning is a finding of a check that may fail.
    assert (result.status, words in result.observed) == (status, True), result


def test_one_good_version_of_a_model_is_enough() -> None:
    stats = {**GOOD, "cluster.enhanced-predictor_2_http.membership_healthy": 0}
    assert judged(FakePods(stats))[UPDATES].status == "pass"


def test_a_model_that_is_not_loaded_is_not_asked_of_envoy() -> None:
    cluster = Cluster(healthy(), NAMES)
    cluster.condition("models", NAMES.teams[1], "enhanced-predictor")
    stats = {name: value for name, value in GOOD.items() if "enhanced" not in name}
    assert judged(FakePods(stats), cluster)[UPDATES].status == "pass"


def test_a_pod_that_is_not_reached_proves_nothing() -> None:
    found = judged(FakePods(GOOD, problem="the API server did not reach it: 502"))
    assert {each.status for each in found.values()} == {"error"}
    assert found[UPDATES].observed == "the API server did not reach it: 502"


NODES = ("192.0.2.11", "192.0.2.21")


@pytest.mark.parametrize(
    ("node", "servers", "walled", "status"),
    [
        (NODES[1], NODES[:1], True, "skip"),
        # The API server on the pod's own node is let in, but which of them was asked?
        (NODES[0], NODES, True, "skip"),
        (NODES[0], NODES[:1], True, "error"),
        (NODES[1], NODES[:1], False, "error"),
    ],
    ids=["another node", "one of several API servers", "the pod's own node", "no policies"],
)
def test_policies_keep_api_servers_of_other_nodes_out(
    node: str, servers: tuple[str, ...], walled: bool, status: str
) -> None:
    cluster = Cluster(healthy(), NAMES)
    slices: dict[str, Any] = {"ports": [{"name": "https", "port": 6443}], "endpoints": [{"addresses": list(servers)}]}
    labels = {"kubernetes.io/service-name": "kubernetes"}
    cluster.things.update([thing("endpointslices", "default", "kubernetes", labels=labels, **slices)])
    for key, pod in cluster.things.items():
        if key[0] == "pods":
            pod["status"]["hostIP"] = node
    found = judged(FakePods(GOOD, problem="connection refused"), cluster, walled=walled)
    assert {each.status for each in found.values()} == {status}
    if status == "skip":
        assert "keep API servers of other nodes out of seldon-envoy-0" in str(found[UPDATES].reason)


def test_a_right_that_is_missing_is_a_reason() -> None:
    found = judged(FakePods(GOOD, refusal="may not get pods/proxy"))
    assert {(each.status, each.reason) for each in found.values()} == {("skip", "may not get pods/proxy")}


def test_answers_that_are_bad_are_faults() -> None:
    found = judged(FakePods(GOOD, code=500))
    assert found["mlserver.live financial-research"].observed == "mlserver-financial-research-0: live: 500, ready: 500"
    assert {each.status for each in found.values()} == {"fail"}
