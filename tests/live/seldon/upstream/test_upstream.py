# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upstream's own programs do what this collection takes for granted of one scheduler for several namespaces.

docs/seldon.md says what was seen. Opt-in: the programs come from SERVING_ARTIFACTS.
"""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from plugins.module_utils._core.seldon_objects import PATIENCE
from tests.live.seldon.upstream.day import (
    BASELINE,
    DEFAULT,
    ENHANCED,
    SEVENTY,
    SPLIT,
    becomes,
    served,
    shares,
    status,
)
from tests.live.seldon.upstream.objects import PROBE, server
from tests.live.seldon.upstream.programs import Upstream
from tests.live.seldon.upstream.route_forms import ours, theirs, theirs_mirrored

CALLS, SIGMAS = 300, 5
# The operator tries a refused experiment three times, two seconds apart.
REFUSAL_SECONDS = 4


def near(count: int, share: float, calls: int = CALLS) -> bool:
    return abs(count - calls * share) <= SIGMAS * math.sqrt(calls * share * (1 - share))


def test_operator_keeps_what_it_is_not_told_of_a_probe(central: Upstream) -> None:
    team = central.teams[0]
    found = central.get("/apis/apps/v1", team, "statefulsets", server(team))
    containers = {each["name"]: each for each in found["spec"]["template"]["spec"]["containers"]}
    probe = containers["rclone"]["livenessProbe"]
    assert {name: probe[name] for name in PROBE} == {**PROBE, **PATIENCE}


# A request's way


def test_servers_announce_names_that_anybody_can_resolve(central: Upstream) -> None:
    found = central.clusters()
    for team, model in zip(central.teams, ("base", "better"), strict=True):
        endpoints = found[f"{model}_1_http"]["load_assignment"]["endpoints"][0]["lb_endpoints"]
        address = endpoints[0]["endpoint"]["address"]["socket_address"]
        assert address == {"address": f"{server(team)}-0.{team}.svc.cluster.local", "port_value": 9001}


def test_experiment_splits_across_namespaces(central: Upstream) -> None:
    for route in (f"{SPLIT}.experiment", "base"):
        counts = central.split(route, CALLS)
        assert set(counts) == {"base_1", "better_1"}, route
        assert near(counts["base_1"], 0.7), (route, counts)
    assert central.split("better", 20) == {"better_1": 20}


def test_answer_names_the_version_that_gave_it(central: Upstream) -> None:
    answer = central.call("shadow", model="whatever")
    assert (answer.status, answer.route, answer.model) == (200, ":shadow_1:", "shadow_1")


def test_model_in_the_path_needs_no_header(central: Upstream) -> None:
    assert central.call("", model="shadow", header=False).model == "shadow_1"


def test_route_header_keeps_a_caller_at_a_candidate(central: Upstream) -> None:
    for model in ("base_1", "better_1"):
        routes = {central.call(f"{SPLIT}.experiment", f":{model}:").route for _ in range(20)}
        assert routes == {f":{model}:"}


@pytest.mark.parametrize(("route", "sticky"), [(f"{SPLIT}.experiment", ":base_9:"), ("shadow", ":shadow_1:")])
def test_stale_route_header_finds_no_route(central: Upstream, route: str, sticky: str) -> None:
    answer = central.call(route, sticky)
    assert (answer.status, answer.body) == (404, b"")


def test_experiment_in_the_path_alone_ends_at_the_server(central: Upstream) -> None:
    answer = central.call("", model=f"{SPLIT}.experiment", header=False)
    assert answer.status == 404
    assert b".experiment not found" in answer.body
    assert answer.route


# Changes


def test_edit_reaches_envoy_and_observed_generation_is_never_said(central: Upstream) -> None:
    first = central.teams[0]
    central.patch(
        first, "experiments", SPLIT, candidates=[{"name": "base", "weight": 10}, {"name": "better", "weight": 0}]
    )
    becomes(central, f"{SPLIT}.experiment", {"base_1": 10, "better_1": 0})
    becomes(central, "base", {"base_1": 10, "better_1": 0})
    central.patch(first, "experiments", SPLIT, candidates=SEVENTY)
    becomes(central, f"{SPLIT}.experiment", {"base_1": 70, "better_1": 30})
    central.wait(lambda: status(central, first, SPLIT) == "True", "Ready")
    assert "observedGeneration" not in central.read(first, "experiments", SPLIT)["status"]


def test_refusal_comes_late_stays_for_ever_and_leaves_ready_true(central: Upstream) -> None:
    first = central.teams[0]
    central.experiment(first, "edited", candidates=[{"name": "shadow", "weight": 1}])
    central.wait(lambda: status(central, first, "edited") == "True", "Ready")
    begun = time.monotonic()
    central.patch(first, "experiments", "edited", default="base")
    central.wait(lambda: status(central, first, "edited", "ModelReady") == "False", "the refusal")
    assert time.monotonic() - begun >= REFUSAL_SECONDS - 1
    assert status(central, first, "edited") == "True"
    central.patch(first, "experiments", "edited", default="shadow", candidates=[{"name": "shadow", "weight": 2}])
    becomes(central, "edited.experiment", {"shadow_1": 2})
    central.wait(lambda: status(central, first, "edited") == "True", "Ready")
    assert status(central, first, "edited", "ModelReady") == "False"
    central.delete(first, "experiments", "edited")
    becomes(central, "edited.experiment", {})


def test_second_experiment_with_a_default_has_no_condition_but_the_refusal(central: Upstream) -> None:
    first = central.teams[0]
    central.experiment(first, "second", default="base", candidates=[{"name": "base", "weight": 1}])
    central.wait(lambda: central.conditions(first, "experiments", "second"), "a condition")
    assert set(central.conditions(first, "experiments", "second")) == {"ModelReady"}
    central.delete(first, "experiments", "second")


def test_weights_of_zero_are_ready_and_stop_the_routes_of_all_teams(central: Upstream) -> None:
    first, second = central.teams
    nothing = [{**each, "weight": 0} for each in SEVENTY]
    central.patch(first, "experiments", SPLIT, candidates=nothing)
    central.wait(lambda: central.count("http.seldon_http.rds.listener_0.update_rejected"), "Envoy's refusal")
    central.wait(lambda: status(central, first, SPLIT) == "True", "Ready")
    central.experiment(second, "late", candidates=[{"name": "better", "weight": 1}])
    central.wait(lambda: status(central, second, "late") == "True", "Ready")
    assert central.call("late.experiment").status == 404
    assert shares(central, f"{SPLIT}.experiment") == {"base_1": 70, "better_1": 30}
    central.patch(first, "experiments", SPLIT, candidates=SEVENTY)
    served(central, "late.experiment")
    central.delete(second, "experiments", "late")


def test_lost_candidate_leaves_the_default_all_traffic(central: Upstream) -> None:
    first, second = central.teams
    central.model(second, "passing", ENHANCED)
    served(central, "passing")
    candidates = [{"name": "base", "weight": 1}, {"name": "passing", "weight": 9}]
    central.patch(first, "experiments", SPLIT, candidates=candidates)
    becomes(central, "base", {"base_1": 1, "passing_1": 9})
    central.delete(second, "models", "passing")
    becomes(central, "base", {"base_1": 100})
    becomes(central, f"{SPLIT}.experiment", {"base_1": 1})
    central.wait(lambda: status(central, first, SPLIT) == "False", "Ready=False")
    assert central.call(f"{SPLIT}.experiment", ":passing_1:").status == 404
    central.patch(first, "experiments", SPLIT, candidates=SEVENTY)
    becomes(central, "base", {"base_1": 70, "better_1": 30})


def test_model_name_of_another_team_takes_its_traffic(central: Upstream) -> None:
    first, second = central.teams
    central.model(first, "taken", BASELINE)
    served(central, "taken")
    central.model(second, "taken", ENHANCED)
    central.wait(lambda: central.call("taken").route == ":taken_2:", "the other team's model")
    address = central.clusters()["taken_2_http"]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]
    assert server(second) in str(address)
    assert all(central.is_ready(team, "models", "taken") for team in central.teams)
    central.delete(second, "models", "taken")
    central.wait(lambda: central.call("taken").status == 404, "404")
    assert central.is_ready(first, "models", "taken")


# What the scheduler sends to Envoy, and what the store `envoy` writes

MIRROR = {"name": "shadow", "percent": 40}
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {"default": "base"},
    "no default": {"default": None},
    "mirror": {"default": "base", "mirror": MIRROR},
    "mirror, no default": {"default": None, "mirror": MIRROR},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_routes_are_those_of_the_envoy_store(central: Upstream, shape: str) -> None:
    first = central.teams[0]
    spec = SHAPES[shape]
    central.patch(first, "experiments", SPLIT, **spec)
    try:
        wanted = ours({"name": SPLIT, "candidates": SEVENTY, **{key: each for key, each in spec.items() if each}})
        names = ("base", "better", "shadow", f"{SPLIT}.experiment")
        found: dict[str, Any] = {}

        def alike() -> bool:
            found.update(
                main=theirs(central.routes(), names), mirrors=theirs_mirrored(central.routes("listener_1"), names)
            )
            return found == wanted

        try:
            central.wait(alike, "the same routes", 20)
        except AssertionError:
            assert found == wanted
            raise
    finally:
        central.patch(first, "experiments", SPLIT, mirror=None, **DEFAULT)
        becomes(central, "base", {"base_1": 70, "better_1": 30})
