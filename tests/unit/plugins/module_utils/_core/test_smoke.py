# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked, what is skipped for whose sake, and what it adds up to."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils._adapters.http_probe import HttpProbe
from plugins.module_utils._core.cluster_view import ClusterView
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.inside_latency import latency_checks
from plugins.module_utils._core.inside_questions import sources
from plugins.module_utils._core.request_path import RequestPath, parse_experiment, parse_model, parse_samples
from plugins.module_utils._core.route_table import Endpoint
from plugins.module_utils._core.smoke import (
    ERROR,
    FAIL,
    PASS,
    SKIP,
    WARN,
    Check,
    Finding,
    Key,
    Result,
    counts,
    examine,
    first_broken,
    hop_status,
    in_path_order,
    judged,
    result_from,
    skipped,
)
from plugins.module_utils._core.smoke_catalogue import BLOCKER, CATALOGUE, HOPS, WARNING
from plugins.module_utils._core.smoke_cluster import cluster_checks
from plugins.module_utils._core.smoke_cluster_edge import before_calls, edge_checks
from plugins.module_utils._core.smoke_edge import address_checks, mesh_checks
from plugins.module_utils._core.smoke_envoy import envoy_checks
from plugins.module_utils._core.smoke_inside import Inside, inside_checks
from plugins.module_utils._core.smoke_latency import Budgets
from plugins.module_utils._core.smoke_load import Measured
from plugins.module_utils._core.smoke_mlserver import mlserver_checks
from plugins.module_utils._core.smoke_pods import pod_checks
from plugins.module_utils._core.smoke_report import build_report
from plugins.module_utils._core.smoke_through import passage_checks
from tests.sample_smoke_cluster import Names
from tests.support import ROOT

CONNECTED: Key = ("address.connect", "")
LIVE: Key = ("mlserver.live", "team")
READY: Key = ("mlserver.model_ready", "m")


def clock() -> float:
    return 0.0


def check(key: Key, finding: Finding | Callable[[], Finding], *needs: Key) -> Check:
    ask = finding if callable(finding) else lambda: finding
    return Check(key[0], ask, key[1], needs)


def run(*checks: Check, known: tuple[Result, ...] = ()) -> dict[Key, Result]:
    return {each.key: each for each in examine(checks, known, clock)}


GOOD, BAD = judged(True, "200", "200"), judged(False, "503", "200")


def test_a_check_behind_a_broken_one_is_skipped_and_names_it() -> None:
    found = run(check(LIVE, BAD), check(READY, GOOD, LIVE), check(("mlserver.infer", "m"), GOOD, READY))
    assert [each.status for each in found.values()] == [FAIL, SKIP, SKIP]
    # The second one behind names the root, not its neighbour.
    assert found["mlserver.infer", "m"].reason == "MLServer is broken: mlserver.live[team]"


def test_the_root_survives_the_way_from_group_to_group() -> None:
    first = run(check(LIVE, BAD), check(READY, GOOD, LIVE))
    known = tuple(result_from(each.as_state()) for each in first.values())
    [later] = examine([check(("envoy.infer", "m"), GOOD, READY)], known, clock)
    assert (later.status, later.reason) == (SKIP, "MLServer is broken: mlserver.live[team]")


@pytest.mark.parametrize("finding", [GOOD, Finding(WARN), Finding(ERROR), skipped("no sample")])
def test_what_is_not_broken_hides_nothing(finding: Finding) -> None:
    found = run(check(LIVE, finding), check(READY, GOOD, LIVE))
    assert found[READY].status == PASS


def test_a_need_that_nobody_asked_hides_nothing() -> None:
    assert run(check(READY, GOOD, LIVE))[READY].status == PASS


def test_the_hop_that_a_finding_names_is_broken() -> None:
    slow = Finding(FAIL, "P50 80 ms", hop="mlserver")
    found = run(check(("path.latency", ""), slow), check(("envoy.split", "e"), GOOD, ("path.latency", "")))
    assert found["path.latency", ""].hop == "mlserver"
    assert found["envoy.split", "e"].reason == "MLServer is broken: path.latency"


def test_a_refusal_is_a_failure_in_its_words() -> None:
    def refuse() -> Finding:
        raise ServingError("127.0.0.1:1 refuses connections")

    [found] = examine([check(CONNECTED, refuse)], (), clock)
    assert (found.status, found.observed) == (FAIL, "127.0.0.1:1 refuses connections")


def test_a_check_that_does_not_block_warns() -> None:
    assert CATALOGUE["mlserver.malformed"].severity == WARNING
    assert run(check(("mlserver.malformed", "m"), BAD))["mlserver.malformed", "m"].status == WARN


def test_only_what_is_wrong_has_a_hint() -> None:
    found = run(check(LIVE, BAD), check(CONNECTED, GOOD))
    assert found[LIVE].as_dict()["hint"] == CATALOGUE["mlserver.live"].hint
    assert found[CONNECTED].as_dict()["hint"] == ""


def result(id_: str, status: str, hop: str = "") -> Result:
    return Result(id_, "", hop or CATALOGUE[id_].hop, status)


def test_the_broken_hop_nearest_to_the_caller_comes_first() -> None:
    found = [result("mlserver.live", FAIL), result("nginx.route", FAIL), result("address.connect", PASS)]
    broken = first_broken(found)
    assert broken is not None
    assert broken.id == "nginx.route"
    assert [each.hop for each in in_path_order(found)] == ["address", "nginx", "mlserver"]
    assert counts(found) == {PASS: 1, FAIL: 2, WARN: 0, SKIP: 0, ERROR: 0}


def test_warnings_break_nothing() -> None:
    assert first_broken([result("nginx.clock", WARN), result("path.latency", ERROR)]) is None


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([], SKIP),
        ([result("address.connect", PASS)], PASS),
        ([result("address.connect", PASS), result("address.exposure", SKIP)], PASS),
        ([result("address.connect", PASS), result("address.exposure", FAIL)], FAIL),
        # The whole path's times could not be told: that is nothing against the address.
        ([result("address.connect", PASS), result("path.latency", ERROR)], PASS),
        ([result("address.connect", PASS), result("path.success", FAIL, "address")], FAIL),
    ],
)
def test_status_of_a_hop(results: list[Result], status: str) -> None:
    assert hop_status("address", results) == status


# The checks as a whole


@pytest.mark.parametrize("id_", CATALOGUE)
def test_every_rule_is_complete(id_: str) -> None:
    rule = CATALOGUE[id_]
    assert rule.hop in HOPS
    assert id_.startswith((f"{rule.hop}.", "path."))
    assert rule.severity in (BLOCKER, WARNING)
    assert rule.hint.endswith(".")
    assert not rule.name.endswith(".")


BUDGETS = Budgets(11, 18, 25, 99.8, (2, 3), (2, 3), (5, 7))


def whole_path() -> RequestPath:
    samples = parse_samples({"s": b'{"requests": [{"inputs": []}], "models": {"a": {"answers": [1]}, "b": {}}}'})
    models: list[dict[str, Any]] = [
        {"name": name, "namespace": f"team-{name}", "version": 1, "http": "127.0.0.1:1", "grpc": "127.0.0.1:2"}
        for name in ("a", "b", "c")
    ]
    weights = [{"name": "a", "weight": 7}, {"name": "b", "weight": 3}]
    return RequestPath(
        host="ml-api.local",
        http=Endpoint("127.0.0.1", 3),
        models=tuple(parse_model(each, samples) for each in models),
        experiments=(parse_experiment({"name": "e", "candidates": weights, "default": "a"}),),
    )


def all_checks(envoy: Endpoint | None = None) -> list[Check]:
    path, nobody = replace(whole_path(), envoy=envoy), Nobody()
    # A cluster's objects come first, and its probes between Envoy and NGINX.
    models = tuple((each.name, "team") for each in path.models)
    platform = Names().platform(namespaces=("team",), models=models, experiments=path.experiments)
    view, places = ClusterView(), sources(platform, None, "probe")
    path = replace(path, before=before_calls(replace(platform, host=path.host)))
    return [
        *cluster_checks(view, platform),
        *edge_checks(view, replace(platform, host=path.host)),
        *pod_checks(view, platform, nobody, walled=False),
        *address_checks(path, nobody),
        *mlserver_checks(path, nobody, calls=1, success_percent=99.0),
        *envoy_checks(path, nobody, {"e": True}),
        *mesh_checks(path, nobody),
        *inside_checks(view, platform, None, places, Inside()),
        *latency_checks(platform, path, Inside(), BUDGETS),
        *passage_checks(path, nobody),
    ]


class Nobody:
    """A prober that nothing asks: these tests are about what is planned."""

    grpc_missing = ""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for while the checks were planned")


def test_inner_ports_are_tried_at_once() -> None:
    ports = tuple(range(9000, 9009))
    barrier = threading.Barrier(len(ports), timeout=10)

    class Deaf(HttpProbe):
        """Where nothing answers but one port, and nobody is refused before everybody has asked."""

        def connect(self, place: Endpoint) -> float:
            barrier.wait()
            if place.port == 9003:
                return 0.001
            raise ServingError("no answer")

    class Asker(Nobody):
        connected = Deaf(timeout=1).connected

    path = replace(whole_path(), closed_ports=ports)
    [check] = [each for each in address_checks(path, Asker()) if each.id == "address.exposure"]
    assert check.ask().observed == "ports that answer: 9003"


# Envoy asked by itself, and through NGINX.
ENVOYS = pytest.mark.parametrize("envoy", [Endpoint("127.0.0.1", 4), None], ids=["by itself", "through NGINX"])


@ENVOYS
def test_every_check_has_its_rule_and_is_planned_once(envoy: Endpoint | None) -> None:
    keys = [each.key for each in all_checks(envoy)]
    assert sorted({id_ for id_, _target in keys} - set(CATALOGUE)) == []
    assert len(keys) == len(set(keys))


@ENVOYS
def test_needs_are_asked_earlier(envoy: Endpoint | None) -> None:
    seen: set[Key] = set()
    for each in all_checks(envoy):
        # A hop's own connection comes first, and mesh between Envoy and NGINX: that is the order of the groups.
        missing = [need for need in each.needs if need not in seen]
        assert missing == [], each.key
        seen.add(each.key)


def test_a_model_that_is_split_needs_all_its_candidates() -> None:
    needs = {each.key: set(each.needs) for each in all_checks()}
    assert {("mlserver.infer", "a"), ("mlserver.infer", "b")} <= needs["envoy.infer", "a"]
    assert ("mlserver.infer", "a") not in needs["envoy.infer", "b"]


def test_every_check_is_explained_in_the_guide() -> None:
    guide = (ROOT / "docs/guides/smoke_test.md").read_text(encoding="utf-8")
    verbs = {BLOCKER: "fails", WARNING: "warns"}
    wanted = {f"| `{id_}` | {verbs[rule.severity]} | {rule.name}. | {rule.hint} |" for id_, rule in CATALOGUE.items()}
    assert set(re.findall(r"^\| `[a-z]+\.[a-z_]+` \|.*$", guide, re.MULTILINE)) == wanted


def test_a_report_has_the_hops_that_were_asked() -> None:
    results = [result("address.connect", PASS), result("scheduler.workload", FAIL)]
    found = build_report({}, results, Measured(), BUDGETS)
    names = [each["name"] for each in found["hops"]]
    assert names == ["address", "nginx", "mesh", "envoy", "scheduler", "mlserver"]
    assert found["first_broken"]["hop"] == "scheduler"


@pytest.mark.parametrize("guide", ["smoke_test.md", "serving.md", "troubleshooting.md", "network.md"])
def test_guides_name_checks_that_there_are(guide: str) -> None:
    text = (ROOT / "docs/guides" / guide).read_text(encoding="utf-8")
    named = set(re.findall(rf"`((?:{'|'.join(HOPS)})\.[a-z_]+)`", text)) - {"envoy.log"}
    # A guide may name none; the one of the smoke test names all.
    assert named <= set(CATALOGUE), named - set(CATALOGUE)
