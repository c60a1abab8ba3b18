# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is expected to take is what the design promises; what cannot succeed is said before it begins."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.module_utils._core.feasibility import Estimate, Traffic, estimate
from plugins.module_utils._core.plan import Plan

ERRORS = {"name": "errors", "kind": "error_rate"}
SLOW = {"name": "slow95", "kind": "slower_than", "threshold_ms": 18, "percentile": 95}
PLAN: dict[str, Any] = {
    "name": "ab-experiment",
    "baseline": "baseline-predictor",
    "candidate": "enhanced-predictor",
    "steps": [5, 10, 25, 50, 100],
    "gates": [ERRORS],
}


def estimated(rate: float, share: float, **changes: Any) -> Estimate:
    found = Plan.parse({**PLAN, **changes})
    return estimate(found, Traffic(rate, {gate.name: share for gate in found.counted}))


# The design's table, to the next weight: requests of the candidate since the beginning, at 0.2 % and at 1 %.
@pytest.mark.parametrize(
    ("share", "promised"), [(0.002, [120, 480, 1200, 4600]), (0.01, [180, 930, 4400, 25_000])], ids=["0.2 %", "1 %"]
)
def test_estimated_requests(share: float, promised: list[int]) -> None:
    steps = estimated(50, share, analysis={"min_requests": 1}).steps[:-1]
    total, found = 0, []
    for step in steps:
        total += step.requests or 0
        found.append(total)
    # The design looked at other moments, and took each arm's bound at 5 % rather than both together.
    assert found == pytest.approx(promised, rel=0.35)


def test_feasible_plan_says_its_time() -> None:
    found = estimated(50, 0.002)
    assert found.is_feasible
    assert found.seconds == pytest.approx(300 + sum(step.seconds for step in found.steps))
    assert found.steps[0].requests == 300, "the least number of requests"
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["problems"] == []


INFEASIBLE: dict[str, tuple[float, float, dict[str, Any], str]] = {
    "too little traffic": (
        1.2,
        0.002,
        {},
        "step 1 (5 %) needs 300 more requests of the candidate; at 1.2 requests per second that takes 1h23m, and "
        "max_step_duration is 30m; set traffic.rate so that there are 3.4 per second, or a longer "
        "max_step_duration",
    ),
    "no traffic": (
        0.0,
        0.002,
        {},
        "step 1 (5 %) needs 300 requests of the candidate, and there is no traffic; set traffic.rate",
    ),
    "too long as a whole": (
        50.0,
        0.002,
        {"analysis": {"max_duration": "10m"}},
        "the walk takes 13m2s at 50 requests per second, and max_duration is 10m; set a longer one, or more traffic",
    ),
    "a mirror": (0.1, 0.002, {"steps": [{"mirror": 50}, 100]}, "step 1 (mirror 50 %) needs "),
}


@pytest.mark.parametrize(("rate", "share", "changes", "wanted"), INFEASIBLE.values(), ids=INFEASIBLE.keys())
def test_infeasible(rate: float, share: float, changes: dict[str, Any], wanted: str) -> None:
    found = estimated(rate, share, **changes)
    assert not found.is_feasible
    assert found.problems[0].startswith(wanted)
    json.dumps(found.as_dict(), allow_nan=False)


def test_latency_needs_its_own_requests() -> None:
    """The design's figure for a margin of 1.5 on the 95th percentile: about 1,000 requests of the candidate."""
    first = estimated(50, 0.05, gates=[SLOW, {**ERRORS, "dry_run": True}]).steps[0]
    assert first.gate == "slow95"
    assert first.requests == pytest.approx(1000, rel=0.1)
