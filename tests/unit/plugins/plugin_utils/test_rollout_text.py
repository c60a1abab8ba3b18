# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout says beside its ticks: the plan, where it stands, how it ended and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plugins.module_utils._core.feasibility import Traffic, estimate
from plugins.plugin_utils._rollout_text import outcome_text, plan_text, status_text
from tests.unit.rollout_world import plan_of


def test_a_plan_is_a_table_with_what_each_step_takes() -> None:
    parity = {"name": "same", "kind": "prediction_parity", "golden": "golden.json"}
    plan = plan_of(
        steps=[{"mirror": 20}, 50, 100],
        gates=[
            parity,
            {"name": "errors", "kind": "error_rate", "risk_budget": 0.05},
            {"name": "slow", "kind": "slower_than", "threshold_ms": 18, "dry_run": True},
        ],
    )
    found = {
        "plan": plan.as_dict(),
        "weights": {"old": 70, "new": 30},
        "rate": 100.0,
        "estimate": estimate(plan, Traffic(100.0, {"errors": 0.0})).as_dict(),
        "before": {"same": {"value": 1.0, "error": "", "note": "20 of 20 answers agree"}},
    }
    assert plan_text(found).splitlines() == [
        "Plan of ab: new against old, at 100 requests per second",
        "  It begins by taking back what new has now, the weight 30.",
        "  step  weight        candidate's requests      time  slowest gate",
        "  1     mirror 20 %                     60       40s  errors",
        "  2     50 %                            71       40s  errors",
        "  3     100 %                            0        1m",
        "  About 4m20s in all, if the candidate is as good as the baseline.",
        "  same, before the first percent: 20 of 20 answers agree",
        "  gates: same (prediction_parity), errors (error_rate), slow (slower_than, dry run)",
    ]


def test_a_plan_that_cannot_succeed_says_never() -> None:
    plan = plan_of(gates=[{"kind": "error_rate", "risk_budget": 0.0001}])
    found = {
        "plan": plan.as_dict(),
        "weights": {"old": 100, "new": 0},
        "rate": 0.0,
        "estimate": estimate(plan, Traffic(0.0, {"error_rate": 0.5})).as_dict(),
        "before": {},
    }
    text = plan_text(found)
    assert "never" in text
    assert "in all" not in text
    assert "taking back" not in text


def found(**changes: Any) -> dict[str, Any]:
    state = {"phase": "paused", "reason": "pause was asked for by alice", **changes.pop("state", {})}
    empty = {"line": "", "holder": "", "orphaned": False, "requests": [], "events": []}
    return {**empty, "state": state, **changes}


STATUS: dict[str, tuple[Mapping[str, Any], list[str]]] = {
    "nobody": ({"state": None}, ["ab was never rolled out."]),
    "said once": (
        found(line="[rollout ab]  2/3 weight 50  paused  pause was asked for by alice"),
        [
            "[rollout ab]  2/3 weight 50  paused  pause was asked for by alice",
            "  it waits for somebody: resume, promote or abort it",
        ],
    ),
    "no line": (
        found(),
        [
            "[rollout ab] paused",
            "  pause was asked for by alice",
            "  it waits for somebody: resume, promote or abort it",
        ],
    ),
    "carried out": (
        found(line="x", state={"reason": ""}, holder="alice@one", requests=[{"by": "bob", "action": "abort"}]),
        ["x", "  carried out by alice@one", "  asked for by bob, not honoured yet: abort"],
    ),
    "orphaned": (
        found(line="x", state={"reason": ""}, orphaned=True, events=[{"name": "step", "text": "weight 0 -> 5"}]),
        [
            "x",
            "  nobody carries it out any more: run it again to go on, or abort it",
            "  step: weight 0 -> 5",
        ],
    ),
}


@pytest.mark.parametrize(("answer", "lines"), STATUS.values(), ids=STATUS.keys())
def test_status_says_everything_once(answer: Mapping[str, Any], lines: list[str]) -> None:
    assert status_text("ab", answer).splitlines() == lines


OUTCOMES = {
    "succeeded": "ab: it is so. Set the inventory's weights to old 40, new 60, or the next `make up` takes them back.",
    "rolled_back": "ab: the baseline has everything again (old 40, new 60), because it is so.",
    "failed": "ab: the rollout did not take place, because it is so.",
    "stuck": "ab: it is so.",
    "paused": "ab: paused at weight 60, because it is so. Set action to resume, promote or abort.",
    "wait_ready": (
        "ab: nobody carries it out any more; it is wait ready at weight 60 (old 40, new 60). Run it again to go on, or "
        "abort it."
    ),
}


@pytest.mark.parametrize(("phase", "text"), OUTCOMES.items(), ids=OUTCOMES.keys())
def test_an_outcome_says_what_to_do(phase: str, text: str) -> None:
    state = {"phase": phase, "reason": "it is so", "weight": 60.0, "weights": {"old": 40, "new": 60}}
    assert outcome_text("ab", state) == text
