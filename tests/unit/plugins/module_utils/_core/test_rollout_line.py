# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that people watch says the step, what was observed, and what is missing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from plugins.module_utils._core.analysis import Measurement
from plugins.module_utils._core.rollout_line import progress_line
from plugins.module_utils._core.rollout_state import ANALYSE, BASELINE, PAUSED, POST_CHECK, PREFLIGHT, WAIT_READY
from tests.unit.rollout_world import World, plan_of

GATES = [
    {"name": "errors", "kind": "error_rate", "risk_budget": 0.002},
    {"name": "slow95", "kind": "slower_than", "threshold_ms": 18, "dry_run": True},
    {"name": "auc", "kind": "metric", "query": "auc", "min": 0.9},
]
PARITY = {"name": "same", "kind": "prediction_parity", "golden": "golden.json"}

LINES = {
    PREFLIGHT: r"\[rollout ab\]  0/3 weight 0  preflight",
    BASELINE: r"\[rollout ab\]  0/3 weight 0  baseline 0/12",
    ANALYSE: (
        r"\[rollout ab\]  1/3 weight 10  analyse  observed 10\.0 % of \d+  "
        r"errors 0 % vs 0\.22 % e=[\d.]+/20 U-L=[\d.]+/0\.4 pp  "
        r"slow95 \(dry run\) 0 % vs 0\.22 % e=[\d.]+/20 same=[\d.]+/20  auc successful  "
        r"-> needs \d+ more requests of the candidate \(~[\dms]+\)"
    ),
    POST_CHECK: r"\[rollout ab\]  3/3 weight 100  post check 3/4  observed 100\.0 % of \d+  errors .*  -> passes",
}


@pytest.mark.parametrize(("phase", "line"), LINES.items(), ids=LINES.keys())
def test_line(phase: str, line: str) -> None:
    world = World(plan=plan_of(gates=GATES), values={"auc": Measurement(0.95)})
    if phase != PREFLIGHT:
        world.until(phase)
    for _tick in range(3 if phase in (ANALYSE, POST_CHECK) else 0):
        world.tick()
    found = progress_line(world.plan, world.state)
    assert re.fullmatch(line, found), found


def test_a_pause_says_why() -> None:
    world = World().until(ANALYSE, 50).ask("pause")
    world.until(PAUSED)
    assert progress_line(world.plan, world.state) == (
        "[rollout ab]  2/3 weight 50  paused  pause was asked for by alice"
    )


@pytest.mark.parametrize(("before", "phase"), [(0, BASELINE), (30, WAIT_READY)], ids=["untouched", "taken away"])
def test_what_was_asked_before_the_first_percent_is_shown_when_it_begins(before: int, phase: str) -> None:
    world = World(
        plan=plan_of(gates=[*GATES[:1], PARITY]),
        weights={"old": 100 - before, "new": before},
        values={"same": Measurement(1.0, note="20 of 20 answers agree")},
    ).until(phase)
    assert progress_line(world.plan, world.state).endswith("  same: 20 of 20 answers agree")
    world.until(BASELINE).tick()
    assert progress_line(world.plan, world.state) == "[rollout ab]  0/3 weight 0  baseline 1/12"


def test_a_baseline_without_requests_says_so() -> None:
    dry = {"name": "slow", "kind": "slower_than", "threshold_ms": 18, "dry_run": True}
    world = World(plan=plan_of(gates=[*GATES[:1], dry])).until(BASELINE)
    world.rate = 0.0
    world.tick()
    assert re.fullmatch(
        r"\[rollout ab\]  0/3 weight 0  baseline 0/12  errors: there were no requests; [^;]+ are needed  "
        r"slow: there were no requests \(dry run\)",
        progress_line(world.plan, world.state),
    )


FIGURES = {
    "candidate_n": 50,
    "candidate_events": 50,
    "baseline_n": 1000,
    "baseline_events": 2,
    "evidence": 123.4,
    "evidence_needed": 20.0,
}
SHORT = {
    "budget": ({"excess": 0.996, "excess_allowed": 2.0}, "e=123/20 U-L=100/200 pp"),
    "margin": ({"evidence": 1e300, "no_harm": 1e300, "no_harm_needed": 40.0}, "e=9999/20 same=9999/40"),
}


@pytest.mark.parametrize(("figures", "text"), SHORT.values(), ids=SHORT.keys())
def test_no_number_is_a_power_of_ten(figures: dict[str, float], text: str) -> None:
    world = World().until(ANALYSE)
    verdict = {"gate": "errors", "dry_run": False, "phase": "failed", "figures": {**FIGURES, **figures}}
    state = replace(world.state, analysis={"phase": "failed", "verdicts": [verdict]})
    assert progress_line(world.plan, state) == (f"[rollout ab]  1/3 weight 10  analyse  errors 100 % vs 0.2 % {text}")
