# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One more window: what it adds to each gate, and what a gate without an answer does to the others."""

from __future__ import annotations

import pytest

from plugins.module_utils._core.analysis import ERROR, INCONCLUSIVE, SUCCESSFUL
from plugins.module_utils._core.rollout import Rollout
from plugins.module_utils._core.rollout_analysis import judge, judge_baseline, with_window
from plugins.module_utils._core.rollout_state import Observation, State
from plugins.module_utils._core.sequential import Pair, Tally
from tests.unit.rollout_world import plan_of

PLAN = plan_of(
    gates=[{"name": "errors", "kind": "error_rate"}, {"name": "right", "kind": "accuracy", "file": "labels.csv"}]
)
BUSY = Pair(Tally(1000, 0), Tally(9000, 0))


def seen(labels: Pair | None, problem: str = "") -> Observation:
    counts = {"errors": BUSY} if labels is None else {"errors": BUSY, "right": labels}
    return Observation(counts=counts, problems={"right": problem} if problem else {})


def start() -> State:
    return Rollout(PLAN).start("one", {"old": 90, "new": 10}, 0.0)


LABELS = {
    "new ones": (BUSY, SUCCESSFUL, 1, "errors: 0 % of the candidate's"),
    "no new ones": (Pair(), INCONCLUSIVE, 1, "right: "),
    "none that can be read": (None, ERROR, 0, "right: there is no data"),
}


@pytest.mark.parametrize(("labels", "phase", "windows", "reason"), LABELS.values(), ids=LABELS.keys())
def test_labels_may_be_late(labels: Pair | None, phase: str, windows: int, reason: str) -> None:
    state = with_window(PLAN, start(), seen(labels))
    found = judge(PLAN, state)
    assert (found.phase, state.windows) == (phase, windows)
    assert phase == SUCCESSFUL or found.reason.startswith(reason)


def test_no_new_labels_are_no_error_and_take_nothing_away() -> None:
    state = with_window(PLAN, start(), seen(Pair(Tally(10, 1), Tally(90, 2))))
    broken = with_window(PLAN, state, seen(None, "labels.csv cannot be read"))
    assert broken.evidence["right"].errors_in_a_row == 1
    assert with_window(PLAN, broken, seen(Pair())).evidence["right"] == state.evidence["right"]


def test_the_baseline_is_learnt_without_waiting_for_labels() -> None:
    for labels in (Pair(), Pair(candidate=Tally(5, 5))):
        state = with_window(PLAN, start(), seen(labels), baseline_only=True)
        assert judge_baseline(PLAN, state).phase == SUCCESSFUL
        assert state.windows == 1


def test_a_silent_experiment_is_still_an_error() -> None:
    state = with_window(PLAN, start(), Observation(counts={"errors": Pair(), "right": Pair()}))
    assert state.evidence["errors"].problem == "there were no requests"
    assert state.evidence["right"].problem == ""
