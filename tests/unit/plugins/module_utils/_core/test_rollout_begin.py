# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may carry a rollout out, and what becomes of a wish beside somebody who does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.evidence import Evidence
from plugins.module_utils._core.plan import Plan
from plugins.module_utils._core.rollout_begin import Begun, Desk, Wish
from plugins.module_utils._core.rollout_record import Holder
from plugins.module_utils._core.rollout_state import (
    ABORTED,
    ANALYSE,
    FAILED,
    PAUSED,
    PREFLIGHT,
    ROLLED_BACK,
    ROLLING_BACK,
    STUCK,
    SUCCEEDED,
    WAIT_READY,
)
from plugins.module_utils._core.sequential import Pair, Tally
from tests.unit.rollout_store import MemoryStore
from tests.unit.rollout_world import PLAN

ALICE, BOB = Holder("alice@one", "boot", 11, "1"), Holder("bob@two", "boot", 12, "2")


class Bench:
    """A desk with a clock, and the holders that are known to be gone."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.now = 1000.0
        self.gone: set[int] = set()
        self.desk = Desk("ab", self.store, lambda: self.now, lambda holder: holder.pid in self.gone)

    def take(self, action: str = "run", holder: Holder = ALICE, **more: Any) -> Begun:
        plan = more.pop("plan", PLAN if action in ("run", "retry") else None)
        return self.desk.take(Wish(action, f"token-{holder.pid}", f"run-{self.now:g}", holder, plan, **more))

    def put(self, phase: str, *, locked: bool = True, **changes: Any) -> None:
        """Bring the rollout that was begun to a phase."""
        record = self.store.record
        assert record is not None
        state = replace(record.state, phase=phase, **changes)
        self.store.record = replace(record, state=state, lock=record.lock if locked else None)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_new_run_takes_the_lock_and_changes_no_weight(bench: Bench) -> None:
    begun = bench.take()
    assert begun.tick is not None
    assert begun.tick.state.phase == PREFLIGHT
    record = bench.store.record
    assert record is not None
    assert record.lock is not None
    assert (record.sequence, record.lock.token, record.lock.holder) == (1, "token-11", ALICE)
    assert record.versions == {"old": 1, "new": 1}
    assert bench.store.writes == [(1, None)]
    assert [event["name"] for event in bench.store.lines[0]["events"]] == ["start"]


def test_of_two_runners_one_proceeds(bench: Bench) -> None:
    bench.take()
    before = bench.store.record
    beside = bench.take(holder=BOB)
    assert beside.tick is None
    assert beside.held is not None
    assert beside.held.holder == ALICE
    assert bench.store.record == before


def test_of_two_who_begin_at_the_same_moment_one_proceeds(bench: Bench) -> None:
    def begin_too(_change: object) -> None:
        bench.store.meanwhile = lambda _change: None
        bench.take(holder=BOB)

    bench.store.meanwhile = begin_too
    begun = bench.take()
    assert begun.tick is None
    assert begun.held is not None
    assert begun.held.holder == BOB
    assert bench.store.state.id == "run-1000"
    assert len(bench.store.writes) == 1


def test_a_holder_that_is_silent_for_long_or_is_gone_is_followed_by_another(bench: Bench) -> None:
    bench.take()
    bench.now += 39
    assert bench.take(holder=BOB).held is not None
    bench.now += 2
    begun = bench.take(holder=BOB)
    assert begun.tick is not None
    assert bench.store.record is not None
    assert bench.store.record.lock is not None
    assert bench.store.record.lock.holder == BOB
    bench.gone.add(BOB.pid)
    assert bench.take(holder=ALICE).tick is not None


def test_an_orphan_with_weight_proves_its_weights_again(bench: Bench) -> None:
    bench.take()
    bench.put(ANALYSE, step=0, percent=10.0, weights={"old": 63, "new": 7})
    bench.gone.add(ALICE.pid)
    begun = bench.take(holder=BOB)
    assert begun.tick is not None
    assert begun.tick.state.phase == WAIT_READY
    assert begun.tick.effects.weights == {"old": 63, "new": 7}
    assert bench.store.experiment is not None
    assert bench.store.experiment.weights == {"old": 63, "new": 7}


def test_an_orphan_that_nobody_watched_for_too_long_goes_back(bench: Bench) -> None:
    bench.take()
    bench.put(ANALYSE, step=0, percent=10.0)
    bench.now += 901
    begun = bench.take(holder=BOB)
    assert begun.tick is not None
    assert begun.tick.state.phase == ROLLING_BACK
    assert begun.tick.state.cause == "stale"


def test_a_wish_beside_a_runner_is_left_for_it(bench: Bench) -> None:
    bench.take()
    begun = bench.take("abort", BOB)
    assert (begun.tick, begun.asked) == (None, "token-12")
    [request] = bench.store.waiting
    assert (request.action, request.by, request.id) == ("abort", "bob@two", "token-12")


def test_a_wish_without_a_runner_becomes_one_and_needs_no_plan(bench: Bench) -> None:
    bench.take()
    bench.put(PAUSED, locked=False, step=0, percent=10.0, then=ANALYSE, cause="no_data")
    begun = bench.take("resume", BOB)
    assert begun.tick is not None
    assert begun.tick.state.phase == PAUSED
    assert [each.action for each in bench.store.waiting] == ["resume"]
    assert bench.store.record is not None
    assert bench.store.record.lock is not None
    assert bench.store.record.lock.holder == BOB


def test_whoever_goes_on_without_the_plan_goes_on_with_what_was_given_beside_it(bench: Bench) -> None:
    bench.take(settings={"traffic": {"rate": 50.0}})
    bench.gone.add(ALICE.pid)
    bench.put(PAUSED, step=0, percent=10.0, then=ANALYSE)
    bench.take("resume", BOB, settings={"traffic": {"rate": 0.0}})
    assert bench.store.record is not None
    assert bench.store.record.settings == {"traffic": {"rate": 50.0}}
    bench.gone.add(BOB.pid)
    bench.take("run", ALICE, settings={"traffic": {"rate": 7.0}})
    assert bench.store.record.settings == {"traffic": {"rate": 7.0}}
    assert bench.store.record.beside_weights["settings"] == {}


def test_what_was_repaired_is_kept_where_weights_are_written_at_once(bench: Bench) -> None:
    bench.take(settings={"traffic": {"request": "/broken.json"}})
    bench.put(ANALYSE, step=0, percent=10.0, weights={"old": 63, "new": 7})
    bench.gone.add(ALICE.pid)
    begun = bench.take(holder=BOB, settings={"traffic": {"request": "/repaired.json"}})
    assert begun.tick is not None
    assert begun.tick.effects.weights == {"old": 63, "new": 7}
    record = bench.store.record
    assert record is not None
    assert record.lock is not None
    assert (record.settings, record.lock.holder) == ({"traffic": {"request": "/repaired.json"}}, BOB)


def test_of_two_who_take_over_at_the_same_moment_one_proceeds(bench: Bench) -> None:
    bench.take()
    bench.put(ANALYSE, step=0, percent=10.0, weights={"old": 63, "new": 7})
    bench.gone.add(ALICE.pid)
    carol = Holder("carol@three", "boot", 13, "3")

    def take_over_too(_change: object) -> None:
        bench.store.meanwhile = lambda _change: None
        assert bench.take(holder=carol).tick is not None

    bench.store.meanwhile = take_over_too
    begun = bench.take(holder=BOB)
    assert begun.tick is None
    assert begun.held is not None
    assert begun.held.holder == carol


def test_a_run_that_succeeded_and_is_in_force_is_not_run_again(bench: Bench) -> None:
    bench.take()
    bench.put(SUCCEEDED, locked=False, weights={"old": 70, "new": 30})
    begun = bench.take()
    assert begun.settled is not None
    assert begun.tick is None
    assert len(bench.store.writes) == 1


CHANGES: dict[str, Any] = {
    "other weights": lambda bench: bench.put(SUCCEEDED, locked=False, weights={"old": 0, "new": 100}),
    "another version of the candidate": lambda bench: bench.store.models.update(
        new=replace(bench.store.models["new"], version=2)
    ),
    "it failed before its start": lambda bench: bench.put(FAILED, locked=False),
    "it was aborted before its start": lambda bench: bench.put(ABORTED, locked=False),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_run_that_does_not_hold_any_more_is_run_again(bench: Bench, change: Any) -> None:
    bench.take()
    bench.put(SUCCEEDED, locked=False, weights={"old": 70, "new": 30})
    change(bench)
    bench.now = 2000.0
    begun = bench.take()
    assert begun.tick is not None
    assert begun.tick.state.id == "run-2000"


def test_what_was_taken_back_wants_retry_or_another_plan(bench: Bench) -> None:
    bench.take()
    seen = Evidence.of(Plan.parse(PLAN).counted[0]).add(Pair(Tally(100, 9), Tally(900, 1)), errors_count=True)
    bench.put(ROLLED_BACK, locked=False, reason="it failed", evidence={"errors": seen})
    bench.now = 2000.0
    with pytest.raises(ServingError, match=r"is over \(rolled_back: it failed\)\. Set action to retry"):
        bench.take()
    assert bench.take("retry").tick is not None
    again = bench.store.state
    assert (again.id, again.phase, again.step) == ("run-2000", PREFLIGHT, -1)
    assert again.evidence["errors"].seen.candidate.n == 0
    bench.put(ROLLED_BACK, locked=False, reason="it failed")
    assert bench.take(plan={**PLAN, "steps": [20, 100]}).tick is not None


REFUSALS: dict[str, tuple[str, str | None, dict[str, Any], str]] = {
    "another plan than it began with": (
        "run",
        ANALYSE,
        {"plan": {**PLAN, "steps": [20, 100]}},
        r"began with another plan",
    ),
    "retry of one that is under way": ("retry", PAUSED, {}, r"is paused, and only one that is over can be tried again"),
    "pause of one that is over": ("pause", SUCCEEDED, {}, r"is over \(succeeded: .*\); there is nothing to pause"),
    "run beside one that is stuck": ("run", STUCK, {}, r"is stuck: set it by hand"),
    "abort of nothing": ("abort", None, {}, r"was never rolled out, so there is nothing to abort"),
    "run without a plan": ("run", None, {"plan": None}, r"There is no plan for 'ab'\. Set baseline, candidate"),
}


@pytest.mark.parametrize(("action", "phase", "more", "words"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals(bench: Bench, action: str, phase: str | None, more: dict[str, Any], words: str) -> None:
    if phase:
        bench.take()
        bench.put(phase, locked=phase == STUCK, reason="set it by hand")
    before = bench.store.record
    with pytest.raises(ServingError, match=words):
        bench.take(action, **more)
    assert bench.store.record == before
    assert bench.store.waiting == []


def test_an_experiment_that_is_not_there_is_refused(bench: Bench) -> None:
    bench.store.experiment = None
    with pytest.raises(ServingError, match=r"There is no experiment 'ab'\. Declare it first"):
        bench.take()


def test_a_stuck_rollout_is_aborted_again_whoever_holds_its_lock(bench: Bench) -> None:
    bench.take()
    bench.put(STUCK, percent_before=10.0)
    begun = bench.take("abort", BOB)
    assert begun.tick is not None
    assert [each.action for each in bench.store.waiting] == ["abort"]
