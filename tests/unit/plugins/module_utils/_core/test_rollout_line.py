# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that people watch says the step, what was observed, and what is missing."""

from __future__ import annotations

import re

import pytest

from plugins.module_utils._core.analysis import Measurement
from plugins.module_utils._core.rollout_line import progress_line
from plugins.module_utils._core.rollout_state import ANALYSE, BASELINE, PAUSED, POST_CHECK, PREFLIGHT
from tests.unit.rollout_world import World, plan_of

GATES = [
    {"name": "errors", "kind": "error_rate", "risk_budget": 0.002},
    {"name": "slow95", "kind": "slower_than", "threshold_ms": 18, "dry_run": True},
    {"name": "auc", "kind": "metric", "query": "auc", "min": 0.9},
]

LINES = {
    PREFLIGHT: r"\[rollout ab\]  0/3 weight 0  preflight",
    BASELINE: r"\[rollout ab\]  0/3 weight 0  baseline",
    ANALYSE: (
        r"\[rollout ab\]  1/3 weight 10  analyse  observed 10\.0 % of \d+  "
        r"errors 0 % vs 0\.22 % e=[\d.]+/20 U-L=[\d.]+/0\.4 pp  "
        r"slow95 \(dry run\) 0 % vs 0\.22 % e=[\d.]+/20 same=[\d.]+/20  auc successful  "
        r"-> needs \d+ more requests of the candidate \(~[\dms]+\)"
    ),
    POST_CHECK: r"\[rollout ab\]  3/3 weight 100  post check  observed 100\.0 % of \d+  errors .*  -> passes",
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
