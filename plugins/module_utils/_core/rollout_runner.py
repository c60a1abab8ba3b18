# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One tick of a rollout against a store: read, look, decide, write; and what is told of it.

Nothing is remembered between two ticks but what the store keeps, so each of them may run in a process of its own. The
state is on disk, with the weights, before anybody waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping, Protocol

from .errors import ServingError
from .experiment import Candidate, Mirror
from .plan import Plan
from .ports import RolloutStore, RolloutView, TrafficChange
from .rollout import Rollout
from .rollout_line import progress_line
from .rollout_moves import Moves
from .rollout_record import Lock, Record
from .rollout_state import ROLLING_BACK, Effects, Event, Observation, Request, State


@dataclass(frozen=True)
class Look:
    """What was seen at a tick, and what only the journal wants to know of it."""

    observation: Observation
    facts: Mapping[str, Any]


class Watch(Protocol):
    """Whoever looks at both arms for a rollout."""

    def look(self, view: RolloutView, state: State, probes: int) -> Look:
        """Send so many requests through the route, then say what was seen since the tick before."""


@dataclass(frozen=True)
class Tick:
    """How a tick went. ``again``: somebody else wrote meanwhile, so nothing was; look again at once."""

    state: State
    effects: Effects
    line: str = ""
    again: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return what a runner has to know, as plain data."""
        state, effects = self.state, self.effects
        return {
            "run": state.id,
            "phase": state.phase,
            "step": state.step,
            "weight": state.percent,
            "weights": dict(state.weights),
            "cause": state.cause,
            "reason": state.reason,
            "analysis": None if state.analysis is None else dict(state.analysis),
            "line": self.line,
            "events": [{"name": each.name, "text": each.text} for each in effects.events],
            "wait": 0.0 if self.again else effects.wait,
            "done": effects.done and not self.again,
            "weights_before": None if effects.weights is None or self.again else self.before,
            "again": self.again,
        }

    before: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Runner:
    """Carries out one plan on one store. ``clock`` returns seconds since 1970, the same for all who use the store."""

    plan: Plan
    store: RolloutStore
    clock: Callable[[], float]

    def tick(self, view: RolloutView, watch: Watch, token: str, interrupt: Request | None = None) -> Tick:
        """Look, decide and write once, beginning with what the store says now. A lock of somebody else ends it."""
        record = view.record
        if record is None or record.lock is None or record.lock.token != token:
            return self._lost(record)
        probes = Moves(self.plan, self.clock()).probes(record.state)
        look = watch.look(view, record.state, probes)
        asked = (*view.requests, *((interrupt,) if interrupt else ()))
        seen = completed(look.observation, view, record.state, self.plan, asked)
        now = self.clock()
        state, effects = Rollout(self.plan).tick(record.state, seen, now)
        return self.carry_out(view, record, (state, effects), replace(record.lock, renewed=now), look.facts)

    def carry_out(
        self,
        view: RolloutView,
        record: Record,
        outcome: tuple[State, Effects],
        lock: Lock,
        facts: Mapping[str, Any],
    ) -> Tick:
        """Write a new state, with the weights that go with it, and note it in the journal."""
        state, effects = outcome
        if not effects.write:
            return Tick(state, effects, progress_line(self.plan, state))
        change = self.change(view, effects)
        try:
            written = self._save(record, state, effects, lock, change)
        except ServingError as error:
            if change is None:
                raise
            state, effects = self._unwritten(record.state, state, effects, str(error), lock.renewed)
            written = self._save(record, state, effects, lock, None)
        line = progress_line(self.plan, state)
        if not written:
            return Tick(record.state, Effects(), line, again=True)
        before = dict(view.experiment.weights) if view.experiment else {}
        self.store.forget(self.plan.name, state.handled)
        self._note(state, effects, line, facts)
        return Tick(state, effects, line, before=before)

    def change(self, view: RolloutView, effects: Effects) -> TrafficChange | None:
        """Return the weights that a tick asks for as the store takes them; None when it asks for none."""
        if effects.weights is None or view.experiment is None:
            return None
        name = self.plan.candidate
        out = bool(effects.mirror) or effects.remove
        return TrafficChange(
            found=view.experiment.weights,
            candidates=tuple(
                Candidate(each, weight) for each, weight in effects.weights.items() if not (out and each == name)
            ),
            mirror=Mirror(name, effects.mirror) if effects.mirror else None,
            mirrored=name,
        )

    def _save(self, record: Record, state: State, effects: Effects, lock: Lock, change: TrafficChange | None) -> bool:
        following = record.next(state, None if effects.release else lock)
        return self.store.save(self.plan.name, following, expected=record.sequence, change=change)

    def _unwritten(
        self, before: State, wanted: State, effects: Effects, text: str, now: float
    ) -> tuple[State, Effects]:
        """Return what becomes of it when weights could not be written: going back is tried again, else it pauses."""
        if wanted.phase == ROLLING_BACK:
            event = Event("write_failed", text)
            return wanted, replace(effects, weights=None, events=(*effects.events, event))
        return Rollout(self.plan).unwritten(before, text, now)

    def _lost(self, record: Record | None) -> Tick:
        if record is None:
            raise ServingError(
                f"The record of the rollout of {self.plan.name!r} is gone. See which weights are declared; start anew."
            )
        state, effects = Rollout(self.plan).tick(record.state, Observation(lock_lost=True), self.clock())
        return Tick(state, effects, progress_line(self.plan, state))

    def _note(self, state: State, effects: Effects, line: str, facts: Mapping[str, Any]) -> None:
        """Write the journal; that it cannot be written stops no walk."""
        name = self.plan.name
        try:
            self.store.note(name, journal_line(self.plan, state, effects, line, facts))
            if state.is_terminal or effects.release:
                self.store.note_outcome(name, outcome_line(state))
        except ServingError:
            return


def completed(
    seen: Observation, view: RolloutView, state: State, plan: Plan, requests: tuple[Request, ...]
) -> Observation:
    """Return an observation with what the store says of the experiment."""
    return replace(
        seen,
        exists=view.experiment is not None,
        weights=declared_weights(view, state, plan),
        ready=view.is_live if view.is_reachable else None,
        requests=requests,
    )


def declared_weights(view: RolloutView, state: State, plan: Plan) -> dict[str, int] | None:
    """Return the declared weights; a candidate that is only mirrored, or was taken out, has the weight 0."""
    if view.experiment is None:
        return None
    found = view.experiment.weights
    if plan.candidate not in found and state.weights.get(plan.candidate) == 0:
        return {**found, plan.candidate: 0}
    return found


def journal_line(plan: Plan, state: State, effects: Effects, line: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return one tick as the journal keeps it; the report is made of these."""
    check = state.check
    return {
        "at": state.renewed,
        "run": state.id,
        "phase": state.phase,
        "step": state.step,
        "steps": len(plan.steps),
        "weight": state.percent,
        "mirror": state.mirror,
        "weights": dict(state.weights),
        "observed_share": check.seen.share if check and check.seen.n else None,
        "observed_n": check.seen.n if check else 0,
        "analysis": None if state.analysis is None else dict(state.analysis),
        "events": [{"name": each.name, "text": each.text} for each in effects.events],
        "cause": state.cause,
        "reason": state.reason,
        "line": line,
        **facts,
    }


def outcome_line(state: State) -> dict[str, Any]:
    """Return how a run ended, or why nobody waits for it any more."""
    return {
        "run": state.id,
        "phase": state.phase,
        "weight": state.percent,
        "weights": dict(state.weights),
        "cause": state.cause,
        "reason": state.reason,
        "started": state.started,
        "ended": state.renewed,
        "skipped": [dict(each) for each in state.skipped],
    }


__all__ = ["Look", "Runner", "Tick", "Watch", "completed", "declared_weights", "journal_line", "outcome_line"]
