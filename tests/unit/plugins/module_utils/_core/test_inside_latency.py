# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hops take on a cluster: what its probe is to measure, and what is made of the times that it brings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils._core.experiment import Candidate, Experiment
from plugins.module_utils._core.inside_latency import latency_checks, latency_questions, latency_rounds
from plugins.module_utils._core.request_path import RequestPath, Sample, SmokeModel
from plugins.module_utils._core.route_table import Endpoint
from plugins.module_utils._core.smoke import Result, examine
from plugins.module_utils._core.smoke_inside import Inside
from plugins.module_utils._core.smoke_latency import WARM_UP, Budgets
from tests.sample_smoke_cluster import Names

PLATFORM = Names().platform()
BASELINE, ENHANCED = PLATFORM.behind_mesh
SAMPLE = Sample(({"inputs": []},))
MODELS = tuple(SmokeModel(name, 1, "team", sample=SAMPLE) for name in (BASELINE, ENHANCED))
SPLIT = Experiment("ab", (Candidate(BASELINE, 70), Candidate(ENHANCED, 30)), default=BASELINE)
PATH = RequestPath("ml.example.com", Endpoint("192.0.2.200", 80), models=MODELS, experiments=(SPLIT,))
BUDGETS = Budgets(11, 18, 25, 99, nginx_ms=(1, 2), envoy_ms=(0.5, 1), mlserver_ms=(5, 7))
COUNT = 40


def measured(nginx: float = 7.0, envoy: float = 5.0, waited: int | None = 4) -> dict[str, Any]:
    """Return what a probe brings whose first rounds took longer."""
    times = [[50.0] * WARM_UP + [each] * COUNT for each in (nginx, envoy)]
    return {"reached": True, "text": "50 rounds", "times": times, "waited": [waited] * (WARM_UP + COUNT)}


def inside(**answers: dict[str, Any]) -> Inside:
    named = {"baseline": BASELINE, "enhanced": ENHANCED}
    return Inside(answers={"ingress": {f"latency/{named[key]}": answer for key, answer in answers.items()}})


def judged(found: Inside, path: RequestPath = PATH, platform: Any = PLATFORM) -> dict[str, Result]:
    results = examine(latency_checks(platform, path, found, BUDGETS), (), lambda: 0.0)
    return {f"{each.id} {each.target}".strip(): each for each in results}


def test_the_same_is_asked_at_nginx_and_at_the_mesh() -> None:
    asked = {each.id: each for each in latency_questions(PLATFORM, PATH, COUNT)}
    assert list(asked) == [f"latency/{BASELINE}", f"latency/{ENHANCED}"]
    assert {(each.source, each.how) for each in asked.values()} == {("ingress", "rounds")}
    split, plain = (asked[f"latency/{name}"].as_dict() for name in (BASELINE, ENHANCED))
    assert plain["doors"] == [
        ["ingress-nginx-controller.ingress-nginx.svc.cluster.local", 80],
        ["seldon-mesh.seldon-system.svc.cluster.local", 80],
    ]
    assert (plain["rounds"], plain["path"]) == (COUNT + WARM_UP, f"/v2/models/{ENHANCED}/infer")
    assert plain["headers"]["Host"] == "ml.example.com"
    assert json.loads(plain["body"]) == {"inputs": []}
    # The baseline's own callers are split, so the probe looks for the way back to it.
    assert (plain["headers"]["seldon-model"], plain["model"]) == (ENHANCED, "")
    assert (split["headers"]["seldon-model"], split["model"]) == ("ab.experiment", BASELINE)


def test_nothing_is_asked_that_nobody_wants_or_could() -> None:
    assert list(latency_questions(PLATFORM, PATH, 0)) == []
    assert list(latency_questions(replace(PLATFORM, ingress=("", "")), PATH, COUNT)) == []
    long = replace(PATH, models=tuple(replace(each, sample=Sample(({"x": "a" * 200_000},))) for each in MODELS))
    assert list(latency_questions(PLATFORM, long, COUNT)) == []


def test_each_hop_is_what_it_adds() -> None:
    found = judged(inside(baseline=measured(), enhanced=measured()))
    assert {each.status for each in found.values()} == {"pass"}
    # Envoy cuts its milliseconds off, half of one at the mean.
    assert found[f"mlserver.latency {BASELINE}"].observed == "takes 4.50 ms"
    assert found["envoy.latency"].observed == "adds 0.50 ms"
    assert found["nginx.latency"].observed == "adds 2.00 ms"
    rounds = latency_rounds(PLATFORM, PATH, inside(baseline=measured()))
    assert [(each.model, len(each.nginx), each.first_ms) for each in rounds] == [(BASELINE, COUNT, 50.0)]


SLOW = {"nginx": measured(nginx=9), "envoy": measured(nginx=9, envoy=7), "mlserver": measured(13, 12, 11)}


@pytest.mark.parametrize("hop", SLOW)
def test_a_hop_over_its_budget_is_told(hop: str) -> None:
    found = judged(inside(baseline=SLOW[hop], enhanced=SLOW[hop]))
    warned = {each.hop for each in found.values() if each.status == "warn"}
    assert warned == {hop}


REFUSED = {"reached": False, "text": "seldon-mesh:80 answered 404"}
REASONS: dict[str, tuple[Inside, Callable[[RequestPath], RequestPath], Any, str]] = {
    "no probe ran": (Inside(reason="no image"), lambda path: path, PLATFORM, "no image"),
    "an ingress of others": (
        inside(),
        lambda path: path,
        replace(PLATFORM, ingress=("", "")),
        "the controller is somebody else's, and nobody may stand beside it",
    ),
    "no sample": (
        inside(),
        lambda path: replace(path, models=tuple(replace(each, sample=None) for each in path.models)),
        PLATFORM,
        "no model has a request to measure with; set samples",
    ),
    "another mesh": (
        inside(),
        lambda path: path,
        replace(PLATFORM, models=()),
        "the address leads to another mesh than the model's",
    ),
    "a long request": (inside(), lambda path: path, PLATFORM, "its request is longer than 131072 bytes"),
    "no answer": (
        inside(baseline=REFUSED, enhanced=REFUSED),
        lambda path: path,
        PLATFORM,
        "seldon-mesh:80 answered 404",
    ),
    "no time of Envoy": (
        inside(baseline=measured(waited=None), enhanced=measured(waited=None)),
        lambda path: path,
        PLATFORM,
        "answers have no x-envoy-upstream-service-time",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_what_was_not_measured_says_why(name: str) -> None:
    found, changed, platform, words = REASONS[name]
    for result in judged(found, changed(PATH), platform).values():
        assert (result.status, words in str(result.reason)) == ("skip", True), result


def test_one_model_is_enough_for_the_hops() -> None:
    found = judged(inside(enhanced=measured(), baseline=REFUSED))
    assert (found["envoy.latency"].status, found[f"mlserver.latency {BASELINE}"].status) == ("pass", "skip")
