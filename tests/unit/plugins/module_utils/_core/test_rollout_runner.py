# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One tick against a store: weights and state in one write, and nothing lost when the write fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Candidate, Mirror
from plugins.module_utils._core.plan import Plan
from plugins.module_utils._core.rollout_begin import Desk, Wish
from plugins.module_utils._core.rollout_record import Holder
from plugins.module_utils._core.rollout_runner import Runner, Tick
from plugins.module_utils._core.rollout_state import (
    ANALYSE,
    BASELINE,
    FAILED,
    PAUSED,
    PREFLIGHT,
    ROLLED_BACK,
    ROLLING_BACK,
    STUCK,
    SUCCEEDED,
    VERIFY_ROUTE,
    WAIT_READY,
    Observation,
    Request,
)
from plugins.module_utils._core.routing import Routed
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.weights import share_of
from tests.unit.rollout_store import Glance, MemoryStore
from tests.unit.rollout_world import PLAN

HOLDER = Holder("alice@one")
TOKEN = "token"


class Walk:
    """A rollout on a store in memory, whose traffic goes where the weights send it."""

    def __init__(self, **changes: Any) -> None:
        self.values: dict[str, Any] = {**PLAN, **changes}
        self.plan = Plan.parse(self.values)
        self.store = MemoryStore()
        self.now = 1000.0
        self.glance = Glance()
        Desk("ab", self.store, self.clock, lambda _holder: False).take(Wish("run", TOKEN, "run-1", HOLDER, self.values))

    def clock(self) -> float:
        return self.now

    def tick(self, token: str = TOKEN, interrupt: Request | None = None) -> Tick:
        runner = Runner(self.plan, self.store, self.clock)
        found = runner.tick(self.store.view("ab"), self.glance, token, interrupt)
        self.now += max(found.effects.wait, 0.1)
        return found

    def traffic(self, n: int = 1000, failed: float = 0.0) -> None:
        """See requests where the weights send them, some of the candidate's failed."""
        assert self.store.experiment is not None
        to_new = round(n * share_of("new", self.store.experiment.weights))
        window = Pair(Tally(to_new, round(to_new * failed)), Tally(n - to_new, 0))
        self.glance.seen = replace(
            self.glance.seen, counts={"errors": window}, routed=Routed(to_new, n - to_new), problems={}
        )

    def until(self, phase: str, failed: float = 0.0) -> Tick:
        for _tick in range(200):
            self.traffic(failed=failed)
            found = self.tick()
            if self.store.state.phase == phase:
                return found
        raise AssertionError(f"never {phase}: {self.store.state}")

    @property
    def weights(self) -> dict[str, int]:
        assert self.store.experiment is not None
        return self.store.experiment.weights


def test_a_walk_from_the_first_percent_to_all_of_the_traffic() -> None:
    walk = Walk()
    last = walk.until(SUCCEEDED)
    assert (last.effects.done, walk.weights) == (True, {"old": 0, "new": 100})
    assert walk.store.record is not None
    assert walk.store.record.lock is None
    # Weights are written with the record that speaks of them, and most ticks write the record alone.
    assert [weights for _sequence, weights in walk.store.writes if weights] == [
        {"old": 100, "new": 0},
        {"old": 90, "new": 10},
        {"old": 50, "new": 50},
        {"old": 0, "new": 100},
    ]
    assert [sequence for sequence, _weights in walk.store.writes] == list(range(1, len(walk.store.writes) + 1))
    assert [line["phase"] for line in walk.store.ended] == [SUCCEEDED]


def test_state_is_written_before_anybody_waits() -> None:
    walk = Walk()
    walk.traffic()
    found = walk.tick()
    assert found.effects.wait > 0
    assert walk.store.state.phase == found.state.phase == WAIT_READY
    assert walk.store.state.weights == walk.weights == {"old": 100, "new": 0}


def test_probes_are_asked_for_while_a_change_comes_into_force() -> None:
    walk = Walk()
    walk.until(BASELINE)
    assert walk.glance.probes[0] == 0
    assert walk.glance.probes[-1] >= 10


def test_a_lock_that_somebody_else_has_stops_at_once_and_writes_nothing() -> None:
    walk = Walk()
    before = walk.store.record
    found = walk.tick(token="another")
    assert (found.effects.done, found.effects.write) == (True, False)
    assert [event.name for event in found.effects.events] == ["lock_lost"]
    assert walk.store.record == before


def test_a_record_that_is_gone_is_said() -> None:
    walk = Walk()
    walk.store.record = None
    with pytest.raises(ServingError, match=r"The record of the rollout of 'ab' is gone"):
        walk.tick()


def test_somebody_who_writes_meanwhile_makes_it_look_again() -> None:
    walk = Walk()

    def write(_change: object) -> None:
        store = walk.store
        store.meanwhile = lambda _change: None
        assert store.record is not None
        store.record = store.record.next(store.record.state, store.record.lock)

    walk.store.meanwhile = write
    found = walk.tick()
    assert (found.again, found.as_dict()["wait"], found.as_dict()["done"]) == (True, 0.0, False)
    assert walk.store.state.phase == PREFLIGHT
    assert not walk.tick().again


def test_an_edit_between_reading_and_writing_is_not_overwritten() -> None:
    walk = Walk()
    walk.until(BASELINE)

    def edit(change: object) -> None:
        assert walk.store.experiment is not None
        if change is not None:
            candidates = (Candidate("old", 1), Candidate("new", 1))
            walk.store.experiment = replace(walk.store.experiment, candidates=candidates)

    walk.store.meanwhile = edit
    found = walk.tick()
    while not found.again:
        walk.traffic()
        found = walk.tick()
    walk.tick()
    assert (walk.store.state.phase, walk.store.state.cause) == (PAUSED, "external_edit")
    assert "old 100 -> 1, new 0 -> 1" in walk.store.state.reason
    assert walk.weights == {"old": 1, "new": 1}


def test_weights_that_cannot_be_written_pause_and_those_before_stay() -> None:
    walk = Walk()
    walk.until(BASELINE)
    walk.store.refuses_weights = "Envoy did not answer"
    walk.until(PAUSED)
    state = walk.store.state
    assert (state.cause, state.reason) == ("routing_not_applied", "Envoy did not answer")
    assert state.weights == walk.weights == {"old": 100, "new": 0}


def test_a_way_back_that_cannot_be_written_is_tried_until_it_is_stuck() -> None:
    walk = Walk(policy={"rollback_timeout": "30s"})
    walk.until(ANALYSE)
    walk.store.refuses_weights = "Envoy did not answer"
    found = walk.until(ROLLING_BACK, failed=1.0)
    assert [event.name for event in found.effects.events] == ["rolling_back", "write_failed"]
    assert walk.weights == {"old": 90, "new": 10}
    walk.until(STUCK)
    assert walk.store.record is not None
    assert walk.store.record.lock is not None, "nobody else must think that all is well"
    assert "set the weights of ab to old 100, new 0 by hand" in walk.store.state.reason


def test_a_way_back_that_can_be_written_again_ends_well() -> None:
    walk = Walk()
    walk.until(ANALYSE)
    walk.store.refuses_weights = "Envoy did not answer"
    walk.until(ROLLING_BACK, failed=1.0)
    walk.store.refuses_weights = ""
    walk.until(ROLLED_BACK)
    assert walk.weights == {"old": 100, "new": 0}


def test_a_full_disk_is_said_and_loses_nothing() -> None:
    walk = Walk()
    walk.until(ANALYSE)
    before = walk.store.record
    walk.store.is_full = True
    with pytest.raises(ServingError, match="No space left"):
        walk.tick()
    assert walk.store.record == before
    walk.store.is_full = False
    walk.until(SUCCEEDED)


def test_requests_are_honoured_once_and_taken_away() -> None:
    walk = Walk()
    walk.until(ANALYSE)
    walk.store.ask("ab", Request("r1", "pause", "bob@two"))
    walk.tick()
    assert (walk.store.state.phase, walk.store.state.reason) == (PAUSED, "pause was asked for by bob@two")
    assert walk.store.waiting == []


def test_an_interrupt_goes_back() -> None:
    walk = Walk()
    walk.until(ANALYSE)
    walk.tick(interrupt=Request("i", "interrupt", "Ctrl-C of alice@one"))
    assert (walk.store.state.phase, walk.store.state.cause) == (ROLLING_BACK, "interrupted")
    assert walk.weights == {"old": 100, "new": 0}


def test_a_mirror_is_no_candidate_and_leaves_with_its_step() -> None:
    walk = Walk(steps=[{"mirror": 50}, 10, 100])
    walk.until(ANALYSE)
    assert walk.store.experiment is not None
    assert (walk.store.experiment.mirror, walk.weights) == (Mirror("new", 50), {"old": 100})
    walk.glance.seen = replace(walk.glance.seen, counts={"errors": Pair(Tally(500, 0), Tally(1000, 0))})
    for _tick in range(20):
        walk.glance.seen = replace(walk.glance.seen, routed=Routed(0, 1000))
        walk.tick()
        if walk.store.state.step == 1:
            break
    assert walk.store.experiment.mirror is None
    assert walk.weights == {"old": 90, "new": 10}


def test_rollback_style_remove_takes_the_candidate_out() -> None:
    walk = Walk(policy={"rollback_style": "remove"})
    walk.until(ANALYSE)
    walk.until(ROLLED_BACK, failed=1.0)
    assert walk.weights == {"old": 100}


def test_a_refused_preflight_changes_nothing_and_gives_the_lock_back() -> None:
    walk = Walk()
    walk.glance.seen = Observation(preflight=("new is not ready", "there is no log"))
    found = walk.tick()
    assert (found.state.phase, found.state.reason) == (FAILED, "new is not ready; there is no log")
    assert walk.weights == {"old": 70, "new": 30}
    assert walk.store.record is not None
    assert walk.store.record.lock is None


def test_the_journal_has_a_line_for_each_tick() -> None:
    walk = Walk()
    walk.glance.facts = {"client": None, "synthetic": 3}
    walk.until(VERIFY_ROUTE)
    lines = walk.store.lines
    assert len(lines) == len(walk.store.writes)
    assert lines[-1]["line"] == "[rollout ab]  0/3 weight 0  verify route"
    assert (lines[-1]["run"], lines[-1]["synthetic"]) == ("run-1", 3)


def test_a_journal_that_cannot_be_written_stops_no_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk()

    def refuse(*_arguments: object) -> None:
        raise ServingError("No space left on device")

    monkeypatch.setattr(walk.store, "note", refuse)
    walk.until(SUCCEEDED)
