# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From raw counters to what happened since the last look.

A counter is read as it is and compared with its own last value: Prometheus' ``increase()`` extrapolates, and the tests
want whole numbers. A target is who gave a counter, one process as a rule; all that one target gives comes from one
moment. So a few rules say what a value means:

* A target that is new only sets its last values. How long it counted before we knew it is anybody's guess: a second
  Envoy may have served for weeks. This loses the beginning of a new process, in both arms alike, and invents nothing.
* A series that is new at a target that was known counts from zero: had it been there, the target would have given it.
  So the first failure ever is not lost.
* A value that fell was reset, and all of it is new; what was counted between the last look and the reset is lost. Each
  series answers for itself: a cluster can be made anew beside one that goes on.
* A series that is missing while its target is there began anew; it is forgotten, and counts from zero when it is back.
* A target that is missing keeps its last values; it may have been out of reach.

Hence nothing is counted that did not happen since the last look. What can be missed is what a process did before it was
seen, or ended, and what one that began anew did up to the value that its former self had reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping, Sequence

from .sequential import Pair, Tally

CANDIDATE = "candidate"
BASELINE = "baseline"
ARMS = (CANDIDATE, BASELINE)

# The last values: by target, then by series.
Seen = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Counter:
    """How often something happened in one arm, as one target gave it; ``series`` tells it from its neighbours."""

    arm: str
    target: str
    series: str
    value: int
    is_event: bool

    @property
    def key(self) -> str:
        """What it is remembered by at its target."""
        return f"{self.arm} {self.series}"


@dataclass(frozen=True)
class Reading:
    """All counters of one kind at one moment, and every target that was there, with or without counters of ours."""

    kind: str
    targets: frozenset[str]
    counters: tuple[Counter, ...] = ()


def growth(reading: Reading, seen: Seen) -> Pair | None:
    """Return what happened in both arms since the last values, or None when no target was known then."""
    if not reading.targets & set(seen):
        return None
    return Pair(*(_tally([each for each in reading.counters if each.arm == arm], seen) for arm in ARMS))


def remembered(reading: Reading, seen: Seen) -> dict[str, dict[str, int]]:
    """Return the last values for the next look."""
    kept = {target: dict(values) for target, values in seen.items()}
    for target in sorted(reading.targets):
        kept[target] = {each.key: each.value for each in reading.counters if each.target == target}
    return kept


def _tally(counters: Sequence[Counter], seen: Seen) -> Tally:
    """Return what happened in one arm."""
    tally = Tally()
    for target in {each.target for each in counters} & set(seen):
        tally += _grown([each for each in counters if each.target == target], seen[target])
    return tally


def _grown(counters: Iterable[Counter], last: Mapping[str, int]) -> Tally:
    """Return what happened in one arm at one target."""
    deltas = [(each, _delta(each.value, last.get(each.key, 0))) for each in counters]
    return Tally(sum(delta for _each, delta in deltas), sum(delta for each, delta in deltas if each.is_event))


def _delta(value: int, before: int) -> int:
    return value if value < before else value - before


__all__ = ["ARMS", "BASELINE", "CANDIDATE", "Counter", "Reading", "Seen", "growth", "remembered"]
