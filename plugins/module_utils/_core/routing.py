# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether requests go where the weights send them: while a new split comes into force, and ever after.

Counted are requests, each once and by the arm it went to first. Attempts would not do, because a failing arm is tried
again and so looks larger than it is; nor would requests that a client pinned to an arm (``x-seldon-route``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping

CONCENTRATION = 100.0
ALARM_ALPHA = 0.001
# How often a split may be taken for the wrong one of two.
SPLIT_ERROR = 0.01


@dataclass(frozen=True)
class Routed:
    """How many requests went to each arm."""

    candidate: int = 0
    baseline: int = 0

    def __post_init__(self) -> None:
        if self.candidate < 0 or self.baseline < 0:
            raise ValueError(f"{self.candidate} and {self.baseline} are no counts of requests")

    def __add__(self, other: Routed) -> Routed:
        return Routed(self.candidate + other.candidate, self.baseline + other.baseline)

    @property
    def n(self) -> int:
        """Both together."""
        return self.candidate + self.baseline

    @property
    def share(self) -> float:
        """The candidate's share; 0 when there were no requests."""
        return self.candidate / self.n if self.n else 0.0

    def as_dict(self) -> dict[str, int]:
        """Return plain data."""
        return {"candidate": self.candidate, "baseline": self.baseline}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Routed:
        """Read what ``as_dict`` gave."""
        return cls(data["candidate"], data["baseline"])


@dataclass(frozen=True)
class ShareCheck:
    """The routing-share test of one step: are the counts those of the share that was set?

    ln BF = ln G(k) - ln G(k + n) + sum over both arms of (ln G(k s + x) - ln G(k s) - x ln s), G the gamma function,
    s the arm's share, x its requests, k = 100: the Dirichlet-multinomial Bayes factor against the multinomial.
    Alarm at BF >= 1 / alpha. Error: P(ever a false alarm in a step) <= alpha = 0.001 (Ville's inequality). A hit on an
    arm whose share is 0 is an alarm at once. Source: Lindon and Malek, NeurIPS 2022 (arXiv 2011.03567).
    """

    share: float
    seen: Routed = Routed()

    def add(self, window: Routed, unknown: int = 0) -> ShareCheck:
        """Return the check with one more window.

        ``unknown`` requests got no answer that names an arm, so they count where they agree with the share: an arm that
        stands still must not look as if nobody was sent to it.
        """
        wanted = round(self.share * (window.n + unknown))
        candidate = min(max(window.candidate, wanted), window.candidate + unknown)
        return ShareCheck(self.share, self.seen + Routed(candidate, window.n + unknown - candidate))

    @property
    def log_evidence(self) -> float:
        """The natural logarithm of the Bayes factor; infinite when what cannot be was seen."""
        arms = ((self.share, self.seen.candidate), (1.0 - self.share, self.seen.baseline))
        if any(share <= 0.0 < count for share, count in arms):
            return math.inf
        total = math.lgamma(CONCENTRATION) - math.lgamma(CONCENTRATION + self.seen.n)
        for share, count in arms:
            if share > 0.0:
                prior = CONCENTRATION * share
                total += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
        return total

    def alarms(self, alpha: float = ALARM_ALPHA) -> bool:
        """Say whether requests do not go where the weights send them."""
        return self.log_evidence >= -math.log(alpha)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"share": self.share, "seen": self.seen.as_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ShareCheck:
        """Read what ``as_dict`` gave."""
        return cls(data["share"], Routed.from_dict(data["seen"]))


@dataclass(frozen=True)
class SplitChange:
    """Whether a new split is in force yet: Wald's sequential test between the old share and the new one.

    ln L = x ln(new / old) + (n - x) ln((1 - new) / (1 - old)), x of n requests on the candidate. New at
    ln L >= ln(1 / error), old at ln L <= -ln(1 / error). Error: at most 1 % either way, for these two shares. It takes
    about ln(100) / KL(new | old) requests: 223 for 5 -> 10 %, 33 for 25 -> 50 %. Source: Wald, Sequential Analysis,
    1947.
    """

    old: float
    new: float
    seen: Routed = Routed()

    def add(self, window: Routed) -> SplitChange:
        """Return the test with more requests; when they are plainly the old split's, it starts anew."""
        change = SplitChange(self.old, self.new, self.seen + window)
        return SplitChange(self.old, self.new) if change.log_evidence <= math.log(SPLIT_ERROR) else change

    @property
    def log_evidence(self) -> float:
        """The logarithm of the likelihood ratio of the new split to the old one."""
        found = 0.0
        for count, old, new in (
            (self.seen.candidate, self.old, self.new),
            (self.seen.baseline, 1.0 - self.old, 1.0 - self.new),
        ):
            if count and new <= 0.0:
                return -math.inf
            if count:
                found = math.inf if old <= 0.0 else found + count * math.log(new / old)
        return found

    @property
    def is_in_force(self) -> bool:
        """Whether the new split is in force; nothing needs to be shown when nothing changes."""
        return self.old == self.new or self.log_evidence >= -math.log(SPLIT_ERROR)

    @property
    def expected_requests(self) -> int:
        """How many requests it takes, on average, once the new split is in force."""
        if self.old == self.new:
            return 0
        per_request = 0.0
        for old, new in ((self.old, self.new), (1.0 - self.old, 1.0 - self.new)):
            if new > 0.0 and old <= 0.0:
                # The first such request is proof; before it, the test may end at the old share's bound.
                return math.ceil(math.log(SPLIT_ERROR) / math.log1p(-new)) if new < 1.0 else 1
            per_request += new * math.log(new / old) if new > 0.0 else 0.0
        return math.ceil(-math.log(SPLIT_ERROR) / per_request)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"old": self.old, "new": self.new, "seen": self.seen.as_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SplitChange:
        """Read what ``as_dict`` gave."""
        return cls(data["old"], data["new"], Routed.from_dict(data["seen"]))


__all__ = ["ALARM_ALPHA", "CONCENTRATION", "Routed", "ShareCheck", "SplitChange"]
