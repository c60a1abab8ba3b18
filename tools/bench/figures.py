# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers against their targets, and the tables they stand in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

QUANTILES = (0.5, 0.95, 0.99)


class NotMeasuredError(Exception):
    """A section has no number to show, and the reason is for people."""


def percentile(samples: Sequence[float], quantile: float) -> float:
    """Return the smallest sample that at least this share of the samples does not exceed."""
    if not samples:
        raise NotMeasuredError("there is no sample to take a percentile of")
    # Rounded, because 0.07 * 100 is a little more than 7.
    rank = math.ceil(round(quantile * len(samples), 9))
    return sorted(samples)[max(rank, 1) - 1]


def percentiles(samples: Sequence[float]) -> tuple[float, ...]:
    """Return P50, P95 and P99."""
    return tuple(percentile(samples, quantile) for quantile in QUANTILES)


@dataclass(frozen=True)
class Check:
    """A measured number against its limit."""

    name: str
    measured: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        # A number that is none meets nothing.
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def target(self) -> str:
        return f"{self.name} {'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}".strip()


@dataclass(frozen=True)
class Row:
    """What was measured, a cell for each column of its table, and what it is held against."""

    name: str
    values: tuple[str, ...]
    checks: tuple[Check, ...] = ()

    @property
    def target(self) -> str:
        return ", ".join(check.target for check in self.checks)

    @property
    def verdict(self) -> str:
        missed = [check.name for check in self.checks if not check.is_met]
        if missed:
            return f"missed: {', '.join(missed)}"
        return "met" if self.checks else ""


@dataclass(frozen=True)
class Table:
    """Rows that were measured in the same way, which the text says."""

    title: str
    text: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    load: float = 0.0

    def under(self, load: float) -> Table:
        """Return the table with the load average that it was measured under."""
        return replace(self, load=load)


def times_row(name: str, samples: Sequence[float], **limits: float) -> Row:
    """Return a row with P50, P95, P99 and the count of times in seconds; limits are in ms, as ``P99=25``."""
    return _quantiles_row(name, percentiles(samples), str(len(samples)), limits)


def added_row(name: str, more: Sequence[float], less: Sequence[float], **limits: float) -> Row:
    """Return a row with how far the percentiles of ``more`` are above those of ``less``."""
    added = tuple(high - low for high, low in zip(percentiles(more), percentiles(less), strict=True))
    return _quantiles_row(name, added, "", limits, sign="+")


def _quantiles_row(
    name: str, found: Sequence[float], count: str, limits: Mapping[str, float], *, sign: str = ""
) -> Row:
    by_name = {f"P{quantile * 100:g}": value * 1000 for quantile, value in zip(QUANTILES, found, strict=True)}
    values = tuple(f"{value:{sign}.2f}" for value in by_name.values())
    return Row(name, (*values, count), tuple(Check(key, by_name[key], limit, "ms") for key, limit in limits.items()))


TIME_COLUMNS = ("P50 ms", "P95 ms", "P99 ms", "n")


def markdown(table: Table, *, cores: int) -> str:
    """Return a table as Markdown; each row says when the machine had more to do than it has cores."""
    remark = f"load {table.load:.1f} on {cores} cores" if table.load > cores else ""
    head = ("", *table.columns, "Target", "Verdict")
    lines = [head, ("---",) * len(head)]
    for row in table.rows:
        verdict = " · ".join(filter(None, (row.verdict, remark)))
        lines.append((row.name, *row.values, row.target, verdict))
    rows = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    return f"### {table.title}\n\n{table.text}\n\n{rows}\n"


def _cell(text: str) -> str:
    """Return a text that stays in its cell."""
    return " ".join(text.split()).replace("|", "\\|")
