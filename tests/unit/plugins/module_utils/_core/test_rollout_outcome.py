# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a rollout came out, in a sentence for whoever has to act."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.rollout_journal import Tick
from plugins.module_utils._core.rollout_outcome import outcome
from plugins.module_utils._core.rollout_state import PHASES

PLAN = {"candidate": "new", "steps": [{}, {}, {}]}
WALKED = [Tick(0.0, "baseline"), Tick(60.0, "analyse", 1, 25.0), Tick(90.0, "rolling_back", 1, 0.0)]


def said(phase: str, cause: str = "", reason: str = "", **told: Any) -> dict[str, Any]:
    weights = {"old": 100, "new": 0}
    return outcome(PLAN, {"phase": phase, "cause": cause, "reason": reason, "weights": weights, **told}, WALKED, 90.0)


@pytest.mark.parametrize(
    ("found", "verdict", "sentence"),
    [
        pytest.param(
            said("succeeded", weights={"old": 0, "new": 100}),
            "passed",
            "The candidate new took all 3 steps in 1m30s, and no gate spoke against it; new has all of the traffic "
            "now; nothing has to be done; the experiment stays, with the candidate at 100 %.",
            id="succeeded",
        ),
        pytest.param(
            said("succeeded", weights={"new": 100}, skipped=[{"step": 1, "phase": "analyse", "by": "alice"}]),
            "passed",
            "The candidate new got to the last of 3 steps at somebody's word in 1m30s, and no gate spoke against it; "
            "new has all of the traffic now; nothing has to be done; the experiment stays, with the candidate at "
            "100 %.",
            id="succeeded because somebody promoted it",
        ),
        pytest.param(
            said("rolled_back", "harm", "errors: 5 % failed"),
            "failed",
            "The candidate new was taken back from 25 % after 1m30s: errors: 5 % failed; old has all of the traffic "
            "now; look at what the candidate answered and logged, mend it, and start again.",
            id="harm",
        ),
        pytest.param(
            said("rolled_back", "routing", "the routing is off"),
            "undecided",
            "The candidate new was taken back from 25 % after 1m30s: the routing is off; old has all of the traffic "
            "now; look at the data plane and its routes, and start again: the candidate is not to blame.",
            id="the routing is off",
        ),
        pytest.param(
            said("failed", "limit", "parity: 3 of 12 differ"),
            "failed",
            "The rollout of new ended before its first percent: parity: 3 of 12 differ; old has all of the traffic "
            "now; compare the candidate's answers with the golden ones; nothing was changed.",
            id="failed before the first percent",
        ),
        pytest.param(
            said("paused", "no_traffic", "errors: there were no requests", weights={"old": 3, "new": 1}),
            "undecided",
            "The rollout of new stopped at 25 % after 1m30s: errors: there were no requests; old has 75 % of the "
            "traffic, new 25 % now; send requests to the experiment, and set action to resume, or to abort.",
            id="paused",
        ),
        pytest.param(
            said("aborted", "deleted", "the experiment ab was deleted"),
            "undecided",
            "The rollout of new was given up after 1m30s: the experiment ab was deleted; the experiment is gone, and "
            "requests to it get 404; create the experiment, and start again.",
            id="deleted",
        ),
        pytest.param(
            said("stuck", "harm", "going back could not be confirmed"),
            "failed",
            "The candidate new was to be taken back from 25 %: going back could not be confirmed; by the weights old "
            "has all of the traffic; do that before anything else; the lock is kept, so that nobody takes this for "
            "settled.",
            id="stuck",
        ),
        pytest.param(
            said("analyse"),
            "undecided",
            "The rollout of new was judging at 25 % when this was written; old has all of the traffic now; run the "
            "rollout again: it goes on from here.",
            id="not over yet",
        ),
    ],
)
def test_outcome(found: dict[str, Any], verdict: str, sentence: str) -> None:
    assert (found["verdict"], found["sentence"]) == (verdict, sentence)


@pytest.mark.parametrize("phase", [*PHASES, ""])
def test_every_end_has_words(phase: str) -> None:
    found = outcome({}, {"phase": phase}, (), 0.0)
    assert found["headline"]
    assert found["next"]
    assert found["now"] == ""
    assert found["sentence"].endswith(".")


def test_weights_that_nobody_named_are_those_of_the_journal() -> None:
    ticks = [Tick(0.0, "analyse", 0, 10.0, mirror=0, weights={"old": 90.0, "new": 10.0})]
    found = outcome(PLAN, {"phase": "paused"}, ticks, 5.0)
    assert (found["weights"], found["now"]) == (
        {"old": 90.0, "new": 10.0},
        "old has 90 % of the traffic, new 10 % now",
    )


def test_a_mirror_is_called_one() -> None:
    found = outcome(PLAN, {"phase": "rolled_back"}, [Tick(0.0, "analyse", 0, 0.0, mirror=20)], 5.0)
    assert found["what"] == "the candidate new was taken back from a mirror of 20 % after 5s"
