# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence about two arms that may be looked at as often as one likes.

The unit is a request. It is an event when it failed, or was slower than a limit, or was answered wrongly. A percentile
is asked as a share: "P95 is 18 ms at most" is "at most 5 % of the requests are slower than 18 ms". So one exact engine
serves errors and latencies, and no distribution has to be assumed.

Everything here is a value: counts of one window go in, new evidence comes out, and ``as_dict`` and ``from_dict`` carry
it over a restart. The promises hold at every look, so neither the interval nor a pause nor a resume inflates an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Mapping, Sequence

# How many times as likely an event is on the candidate; the harm test bets evenly on each.
RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)

# Robbins' mixture: Jeffreys' prior, the Beta distribution with both parameters one half.
_PRIOR = 0.5
_SMALLEST = 1e-12
_NEWTON_STEPS = 100
_CLOSE = 1e-12


@dataclass(frozen=True)
class Tally:
    """Requests of one arm, and how many of them were events. Discounted tallies are not whole numbers."""

    n: float = 0
    events: float = 0

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.n or not math.isfinite(self.n):
            raise ValueError(f"{self.events} events in {self.n} requests cannot be")

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.n + other.n, self.events + other.events)

    @property
    def share(self) -> float:
        """The share of events; 0 when there were no requests."""
        return self.events / self.n if self.n else 0.0

    def discounted(self, discount: float) -> Tally:
        """Return the tally as if only this part of it had been seen."""
        return Tally(self.n * discount, self.events * discount)

    def as_dict(self) -> dict[str, float]:
        """Return plain data."""
        return {"n": self.n, "events": self.events}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tally:
        """Read what ``as_dict`` gave."""
        return cls(data["n"], data["events"])


@dataclass(frozen=True)
class Pair:
    """What both arms did in the same window."""

    candidate: Tally = Tally()
    baseline: Tally = Tally()

    def __add__(self, other: Pair) -> Pair:
        return Pair(self.candidate + other.candidate, self.baseline + other.baseline)

    def discounted(self, discount: float) -> Pair:
        """Return both tallies as if only this part of them had been seen."""
        return Pair(self.candidate.discounted(discount), self.baseline.discounted(discount))

    @property
    def is_comparison(self) -> bool:
        """Whether both arms had requests."""
        return self.candidate.n > 0 and self.baseline.n > 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"candidate": self.candidate.as_dict(), "baseline": self.baseline.as_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Pair:
        """Read what ``as_dict`` gave."""
        return cls(Tally.from_dict(data["candidate"]), Tally.from_dict(data["baseline"]))


@dataclass(frozen=True)
class RatioTest:
    """A test martingale for the rate ratio r = p_candidate / p_baseline against a null ratio r0.

    A window with n_c, n_b requests and x_c, x_b events multiplies the evidence for each alternative r by

        ((q_r / q_0)^x_c · ((1 - q_r) / (1 - q_0))^x_b)^eta        q_r = n_c r / (n_c r + n_b)

    and the evidence E is the mean over the alternatives. q_r is the share of events that falls on the candidate when
    the ratio is r; whatever hits both arms cancels, and so do the weights of the steps.

    Error: P(E ever reaches 1/alpha) <= alpha while the true ratio is r0 or on its safe side (Ville's inequality). It
    needs no small rates: for independent requests, ln E[factor] <= n_c p_c (q_r / q_0 - 1)
    + n_b p_b ((1 - q_r) / (1 - q_0) - 1), which is 0 at p_c = r0 p_b and less on the safe side. By Jensen's inequality
    a discount eta of 1 or less keeps that, if it is known before the window is. Rates may change between windows.

    Source: Lindon and Malek, Anytime-valid inference for multinomial count data, NeurIPS 2022 (arXiv 2011.03567); the
    grid of ratios is this design's own. ``no_harm`` is the same test turned around: its null is "the ratio is the
    margin or more", and rejecting it proves that the candidate is not that much worse.
    """

    null: float
    alternatives: tuple[float, ...]
    logs: tuple[float, ...]
    cap: float | None = None

    @classmethod
    def harm(cls, ratios: Sequence[float] = RATIOS, *, cap: float | None = None) -> RatioTest:
        """Return the test of "the candidate is no worse than the baseline".

        ``cap``: the most that one window may add to the logarithm, so that no single window decides. A factor that is
        cut off from above has no larger expectation, so the promise stays.
        """
        return cls(1.0, tuple(ratios), (0.0,) * len(ratios), cap)

    @classmethod
    def no_harm(cls, margin: float, ratios: Sequence[float] = RATIOS) -> RatioTest:
        """Return the test of "the candidate has the margin times as many events, or more"."""
        return cls(margin, tuple(margin / ratio for ratio in ratios), (0.0,) * len(ratios))

    def add(self, window: Pair, discount: float = 1.0) -> RatioTest:
        """Return the evidence with one more window; the discount must not depend on that window."""
        most = math.inf if self.cap is None else self.cap
        logs = (log + min(most, discount * step) for log, step in zip(self.logs, self.growth(window)))
        return replace(self, logs=tuple(logs))

    def growth(self, window: Pair) -> tuple[float, ...]:
        """Return what a window adds to the logarithm for each alternative, undiscounted."""
        candidate, baseline = window.candidate, window.baseline
        if not window.is_comparison or candidate.events + baseline.events == 0:
            return (0.0,) * len(self.logs)
        null = candidate.n * self.null / (candidate.n * self.null + baseline.n)
        steps = []
        for ratio in self.alternatives:
            share = candidate.n * ratio / (candidate.n * ratio + baseline.n)
            inside, outside = math.log(share / null), math.log((1.0 - share) / (1.0 - null))
            steps.append(candidate.events * inside + baseline.events * outside)
        return tuple(steps)

    @property
    def log_evidence(self) -> float:
        """The natural logarithm of E."""
        return log_mean(self.logs)

    @property
    def evidence(self) -> float:
        """E, at most what a float holds."""
        return math.exp(min(self.log_evidence, 700.0))

    def rejects(self, alpha: float) -> bool:
        """Say whether the null is rejected now."""
        return self.log_evidence >= -math.log(alpha)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"null": self.null, "alternatives": list(self.alternatives), "logs": list(self.logs), "cap": self.cap}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RatioTest:
        """Read what ``as_dict`` gave."""
        return cls(float(data["null"]), tuple(data["alternatives"]), tuple(data["logs"]), data["cap"])


@dataclass(frozen=True)
class Contrast:
    """How far apart the arms are, over windows whose split and whose level may differ.

    Mantel and Haenszel's pooled rate ratio and rate difference, each window a stratum with n = n_c + n_b:
    ratio = sum(x_c n_b / n) / sum(x_b n_c / n), difference = sum((x_c n_b - x_b n_c) / n) / sum(n_c n_b / n), as a
    share of requests. Pooling the bare counts would blame the candidate for a bad hour in which it had more weight.
    Error: an estimate without a promise; it only says whether a proven effect is large enough to matter. Source: Mantel
    and Haenszel, 1959; Greenland and Robins, 1985.
    """

    candidate: float = 0.0
    baseline: float = 0.0
    weight: float = 0.0

    def add(self, window: Pair) -> Contrast:
        """Return the estimate with one more window."""
        if not window.is_comparison:
            return self
        n_c, n_b = window.candidate.n, window.baseline.n
        return Contrast(
            self.candidate + window.candidate.events * n_b / (n_c + n_b),
            self.baseline + window.baseline.events * n_c / (n_c + n_b),
            self.weight + n_c * n_b / (n_c + n_b),
        )

    @property
    def ratio(self) -> float:
        """The rate ratio; 1 when nothing happened, infinite when it all happened on the candidate."""
        if self.baseline > 0.0:
            return self.candidate / self.baseline
        return math.inf if self.candidate > 0.0 else 1.0

    @property
    def difference(self) -> float:
        """The candidate's share of events minus the baseline's."""
        return (self.candidate - self.baseline) / self.weight if self.weight else 0.0

    def as_dict(self) -> dict[str, float]:
        """Return plain data."""
        return {"candidate": self.candidate, "baseline": self.baseline, "weight": self.weight}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Contrast:
        """Read what ``as_dict`` gave."""
        return cls(data["candidate"], data["baseline"], data["weight"])


def lower_bound(tally: Tally, alpha: float) -> float:
    """Return the lower end of the confidence sequence of a share; see ``confidence_sequence``."""
    if tally.events <= 0:
        return 0.0
    return _boundary(tally, _mixture(tally) + math.log(alpha), _SMALLEST)


def upper_bound(tally: Tally, alpha: float) -> float:
    """Return the upper end of the confidence sequence of a share; see ``confidence_sequence``."""
    if tally.n <= 0 or tally.events >= tally.n:
        return 1.0
    return _boundary(tally, _mixture(tally) + math.log(alpha), 1.0 - _SMALLEST)


def confidence_sequence(tally: Tally, alpha: float) -> tuple[float, float]:
    """Return Robbins' beta-binomial confidence sequence of a share.

    The interval is { p : B(½+x, ½+n-x) / B(½, ½) <= p^x (1-p)^(n-x) / alpha }, x events in n requests. Error:
    P(the true share is ever outside) <= alpha, over all looks together. A discounted tally keeps that, by Jensen's
    inequality. Source: Robbins, Statistical methods related to the law of the iterated logarithm, 1970; Howard et al.,
    Time-uniform, nonparametric, nonasymptotic confidence sequences, 2021.
    """
    return lower_bound(tally, alpha), upper_bound(tally, alpha)


def excess_bound(pair: Pair, alpha: float) -> float:
    """Return an upper bound, at every look, of the candidate's share of events minus the baseline's.

    U_c - L_b, each from its own confidence sequence at alpha / 2, so that P(the true difference ever exceeds the
    bound) <= alpha. A share of all requests, between -1 and 1. Source: the union bound.
    """
    return upper_bound(pair.candidate, alpha / 2.0) - lower_bound(pair.baseline, alpha / 2.0)


def within_budget(pair: Pair, *, share: float, budget: float, alpha: float) -> bool:
    """Say whether a candidate may get this share of the traffic: share · (U_c - L_b) <= budget.

    The budget is the share of all requests that may become events because of the candidate. So the proof that is
    needed grows with what is at stake. Error: see ``excess_bound``. Source: this design's own.
    """
    return share * excess_bound(pair, alpha) <= budget


def log_mean(logs: Sequence[float]) -> float:
    """Return the logarithm of the mean of values given as logarithms."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(log - top) for log in logs) / len(logs))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _mixture(tally: Tally) -> float:
    """Return the logarithm of the likelihood of the counts, averaged over the prior."""
    return _log_beta(_PRIOR + tally.events, _PRIOR + tally.n - tally.events) - _log_beta(_PRIOR, _PRIOR)


def _boundary(tally: Tally, needed: float, outside: float) -> float:
    """Return where, coming from a share outside, the likelihood reaches what is needed.

    The logarithm of the likelihood is concave, so Newton's steps from outside never pass the boundary: wherever they
    end, the interval promises no more than the formula does.
    """
    missed, share = tally.n - tally.events, outside
    for _step in range(_NEWTON_STEPS):
        likelihood = (tally.events * math.log(share) if tally.events else 0.0) + (
            missed * math.log1p(-share) if missed else 0.0
        )
        if likelihood >= needed:
            break
        step = (needed - likelihood) / (tally.events / share - missed / (1.0 - share))
        share += step
        if abs(step) <= _CLOSE * min(share, 1.0 - share):
            break
    return share


__all__ = [
    "RATIOS",
    "Contrast",
    "Pair",
    "RatioTest",
    "Tally",
    "confidence_sequence",
    "excess_bound",
    "log_mean",
    "lower_bound",
    "upper_bound",
    "within_budget",
]
