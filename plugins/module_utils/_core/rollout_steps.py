# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps and the gates of a rollout, as its report has them: what each saw, and how it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterator, Mapping, Sequence

from .rollout_journal import Tick, Window, count, finite, mapping
from .rollout_state import (
    ANALYSE,
    BASELINE,
    HOLD,
    PAUSED,
    POST_CHECK,
    PREFLIGHT,
    ROLLING_BACK,
    SUCCEEDED,
    TERMINAL,
    VERIFY_ROUTE,
    WAIT_READY,
)
from .rollout_timeline import arms_of

# The time before the first percent counts as a step of its own, with this number.
BEFORE = -1
PARITY = "prediction_parity"

PASSED, SKIPPED, NOT_REACHED = "passed", "skipped", "not_reached"
# What a rollout does in each phase, for sentences.
DOING = {
    PREFLIGHT: "looking before the start",
    BASELINE: "learning from the baseline",
    WAIT_READY: "waiting for new weights",
    VERIFY_ROUTE: "proving new weights",
    ANALYSE: "judging",
    HOLD: "waiting for a person",
    POST_CHECK: "looking after the last step",
    PAUSED: "paused",
    ROLLING_BACK: "going back",
}


def spans(ticks: Sequence[Tick], step: int) -> list[tuple[Tick, Tick]]:
    """Return each two ticks between which a step was under way; the window of the second one is that step's."""
    # Nothing came before the first, so it stands for itself, even where it was the last.
    before = [replace(each, phase="") for each in ticks[:1]]
    return [
        (first, second)
        for first, second in zip([*before, *ticks], ticks)
        if first.step == step and first.phase not in (ROLLING_BACK, *TERMINAL)
    ]


def steps(plan: Mapping[str, Any], run: Mapping[str, Any], ticks: Sequence[Tick], verdict: str) -> list[dict[str, Any]]:
    """Return what became of each step; the first stands for the time before the first percent."""
    listed = [{"weight": 0.0, "mirror": 0}, *_planned(plan, ticks)]
    promoted = promotions(run)
    last = max((tick.step for tick in ticks), default=BEFORE - 1)
    found = []
    for index, planned in enumerate(listed, start=BEFORE):
        found.append(_step(plan, index, planned, spans(ticks, index)))
        state = _state(index, last, promoted, found[-1]["started"] is not None)
        if state is None:
            state = PASSED if run.get("phase") == SUCCEEDED else verdict
        records = [each for each in promoted if each.get("step") == index]
        found[-1].update(state=state, promoted=_promotion(records[-1]) if records else None)
    return found


def _planned(plan: Mapping[str, Any], ticks: Sequence[Tick]) -> list[Mapping[str, Any]]:
    """Return the steps of the plan; those that were seen when the plan is lost."""
    if plan.get("steps"):
        return [mapping(each) for each in plan["steps"]]
    seen = {tick.step: {"weight": tick.weight, "mirror": tick.mirror} for tick in ticks if tick.phase == WAIT_READY}
    last = max(seen, default=BEFORE)
    return [seen.get(index, {}) for index in range(last + 1)]


def promotions(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the records of who asked for the next step without waiting."""
    listed = run.get("skipped")
    return [mapping(each) for each in listed if each] if isinstance(listed, (list, tuple)) else []


def _state(index: int, last: int, promoted: Sequence[Mapping[str, Any]], reached: bool) -> str | None:
    """Return how a step ended; None for the one that the rollout ended in."""
    if any(each.get("step") == index and each.get("phase") != HOLD for each in promoted):
        return SKIPPED
    if not reached:
        over = any(each.get("full") and count(each.get("step")) < index < last for each in promoted)
        return SKIPPED if over else NOT_REACHED
    return PASSED if index < last else None


def _promotion(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "by": str(record.get("by") or ""),
        "full": bool(record.get("full")),
        "phase": str(record.get("phase") or ""),
        "at": finite(record.get("at")),
        "text": promotion_text(record),
    }


def promotion_text(record: Mapping[str, Any]) -> str:
    """Say who went on without waiting."""
    who = f" by {record['by']}" if record.get("by") else ""
    goal = " to the last step" if record.get("full") else ""
    doing = DOING.get(str(record.get("phase")), "")
    return f"promoted{who}{goal}{f' while it was {doing}' if doing else ''}"


def _step(
    plan: Mapping[str, Any], index: int, planned: Mapping[str, Any], under_way: Sequence[tuple[Tick, Tick]]
) -> dict[str, Any]:
    window = sum((second.window for _first, second in under_way), Window())
    kinds = {gate["name"]: gate["kind"] for gate in named_gates(plan)}
    verdicts = list(_verdicts(under_way, kinds).values())
    return {
        "number": index + 1,
        "weight": finite(planned.get("weight")) or 0.0,
        "mirror": count(planned.get("mirror")),
        "started": under_way[0][0].at if under_way else None,
        "seconds": round(sum(second.at - first.at for first, second in under_way), 3),
        "ticks": len(under_way),
        "requests": window.requests.as_dict(),
        "synthetic": window.synthetic,
        "gates": verdicts,
    }


def _verdicts(under_way: Sequence[tuple[Tick, Tick]], kinds: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    """Return what each gate said last in a step. The gates that need no traffic are asked before all others."""
    found: dict[str, Mapping[str, Any]] = {}
    for _first, second in under_way:
        if second.fresh and second.analysis is not None:
            asked = {gate: each for gate, each in found.items() if kinds.get(gate) == PARITY}
            found = {**asked, **{each["gate"]: each for each in second.analysis["verdicts"]}}
    return found


def named_gates(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the gates of a plan, with a name and a kind at least."""
    for gate in plan.get("gates") or ():
        known = mapping(gate)
        if known.get("name"):
            yield {**known, "name": str(known["name"]), "kind": str(known.get("kind") or "")}


def gates(plan: Mapping[str, Any], ticks: Sequence[Tick]) -> list[dict[str, Any]]:
    """Return what each gate said last, in whichever step that was, and what both arms did by its count."""
    whole = sum((tick.window for tick in ticks), Window())
    said: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for first, second in zip([*ticks[:1], *ticks], ticks):
        if second.fresh and second.analysis is not None:
            said.update({each["gate"]: (first.step, each) for each in second.analysis["verdicts"]})
    planned = {gate["name"]: gate for gate in named_gates(plan)}
    return [_gate(name, planned.get(name, {}), said.get(name), whole) for name in dict.fromkeys([*planned, *said])]


def _gate(
    name: str, planned: Mapping[str, Any], said: tuple[int, Mapping[str, Any]] | None, whole: Window
) -> dict[str, Any]:
    step, verdict = said or (None, {})
    return {
        "gate": name,
        "kind": planned.get("kind", ""),
        "rule": _rule(planned),
        "dry_run": bool(verdict.get("dry_run", planned.get("dry_run"))),
        "phase": verdict.get("phase"),
        "decided": bool(verdict.get("decided")),
        "cause": verdict.get("cause", ""),
        "reason": verdict.get("reason", ""),
        "missing": verdict.get("missing"),
        "figures": dict(verdict.get("figures", {})),
        "step": None if step is None else step + 1,
        "counted": arms_of(whole.counts.get(name)),
        "windows_without_data": whole.silent.get(name, 0),
    }


def _rule(gate: Mapping[str, Any]) -> str:
    """Say what a gate asks for."""
    parts = []
    threshold, slo, budget, margin = (finite(gate.get(key)) for key in ("threshold_ms", "slo", "risk_budget", "margin"))
    if threshold is not None:
        parts.append(f"slower than {threshold:g} ms")
    if slo is not None:
        parts.append(f"at most {100.0 * slo:.3g} % of the requests")
    if budget is not None:
        parts.append(f"at most {100.0 * budget:.3g} % of all requests because of the candidate")
    if margin is not None:
        parts.append(f"less than {margin:g} times the baseline's share")
    limits = mapping(gate.get("limits"))
    for key, word in (("minimum", "at least"), ("maximum", "at most")):
        limit = finite(limits.get(key))
        parts += [] if limit is None else [f"{word} {limit:g}"]
    return ", ".join(parts)


__all__ = [
    "BEFORE",
    "DOING",
    "NOT_REACHED",
    "PARITY",
    "PASSED",
    "SKIPPED",
    "gates",
    "named_gates",
    "promotion_text",
    "promotions",
    "spans",
    "steps",
]
