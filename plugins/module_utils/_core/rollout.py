# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk of a candidate from its first percent to all of the traffic, or back: one tick at a time.

``tick(state, observation, now) -> (state, effects)``. The new state is written together with the weights that the
effects ask for, in one write, before anybody waits. Nothing else is remembered, so a runner may be killed at any
moment, and another one goes on from what is written.

A tick looks first at what is the same in every phase: the lock, whether the experiment is there, requests of people,
edits by others, whether the candidate is ready, the deadline. Then it does what its phase is for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Mapping, Tuple

from .durations import spoken
from .errors import ServingError
from .evidence import Evidence
from .plan import Plan
from .rollout_moves import DEADLINE, EXTERNAL_EDIT, NOT_READY, ROUTING_NOT_APPLIED, STALE, Moves, edit_text
from .rollout_phases import HANDLERS
from .rollout_requests import answer, verify_again
from .rollout_state import (
    ABORTED,
    PAUSED,
    POST_CHECK,
    PREFLIGHT,
    ROLLING_BACK,
    STUCK,
    Effects,
    Event,
    Observation,
    State,
)
from .weights import weights_at

Outcome = Tuple[State, Effects]


@dataclass(frozen=True)
class Rollout:
    """A plan that is carried out."""

    plan: Plan

    def start(self, run: str, weights: Mapping[str, int], now: float) -> State:
        """Return the state of a new run; ``weights`` are those that are declared now. Nothing is changed yet."""
        plan = self.plan
        # What cannot be divided is refused before anything begins.
        weights_at(0.0, weights, baseline=plan.baseline, candidate=plan.candidate)
        shared = weights.get(plan.candidate, 0) + weights.get(plan.baseline, 0)
        return State(
            id=run,
            plan=plan.digest,
            phase=PREFLIGHT,
            original=dict(weights),
            weights=dict(weights),
            percent=100.0 * weights.get(plan.candidate, 0) / shared if shared else 0.0,
            started=now,
            phase_since=now,
            step_since=now,
            renewed=now,
            evidence={gate.name: Evidence.of(gate) for gate in plan.counted},
        )

    def adopt(self, state: State, now: float) -> Outcome:
        """Take over a run whose runner is gone: prove the weights again and go on, or go back when it is too old."""
        self.refuse_other_plan(state)
        moves, gap = Moves(self.plan, now), max(0.0, now - state.renewed)
        if state.is_terminal:
            return state, Effects(write=False, done=True)
        later = replace(
            state,
            renewed=now,
            started=state.started + gap,
            step_since=state.step_since + gap,
            phase_since=now if state.phase != PAUSED else state.phase_since + gap,
            rollback_since=now if state.phase == ROLLING_BACK else state.rollback_since,
        )
        event = Event("adopted", f"taken over after {spoken(gap)} without a runner")
        if state.phase == ROLLING_BACK:
            return moves.write_back(later, event)
        if state.phase in (PREFLIGHT, PAUSED) or not (state.percent or state.mirror):
            return moves.stay(later, events=(event,))
        if gap > self.plan.policy.stale_after and self.plan.policy.on_stale_resume == "rollback":
            return moves.roll_back(later, STALE, f"nobody watched it for {spoken(gap)}")
        return verify_again(moves, later, state.then or state.phase, event)

    def refuse_other_plan(self, state: State) -> None:
        """Refuse to carry on a run with a plan that it did not begin with."""
        if state.plan != self.plan.digest:
            raise ServingError(
                f"The rollout {state.id} of {self.plan.name!r} began with another plan ({state.plan}, and this one is "
                f"{self.plan.digest}); set the plan that it began with, or abort it and start anew."
            )

    def unwritten(self, state: State, problem: str, now: float) -> Outcome:
        """Return the state when new weights could not be written: those from before are in force, and it pauses."""
        return Moves(self.plan, now).pause(replace(state, renewed=now), ROUTING_NOT_APPLIED, problem)

    def tick(self, state: State, seen: Observation, now: float) -> Outcome:
        """Return the state after one look, and what has to be done for it."""
        if seen.lock_lost:
            text = "somebody else holds the lock now; nothing more is done here"
            return state, Effects(write=False, done=True, events=(Event("lock_lost", text),))
        moves = Moves(self.plan, now)
        current = replace(state, renewed=now, cursors=dict(state.cursors if seen.cursors is None else seen.cursors))
        if state.is_terminal:
            stuck = answer(moves, current, seen) if state.phase == STUCK else None
            return stuck or (state, Effects(write=False, done=True))
        return (
            self._gone(moves, current, seen)
            or answer(moves, current, seen)
            or self._disturbed(moves, current, seen)
            or HANDLERS[state.phase](moves, current, seen)
        )

    def _gone(self, moves: Moves, state: State, seen: Observation) -> Outcome | None:
        if seen.exists:
            return None
        text = f"the experiment {self.plan.name} was deleted; requests to {self.plan.name}.experiment get 404 now"
        return moves.end(state, ABORTED, "deleted", text)

    def _disturbed(self, moves: Moves, state: State, seen: Observation) -> Outcome | None:
        """Look at what can go wrong in every phase of the walk."""
        if state.phase == ROLLING_BACK:
            return None
        if seen.weights is not None and dict(seen.weights) != dict(state.weights):
            known = state.phase == PAUSED and state.cause == EXTERNAL_EDIT
            return None if known else moves.pause(state, EXTERNAL_EDIT, edit_text(state.weights, seen.weights))
        if seen.candidate_ready is False:
            text = f"{self.plan.candidate} is not ready"
            if state.phase == PREFLIGHT:
                return moves.refuse(state, (text,), NOT_READY)
            return moves.roll_back(state, NOT_READY, text)
        limit = self.plan.judging.max_duration
        if moves.now - state.started > limit and state.phase not in (PREFLIGHT, PAUSED, POST_CHECK):
            text = f"the rollout was not over within {spoken(limit)}"
            return moves.by_policy(state, self.plan.policy.on_inconclusive, DEADLINE, text)
        return None


__all__ = ["Rollout"]
