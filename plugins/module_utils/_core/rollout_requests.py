# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people ask of a running rollout, honoured at the next tick at which it is possible."""

from __future__ import annotations

from dataclasses import replace
from typing import Tuple

from .rollout_moves import EXTERNAL_EDIT, INTERRUPTED, ROUTING, USER, Moves
from .rollout_state import (
    ANALYSE,
    BASELINE,
    HOLD,
    PAUSED,
    POST_CHECK,
    PREFLIGHT,
    ROLLING_BACK,
    STUCK,
    VERIFY_ROUTE,
    WAIT_READY,
    Effects,
    Event,
    Observation,
    Request,
    State,
)
from .routing import SplitChange

Outcome = Tuple[State, Effects]

# So many requests are remembered as done.
_REMEMBERED = 50
# A promotion waits for these: the last change has to be proven first.
_NOT_NOW = (PREFLIGHT, WAIT_READY, VERIFY_ROUTE)


def answer(moves: Moves, state: State, seen: Observation) -> Outcome | None:
    """Return what becomes of the rollout because somebody asked, or None when nobody did.

    Of several requests an abort comes first. What makes no sense in this phase is put aside, and said.
    """
    waiting = [each for each in seen.requests if each.id not in state.handled]
    waiting = [each for each in waiting if not (each.action == "promote" and state.phase in _NOT_NOW)]
    if not waiting:
        return None
    request = next((each for each in waiting if each.action == "abort"), waiting[0])
    handled = replace(state, handled=(*state.handled, request.id)[-_REMEMBERED:])
    handler = _HANDLERS.get(request.action)
    outcome = handler(moves, handled, request) if handler else None
    if outcome is None:
        text = f"{request.action} makes no sense while the rollout is {state.phase}"
        return moves.stay(handled, events=(Event("request_ignored", text),))
    return outcome


def _abort(moves: Moves, state: State, request: Request) -> Outcome | None:
    if state.phase == ROLLING_BACK:
        return None
    if state.phase == STUCK:
        again = replace(state, percent=state.percent_before or 100.0)
        return moves.roll_back(again, USER, _said("abort", request))
    return moves.roll_back(state, USER, _said("abort", request))


def _interrupt(moves: Moves, state: State, request: Request) -> Outcome | None:
    if state.phase in (ROLLING_BACK, STUCK):
        return None
    if state.phase == PAUSED:
        stayed, effects = moves.stay(state)
        return stayed, replace(effects, done=True, release=True)
    choice = "rollback" if moves.plan.policy.on_interrupt == "rollback" else "pause"
    return moves.by_policy(state, choice, INTERRUPTED, _said("interrupt", request))


def _pause(moves: Moves, state: State, request: Request) -> Outcome | None:
    if state.phase in (ROLLING_BACK, PAUSED, STUCK):
        return None
    return moves.pause(state, USER, _said("pause", request))


def _promote(moves: Moves, state: State, request: Request) -> Outcome | None:
    if state.phase in (ROLLING_BACK, STUCK) or moves.is_untouched(state):
        return None
    last = len(moves.plan.steps) - 1
    record = {"step": state.step, "phase": state.phase, "by": request.by, "full": request.full, "at": moves.now}
    skipping = replace(_rested(_awake(moves, state)), skipped=(*state.skipped, record))
    return moves.go_to(skipping, last if request.full and state.step < last else state.step + 1)


def _resume(moves: Moves, state: State, request: Request) -> Outcome | None:
    if state.phase != PAUSED:
        return None
    back_to = state.then
    rested = replace(_rested(_awake(moves, state)), step_since=moves.now, requests_in_step=0.0, measurements={})
    event = Event("resumed", _said("resume", request))
    if back_to == PREFLIGHT or (back_to == BASELINE and state.cause != EXTERNAL_EDIT):
        return moves.stay(moves.enter(rested, back_to, then=""), events=(event,))
    return verify_again(moves, rested, back_to, event)


def verify_again(moves: Moves, state: State, then: str, event: Event) -> Outcome:
    """Write the weights of the step again, prove them on the data plane, then go on where it stopped."""
    phase = then if then in (ANALYSE, HOLD, POST_CHECK, BASELINE) else ANALYSE
    waiting = moves.enter(
        state,
        WAIT_READY,
        then=phase,
        routed=0,
        check=None,
        settle=moves.plan.judging.settle_windows,
        change=SplitChange(_other(state), state.percent / 100.0),
    )
    _state, effects = moves.stay(waiting, events=(event,))
    return waiting, replace(effects, weights=dict(waiting.weights), mirror=waiting.mirror)


def _other(state: State) -> float:
    """Return a share that the present one can be told from: the one before, or nothing at all."""
    if state.cause == ROUTING or state.percent_before == state.percent:
        return 0.0
    return state.percent_before / 100.0


def _awake(moves: Moves, state: State) -> State:
    """Return the state with the pause taken out of the time of the walk: pauses count against no deadline."""
    return replace(state, started=state.started + moves.now - state.phase_since) if state.phase == PAUSED else state


def _rested(state: State) -> State:
    return replace(state, evidence={name: each.rested() for name, each in state.evidence.items()})


def _said(action: str, request: Request) -> str:
    return f"{action} was asked for by {request.by}" if request.by else f"{action} was asked for"


_HANDLERS = {
    "abort": _abort,
    "interrupt": _interrupt,
    "pause": _pause,
    "promote": _promote,
    "resume": _resume,
}


__all__ = ["answer", "verify_again"]
