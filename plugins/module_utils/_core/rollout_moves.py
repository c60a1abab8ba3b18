# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The moves of a rollout: how it gets from one phase to another, each a new state and what has to be done for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Mapping

from .durations import spoken
from .plan import Plan
from .rollout_state import (
    ABORTED,
    ANALYSE,
    BASELINE,
    FAILED,
    HOLD,
    PAUSED,
    POST_CHECK,
    PREFLIGHT,
    ROLLED_BACK,
    ROLLING_BACK,
    SUCCEEDED,
    VERIFY_ROUTE,
    WAIT_READY,
    Effects,
    Event,
    State,
)
from .routing import ShareCheck, SplitChange
from .weights import weights_at

# Why a rollout is paused or went back, beside the causes of an analysis.
USER = "user"
INTERRUPTED = "interrupted"
EXTERNAL_EDIT = "external_edit"
ROUTING = "routing"
ROUTING_NOT_APPLIED = "routing_not_applied"
ROUTE_UNVERIFIED = "route_unverified"
NOT_READY = "candidate_not_ready"
DEADLINE = "deadline"
STALE = "stale"
PREFLIGHT_FAILED = "preflight"

# While a change comes into force nobody waits for a whole window.
_SHORT_WAIT = 1.0


@dataclass(frozen=True)
class Moves:
    """What can be done with a state of this plan at this moment."""

    plan: Plan
    now: float

    def stay(self, state: State, *, events: tuple[Event, ...] = ()) -> tuple[State, Effects]:
        """Wait for the next tick in the same phase."""
        wait = self.plan.judging.interval
        if state.phase in (WAIT_READY, VERIFY_ROUTE, ROLLING_BACK):
            wait = min(_SHORT_WAIT, wait)
        return state, Effects(wait=wait, probes=self.probes(state), events=events)

    def probes(self, state: State) -> int:
        """Return how many requests show whether the present change is in force."""
        if state.change is None or state.phase not in (WAIT_READY, VERIFY_ROUTE, ROLLING_BACK):
            return 0
        return max(10, state.change.expected_requests - state.change.seen.n)

    def enter(self, state: State, phase: str, **changes: Any) -> State:
        """Return the state at the beginning of a phase."""
        fresh: dict[str, Any] = {"windows": 0, "cause": "", "reason": "", **changes}
        return replace(state, phase=phase, phase_since=self.now, **fresh)

    def change(self, state: State, percent: float, *, then: str, mirror: int = 0, step: int) -> tuple[State, Effects]:
        """Write new weights together with the wait for them; when nothing changes, begin at once."""
        plan = self.plan
        weights = weights_at(percent, state.original, baseline=plan.baseline, candidate=plan.candidate)
        ahead = replace(
            state,
            step=step,
            weights=weights,
            percent=percent,
            percent_before=state.percent,
            mirror=mirror,
            step_since=self.now,
            requests_in_step=0.0,
            measurements={},
        )
        if dict(weights) == dict(state.weights) and mirror == state.mirror:
            return self.stay(self.begin(replace(ahead, settle=0), then))
        waiting = self.enter(
            ahead,
            WAIT_READY,
            then=then,
            routed=0,
            settle=plan.judging.settle_windows,
            change=SplitChange(state.percent / 100.0, percent / 100.0),
            check=None,
        )
        text = f"mirror {mirror} %" if mirror else f"weight {state.percent:g} -> {percent:g}"
        if not mirror and percent == state.percent:
            text = f"weight {percent:g}, written as {', '.join(f'{name} {weight}' for name, weight in weights.items())}"
        _state, effects = self.stay(waiting, events=(Event("step", text),))
        return waiting, replace(effects, weights=weights, mirror=mirror)

    def begin(self, state: State, then: str) -> State:
        """Return the state once its weights are in force."""
        check = ShareCheck(state.percent / 100.0) if then in (ANALYSE, HOLD, POST_CHECK) and not state.mirror else None
        reason = self._asked_for(state) if then == HOLD else ""
        return self.enter(state, then, change=None, check=check, then="", analysis=None, reason=reason)

    def advance(self, state: State, *events: Event) -> tuple[State, Effects]:
        """Go on to the next step; the last one is the promotion. ``events`` are told before it."""
        ahead, effects = self.go_to(state, state.step + 1)
        return ahead, replace(effects, events=(*events, *effects.events))

    def go_to(self, state: State, step: int) -> tuple[State, Effects]:
        """Go on to a step, or end after the last."""
        if step >= len(self.plan.steps):
            return self.end(state, SUCCEEDED, "", "the candidate has all of the traffic")
        wanted = self.plan.steps[step]
        last = step == len(self.plan.steps) - 1
        return self.change(state, wanted.weight, then=POST_CHECK if last else ANALYSE, mirror=wanted.mirror, step=step)

    def start_baseline(self, state: State) -> tuple[State, Effects]:
        """Give the baseline everything, and learn from it before the first percent."""
        moved, effects = self.change(state, 0.0, then=BASELINE, step=-1)
        if moved.phase == BASELINE and not self.plan.judging.baseline_windows:
            return self.advance(moved)
        return moved, effects

    def hold(self, state: State) -> tuple[State, Effects]:
        """Wait for a person before the next step."""
        held = self.enter(state, HOLD, reason=f"all gates pass; {self._asked_for(state)}")
        return self.stay(held, events=(Event("hold", held.reason),))

    def _asked_for(self, state: State) -> str:
        """Say what a hold waits for, and for how long."""
        step = self.plan.steps[state.step]
        limit = "" if step.hold_timeout is None else f" within {spoken(step.hold_timeout)}, else {step.on_hold_timeout}"
        return f"promote to go on{limit}"

    def pause(self, state: State, cause: str, reason: str) -> tuple[State, Effects]:
        """Keep the weights and stop the walk."""
        back_to = state.then or state.phase
        event = Event("paused", reason)
        if state.phase == PAUSED:
            return self.still_paused(replace(state, cause=cause, reason=reason), event)
        fresh = {"cause": cause, "reason": reason, "then": back_to, "change": None, "check": None, "shared_faults": 0}
        return self.still_paused(self.enter(state, PAUSED, **fresh), event)

    def still_paused(self, state: State, *events: Event) -> tuple[State, Effects]:
        """Stay paused; the runner may end when there is nothing to wait for."""
        final = self.pause_is_final(state)
        stayed, effects = self.stay(state, events=events)
        return stayed, replace(effects, done=final, release=final)

    def is_untouched(self, state: State) -> bool:
        """Say whether nothing was changed yet."""
        return PREFLIGHT in (state.phase, state.then)

    def pause_is_final(self, state: State) -> bool:
        """Say whether a runner may end: not while a person asked to wait, nor while a shared fault is counted out."""
        if state.cause == USER:
            return self.now - state.phase_since >= self.plan.policy.pause_timeout
        counting = state.cause == "infrastructure" and (state.percent > 0 or state.mirror > 0)
        return not (counting and state.shared_faults < self.plan.policy.infrastructure_windows)

    def roll_back(self, state: State, cause: str, reason: str) -> tuple[State, Effects]:
        """Give the baseline everything back; with nothing to take back it is over at once."""
        if self.is_untouched(state):
            return self.end(state, ABORTED, cause, f"{reason}; nothing was changed")
        if state.percent == 0 and state.mirror == 0:
            return self.end(state, ROLLED_BACK, cause, reason)
        plan = self.plan
        target = weights_at(0.0, state.original, baseline=plan.baseline, candidate=plan.candidate)
        back = self.enter(
            replace(state, percent_before=state.percent),
            ROLLING_BACK,
            weights=target,
            percent=0.0,
            mirror=0,
            then="",
            routed=0,
            change=SplitChange(state.percent / 100.0, 0.0),
            check=None,
            cause=cause,
            reason=reason,
            rollback_since=self.now,
            rollback_writes=1,
            pinned=0,
        )
        return self.write_back(back, Event("rolling_back", reason))

    def write_back(self, state: State, event: Event) -> tuple[State, Effects]:
        """Write the baseline's weights, again if need be."""
        _state, effects = self.stay(state, events=(event,))
        remove = self.plan.policy.rollback_style == "remove"
        return state, replace(effects, weights=dict(state.weights), mirror=0, remove=remove)

    def end(self, state: State, phase: str, cause: str, reason: str) -> tuple[State, Effects]:
        """End the run and give the lock back."""
        over = replace(self.enter(state, phase, cause=cause, reason=reason), then="", change=None)
        return over, Effects(done=True, release=True, events=(Event(phase, reason),))

    def refuse(self, state: State, reasons: tuple[str, ...], cause: str) -> tuple[State, Effects]:
        """End before anything was changed."""
        return self.end(state, FAILED, cause, "; ".join(reasons))

    def by_policy(self, state: State, choice: str, cause: str, reason: str) -> tuple[State, Effects]:
        """Pause or go back, as the policy has it."""
        return (self.roll_back if choice == "rollback" else self.pause)(state, cause, reason)


def edit_text(wanted: Mapping[str, int], found: Mapping[str, int]) -> str:
    """Say how the declared weights differ from those of the rollout."""
    names = [name for name in dict.fromkeys([*wanted, *found]) if wanted.get(name) != found.get(name)]
    parts = [f"{name} {_said(wanted.get(name))} -> {_said(found.get(name))}" for name in names]
    return f"somebody else changed the weights: {', '.join(parts)}"


def _said(weight: int | None) -> str:
    return "absent" if weight is None else str(weight)


__all__ = [
    "DEADLINE",
    "EXTERNAL_EDIT",
    "INTERRUPTED",
    "NOT_READY",
    "PREFLIGHT_FAILED",
    "ROUTE_UNVERIFIED",
    "ROUTING",
    "ROUTING_NOT_APPLIED",
    "STALE",
    "USER",
    "Moves",
    "edit_text",
]
