# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a rollout, as plain data; docs/rollout.schema.json describes it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Mapping, Sequence

from .plan import Plan
from .rollout_journal import Journal, Tick, Window, finite, mapping, read_journal
from .rollout_outcome import outcome
from .rollout_state import PHASES, ROLLING_BACK
from .rollout_steps import NOT_REACHED, PASSED, SKIPPED, gates, named_gates, promotion_text, promotions, steps
from .rollout_timeline import arms_of, gaps, timeline

SCHEMA = "modelops.serving/rollout/1"
PROMOTED = "promoted"


def build_report(
    run: Mapping[str, Any], plan: Plan | Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the report of a run: what it says of itself, the plan it followed, and the lines of its journal."""
    planned = plan.as_dict() if isinstance(plan, Plan) else mapping(plan)
    journal = read_journal(lines, str(run.get("run") or ""))
    ticks = journal.ticks
    told = _completed(run, ticks)
    started, ended = told["started"], told["ended"]
    found = outcome(planned, told, ticks, ended - started)
    walked = steps(planned, told, ticks, found["verdict"])
    for step in walked:
        step["started"] = None if step["started"] is None else round(step["started"] - started, 3)
        if step["promoted"]:
            step["promoted"]["at"] = _since(step["promoted"]["at"], started)
    points = timeline(ticks, started, _error_gate(planned))
    interval = finite(mapping(planned.get("analysis")).get("interval")) or 0.0
    return {
        "schema": SCHEMA,
        "run": _run(told, planned),
        "outcome": found,
        "totals": _totals(planned, ticks, walked),
        "steps": walked,
        "gates": gates(planned, ticks),
        "events": _events(told, ticks, started),
        "timeline": points,
        "gaps": gaps(ticks, started, interval),
        "journal": _journal(journal, len(points)),
    }


def _completed(run: Mapping[str, Any], ticks: Sequence[Tick]) -> dict[str, Any]:
    """Return what a run says of itself; what it does not say, its journal does."""
    last = ticks[-1] if ticks else Tick(0.0, "")
    first = finite(run.get("started"))
    started = first if first is not None else ticks[0].at if ticks else 0.0
    end = finite(run.get("ended"))
    phase = run.get("phase") or last.phase
    return {
        **run,
        "phase": phase if phase in PHASES else "",
        "cause": run.get("cause") or last.cause,
        "reason": run.get("reason") or last.reason,
        "weight": last.weight if finite(run.get("weight")) is None else run["weight"],
        "started": started,
        "ended": max(started, end if end is not None else last.at if ticks else started),
        "timed": bool(ticks) or first is not None,
        "sticky": run.get("sticky") or _last_text(ticks, "sticky"),
    }


def _last_text(ticks: Sequence[Tick], name: str) -> str:
    """Return what was told last under a name."""
    return next((each.text for tick in reversed(ticks) for each in tick.events if each.name == name), "")


def _run(told: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(told.get("run") or ""),
        "experiment": str(told.get("name") or plan.get("name") or ""),
        "candidate": str(plan.get("candidate") or ""),
        "baseline": str(plan.get("baseline") or ""),
        "started": _time(told["started"]) if told["timed"] else None,
        "ended": _time(told["ended"]) if told["timed"] else None,
        "seconds": round(told["ended"] - told["started"], 3),
        "target": str(told.get("target") or ""),
        "store": str(told.get("store") or ""),
        "models": {name: str(version) for name, version in mapping(told.get("models")).items()},
        "versions": {name: str(version) for name, version in mapping(told.get("versions")).items()},
    }


def _time(at: float) -> str:
    """Return a moment in UTC; what is no moment of this age is the beginning of all clocks."""
    return datetime.fromtimestamp(min(max(at, 0.0), 32503680000.0), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _since(at: float | None, started: float) -> float | None:
    return None if at is None else round(at - started, 3)


def _error_gate(plan: Mapping[str, Any]) -> str:
    """Return the gate that counts failed attempts: the first of its kind."""
    return next((gate["name"] for gate in named_gates(plan) if gate["kind"] == "error_rate"), "")


def _totals(plan: Mapping[str, Any], ticks: Sequence[Tick], walked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    whole = sum((tick.window for tick in ticks), Window())
    gate = _error_gate(plan)
    attempts = arms_of(whole.counts.get(gate))
    going_back = [second.at - first.at for first, second in zip(ticks, ticks[1:]) if first.phase == ROLLING_BACK]
    every = whole.requests.n
    planned = [step for step in walked if step["number"] > 0]
    return {
        "requests": whole.requests.as_dict(),
        "attempts": {"gate": gate, **attempts} if attempts else None,
        "client": arms_of(whole.client),
        "synthetic": whole.synthetic,
        "synthetic_share": min(1.0, whole.synthetic / every) if every else None,
        "probes": whole.probes,
        "pinned": whole.pinned,
        "unrouted": whole.unrouted,
        "steps": len(planned),
        "steps_passed": sum(step["state"] == PASSED for step in planned),
        "steps_skipped": sum(step["state"] == SKIPPED for step in planned),
        "steps_reached": sum(step["state"] != NOT_REACHED for step in planned),
        "seconds_going_back": round(sum(going_back), 3) if going_back else None,
    }


def _events(told: Mapping[str, Any], ticks: Sequence[Tick], started: float) -> list[dict[str, Any]]:
    """Return all that was told, in order; who promoted a step stands among it."""
    found = [
        (tick.at, event.name, event.text, tick.step, tick.weight, tick.phase) for tick in ticks for event in tick.events
    ]
    for record in promotions(told):
        at = finite(record.get("at"))
        if at is not None:
            where = next((tick for tick in reversed(ticks) if tick.at < at), Tick(at, ""))
            found.append((at, PROMOTED, promotion_text(record), where.step, where.weight, where.phase))
    # At the same moment, who asked for something comes before what was done for it.
    found.sort(key=lambda each: (each[0], each[1] != PROMOTED))
    return [
        {
            "number": number,
            "at": round(at - started, 3),
            "time": _time(at),
            "name": name,
            "text": text,
            "step": step + 1,
            "weight": weight,
            "phase": phase,
        }
        for number, (at, name, text, step, weight, phase) in enumerate(found, start=1)
    ]


def _journal(journal: Journal, points: int) -> dict[str, Any]:
    return {
        "ticks": len(journal.ticks),
        "points": points,
        "unreadable": journal.unreadable,
        "foreign": journal.foreign,
    }


def summary(report: Mapping[str, Any]) -> str:
    """Return a report in a sentence or two."""
    text: str = report["outcome"]["sentence"]
    share = report["totals"]["synthetic_share"]
    if share:
        text += f" {100.0 * share:.3g} % of the requests were the rollout's own."
    return text


__all__ = ["SCHEMA", "build_report", "summary"]
