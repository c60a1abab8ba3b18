# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first chart of a rollout's page: the candidate's weight over time, what was going on, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ._report_scales import Even
from ._rollout_lines import Course, Heading, Line, Panel, Scale, said

# What goes on in each lane; a lane in which nothing was is not shown.
LANES = {
    "Prepare": ("preflight", "baseline"),
    "Apply": ("wait_ready", "verify_route"),
    "Judge": ("analyse", "post_check"),
    "Wait": ("hold", "paused"),
    "Back": ("rolling_back", "stuck"),
}
SIGNS = {"passed": "pass", "failed": "fail", "skipped": "skip", "undecided": "error"}
# What else is told stands in the list of events only.
MARKED = (
    "paused",
    "resumed",
    "promoted",
    "hold",
    "adopted",
    "rolling_back",
    "rolled_back",
    "succeeded",
    "failed",
    "aborted",
    "stuck",
    "lock_lost",
)
# Marks nearer than this, in percent of the width, become one: on a phone their labels would touch.
MARK_ROOM = 12.0


# With more steps than this, their signs would cover the line; then those that passed have none.
MOST_SIGNS = 10


@dataclass(frozen=True)
class Bar:
    """Something that goes on in a lane."""

    start: float
    width: float


@dataclass(frozen=True)
class Lane:
    """One kind of work, and when it went on."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Mark:
    """Events at about the same time, by the numbers of the first and the last."""

    at: float
    label: str


@dataclass(frozen=True)
class StepEnd:
    """Where a step ended, and how."""

    at: float
    level: float
    sign: str


@dataclass(frozen=True)
class Walk:
    """The candidate's weight over time, with what was going on, and what happened."""

    panel: Panel
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    ends: tuple[StepEnd, ...]


def walk(report: Mapping[str, Any]) -> Walk | None:
    """Return the walk; None when there was no time for one."""
    points, course = report["timeline"], Course.of(report)
    if not points or not course.time.seconds:
        return None
    weights = [(point["at"], point["weight"]) for point in points]
    mirrors = [(point["at"], float(point["mirror"]) if point["mirror"] else None) for point in points]
    highest = max(value for _at, value in (*weights, *mirrors) if value is not None)
    scale = Even(min(100.0, highest * 1.2) or 10.0)
    lines = [
        Line("weight of the candidate", "candidate", course.stairs(weights, scale), said(weights[-1][1], "%")),
        Line("mirrored to the candidate", "candidate thin dashed", course.stairs(mirrors, scale)),
    ]
    text = f"It was {highest:g} % at most."
    heading = Heading("walk", "Weight of the candidate", "percent of the traffic", text)
    return Walk(
        course.panel(heading, lines, scale),
        tuple(_lanes(course, points)),
        tuple(_marks(course, report["events"])),
        tuple(_ends(course, scale, report["steps"])),
    )


def _lanes(course: Course, points: Sequence[Mapping[str, Any]]) -> list[Lane]:
    found: dict[str, list[list[float]]] = {name: [] for name in LANES}
    for point, after in zip(points, [*points[1:], points[-1]]):
        name = next((name for name, phases in LANES.items() if point["phase"] in phases), None)
        if name is None:
            continue
        bars, start, end = found[name], course.time.at(point["at"]), course.time.at(after["at"])
        if bars and bars[-1][1] == start:
            bars[-1][1] = end
        else:
            bars.append([start, end])
    return [Lane(name, tuple(Bar(start, end - start) for start, end in bars)) for name, bars in found.items() if bars]


def _marks(course: Course, events: Sequence[Mapping[str, Any]]) -> list[Mark]:
    groups: list[list[Mapping[str, Any]]] = []
    for event in events:
        if event["name"] not in MARKED:
            continue
        if groups and course.time.at(event["at"]) - course.time.at(groups[-1][0]["at"]) < MARK_ROOM:
            groups[-1].append(event)
        else:
            groups.append([event])
    return [Mark(course.time.at(each[0]["at"]), _numbers(each)) for each in groups]


def _numbers(events: Sequence[Mapping[str, Any]]) -> str:
    first, last = events[0]["number"], events[-1]["number"]
    return f"{first}" if first == last else f"{first}\N{EN DASH}{last}"


def _ends(course: Course, scale: Scale, steps: Sequence[Mapping[str, Any]]) -> list[StepEnd]:
    ended = [step for step in steps if step["started"] is not None and step["number"] > 0]
    if len(ended) > MOST_SIGNS:
        ended = [step for step in ended if step["state"] != "passed"]
    return [
        StepEnd(
            course.time.at(step["started"] + step["seconds"]),
            scale.at(step["weight"] or float(step["mirror"])),
            SIGNS[step["state"]],
        )
        for step in ended
    ]


__all__ = ["Bar", "Lane", "Mark", "StepEnd", "Walk", "walk"]
