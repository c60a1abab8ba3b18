# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sample allows to say: intervals, tests and sample sizes of counts, exact where that is affordable."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

# Pearson's statistic follows chi-square well enough once this many hits are expected everywhere (Cochran, 1954).
ENOUGH_EXPECTED = 5.0
# A budget is missed when so many slow requests would be this rare, had it been met …
MISSED_ALPHA = 0.01
# … and proven when so few of them would be this rare, had it been missed by the least.
PROVEN_ALPHA = 0.05

_EPSILON = 1e-15
# Stands for zero where a continued fraction would divide by it (Press et al., Numerical Recipes, 5.2).
_TINY = 1e-300
_HALVINGS = 100


def binomial_tail_at_least(k: int, n: int, p: float) -> float:
    """Return the probability of k or more hits in n draws."""
    if k <= 0:
        return 1.0
    if k > n:
        return 0.0
    return _beta_share(k, n - k + 1, p)


def binomial_tail_at_most(k: int, n: int, p: float) -> float:
    """Return the probability of k or fewer hits in n draws."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return _beta_share(n - k, k + 1, 1.0 - p)


def binomial_test(k: int, n: int, p: float) -> float:
    """Return how often a count is as unlikely as k or more so, on both sides."""
    observed = _binomial_log(k, n, p) + 1e-7
    if k >= n * p:
        below = _first(lambda other: _binomial_log(other, n, p) > observed, 0, math.ceil(n * p)) - 1
        return min(1.0, binomial_tail_at_least(k, n, p) + binomial_tail_at_most(below, n, p))
    # Past its peak the probability falls, so the first unlikely count begins the other tail.
    above = _first(lambda other: _binomial_log(other, n, p) <= observed, math.floor(n * p) + 1, n + 1)
    return min(1.0, binomial_tail_at_most(k, n, p) + binomial_tail_at_least(above, n, p))


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Return the probability that a chi-square value is at least this large."""
    if degrees < 1 or statistic < 1e-300:
        return 1.0
    return _gamma_tail(degrees / 2.0, statistic / 2.0)


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a share: short, and right on average."""
    if n <= 0:
        return 0.0, 1.0
    z = _two_sided(1.0 - confidence)
    share, spread = successes / n, z * z / n
    centre = (share + spread / 2.0) / (1.0 + spread)
    reach = z / (1.0 + spread) * math.sqrt(share * (1.0 - share) / n + spread / (4.0 * n))
    low = 0.0 if successes == 0 else max(0.0, centre - reach)
    return low, 1.0 if successes == n else min(1.0, centre + reach)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share: it never promises more than it holds."""
    if n <= 0:
        return 0.0, 1.0
    tail = (1.0 - confidence) / 2.0
    low = _crossing(lambda p: binomial_tail_at_least(successes, n, p) > tail) if successes > 0 else 0.0
    high = _crossing(lambda p: binomial_tail_at_most(successes, n, p) <= tail) if successes < n else 1.0
    return low, high


def share_test(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the probability of counts at least this far off the shares, which need not add up to 1.

    Pearson's test where it holds. Where few hits are expected, each count is tested exactly against all others; with
    more than two the smallest result is multiplied by their number (Bonferroni), which errs on the quiet side.
    A hit on a share of zero cannot happen by chance.
    """
    if any(count for count, share in zip(counts, shares) if share <= 0.0):
        return 0.0
    living = [(count, share) for count, share in zip(counts, shares) if share > 0.0]
    n, whole = sum(count for count, _share in living), sum(share for _count, share in living)
    if len(living) < 2 or n == 0:
        return 1.0
    expected = [n * share / whole for _count, share in living]
    if min(expected) >= ENOUGH_EXPECTED:
        statistic = sum((count - wanted) ** 2 / wanted for (count, _share), wanted in zip(living, expected))
        return chi_square_tail(statistic, len(living) - 1)
    # Of two, each one's test says the same.
    tested = living[:1] if len(living) == 2 else living
    return min(1.0, len(tested) * min(binomial_test(count, n, share / whole) for count, share in tested))


def sample_size(share: float, deviation: float, alpha: float = 0.001, power: float = 0.9) -> int:
    """Return how many draws show, with this power, that a share is off by the deviation, up or down."""
    needed = _draws(share, deviation, alpha, power)
    if needed == math.inf:
        raise ValueError(f"no share lies {deviation} away from {share}")
    return math.ceil(needed)


def detectable_deviation(share: float, n: int, alpha: float = 0.001, power: float = 0.9) -> float:
    """Return the smallest deviation of a share that n draws show with this power; at most all there is."""
    widest = max(share, 1.0 - share)
    return widest * _crossing(lambda part: _draws(share, part * widest, alpha, power) <= n)


def budget_verdict(
    slower: int, n: int, allowed_share: float, alpha: float = MISSED_ALPHA, proof: float = PROVEN_ALPHA
) -> str:
    """Say whether a budget that allows this share of slower requests was ``missed``, ``proven`` or neither.

    ``within`` means that the sample is within noise of the budget: it shows neither.
    """
    if n > 0 and binomial_tail_at_least(slower, n, allowed_share) <= alpha:
        return "missed"
    if n > 0 and binomial_tail_at_most(slower, n, allowed_share) <= proof:
        return "proven"
    return "within"


def quantile_interval(q: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two quantile levels of a sample that enclose the true quantile, whatever the distribution.

    They lie in the middle of a rank's step, so that rounding never moves them to the neighbour. 0 and 1 mean that the
    sample has no bound on that side (David and Nagaraja, Order Statistics, 7.1).
    """
    if n <= 0:
        return 0.0, 1.0
    tail = (1.0 - confidence) / 2.0
    low = _first(lambda rank: binomial_tail_at_most(rank, n, q) > tail, 0, n)
    high = _first(lambda rank: binomial_tail_at_least(rank, n, q) <= tail, 1, n + 1)
    return (low - 0.5) / n if low > 0 else 0.0, (high - 0.5) / n if high <= n else 1.0


def _draws(share: float, deviation: float, alpha: float, power: float) -> float:
    """Return the draws needed for the worse of both sides; infinite when there is no such share."""
    if deviation <= 0.0:
        return math.inf
    others = [other for other in (share - deviation, share + deviation) if -1e-12 <= other <= 1.0 + 1e-12]
    if not others:
        return math.inf
    if not 0.0 < share < 1.0:
        # One hit where none may be is proof enough.
        return math.log(1.0 - power) / math.log1p(-deviation) if deviation < 1.0 else 1.0
    base = _two_sided(alpha) * math.sqrt(share * (1.0 - share))
    quantile = NormalDist().inv_cdf(power)
    return max((((base + quantile * math.sqrt(max(0.0, w * (1.0 - w)))) / deviation) ** 2 for w in others), default=0.0)


def _two_sided(alpha: float) -> float:
    return NormalDist().inv_cdf(1.0 - alpha / 2.0)


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first number from low on for which something holds that goes on holding; high when none before it."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _crossing(holds: Callable[[float], bool]) -> float:
    """Return where between 0 and 1 something begins to hold."""
    low, high = 0.0, 1.0
    for _step in range(_HALVINGS):
        middle = (low + high) / 2.0
        if holds(middle):
            high = middle
        else:
            low = middle
    return high


def _binomial_log(k: int, n: int, p: float) -> float:
    """Return the logarithm of the probability of exactly k hits."""
    if not 0.0 < p < 1.0:
        return 0.0 if k == n * p else -math.inf
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return ways + k * math.log(p) + (n - k) * math.log1p(-p)


def _beta_share(a: float, b: float, x: float) -> float:
    """Return the regularized incomplete beta function (https://dlmf.nist.gov/8.17)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # The fraction converges fast on this side of the peak only.
    if x < (a + 1.0) / (a + b + 2.0):
        return min(1.0, math.exp(front) * _beta_fraction(a, b, x) / a)
    return max(0.0, 1.0 - math.exp(front) * _beta_fraction(b, a, 1.0 - x) / b)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction 8.17.22, by Lentz's method."""
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    # It takes steps in the order of the root of the larger argument.
    for m in range(1, 200 + 10 * math.isqrt(math.ceil(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        change = 1.0
        for term in (even, odd):
            d = 1.0 / _not_zero(1.0 + term * d)
            c = _not_zero(1.0 + term / c)
            change *= c * d
        value *= change
        if abs(change - 1.0) <= _EPSILON:
            break
    return value


def _gamma_tail(a: float, x: float) -> float:
    """Return the regularized upper incomplete gamma function (https://dlmf.nist.gov/8.2)."""
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    steps = 200 + 20 * math.isqrt(math.ceil(max(a, x)))
    if x < a + 1.0:
        term = total = 1.0 / a
        for step in range(1, steps):
            term *= x / (a + step)
            total += term
            if term <= total * _EPSILON:
                break
        return max(0.0, 1.0 - front * total)
    b = x + 1.0 - a
    c, d = 1.0 / _TINY, 1.0 / _not_zero(b)
    value = d
    for step in range(1, steps):
        numerator = -step * (step - a)
        b += 2.0
        d = 1.0 / _not_zero(numerator * d + b)
        c = _not_zero(b + numerator / c)
        value *= c * d
        if abs(c * d - 1.0) <= _EPSILON:
            break
    return min(1.0, front * value)


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


__all__ = [
    "MISSED_ALPHA",
    "PROVEN_ALPHA",
    "binomial_tail_at_least",
    "binomial_tail_at_most",
    "binomial_test",
    "budget_verdict",
    "chi_square_tail",
    "clopper_pearson",
    "detectable_deviation",
    "quantile_interval",
    "sample_size",
    "share_test",
    "wilson",
]
