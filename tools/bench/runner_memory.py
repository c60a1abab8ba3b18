# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the controller holds more and more memory the longer a rollout goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tools.bench.figures import Check, NotMeasuredError, Row, Table
from tools.bench.section import Bench
from tools.bench.watched import watched

LIMIT_BYTES = 1000.0
# How many standard errors a slope has to be above 0 to be one: the 97.5th percentile of the normal distribution.
Z = 1.96
# A line through fewer points than this says nothing.
LEAST_POINTS = 3


@dataclass(frozen=True)
class Slope:
    """A straight line through points, by least squares: its slope, and the standard error of that."""

    value: float
    error: float

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> Slope:
        """Fit a line; of two points or fewer nobody can say how sure its slope is."""
        n = len(points)
        if n < LEAST_POINTS:
            raise NotMeasuredError(f"{n} points are too few for a slope and its error; ask for more ticks")
        middle = (sum(x for x, _y in points) / n, sum(y for _x, y in points) / n)
        spread = sum((x - middle[0]) ** 2 for x, _y in points)
        value = sum((x - middle[0]) * (y - middle[1]) for x, y in points) / spread
        left = sum((y - middle[1] - value * (x - middle[0])) ** 2 for x, y in points)
        return cls(value, math.sqrt(left / (n - 2) / spread))

    @property
    def sure(self) -> float:
        """The slope where it is surely above 0, else 0."""
        return self.value if self.value > Z * self.error else 0.0


def runner_memory(bench: Bench) -> list[Table]:
    """Read what the worker that carries the rollout out holds, and ansible-playbook itself."""
    ticks, every = watched(bench).ticks, bench.sizes.memory_every
    rows = (
        memory_row("the worker, which runs the action plugin", [call.worker for call in ticks], every),
        memory_row("ansible-playbook itself", [call.playbook for call in ticks], every),
    )
    text = (
        f"A rollout of {len(ticks)} ticks (`--ticks 1000` for a longer one), the same that the calls are timed of. RSS "
        f"of the controller's two processes every {every} ticks, from tick {2 * every} on, when imports are made and "
        "caches are full. The slope is that of a straight line, by least squares; one that is within 1.96 "
        "standard errors of 0 counts as none. 1 kB is a thousand bytes."
    )
    columns = (f"RSS MB at tick {2 * every}", "RSS MB at the end", "Slope, kB per tick", "Standard error", "n")
    return [Table("The controller's memory", text, columns, rows)]


def memory_row(name: str, held: Sequence[int], every: int) -> Row:
    """Return a row for one process, from the bytes that it held after each tick."""
    points = [(float(tick), float(held[tick - 1])) for tick in range(2 * every, len(held) + 1, every)]
    slope = Slope.of(points)
    values = (points[0][1] / 1e6, points[-1][1] / 1e6, slope.value / 1e3, slope.error / 1e3)
    texts = [f"{each:.{digits}f}" for each, digits in zip(values, (2, 2, 3, 3), strict=True)]
    check = Check("slope", slope.sure / 1e3, LIMIT_BYTES / 1e3, "kB per tick")
    return Row(name, (*texts, str(len(points))), (check,))
