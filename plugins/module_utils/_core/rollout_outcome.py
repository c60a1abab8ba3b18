# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a rollout came out, in a sentence: what happened, why, who has the traffic now, and what to do next."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .analysis import HARM, INFRASTRUCTURE, LIMIT, NO_DATA, NO_TRAFFIC, SLO
from .durations import spoken
from .rollout_journal import Tick, finite, mapping, percent
from .rollout_moves import (
    EXTERNAL_EDIT,
    INTERRUPTED,
    NOT_READY,
    PREFLIGHT_FAILED,
    ROUTE_UNVERIFIED,
    ROUTING,
    ROUTING_NOT_APPLIED,
    STALE,
    USER,
)
from .rollout_state import ABORTED, FAILED, HOLD, PAUSED, ROLLED_BACK, ROLLING_BACK, STUCK, SUCCEEDED, TERMINAL
from .rollout_steps import DOING, promotions
from .weights import share_of

# The candidate, or what was asked of it, is to blame; everything else that stops a walk blames nobody.
BLAMED = (HARM, SLO, LIMIT, NOT_READY, PREFLIGHT_FAILED)

_HEADLINES = {
    SUCCEEDED: "Promoted",
    ROLLED_BACK: "Taken back",
    FAILED: "Not started",
    PAUSED: "Paused",
    ABORTED: "Aborted",
    STUCK: "Stuck on the way back",
}
# What to do next, by phase and cause; a cause that is not listed has the phase's first word.
_NEXT = {
    (SUCCEEDED, ""): "nothing has to be done; the experiment stays, with the candidate at 100 %",
    (ROLLED_BACK, ""): "see the events below for why, and start again when it is mended",
    (ROLLED_BACK, HARM): "look at what the candidate answered and logged, mend it, and start again",
    (ROLLED_BACK, SLO): "look at what the candidate answered and logged, mend it, and start again",
    (ROLLED_BACK, LIMIT): "look at what the gate measured, mend the candidate, and start again",
    (ROLLED_BACK, NOT_READY): "look at the candidate's server and its log, and start again when it is ready",
    (ROLLED_BACK, INFRASTRUCTURE): "mend what both arms share, and start again: the candidate is not to blame",
    (ROLLED_BACK, ROUTING): "look at the data plane and its routes, and start again: the candidate is not to blame",
    (ROLLED_BACK, ROUTING_NOT_APPLIED): "look at why the data plane did not take the weights, and start again",
    (ROLLED_BACK, NO_TRAFFIC): "send requests to the experiment, and start again",
    (ROLLED_BACK, NO_DATA): "mend the source that gave no data, and start again",
    (ROLLED_BACK, USER): "start again whenever you like",
    (ROLLED_BACK, INTERRUPTED): "start again whenever you like; on_interrupt: hold keeps the weights the next time",
    (ROLLED_BACK, STALE): "start again, and leave the runner alone until it has finished",
    (FAILED, ""): "mend what is said here, and start again; nothing was changed",
    (FAILED, LIMIT): "compare the candidate's answers with the golden ones; nothing was changed",
    (PAUSED, ""): "find out more, and set action to resume, promote or abort",
    (PAUSED, NO_TRAFFIC): "send requests to the experiment, and set action to resume, or to abort",
    (PAUSED, ROUTE_UNVERIFIED): "send requests to the experiment, and set action to resume, or to abort",
    (PAUSED, NO_DATA): "mend the source that gave no data, and set action to resume, or to abort",
    (PAUSED, ROUTING): "look at the data plane and its routes, and set action to resume, or to abort",
    (PAUSED, EXTERNAL_EDIT): "agree with whoever changed the weights, and set action to resume, or to abort",
    (PAUSED, INFRASTRUCTURE): "mend what both arms share, and set action to resume, or to abort",
    (PAUSED, USER): "set action to resume, promote or abort",
    (ABORTED, ""): "start again whenever you like",
    (ABORTED, "deleted"): "create the experiment, and start again",
    (STUCK, ""): "do that before anything else; the lock is kept, so that nobody takes this for settled",
}
_RUNNING = "run the rollout again: it goes on from here"


def outcome(plan: Mapping[str, Any], run: Mapping[str, Any], ticks: Sequence[Tick], seconds: float) -> dict[str, Any]:
    """Return how it came out. ``verdict``: passed; failed, which blames the candidate or is stuck; else undecided."""
    phase, cause = str(run.get("phase") or ""), str(run.get("cause") or "")
    weights = {name: each for name, each in _weights(run, ticks).items() if each is not None}
    parts = {
        "what": _what(plan, run, ticks, seconds),
        "why": "" if phase == SUCCEEDED else str(run.get("reason") or ""),
        "now": _now(phase, cause, weights),
        "next": _NEXT.get((phase, cause)) or _NEXT.get((phase, "")) or _RUNNING,
    }
    first = ": ".join(text for text in (parts["what"], parts["why"]) if text)
    sentence = "; ".join(text for text in (first, parts["now"], parts["next"]) if text)
    return {
        "phase": phase,
        "verdict": verdict(phase, cause),
        "cause": cause,
        "headline": _HEADLINES.get(phase, "Not finished"),
        "sentence": f"{sentence[:1].upper()}{sentence[1:]}.",
        **parts,
        "weight": percent(finite(run.get("weight")) or 0.0),
        "weights": weights,
        "sticky": str(run.get("sticky") or ""),
    }


def verdict(phase: str, cause: str) -> str:
    """Return what an end says: only what blames the candidate, or leaves the traffic in doubt, is failed."""
    if phase == SUCCEEDED:
        return "passed"
    return "failed" if phase == STUCK or (phase in (FAILED, ROLLED_BACK) and cause in BLAMED) else "undecided"


def _weights(run: Mapping[str, Any], ticks: Sequence[Tick]) -> dict[str, float | None]:
    found = mapping(run.get("weights")) or (ticks[-1].weights if ticks else {})
    return {name: finite(each) for name, each in found.items()}


def _what(plan: Mapping[str, Any], run: Mapping[str, Any], ticks: Sequence[Tick], seconds: float) -> str:
    phase, candidate = run["phase"], str(plan.get("candidate") or "without a name")
    where, after = _where(ticks), f" after {spoken(seconds)}" if ticks else ""
    if phase == SUCCEEDED:
        return f"the candidate {candidate} {_walked(plan, run)} in {spoken(seconds)}, and no gate spoke against it"
    if phase == FAILED:
        return f"the rollout of {candidate} ended before its first percent"
    if phase == STUCK:
        return f"the candidate {candidate} was to be taken back{where}"
    words = {
        ROLLED_BACK: f"the candidate {candidate} was taken back{where}{after}",
        PAUSED: f"the rollout of {candidate} stopped{where.replace('from', 'at')}{after}",
        ABORTED: f"the rollout of {candidate} was given up{after}",
    }
    if phase in words:
        return words[phase]
    doing = DOING.get(phase, "not begun")
    return f"the rollout of {candidate} was {doing}{where.replace('from', 'at')} when this was written"


def _walked(plan: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """Say how it got to the last step; who is promoted from a hold has passed it."""
    steps, asked = len(plan.get("steps") or ()), [each for each in promotions(run) if each.get("phase") != HOLD]
    return f"got to the last of {steps} steps at somebody's word" if asked else f"took all {steps} steps"


def _where(ticks: Sequence[Tick]) -> str:
    """Say how far the walk had come before it went back or ended."""
    walking = [tick for tick in ticks if tick.phase not in (ROLLING_BACK, *TERMINAL)]
    if not walking:
        return ""
    return f" from a mirror of {walking[-1].mirror} %" if walking[-1].mirror else f" from {walking[-1].weight:g} %"


def _now(phase: str, cause: str, weights: Mapping[str, float]) -> str:
    if cause == "deleted":
        return "the experiment is gone, and requests to it get 404"
    shares = {name: share_of(name, {key: int(each) for key, each in weights.items()}) for name in weights}
    first, *others = sorted(((each, name) for name, each in shares.items() if each > 0.0), reverse=True) or [(0.0, "")]
    if not first[1]:
        return ""
    share = "all" if first[0] == 1.0 else f"{100.0 * first[0]:.4g} %"
    text = f"{first[1]} has {share} of the traffic" + "".join(f", {name} {100.0 * each:.4g} %" for each, name in others)
    return f"by the weights {text}" if phase == STUCK else f"{text} now"


__all__ = ["BLAMED", "outcome", "verdict"]
