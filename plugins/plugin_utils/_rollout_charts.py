# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts of a rollout's page: each gate's evidence, and shares, latencies and failures over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ._report_scales import Even, Logarithmic
from ._rollout_lines import Course, Heading, Line, Panel, Scale, Values, last_of, said

# Evidence outside of this says nothing more.
EVIDENCE = (0.01, 1e6)
# Shares of events, in percentage points.
EXCESS = (0.01, 100.0)
# A share of fewer requests jumps about.
STEADY = 200
# Latencies farther apart than this share no even scale.
WIDE_APART = 20.0


@dataclass(frozen=True)
class GateCharts:
    """The evidence of a gate: for harm, and for going on."""

    gate: str
    panels: tuple[Panel, ...]


def evidence(report: Mapping[str, Any]) -> list[GateCharts]:
    """Return the evidence of each gate that counts requests, against what is needed."""
    course, found = Course.of(report), []
    for gate in report["gates"]:
        name = gate["gate"]
        points = [
            (point["at"], each) for point in report["timeline"] for each in point["gates"] if each["gate"] == name
        ]
        panels = [_against(course, name, kind, points) for kind in ("evidence", "no_harm", "excess")]
        drawn = tuple(panel for panel in panels if panel is not None)
        if drawn:
            found.append(GateCharts(name, drawn))
    return found


# Of each kind: its title, its unit, its bounds, how much of it is one unit, and how it reads.
_KINDS = {
    "evidence": ("Evidence of harm", "a ratio, logarithmic", EVIDENCE, 1.0, "Where it reaches the limit, it is harm."),
    "no_harm": (
        "Evidence of no harm",
        "a ratio, logarithmic",
        EVIDENCE,
        1.0,
        "Where it reaches the limit, it may go on.",
    ),
    "excess": (
        "Highest likely excess",
        "percentage points, logarithmic",
        EXCESS,
        100.0,
        "Where it falls to the limit, it may go on.",
    ),
}


def _against(course: Course, gate: str, kind: str, points: Sequence[tuple[float, Mapping[str, Any]]]) -> Panel | None:
    """Return a figure of a gate against its limit; None when there is no such figure."""
    title, unit, bounds, factor, text = _KINDS[kind]
    limit_key = "excess_allowed" if kind == "excess" else f"{kind}_needed"
    values = [(at, _times(figures[kind], factor)) for at, figures in points]
    limits = [(at, _times(figures[limit_key], factor)) for at, figures in points]
    known = [value for _at, value in (*values, *limits) if value is not None]
    if last_of(values) is None or last_of(limits) is None:
        return None
    scale = _logarithmic(known, bounds)
    lines = [
        Line("seen", "candidate", course.curve(_joined(values), scale), said(last_of(values))),
        Line("limit", "limit", course.stairs(_joined(limits), scale), said(last_of(limits))),
    ]
    return course.panel(Heading(f"{kind}-{gate}", f"{gate}: {title}", unit, text), lines, scale)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _joined(values: Values) -> Values:
    """Return the values alone: evidence stays as it was while nobody adds to it."""
    return [(at, value) for at, value in values if value is not None]


def _logarithmic(known: Sequence[float], bounds: tuple[float, float]) -> Logarithmic:
    low = min(max(min(known), bounds[0]), bounds[1] / 10.0)
    high = max(min(max(known), bounds[1]), low * 10.0)
    return Logarithmic(low / 1.3, high * 1.3)


def shares(report: Mapping[str, Any]) -> Panel | None:
    """Return the candidate's observed share of each step against its weight."""
    points = report["timeline"]
    seen = [(point["at"], _times(point["share"], 100.0)) for point in points]
    if last_of(seen) is None:
        return None
    course = Course.of(report)
    wanted = [(point["at"], point["weight"]) for point in points]
    then = next(point["weight"] for point in reversed(points) if point["share"] is not None)
    highest = max(value for _at, value in (*seen, *wanted) if value is not None)
    scale = Even(min(100.0, highest * 1.1))
    lines = [
        Line("observed", "candidate", course.curve(seen, scale), said(last_of(seen), "%")),
        Line("configured", "limit", course.stairs(wanted, scale), said(then, "%")),
    ]
    text = "The share of requests that went to the candidate, since each step began."
    return course.panel(Heading("shares", "Share of the candidate", "percent of requests", text), lines, scale)


def latency(report: Mapping[str, Any]) -> Panel | None:
    """Return P50 and P95 of both arms."""
    points, series = report["timeline"], {}
    for arm in ("candidate", "baseline"):
        for percentile in ("p95", "p50"):
            series[arm, percentile] = [
                (point["at"], _percentile(point["latency"], arm, percentile)) for point in points
            ]
    known = [value for values in series.values() for _at, value in values if value is not None]
    if not known:
        return None
    course = Course.of(report)
    low, high = max(min(known), 0.001), max(*known, 0.01)
    scale: Scale = Logarithmic(low / 1.2, high * 1.2) if high / low > WIDE_APART else Even(high * 1.1)
    lines = [
        Line(
            f"{percentile.upper()} of the {arm}",
            arm if percentile == "p95" else f"{arm} thin dashed",
            course.curve(values, scale),
            said(last_of(values), "ms"),
        )
        for (arm, percentile), values in series.items()
    ]
    text = "Latency of both arms, window by window."
    unit = "milliseconds" if isinstance(scale, Even) else "milliseconds, logarithmic"
    return course.panel(Heading("latency", "Latency of both arms", unit, text), lines, scale)


def _percentile(latencies: Mapping[str, Any] | None, arm: str, percentile: str) -> float | None:
    known = (latencies or {}).get(arm)
    return None if known is None else float(known[percentile])


def failures(report: Mapping[str, Any]) -> Panel | None:
    """Return the share of failures so far of both arms, by attempt and as callers saw them."""
    points, series = report["timeline"], {}
    for arm in ("candidate", "baseline"):
        for view, word in (("attempts", "per attempt"), ("client", "as callers saw it")):
            series[arm, view] = (f"{arm}, {word}", _so_far(points, arm, view))
    known = [value for _name, values in series.values() for _at, value in values if value is not None]
    if not known:
        return None
    course = Course.of(report)
    scale = Even(max(known) * 1.1 or 1.0)
    lines = [
        Line(
            name,
            arm if view == "attempts" else f"{arm} thin dashed",
            course.curve(values, scale),
            said(last_of(values), "%"),
        )
        for (arm, view), (name, values) in series.items()
    ]
    text = "The share of failures so far of both arms."
    return course.panel(Heading("failures", "Failures so far", "percent of requests", text), lines, scale)


def _so_far(points: Sequence[Mapping[str, Any]], arm: str, view: str) -> list[tuple[float, float | None]]:
    """Return the share of failures up to each point, once there are enough requests."""
    whole = sum(point[view][arm]["n"] for point in points if point[view])
    found: list[tuple[float, float | None]] = []
    n = events = 0
    for point in points:
        if point[view]:
            n, events = n + point[view][arm]["n"], events + point[view][arm]["events"]
        found.append((point["at"], 100.0 * events / n if n and n >= min(STEADY, whole / 2) else None))
    return found


__all__ = ["GateCharts", "evidence", "failures", "latency", "shares"]
