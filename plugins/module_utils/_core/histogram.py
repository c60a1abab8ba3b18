# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations counted in logarithmic buckets: percentiles within 1 %, and sums of several runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .errors import ServingError

# Each doubling of a duration has 128 buckets, so a bucket is at most 1/128 of its value wide, and its middle is
# at most 0.4 % away from anything in it. Below 256 microseconds each microsecond has a bucket of its own.
BITS = 7


def bucket_of(microseconds: int) -> int:
    """Return the number of the bucket that a duration falls into."""
    shift = max(microseconds.bit_length() - BITS - 1, 0)
    return (shift << BITS) + (microseconds >> shift)


def bounds(bucket: int) -> tuple[int, int]:
    """Return the first duration of a bucket, and the first one after it."""
    shift = max((bucket >> BITS) - 1, 0)
    low = (bucket - (shift << BITS)) << shift
    return low, low + (1 << shift)


def middle(bucket: int) -> float:
    """Return the middle of the whole microseconds in a bucket."""
    low, high = bounds(bucket)
    return (low + high - 1) / 2


class Histogram:
    """How often which duration was seen, in microseconds."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._total = 0
        self.count = 0
        self.minimum = 0
        self.maximum = 0

    def record(self, microseconds: int) -> None:
        """Count one duration; one below zero counts as zero."""
        value = max(microseconds, 0)
        bucket = bucket_of(value)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._widen(value, value)
        self.count += 1
        self._total += value

    @property
    def mean(self) -> float:
        """Return the mean, which is exact; 0 when nothing was recorded."""
        return self._total / self.count if self.count else 0.0

    def quantile(self, q: float) -> float:
        """Return the duration that a share q of all does not exceed, within 1 %; the ends are exact."""
        if not 0 <= q <= 1:
            raise ServingError(f"There is no quantile {q!r}. Ask for one from 0 to 1, such as 0.99.")
        # A product such as 0.95 * 400 may lie a hair above the whole number that is meant.
        rank = max(math.ceil(q * self.count - 1e-9), 1)
        if rank == 1:
            return float(self.minimum)
        if rank >= self.count:
            return float(self.maximum)
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= rank:
                return min(max(middle(bucket), self.minimum), self.maximum)
        return float(self.maximum)

    def slower_than(self, microseconds: int) -> int:
        """Return how many took longer; what shares a bucket with the limit is judged by the bucket's middle."""
        if microseconds >= self.maximum:
            return 0
        return sum(count for bucket, count in self._counts.items() if middle(bucket) > microseconds)

    def merge(self, other: Histogram) -> None:
        """Add what another one has counted."""
        for bucket, count in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
        if other.count:
            self._widen(other.minimum, other.maximum)
        self.count += other.count
        self._total += other._total

    def buckets(self) -> list[tuple[int, int, int]]:
        """Return the buckets in use, rising: the first duration in it, the first after it, how many."""
        return [(*bounds(bucket), self._counts[bucket]) for bucket in sorted(self._counts)]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: each bucket as its first duration and its count."""
        return {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "total": self._total,
            "buckets": [[low, count] for low, _high, count in self.buckets()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Histogram:
        """Return the histogram that such data describes."""
        found = cls()
        try:
            found.minimum, found.maximum, found._total = (int(data[key]) for key in ("minimum", "maximum", "total"))
            found._counts = {bucket_of(int(low)): int(count) for low, count in data["buckets"]}
        except (KeyError, TypeError, ValueError) as error:
            raise ServingError(f"This is no histogram: {error!r}. Hand over what as_dict() returned.") from error
        found.count = sum(found._counts.values())
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.as_dict() == other.as_dict()

    def __repr__(self) -> str:
        return f"Histogram(count={self.count}, minimum={self.minimum}, maximum={self.maximum})"

    def _widen(self, low: int, high: int) -> None:
        """Move the ends outwards; the count is still the one from before."""
        self.minimum = min(self.minimum, low) if self.count else low
        self.maximum = max(self.maximum, high)


__all__ = ["Histogram"]
