# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout over time: points for charts, thinned out where nothing happens, and the times when nobody watched."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .rollout_journal import ARMS, Tick, Window
from .sequential import Pair

# More would be finer than a screen shows.
MOST_POINTS = 600
# So many intervals without a tick, and so many seconds at least, are no tick that was late.
GAP_INTERVALS, GAP_SECONDS = 5.0, 30.0
SHOWN = (
    "evidence",
    "evidence_needed",
    "excess",
    "excess_allowed",
    "no_harm",
    "no_harm_needed",
)


def timeline(ticks: Sequence[Tick], started: float, error_gate: str) -> list[dict[str, Any]]:
    """Return points in seconds since the start. The window of a tick that is left out is added to the next point's."""
    kept, points, window = _kept(ticks), [], Window()
    for index, tick in enumerate(ticks):
        window = window + tick.window
        if index in kept:
            points.append(_point(tick, window, started, error_gate))
            window = Window()
    return points


def _kept(ticks: Sequence[Tick]) -> set[int]:
    """Return which ticks to keep: the ends, each with an event or a change, and of the others evenly as many as fit."""
    needed = {
        index
        for index, tick in enumerate(ticks)
        if index in (0, len(ticks) - 1) or tick.events or _standing(tick) != _standing(ticks[index - 1])
    }
    others = [index for index in range(len(ticks)) if index not in needed]
    room = MOST_POINTS - len(needed)
    if len(others) <= room:
        return needed | set(others)
    return needed | {others[number * len(others) // room] for number in range(max(0, room))}


def _standing(tick: Tick) -> tuple[object, ...]:
    return tick.phase, tick.step, tick.weight, tick.mirror


def _point(tick: Tick, window: Window, started: float, error_gate: str) -> dict[str, Any]:
    return {
        "at": round(tick.at - started, 3),
        "phase": tick.phase,
        "step": tick.step + 1,
        "weight": tick.weight,
        "mirror": tick.mirror,
        "share": tick.share,
        "share_n": tick.share_n,
        "requests": window.requests.as_dict(),
        "attempts": arms_of(window.counts.get(error_gate)),
        "client": arms_of(window.client),
        "latency": _latency(tick.latency),
        "gates": [_gate(verdict) for verdict in (tick.analysis or {}).get("verdicts", ()) if tick.fresh],
    }


def arms_of(pair: Pair | None) -> dict[str, Any] | None:
    """Return whole counts of both arms, or None."""
    if pair is None:
        return None
    return {arm: {key: round(each) for key, each in tally.items()} for arm, tally in pair.as_dict().items()}


def _latency(latency: Mapping[str, Mapping[str, float]] | None) -> dict[str, Any] | None:
    return {arm: dict(latency[arm]) if arm in latency else None for arm in ARMS} if latency else None


def _gate(verdict: Mapping[str, Any]) -> dict[str, Any]:
    figures = {name: verdict["figures"].get(name) for name in SHOWN}
    return {"gate": verdict["gate"], "phase": verdict["phase"], **figures}


def gaps(ticks: Sequence[Tick], started: float, interval: float) -> list[dict[str, float]]:
    """Return when nobody watched: no tick came for much longer than ticks take."""
    between = [after.at - before.at for before, after in zip(ticks, ticks[1:])]
    if not between:
        return []
    usual = sorted(between)[len(between) // 2]
    limit = max(GAP_SECONDS, GAP_INTERVALS * max(interval, usual))
    return [
        {"from": round(before.at - started, 3), "to": round(after.at - started, 3)}
        for before, after in zip(ticks, ticks[1:])
        if after.at - before.at > limit
    ]


__all__ = ["MOST_POINTS", "arms_of", "gaps", "timeline"]
