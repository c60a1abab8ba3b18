# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be so before a rollout changes anything, and who counts for a gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Candidate, Experiment, Mirror
from plugins.module_utils._core.plan import Plan
from plugins.module_utils._core.ports import RolloutView
from plugins.module_utils._core.rollout_preflight import arms_of, source_of, source_problems, store_problems
from tests.unit.rollout_store import MODELS
from tests.unit.rollout_world import plan_of

PLAN = plan_of()
EXPERIMENT = Experiment("ab", (Candidate("old", 70), Candidate("new", 30)), default="old")
VIEW = RolloutView(EXPERIMENT, MODELS, is_live=True, is_reachable=True)


def view(**changes: Any) -> RolloutView:
    return replace(VIEW, **changes)


STORES: dict[str, tuple[RolloutView, Plan, list[str]]] = {
    "all is well": (VIEW, PLAN, []),
    "a candidate that is not in the experiment yet": (
        view(experiment=replace(EXPERIMENT, candidates=(Candidate("old", 1),))),
        PLAN,
        [],
    ),
    "no experiment": (view(experiment=None), PLAN, ["there is no experiment ab; declare it first"]),
    "an unknown model": (
        view(models={"old": MODELS["old"]}),
        PLAN,
        ["There is no model new; declare it (known: old)"],
    ),
    "another baseline": (
        VIEW,
        plan_of(baseline="other"),
        ["the baseline other is no candidate of ab; set one of: old, new"],
    ),
    "the candidate is the default": (
        view(experiment=replace(EXPERIMENT, default="new")),
        PLAN,
        ["the candidate new is the default of ab; set the baseline as its default"],
    ),
    "another mirror is there": (
        view(experiment=replace(EXPERIMENT, mirror=Mirror("other", 10))),
        plan_of(steps=[{"mirror": 50}, 10, 100]),
        ["ab has the mirror other already; end that one first"],
    ),
    "another mirror, and none of the rollout's": (
        view(experiment=replace(EXPERIMENT, mirror=Mirror("other", 10))),
        PLAN,
        [],
    ),
    "nobody answers": (
        view(is_live=False, is_reachable=False),
        PLAN,
        ["the data plane does not say what it serves; see its log, and start it"],
    ),
    "it serves something else": (
        view(is_live=False),
        PLAN,
        ["the data plane does not serve ab as it is declared; declare it again"],
    ),
    "several at once": (
        view(experiment=replace(EXPERIMENT, default="new"), is_live=False),
        plan_of(baseline="other"),
        [
            "the baseline other is no candidate of ab; set one of: old, new",
            "the candidate new is the default of ab; set the baseline as its default",
            "the data plane does not serve ab as it is declared; declare it again",
        ],
    ),
}


@pytest.mark.parametrize(("seen", "plan", "wanted"), STORES.values(), ids=STORES.keys())
def test_the_store(seen: RolloutView, plan: Plan, wanted: list[str]) -> None:
    assert store_problems(seen, plan) == wanted


def gates(*listed: dict[str, Any], **changes: Any) -> Plan:
    return plan_of(gates=list(listed), **changes)


ERRORS, SLOW = {"kind": "error_rate"}, {"kind": "slower_than", "threshold_ms": 25}
FIRST_MIRROR = [{"mirror": 50}, 10, 100]

SOURCES: dict[str, tuple[Plan, str, list[str]]] = {
    "attempts and times": (gates(ERRORS, SLOW), "data_plane", []),
    "times of a mirror in the log": (
        gates(ERRORS, SLOW, steps=FIRST_MIRROR),
        "data_plane",
        [
            "gate 'slower_than' counts what callers got, and callers get nothing of a mirror; set its source to envoy "
            "or prometheus, or take the mirror out of the steps"
        ],
    ),
    "attempts of a mirror at Envoy": (gates(ERRORS, steps=FIRST_MIRROR), "data_plane", []),
    "Envoy's histograms in short windows": (
        gates(ERRORS, {**SLOW, "source": "envoy"}, analysis={"interval": 1}),
        "data_plane",
        [
            "gate 'slower_than' reads Envoy's histograms, which grow every 5 s, and analysis.interval is 1 s; set a "
            "longer one, or its source to log"
        ],
    ),
    "Envoy's histograms in long windows": (gates(ERRORS, {**SLOW, "source": "envoy"}), "data_plane", []),
}


@pytest.mark.parametrize(("plan", "default", "wanted"), SOURCES.values(), ids=SOURCES.keys())
def test_the_sources(plan: Plan, default: str, wanted: list[str]) -> None:
    assert source_problems(plan, default) == wanted


WHO = {
    ("error_rate", None, "data_plane"): "envoy",
    ("slower_than", None, "data_plane"): "log",
    ("accuracy", None, "data_plane"): "labels",
    ("error_rate", None, "probe"): "probe",
    ("slower_than", None, "prometheus"): "prometheus",
    ("accuracy", None, "prometheus"): "labels",
    ("error_rate", "log", "data_plane"): "log",
}


@pytest.mark.parametrize(("asked", "wanted"), WHO.items(), ids=lambda value: "-".join(map(str, value)))
def test_who_counts_for_a_gate(asked: tuple[str, str | None, str], wanted: str) -> None:
    kind, source, default = asked
    more = {"threshold_ms": 25} if kind == "slower_than" else {"file": "/labels"} if kind == "accuracy" else {}
    [gate] = gates({"kind": kind, **more, **({"source": source} if source else {})}).counted
    assert source_of(gate, default) == wanted


def test_arms() -> None:
    arms = arms_of(VIEW, PLAN)
    assert (arms.candidate.name, arms.baseline.name, arms.is_default) == ("new", "old", True)
    assert arms.route == "ab.experiment"
    assert not arms_of(view(experiment=replace(EXPERIMENT, default=None)), PLAN).is_default
    with pytest.raises(ServingError, match=r"There is no model old and no model new; declare it \(known: none\)\."):
        arms_of(view(models={}), PLAN)
