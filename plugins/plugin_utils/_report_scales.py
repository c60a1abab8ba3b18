# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scales of the charts of all reports. Where things stand is in percent, so that text never scales."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Below 10 to the power of this and above that, a label is a power of ten.
_PLAIN = (-3, 3)
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Labels of a scale need room: so many decades have all of them, or a part.
_MOST_LABELS = 6
_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


@dataclass(frozen=True)
class Tick:
    """A line of a scale, and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Even:
    """A scale from nothing to the highest value; values outside stand at its ends."""

    high: float

    def at(self, value: float) -> float:
        """Return where a value stands."""
        return min(max(value / self.high, 0.0), 1.0) * 100.0

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Its lines."""
        return tuple(Tick(self.at(value), f"{value:g}") for value in even(self.high))


@dataclass(frozen=True)
class Logarithmic:
    """A scale on which as many times as much is as far; values outside stand at its ends."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return where a value stands."""
        return math.log(min(max(value, self.low), self.high) / self.low) / math.log(self.high / self.low) * 100.0

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Its lines: powers of ten, and parts of them where there are few."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        decades = math.log10(self.high / self.low)
        parts = (1, 2, 5) if decades <= 1.5 else (1, 3) if decades <= 3.0 else (1,)
        every = max(1, math.ceil(decades / _MOST_LABELS))
        return tuple(
            Tick(self.at(part * 10.0**exponent), power(part, exponent))
            for exponent in range(first, last + 1)
            if exponent % every == 0
            for part in parts
            if self.low <= part * 10.0**exponent <= self.high * (1.0 + 1e-9)
        )


def power(part: int, exponent: int) -> str:
    """Return a number of one digit for a label, whatever its size."""
    if _PLAIN[0] <= exponent <= _PLAIN[1]:
        return f"{part * 10.0**exponent:g}"
    return f"{'' if part == 1 else f'{part}·'}10{str(exponent).translate(_SUPERSCRIPTS)}"


@dataclass(frozen=True)
class Time:
    """A scale of seconds since a start, labelled in a unit of which there are at least two."""

    seconds: float

    def at(self, value: float) -> float:
        """Return where a moment stands."""
        return min(max(value / self.seconds, 0.0), 1.0) * 100.0 if self.seconds else 0.0

    @property
    def unit(self) -> tuple[float, str]:
        """The seconds of a unit, and its name."""
        return next((each for each in _UNITS if self.seconds >= 2.0 * each[0]), _UNITS[-1])

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Its lines."""
        size = self.unit[0]
        return tuple(Tick(self.at(value * size), f"{value:g}") for value in even(self.seconds / size))


def even(widest: float) -> list[float]:
    """Return round values from zero to the widest, six at most."""
    if widest <= 0.0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(widest))
    step = next(power * part for part in (0.1, 0.2, 0.5, 1.0, 2.0) if widest / (power * part) <= 6.0)
    return [round(index * step, 9) for index in range(int(widest / step + 1e-9) + 1)]


__all__ = ["Even", "Logarithmic", "Tick", "Time", "even"]
