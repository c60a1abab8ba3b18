# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines over time for the charts of a rollout's page, drawn in a square that the page stretches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence, Union

from ._report_scales import Even, Logarithmic, Tick, Time
from ._report_text import SPACE

SQUARE = 1000
# A value that is missing so often in a row breaks its line; one that comes late does not.
MISSING = 3

Scale = Union[Even, Logarithmic]
Values = Sequence["tuple[float, float | None]"]


@dataclass(frozen=True)
class Line:
    """A line of a chart, how it looks, and what the legend says of it."""

    name: str
    look: str
    path: str
    last: str = ""


@dataclass(frozen=True)
class Heading:
    """What a chart shows: a name for its place on the page, a title, a unit, and a sentence that says how it reads."""

    name: str
    title: str
    unit: str
    text: str


@dataclass(frozen=True)
class Panel:
    """A chart of lines over time. ``text``: what it shows, in words. ``gaps``: when nobody watched, from and to."""

    heading: Heading
    text: str
    lines: tuple[Line, ...]
    levels: tuple[Tick, ...]
    times: tuple[Tick, ...]
    time_unit: str
    gaps: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Course:
    """What all charts of a report share: its time, and when nobody watched."""

    time: Time
    gaps: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Course:
        """Return the course of a report."""
        points = report["timeline"]
        last = points[-1]["at"] if points else 0.0
        gaps = tuple((each["from"], each["to"]) for each in report["gaps"])
        return cls(Time(max(last, report["run"]["seconds"])), gaps)

    @property
    def shown_gaps(self) -> tuple[tuple[float, float], ...]:
        """Where the gaps stand."""
        return tuple((self.time.at(start), self.time.at(end)) for start, end in self.gaps)

    def curve(self, values: Values, scale: Scale) -> str:
        """Return a line through values; it breaks where nobody watched, and where several are missing."""
        return " ".join(self._points(values, scale))

    def _points(self, values: Values, scale: Scale) -> Iterator[str]:
        missing, before = MISSING, 0.0
        for at, value in values:
            if value is None:
                missing += 1
                continue
            broken = missing >= MISSING or any(before < end and start < at for start, end in self.gaps)
            x, y = self.time.at(at) * SQUARE / 100, SQUARE - scale.at(value) * SQUARE / 100
            # A line of no length is a dot, for a value that stands alone.
            yield f"M{x:.1f} {y:.1f}h0" if broken else f"L{x:.1f} {y:.1f}"
            missing, before = 0, at

    def stairs(self, values: Values, scale: Scale) -> str:
        """Return a line that keeps each value until the next one, or until there is none."""
        parts, level = [], None
        for at, value in values:
            x = f"{self.time.at(at) * SQUARE / 100:.1f}"
            y = None if value is None else f"{SQUARE - scale.at(value) * SQUARE / 100:.1f}"
            if level is None and y is not None:
                parts.append(f"M{x} {y}")
            elif level is not None and y != level:
                parts.append(f"H{x}" if y is None else f"H{x}V{y}")
            level = y
        return "".join([*parts, f"H{self.time.at(values[-1][0]) * SQUARE / 100:.1f}" if level is not None else ""])

    def panel(self, heading: Heading, lines: Sequence[Line], scale: Scale) -> Panel:
        """Return a chart of these lines."""
        drawn = tuple(line for line in lines if line.path)
        ends = " ".join(f"{line.name}: {line.last} at the end." for line in drawn if line.last)
        return Panel(
            heading,
            f"{heading.text} {ends}".strip(),
            drawn,
            scale.ticks,
            self.time.ticks,
            self.time.unit[1],
            self.shown_gaps,
        )


def last_of(values: Values) -> float | None:
    """Return the last value that there is."""
    return next((value for _at, value in reversed(values) if value is not None), None)


def said(value: float | None, unit: str = "") -> str:
    """Return a value for a legend."""
    if value is None:
        return ""
    if value > 1e6:
        text = "over a million"
    elif 0.0 < value < 0.001:
        text = "under 0.001"
    else:
        text = f"{value:.3g}" if abs(value) < 1e3 else f"{value:,.0f}"
    return f"{text}{SPACE}{unit}" if unit else text


__all__ = ["SQUARE", "Course", "Heading", "Line", "Panel", "Scale", "Values", "last_of", "said"]
