# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the requests that a rollout sent itself: to verify a route, or as traffic where there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from .access_log import ARMS, BASELINE, CANDIDATE
from .gates import CountedGate
from .histogram import Histogram
from .load import LoadResult, added, summed
from .routing import Routed
from .sequential import Pair, Tally
from .traffic import Arms

_MICROSECONDS = 1000.0


@dataclass(frozen=True)
class Probed:
    """Requests of our own: how many were sent, the times of the good answers by arm, and the failures by arm."""

    sent: int = 0
    times: Mapping[str, Histogram] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, result: LoadResult, arms: Arms) -> Probed:
        """Take from a load what is an arm's."""
        names = {f":{model.internal_name}:": arm for arm, model in zip(ARMS, (arms.candidate, arms.baseline))}
        times = {names[route]: each for route, each in result.routes.items() if route in names}
        failed = {names[route]: count for route, count in result.failed_routes.items() if route in names}
        return cls(result.sent, times, failed)

    @classmethod
    def sum(cls, parts: Sequence[Probed]) -> Probed:
        """Return several as one."""
        times = {arm: added([each.times[arm] for each in parts if arm in each.times]) for arm in ARMS}
        return cls(sum(each.sent for each in parts), times, summed([each.failed for each in parts]))

    @property
    def routed(self) -> Routed:
        """How many requests each arm answered, well or badly."""
        return Routed(self._n(CANDIDATE), self._n(BASELINE))

    def counts(self, gate: CountedGate) -> Pair:
        """Return what a gate counts. A time is that of a good answer, from the moment for which it was planned."""
        return Pair(*(self._tally(arm, gate.threshold_ms) for arm in ARMS))

    def _tally(self, arm: str, threshold_ms: float | None) -> Tally:
        if threshold_ms is None:
            return Tally(self._n(arm), self.failed.get(arm, 0))
        times = self.times.get(arm) or Histogram()
        return Tally(times.count, times.slower_than(round(threshold_ms * _MICROSECONDS)))

    def _n(self, arm: str) -> int:
        return (self.times[arm].count if arm in self.times else 0) + self.failed.get(arm, 0)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        times = {arm: each.as_dict() for arm, each in self.times.items()}
        return {"sent": self.sent, "times": times, "failed": dict(self.failed)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Probed:
        """Read what ``as_dict`` gave."""
        times = {arm: Histogram.from_dict(each) for arm, each in data["times"].items()}
        return cls(int(data["sent"]), times, {arm: int(count) for arm, count in data["failed"].items()})


__all__ = ["Probed"]
