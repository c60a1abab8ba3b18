# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tick does in each phase of a rollout."""

from __future__ import annotations

from dataclasses import replace
from typing import Tuple

from . import analysis as judged
from .analysis import Analysis
from .durations import spoken
from .plan import Step
from .rollout_analysis import described, judge, judge_baseline, judge_before, with_window
from .rollout_moves import DEADLINE, PREFLIGHT_FAILED, ROUTE_UNVERIFIED, ROUTING, ROUTING_NOT_APPLIED, Moves
from .rollout_state import (
    ANALYSE,
    BASELINE,
    HOLD,
    PAUSED,
    POST_CHECK,
    PREFLIGHT,
    ROLLED_BACK,
    ROLLING_BACK,
    STUCK,
    SUCCEEDED,
    VERIFY_ROUTE,
    WAIT_READY,
    Effects,
    Event,
    Observation,
    State,
)
from .weights import share_of

# More of the traffic than this above what was configured is not waited out.
EXCESS_SHARE = 0.05

Outcome = Tuple[State, Effects]


def preflight(moves: Moves, state: State, seen: Observation) -> Outcome:
    """Look at everything before anything changes; then ask the gates that need no traffic."""
    late = moves.now - state.phase_since > moves.plan.judging.preflight_timeout
    if seen.preflight:
        return moves.refuse(state, seen.preflight, PREFLIGHT_FAILED)
    asked, found = judge_before(moves.plan, state, seen)
    if found.verdicts:
        asked = replace(asked, analysis=described(found, asked, moves.now))
    if found.phase == judged.FAILED:
        return moves.refuse(asked, found.reasons, found.cause)
    if found.decided and found.phase != judged.SUCCESSFUL:
        return moves.pause(asked, found.cause, found.reason)
    if seen.preflight is not None and found.phase == judged.SUCCESSFUL:
        started, effects = moves.start_baseline(replace(asked, measurements={}))
        # What the gates said before the start is told with it, also where no weight has to change.
        return replace(started, analysis=asked.analysis), effects
    if late:
        waiting = "the checks before the start gave no answer" if seen.preflight is None else found.reason
        text = f"{waiting} within {spoken(moves.plan.judging.preflight_timeout)}"
        return moves.refuse(asked, (text,), PREFLIGHT_FAILED)
    return moves.stay(asked)


def wait_ready(moves: Moves, state: State, seen: Observation) -> Outcome:
    """Wait until the written weights are in force, as the data plane itself says."""
    if seen.rejected:
        return moves.roll_back(state, ROUTING_NOT_APPLIED, f"the weights were rejected: {seen.rejected}")
    if seen.ready:
        if state.change is None or state.change.old == state.change.new:
            return moves.stay(moves.begin(state, state.then))
        return moves.stay(moves.enter(state, VERIFY_ROUTE, then=state.then))
    if moves.now - state.phase_since > moves.plan.judging.ready_timeout:
        text = f"the weights were not in force within {spoken(moves.plan.judging.ready_timeout)}"
        return moves.roll_back(state, ROUTING_NOT_APPLIED, text)
    return moves.stay(state)


def verify_route(moves: Moves, state: State, seen: Observation) -> Outcome:
    """Prove on the data plane that requests go where the new weights send them."""
    if state.change is None:
        return moves.stay(moves.begin(state, state.then))
    checked = replace(state, change=state.change.add(seen.routed), routed=state.routed + seen.routed.n)
    if checked.change and checked.change.is_in_force:
        return moves.stay(moves.begin(checked, state.then))
    timeout = moves.plan.judging.verify_timeout
    if moves.now - state.phase_since <= timeout:
        return moves.stay(checked)
    if not checked.routed:
        text = f"there were no requests within {spoken(timeout)} to verify the new weights with"
        return moves.pause(checked, ROUTE_UNVERIFIED, text)
    text = f"{checked.routed} requests within {spoken(timeout)} do not show the new weights"
    return moves.roll_back(checked, ROUTING_NOT_APPLIED, text)


def baseline(moves: Moves, state: State, seen: Observation) -> Outcome:
    """Learn what the baseline does, and how its failures clump, while the candidate has no traffic."""
    known = with_window(moves.plan, state, seen, baseline_only=True)
    found = judge_baseline(moves.plan, known)
    known = replace(known, analysis=described(found, known, moves.now))
    if found.verdicts and found.decided and found.phase != judged.SUCCESSFUL:
        return _undecidable(moves, known, found)
    late = moves.now - state.phase_since > moves.plan.judging.baseline_max
    if found.phase != judged.SUCCESSFUL or (known.windows < moves.plan.judging.baseline_windows and not late):
        return moves.stay(known)
    learnt = {name: each.rested().taught() for name, each in known.evidence.items()}
    return moves.advance(replace(known, evidence=learnt))


def walk(moves: Moves, state: State, seen: Observation) -> Outcome:
    """Judge one window with the candidate in the traffic: go back, stop, go on to the next step, or wait."""
    routed = with_routed(state, seen)
    wrong = wrong_route(routed)
    if wrong:
        over = wrong_excess(routed) > EXCESS_SHARE
        return (moves.roll_back if over else moves.pause)(routed, ROUTING, wrong)
    known = with_window(moves.plan, routed, seen)
    found = judge(moves.plan, known)
    known = replace(known, analysis=described(found, known, moves.now))
    if found.phase == judged.FAILED:
        return moves.by_policy(known, moves.plan.policy.on_harm, found.cause, found.reason)
    if found.decided and found.phase != judged.SUCCESSFUL:
        return _undecidable(moves, known, found)
    return _AFTER[state.phase](moves, known, found)


def _after_analysis(moves: Moves, state: State, found: Analysis) -> Outcome:
    judging, step = moves.plan.judging, moves.plan.steps[state.step]
    elapsed = moves.now - state.step_since
    if found.phase == judged.SUCCESSFUL and state.windows >= judging.min_windows and elapsed >= step.min_seconds:
        return moves.hold(state) if step.hold else moves.advance(state, *_would_hold(state, step))
    limit = max(judging.max_step_duration, step.min_seconds)
    if elapsed > limit:
        text = f"not decided within {spoken(limit)}: {found.reason}"
        return moves.by_policy(state, moves.plan.policy.on_inconclusive, found.cause or DEADLINE, text)
    return moves.stay(state)


def _would_hold(state: State, step: Step) -> tuple[Event, ...]:
    text = f"{step.dry_hold} (dry run) would hold step {state.step + 1}, until somebody promotes; all gates pass"
    return (Event("would_hold", text),) if step.dry_hold else ()


def _after_hold(moves: Moves, state: State, found: Analysis) -> Outcome:
    step = moves.plan.steps[state.step]
    if step.hold_timeout is None or moves.now - state.phase_since <= step.hold_timeout:
        return moves.stay(state)
    text = f"nobody promoted it within {spoken(step.hold_timeout)}"
    if step.on_hold_timeout != "promote":
        return moves.by_policy(state, step.on_hold_timeout, DEADLINE, text)
    if found.phase == judged.SUCCESSFUL:
        return moves.advance(state)
    # The gates passed when the hold began; nobody is there to say that this is still enough.
    limit = moves.plan.judging.max_step_duration
    if moves.now - state.phase_since <= step.hold_timeout + limit:
        return moves.stay(state)
    text = f"{text}, and the gates do not pass within {spoken(limit)} after it: {found.reason}"
    return moves.by_policy(state, moves.plan.policy.on_inconclusive, found.cause or DEADLINE, text)


def _after_promotion(moves: Moves, state: State, found: Analysis) -> Outcome:
    # There is no baseline beside it any more, so what is left is that nothing speaks against it.
    if state.windows < moves.plan.judging.post_check_windows or found.phase == judged.ERROR:
        return moves.stay(state)
    return moves.end(state, SUCCEEDED, "", "the candidate has all of the traffic, and nothing speaks against it")


_AFTER = {
    ANALYSE: _after_analysis,
    HOLD: _after_hold,
    POST_CHECK: _after_promotion,
}


def _undecidable(moves: Moves, state: State, found: Analysis) -> Outcome:
    """Stop, or go back if the policy wants that, when the gates cannot tell."""
    policy = moves.plan.policy
    if found.cause == judged.INFRASTRUCTURE:
        return moves.pause(state, judged.INFRASTRUCTURE, found.reason)
    if found.phase == judged.INCONCLUSIVE:
        return moves.by_policy(state, policy.on_inconclusive, found.cause, found.reason)
    choice = policy.on_no_traffic if found.cause == judged.NO_TRAFFIC else policy.on_no_data
    return moves.by_policy(state, choice, found.cause, found.reason)


def paused(moves: Moves, state: State, seen: Observation) -> Outcome:
    """Watch on while the candidate has traffic: harm goes back even now, and so does a fault of both that stays."""
    if moves.is_untouched(state) or not (state.percent or state.mirror):
        return moves.still_paused(state)
    known = with_window(moves.plan, state, seen)
    found = judge(moves.plan, known)
    known = replace(known, analysis=described(found, known, moves.now))
    if found.phase == judged.FAILED and moves.plan.policy.on_harm == "rollback":
        return moves.roll_back(known, found.cause, found.reason)
    if state.cause != judged.INFRASTRUCTURE:
        return moves.still_paused(known)
    if found.cause != judged.INFRASTRUCTURE:
        # The fault is over; a person decides how it goes on.
        return moves.still_paused(replace(known, shared_faults=moves.plan.policy.infrastructure_windows))
    known = replace(known, shared_faults=known.shared_faults + 1)
    if known.shared_faults >= moves.plan.policy.infrastructure_windows:
        text = f"the fault of both arms stays, so the baseline has everything again: {found.reason}"
        return moves.roll_back(known, judged.INFRASTRUCTURE, text)
    return moves.still_paused(known)


def rolling_back(moves: Moves, state: State, seen: Observation) -> Outcome:
    """Prove that the candidate gets nothing any more; write again until it is so, and be loud when it never is."""
    policy, plan = moves.plan.policy, moves.plan
    change = state.change.add(seen.routed) if state.change else None
    checked = replace(state, change=change, routed=state.routed + seen.routed.n, pinned=state.pinned + seen.pinned)
    gone = seen.weights is None or share_of(plan.candidate, seen.weights) == 0
    if gone and seen.ready and (change is None or change.is_in_force):
        return _back(moves, checked, state.reason)
    quiet = min(plan.judging.verify_timeout, policy.rollback_timeout)
    if gone and seen.ready and not checked.routed and moves.now - state.rollback_since > quiet:
        # Where nobody calls, no request will ever show it; the data plane's word is all there is.
        text = f"the data plane confirms the baseline's weights, and there were no requests within {spoken(quiet)}"
        return _back(moves, checked, f"{state.reason}; {text} to prove them with")
    if moves.now - state.rollback_since > policy.rollback_timeout:
        return _stuck(moves, checked)
    if not gone or moves.now - state.phase_since > policy.rollback_confirm:
        again = replace(checked, phase_since=moves.now, rollback_writes=state.rollback_writes + 1)
        return moves.write_back(again, Event("rolling_back", "the baseline's weights are written again"))
    return moves.stay(checked)


def _back(moves: Moves, state: State, reason: str) -> Outcome:
    over, effects = moves.end(state, ROLLED_BACK, state.cause, reason)
    return over, replace(effects, events=(Event("sticky", sticky_text(moves, state)), *effects.events))


def sticky_text(moves: Moves, state: State) -> str:
    """Say what becomes of clients that pinned themselves to the candidate, which no weight changes."""
    if moves.plan.policy.rollback_style == "remove":
        return "the candidate left the experiment: clients pinned to it get 404 until they drop x-seldon-route"
    seen = f"{state.pinned} requests" if state.pinned else "no requests"
    return (
        f"weight 0 does not drain clients that are pinned to the candidate by x-seldon-route; {seen} of such clients "
        f"reached it while it went back"
    )


def _stuck(moves: Moves, state: State) -> Outcome:
    wanted = ", ".join(f"{name} {weight}" for name, weight in state.weights.items())
    text = (
        f"going back could not be confirmed within {spoken(moves.plan.policy.rollback_timeout)}, after "
        f"{state.rollback_writes} writes: set the weights of {moves.plan.name} to {wanted} by hand, and see where "
        f"requests go; it went back because {state.reason}"
    )
    # The lock is kept: nobody else must think that all is well.
    return moves.enter(state, STUCK, cause=state.cause, reason=text), Effects(done=True, events=(Event(STUCK, text),))


def with_routed(state: State, seen: Observation) -> State:
    """Return the state with one more window of the routing check; those that straddle a change do not count."""
    if state.settle > 0:
        return replace(state, settle=state.settle - 1)
    return replace(state, check=state.check.add(seen.routed, seen.unrouted)) if state.check else state


def wrong_route(state: State) -> str:
    """Say that requests do not go where the weights send them; nothing when they do."""
    if state.check is None or not state.check.alarms():
        return ""
    return (
        f"the routing is off: {100.0 * state.check.seen.share:.3g} % of {state.check.seen.n} requests went to the "
        f"candidate, and {100.0 * state.check.share:.3g} % are configured; this is no verdict on the candidate"
    )


def wrong_excess(state: State) -> float:
    """Return how much more of the traffic the candidate has than is configured."""
    return state.check.seen.share - state.check.share if state.check else 0.0


HANDLERS = {
    PREFLIGHT: preflight,
    BASELINE: baseline,
    WAIT_READY: wait_ready,
    VERIFY_ROUTE: verify_route,
    ANALYSE: walk,
    HOLD: walk,
    POST_CHECK: walk,
    PAUSED: paused,
    ROLLING_BACK: rolling_back,
}


__all__ = ["HANDLERS"]
