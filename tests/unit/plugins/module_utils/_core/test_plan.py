# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan is read whole, and refused with all its faults at once."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from plugins.module_utils._core.analysis import FAILED, INCONCLUSIVE, SUCCESSFUL, Measurement, measure
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.gates import Limits
from plugins.module_utils._core.plan import Plan, Step

ERRORS = {"name": "errors", "kind": "error_rate"}
SLOW = {"name": "slow95", "kind": "slower_than", "threshold_ms": 18, "percentile": 95}
PARITY = {"name": "parity", "kind": "prediction_parity", "golden": "golden.json"}
LABELS = {"name": "right", "kind": "accuracy", "file": "labels.csv"}
PLAN: dict[str, Any] = {
    "name": "ab-experiment",
    "baseline": "baseline-predictor",
    "candidate": "enhanced-predictor",
    "steps": [5, 10, 25, 50, 100],
    "gates": [ERRORS],
}


def plan(**changes: Any) -> Plan:
    return Plan.parse({**PLAN, **changes})


def weights(found: Plan) -> list[float]:
    return [step.weight for step in found.steps]


STEPS = {
    "numbers": ({"steps": [5, 50, 100]}, [5, 50, 100]),
    "texts": ({"steps": ["5", "100"]}, [5, 100]),
    "one": ({"steps": [100]}, [100]),
    "even steps": ({"steps": None, "step_weight": 20, "max_weight": 60}, [20, 40, 60, 100]),
    "even steps that do not end at the last one": (
        {"steps": None, "step_weight": 20, "max_weight": 50},
        [20, 40, 50, 100],
    ),
    "even steps up to all": ({"steps": None, "step_weight": 50, "max_weight": 100}, [50, 100]),
    "even steps up to a half": ({"steps": None, "step_weight": 25}, [25, 50, 100]),
}


@pytest.mark.parametrize(("changes", "wanted"), STEPS.values(), ids=STEPS.keys())
def test_steps(changes: dict[str, Any], wanted: list[float]) -> None:
    assert weights(plan(**changes)) == wanted


def test_even_steps_stay_for_the_interval() -> None:
    found = plan(steps=None, step_weight=50, interval="2m")
    assert found.steps == (Step(50.0, min_seconds=120.0), Step(100.0))


def test_steps_in_full() -> None:
    found = plan(
        steps=[
            {"mirror": 100, "min_duration": "2m"},
            {"weight": 25, "hold": "manual", "hold_timeout": "30m", "on_hold_timeout": "promote"},
            100,
        ]
    )
    assert found.steps == (
        Step(0.0, mirror=100, min_seconds=120.0),
        Step(25.0, hold=True, hold_timeout=1800.0, on_hold_timeout="promote"),
        Step(100.0),
    )
    assert [found.next_share(number) for number in range(3)] == [0.25, 1.0, 1.0]


@pytest.mark.parametrize(
    ("listed", "held"), [(None, [5, 10, 25, 50]), ([25], [25])], ids=["every step but the last", "the listed steps"]
)
def test_manual_gate_holds(listed: list[int] | None, held: list[float]) -> None:
    gate = {"name": "sign-off", "kind": "manual", "steps": listed, "timeout": "1h", "on_timeout": "pause"}
    found = plan(gates=[ERRORS, gate])
    assert [step.weight for step in found.steps if step.hold] == held
    assert {(step.hold_timeout, step.on_hold_timeout) for step in found.steps if step.hold} == {(3600.0, "pause")}


def test_a_manual_gate_in_a_dry_run_is_known_and_holds_nothing() -> None:
    gate = {"name": "sign-off", "kind": "manual", "steps": [25], "timeout": "1h", "dry_run": True}
    found = plan(gates=[ERRORS, gate])
    assert [step.weight for step in found.steps if step.hold] == []
    assert [(step.weight, step.dry_hold) for step in found.steps if step.dry_hold] == [(25.0, "sign-off")]
    assert [step["weight"] for step in found.as_dict()["steps"] if "dry_hold" in step] == [25.0]
    assert found.digest != plan(gates=[ERRORS]).digest
    assert (
        plan(gates=[ERRORS, {**gate, "dry_run": False}]).digest
        == plan(gates=[ERRORS, {key: value for key, value in gate.items() if key != "dry_run"}]).digest
    )


def test_a_hold_stays_one_beside_a_dry_run() -> None:
    steps = [{"weight": 25, "hold": "manual", "hold_timeout": "30m"}, 100]
    found = plan(steps=steps, gates=[ERRORS, {"kind": "manual", "timeout": "1h", "dry_run": True}])
    assert (found.steps[0].hold, found.steps[0].hold_timeout) == (True, 1800.0)


def test_defaults_are_written_out_and_fingerprinted() -> None:
    found = plan(gates=[ERRORS, {"kind": "metric", "query": "up", "min": 1}])
    written = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert written["analysis"]["alpha_harm"] == 0.05
    assert written["gates"][0]["risk_budget"] == 0.005
    assert written["gates"][1]["limits"] == {
        "minimum": 1.0,
        "maximum": None,
        "failure_minimum": 1.0,
        "failure_maximum": None,
    }
    assert found.digest == plan(gates=[ERRORS, {"kind": "metric", "query": "up", "min": 1}]).digest


AGREEMENTS = {
    "all of them": ({}, 1.0),
    "most of them": ({"agreement": 0.9, "rtol": 0.05, "atol": 0}, 0.9),
    "under its other name": ({"min": 0.8}, 0.8),
    "none of them": ({"agreement": 0}, 0.0),
}


@pytest.mark.parametrize(("changes", "least"), AGREEMENTS.values(), ids=AGREEMENTS.keys())
def test_agreement_is_needed(changes: dict[str, Any], least: float) -> None:
    (gate,) = plan(gates=[ERRORS, {**PARITY, **changes}]).before
    assert (gate.limits.minimum, gate.limits.failure_minimum) == (least, least)
    assert gate.source == {"golden": "golden.json", **{key: changes[key] for key in changes if key != "min"}}


WEBHOOKS = {
    "yes or no": ({}, Limits(1.0, 1.0, 0.5, 1.0), {1.0: SUCCESSFUL, 0.5: INCONCLUSIVE, 0.0: FAILED, 42.0: FAILED}),
    "no room in the middle": ({"failure_min": 1}, Limits(1.0, 1.0, 1.0, 1.0), {1.0: SUCCESSFUL, 0.5: FAILED}),
    "a number of one's own": (
        {"min": 0.9, "failure_min": 0.8},
        Limits(0.9, math.inf, 0.8, math.inf),
        {42.0: SUCCESSFUL, 0.85: INCONCLUSIVE, 0.5: FAILED},
    ),
    "a number at most": ({"max": 0.1}, Limits(-math.inf, 0.1, -math.inf, 0.1), {0.0: SUCCESSFUL, 1.0: FAILED}),
}


@pytest.mark.parametrize(("changes", "limits", "phases"), WEBHOOKS.values(), ids=WEBHOOKS.keys())
def test_webhook_needs_a_yes(changes: dict[str, Any], limits: Limits, phases: dict[float, str]) -> None:
    (gate,) = plan(gates=[ERRORS, {"kind": "webhook", "url": "https://gate.example.com/ok", **changes}]).measured
    assert gate.limits == limits
    assert {value: measure(Measurement(value), gate.limits)[0] for value in phases} == phases


def test_labels_come_from_a_file_or_a_url() -> None:
    found = plan(gates=[LABELS, {"kind": "accuracy", "url": "https://labels.example.com/feed"}])
    assert [gate.source for gate in found.counted] == [
        {"file": "labels.csv"},
        {"url": "https://labels.example.com/feed"},
    ]
    assert found.digest != plan().digest


def test_tests_that_can_blame_share_the_alpha() -> None:
    assert plan().harm_alpha == 0.05
    assert plan(gates=[ERRORS, SLOW]).harm_alpha == pytest.approx(0.05 / 3)
    assert plan(gates=[ERRORS, {**SLOW, "dry_run": True}]).harm_alpha == 0.05


REFUSALS = {
    "an unknown key": ({"stepz": 1}, "it knows no stepz"),
    "a bad name": ({"baseline": "A"}, "baseline 'A' is not a name"),
    "the same model twice": (
        {"candidate": "baseline-predictor"},
        "baseline and candidate are both 'baseline-predictor'; set two different models",
    ),
    "no steps": ({"steps": None}, "it has no steps; set steps, for instance [5, 10, 25, 50, 100]"),
    "steps that are none": ({"steps": []}, "steps is []; set a list of percents, the last of them 100"),
    "both forms": ({"step_weight": 5}, "it has both steps and step_weight or max_weight; set one of them"),
    "steps that fall": ({"steps": [10, 5, 100]}, "step weight 5 follows 10; set weights that rise"),
    "not up to all": ({"steps": [5, 50]}, "the last step has the weight 50; set 100"),
    "too much": ({"steps": [101]}, "step 1 has the weight 101; set a percent above 0, at most 100"),
    "nothing": ({"steps": [0, 100]}, "step 1 has the weight 0; set a percent above 0, at most 100"),
    "an unknown key of a step": ({"steps": [{"weight": 100, "wait": 1}]}, "step 1 knows no wait; set any of: hold"),
    "a late mirror": ({"steps": [5, {"mirror": 10}, 100]}, "a mirror comes after a weight; set it as the first step"),
    "a mirror with a weight": ({"steps": [{"mirror": 10, "weight": 5}, 100]}, "step 1 has the mirror 10; set a whole"),
    "a hold of another kind": ({"steps": [{"weight": 5, "hold": "x"}, 100]}, "hold of step 1 is 'x'; set manual"),
    "a bad duration": (
        {"steps": [{"weight": 5, "min_duration": "soon"}, 100]},
        "min_duration of step 1 is 'soon'; set a duration such as 90, 30s or 1m30s",
    ),
    "even steps of nothing": ({"steps": None, "step_weight": 0}, "step_weight is 0; set a percent"),
    "even steps past the end": (
        {"steps": None, "step_weight": 30, "max_weight": 20},
        "step_weight 30 is above max_weight 20; set a smaller one",
    ),
    "no gate": ({"gates": []}, "no enforced gate counts requests; set at least one of the kind error_rate"),
    "only a dry run": ({"gates": [{**ERRORS, "dry_run": True}]}, "no enforced gate counts requests"),
    "a gate of no kind": ({"gates": [{"kind": "x"}]}, "gate 'x' has the kind 'x'; set one of: error_rate"),
    "a gate that is no mapping": ({"gates": ["errors"]}, "gate 'errors' is no mapping; set name and kind"),
    "a gate twice": ({"gates": [ERRORS, ERRORS]}, "gate 'errors' is listed 2 times; set other names"),
    "an unknown key of a gate": ({"gates": [{**ERRORS, "slow": 1}]}, "gate 'errors' knows no slow; set any of:"),
    "no threshold": ({"gates": [{"kind": "slower_than"}]}, "gate 'slower_than' needs threshold_ms, in milliseconds"),
    "two limits": ({"gates": [{**SLOW, "slo": 0.1}]}, "gate 'slow95' has both percentile and slo; set one of them"),
    "two proofs": (
        {"gates": [{**ERRORS, "risk_budget": 0.1, "margin": 2}]},
        "gate 'errors' has both risk_budget and margin; set one of them",
    ),
    "a budget of nothing": (
        {"gates": [{**ERRORS, "risk_budget": 0}]},
        "risk_budget of gate 'errors' is 0; set a number above 0, at most 1",
    ),
    "a margin of one": ({"gates": [{**ERRORS, "margin": 1}]}, "margin of gate 'errors' is 1; set a number above 1"),
    "a metric without a query": ({"gates": [ERRORS, {"kind": "metric", "min": 1}]}, "gate 'metric' needs query"),
    "a metric without limits": (
        {"gates": [ERRORS, {"kind": "metric", "query": "up"}]},
        "gate 'metric' needs min, max or both",
    ),
    "limits out of order": (
        {"gates": [ERRORS, {"kind": "metric", "query": "up", "min": 1, "failure_min": 2}]},
        "gate 'metric' has limits out of order; set failure_min <= min <= max <= failure_max",
    ),
    "a limit that is no number": (
        {"gates": [ERRORS, {"kind": "metric", "query": "up", "max": 1, "failure_limit": "x"}]},
        "failure_limit of gate 'metric' is 'x'; set a whole number from 0 up",
    ),
    "a hold at an unknown step": (
        {"gates": [ERRORS, {"kind": "manual", "steps": [30]}]},
        "steps of gate 'manual' is [30]; set weights of steps before the last: 5, 10, 25, 50",
    ),
    "labels from nowhere": (
        {"gates": [{"name": "right", "kind": "accuracy"}]},
        "gate 'right' has neither file nor url; set one of them",
    ),
    "labels from two places": (
        {"gates": [{**LABELS, "url": "http://192.0.2.10/"}]},
        "gate 'right' has both file and url; set one of them",
    ),
    "labels from a file as a URL": (
        {"gates": [{"name": "right", "kind": "accuracy", "url": "file:///labels"}]},
        "url of gate 'right' is 'file:///labels'; set one that begins with http:// or https://",
    ),
    "no golden file": ({"gates": [ERRORS, {"kind": "prediction_parity"}]}, "gate 'prediction_parity' needs golden"),
    "an agreement in percent": (
        {"gates": [ERRORS, {**PARITY, "agreement": 95}]},
        "agreement of gate 'parity' is 95; set a number from 0 up, at most 1",
    ),
    "two agreements": (
        {"gates": [ERRORS, {**PARITY, "agreement": 1, "min": 1}]},
        "gate 'parity' has both agreement and min; set one of them",
    ),
    "a negative tolerance": (
        {"gates": [ERRORS, {**PARITY, "rtol": -0.1}]},
        "rtol of gate 'parity' is -0.1; set a number from 0 up",
    ),
    "an endless tolerance": (
        {"gates": [ERRORS, {**PARITY, "atol": "inf"}]},
        "atol of gate 'parity' is 'inf'; set a number from 0 up",
    ),
    "a difference below nothing": (
        {"gates": [{**ERRORS, "min_difference": -1}]},
        "min_difference of gate 'errors' is -1; set a number from 0 up, at most 1",
    ),
    "an unknown setting": ({"analysis": {"alpha": 1}}, "analysis knows no alpha; set any of: interval"),
    "an alpha of one": ({"analysis": {"alpha_harm": 1}}, "analysis.alpha_harm is 1.0; set a number above 0, below 0.5"),
    "no interval": ({"analysis": {"interval": 0}}, "analysis.interval is 0; set a duration above 0"),
    "part of a request": (
        {"analysis": {"min_requests": 1.5}},
        "analysis.min_requests is 1.5; set a whole number from 1 up",
    ),
    "a step too short for its windows": (
        {"analysis": {"max_step_duration": "20s"}},
        "analysis.max_step_duration is 20 s, and 2 windows of 15 s do not fit; set a longer one",
    ),
    "another policy": ({"policy": {"on_harm": "x"}}, "policy.on_harm is 'x'; set one of: rollback, pause"),
}


@pytest.mark.parametrize(("changes", "wanted"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals(changes: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ServingError) as refused:
        plan(**changes)
    assert str(refused.value).startswith("The plan of 'ab-experiment' is refused: ")
    assert wanted in str(refused.value)


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(ServingError) as refused:
        plan(baseline="", steps=[0], gates=[{"kind": "x"}])
    problems = refused.value.facts["problems"]
    assert isinstance(problems, list)
    assert len(problems) == 3
