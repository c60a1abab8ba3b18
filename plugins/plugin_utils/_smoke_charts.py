# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things stand in the charts of a smoke test's page, in percent of the width, so that text never scales."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Iterator, Mapping, Sequence

from ._report_scales import Tick, even

# The curve's height runs over these shares of requests, stretched at both ends like probability paper.
LOWEST, HIGHEST = 0.01, 0.999
LEVELS = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
# The curve is drawn in a square of this size, which the page stretches.
SQUARE = 1000
# A budget's label stands where the curve is not: on the left of a missed one, else on the right. It needs this much of
# the width on a phone.
LABEL_ROOM = 0.36
ROUNDS = 10


@dataclass(frozen=True)
class Bar:
    """What a hop adds to a request, as a step of the waterfall, and the band that its budget leaves it."""

    title: str
    ms: float
    start: float
    width: float
    band_start: float
    band_width: float
    budget: tuple[float, ...]
    over: bool


@dataclass(frozen=True)
class Waterfall:
    """The hops one after the other."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    total: float
    width: float


@dataclass(frozen=True)
class Mark:
    """A percentile on the curve: where it was measured, its interval, and where its budget stands."""

    label: str
    level: float
    at: float
    low: float
    high: float
    budget_at: float
    missed: bool


@dataclass(frozen=True)
class Curve:
    """The share of requests that were answered within a time."""

    path: str
    times: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    marks: tuple[Mark, ...]


def waterfall(hops: Sequence[Mapping[str, Any]]) -> Waterfall | None:
    """Return the waterfall of the hops that were measured."""
    measured = [hop for hop in hops if hop["median_ms"] is not None]
    if not measured:
        return None
    steps, start, widest = [], 0.0, 0.0
    for hop in measured:
        # A difference of two medians may fall below nothing.
        width = max(0.0, hop["median_ms"])
        budget = tuple(hop["budget_ms"] or ())
        widest = max([widest, start + width, *(start + limit for limit in budget)])
        steps.append((hop, start, width, budget))
        start += width
    scale = 100.0 / (widest or 1.0)
    return Waterfall(
        tuple(_bar(*step, scale=scale) for step in steps),
        tuple(Tick(value * scale, f"{value:g}") for value in even(widest)),
        start,
        start * scale,
    )


def _bar(hop: Mapping[str, Any], start: float, width: float, budget: tuple[float, ...], *, scale: float) -> Bar:
    band = (start + budget[0], budget[1] - budget[0]) if budget else (0.0, 0.0)
    return Bar(
        hop["title"],
        hop["median_ms"],
        start * scale,
        width * scale,
        band[0] * scale,
        band[1] * scale,
        budget,
        hop["over"],
    )


def curve(latency: Mapping[str, Any]) -> Curve | None:
    """Return the curve of a valid measurement."""
    buckets = [bucket for bucket in latency["buckets"] if bucket[2] > 0]
    if latency["invalid"] or not buckets:
        return None
    percentiles = latency["percentiles"]
    scale = _TimeScale(buckets, percentiles)
    return Curve(
        " ".join(_points(buckets, scale)),
        tuple(scale.ticks()),
        tuple(Tick(_height(level), f"{level * 100:g}") for level in LEVELS),
        tuple(_mark(each, scale) for each in percentiles),
    )


def _mark(percentile: Mapping[str, Any], scale: _TimeScale) -> Mark:
    return Mark(
        f"P{percentile['quantile'] * 100:g}",
        _height(percentile["quantile"]),
        scale.at(percentile["ms"]),
        scale.at(percentile["low_ms"]),
        scale.at(percentile["high_ms"]),
        scale.at(percentile["budget_ms"]),
        percentile["verdict"] == "missed",
    )


def _points(buckets: Sequence[Sequence[float]], scale: _TimeScale) -> Iterator[str]:
    whole, so_far, letter = sum(bucket[2] for bucket in buckets), 0.0, "M"
    end = 0.0
    for low, high, count in buckets:
        before, so_far = so_far, so_far + count
        # What lies below the scale is not drawn.
        if so_far / whole <= LOWEST:
            continue
        # Where nothing was answered the curve is level.
        if low > end:
            yield f"{letter}{_point(scale.at(low), _height(before / whole))}"
            letter = "L"
        end = high
        yield f"{letter}{_point(scale.at(high), _height(so_far / whole))}"
        letter = "L"


def _point(at: float, level: float) -> str:
    return f"{at * SQUARE / 100:.1f} {SQUARE - level * SQUARE / 100:.1f}"


def _height(share: float) -> float:
    """Return how high a share of the requests stands, in percent."""
    low, high, value = (NormalDist().inv_cdf(min(max(each, LOWEST), HIGHEST)) for each in (LOWEST, HIGHEST, share))
    return (value - low) / (high - low) * 100.0


class _TimeScale:
    """A logarithmic scale that holds all that was measured, and the budgets with room for their labels."""

    def __init__(self, buckets: Sequence[Sequence[float]], percentiles: Sequence[Mapping[str, Any]]) -> None:
        highest = max(bucket[1] for bucket in buckets)
        starts = [low for low, _high, _count in buckets if low > 0.0] or [highest / 10.0]
        met = [each["budget_ms"] for each in percentiles if each["verdict"] != "missed"]
        missed = [each["budget_ms"] for each in percentiles if each["verdict"] == "missed"]
        low = min([*starts, *met, *missed]) / 1.3
        # Less than a decade would have no two labels.
        high = max([highest * 1.1, low * 10.0, *missed])
        # A label takes a share of the width, so its room on one side depends on the other end: each round gets nearer.
        part = LABEL_ROOM / (1.0 - LABEL_ROOM)
        for _round in range(ROUNDS):
            low = min([low, *(budget / (high / budget) ** part for budget in missed)])
            high = max([high, *(budget * (budget / low) ** part for budget in met)])
        self.low, self.high = low, high

    def at(self, ms: float) -> float:
        return math.log(max(ms, self.low) / self.low) / math.log(self.high / self.low) * 100.0

    def ticks(self) -> Iterator[Tick]:
        decades = math.log10(self.high / self.low)
        parts = (1, 2, 5) if decades <= 2.0 else (1, 3) if decades <= 3.0 else (1,)
        for exponent in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1):
            for part in parts:
                value = part * 10.0**exponent
                if self.low <= value <= self.high:
                    yield Tick(self.at(value), f"{value:g}")


__all__ = ["Bar", "Curve", "Mark", "Waterfall", "curve", "waterfall"]
