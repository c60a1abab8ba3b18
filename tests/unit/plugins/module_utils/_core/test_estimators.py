# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The estimators against SciPy, and the counts that the design promises."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from plugins.module_utils._core import estimators

SHARES = st.floats(min_value=0.0005, max_value=0.9995)
DRAWS = st.integers(min_value=1, max_value=20_000)
# What is this rare decides nothing, and its logarithm is large, so its rounding counts.
RARE = 1e-250


def close(value: float, relative: float = 1e-8) -> object:
    return pytest.approx(value, rel=relative, abs=1e-14)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """Draw a number of hits and a number of draws."""
    n = draw(DRAWS)
    return draw(st.integers(min_value=0, max_value=n)), n


@settings(max_examples=300, deadline=None)
@given(counts(), SHARES)
def test_binomial_tails_are_exact(count: tuple[int, int], share: float) -> None:
    k, n = count
    assert estimators.binomial_tail_at_least(k, n, share) == close(stats.binom.sf(k - 1, n, share))
    assert estimators.binomial_tail_at_most(k, n, share) == close(stats.binom.cdf(k, n, share))


@pytest.mark.parametrize("n", [100_000, 600_000])
@pytest.mark.parametrize("share", [0.5, 0.05, 0.01, 0.002])
@pytest.mark.parametrize("sigmas", [-6, -2, 0, 2, 6])
def test_binomial_tails_hold_for_the_longest_run(n: int, share: float, sigmas: int) -> None:
    k = round(n * share + sigmas * math.sqrt(n * share * (1 - share)))
    # The logarithms of such factorials have seven digits before the point.
    assert estimators.binomial_tail_at_least(k, n, share) == close(stats.binom.sf(k - 1, n, share), 1e-6)
    assert estimators.binomial_tail_at_most(k, n, share) == close(stats.binom.cdf(k, n, share), 1e-6)


@pytest.mark.parametrize(
    ("k", "n", "share", "at_least", "at_most"),
    [
        pytest.param(-1, 5, 0.5, 1.0, 0.0, id="fewer than none"),
        pytest.param(6, 5, 0.5, 0.0, 1.0, id="more than all"),
        pytest.param(0, 0, 0.5, 1.0, 1.0, id="nothing drawn"),
        pytest.param(0, 5, 0.0, 1.0, 1.0, id="none of a share of zero"),
        pytest.param(1, 5, 0.0, 0.0, 1.0, id="one of a share of zero"),
        pytest.param(5, 5, 1.0, 1.0, 1.0, id="all of a whole share"),
        pytest.param(4, 5, 1.0, 1.0, 0.0, id="not all of a whole share"),
    ],
)
def test_binomial_tails_at_their_ends(k: int, n: int, share: float, at_least: float, at_most: float) -> None:
    assert estimators.binomial_tail_at_least(k, n, share) == at_least
    assert estimators.binomial_tail_at_most(k, n, share) == at_most


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0, max_value=2000), st.integers(min_value=0, max_value=2000), SHARES)
def test_binomial_test_sums_both_tails(k: int, more: int, share: float) -> None:
    n = max(1, k + more)
    assert estimators.binomial_test(k, n, share) == close(stats.binomtest(k, n, share).pvalue, 1e-6)


@settings(max_examples=300, deadline=None)
@given(st.floats(min_value=0.0, max_value=3000.0), st.integers(min_value=1, max_value=2000))
def test_chi_square_tail_is_exact(statistic: float, degrees: int) -> None:
    wanted = stats.chi2.sf(statistic, degrees)
    if wanted > RARE:
        assert estimators.chi_square_tail(statistic, degrees) == close(wanted)


@settings(max_examples=200, deadline=None)
@given(counts(), st.sampled_from([0.9, 0.95, 0.99, 0.999]))
def test_intervals_are_those_of_scipy(count: tuple[int, int], confidence: float) -> None:
    hits, draws = count
    wilson = stats.binomtest(*count).proportion_ci(confidence, method="wilson")
    assert estimators.wilson(*count, confidence) == (close(wilson.low), close(wilson.high))
    # By the quantiles of the beta distribution: `proportion_ci` looks for this root and stops too early for small ones.
    tail = (1.0 - confidence) / 2.0
    low = stats.beta.ppf(tail, hits, draws - hits + 1) if hits else 0.0
    high = stats.beta.ppf(1.0 - tail, hits + 1, draws - hits) if hits < draws else 1.0
    assert estimators.clopper_pearson(*count, confidence) == (close(low), close(high))


def test_no_draws_say_nothing() -> None:
    assert estimators.wilson(0, 0) == (0.0, 1.0)
    assert estimators.clopper_pearson(0, 0) == (0.0, 1.0)
    assert estimators.quantile_interval(0.5, 0) == (0.0, 1.0)
    assert estimators.budget_verdict(0, 0, 0.05) == "within"
    assert estimators.share_test([0, 0], [0.7, 0.3]) == 1.0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(min_value=5, max_value=5000), min_size=2, max_size=6), st.randoms())
def test_many_hits_are_tested_as_pearson_did(hits: list[int], chance: random.Random) -> None:
    shares = [hit / sum(hits) * chance.uniform(0.9, 1.1) for hit in hits]
    expected = [sum(hits) * share / sum(shares) for share in shares]
    if min(expected) >= 5:
        assert estimators.share_test(hits, shares) == close(stats.chisquare(hits, expected).pvalue)


@pytest.mark.parametrize(
    ("hits", "shares", "wanted"),
    [
        pytest.param([70, 30], [0.7, 0.3], 1.0, id="as configured"),
        pytest.param([70, 30], [70, 30], 1.0, id="weights do as well"),
        pytest.param([281, 119], [0.7, 0.3], stats.chisquare([281, 119], [280, 120]).pvalue, id="within noise"),
        pytest.param([400, 0], [0.7, 0.3], stats.chisquare([400, 0], [280, 120]).pvalue, id="one candidate never hit"),
        pytest.param([399, 1], [1.0, 0.0], 0.0, id="a hit on a share of zero"),
        pytest.param([400, 0], [1.0, 0.0], 1.0, id="no hit on a share of zero"),
        pytest.param([400], [1.0], 1.0, id="a single candidate"),
        pytest.param([96, 4], [0.99, 0.01], stats.binomtest(4, 100, 0.01).pvalue, id="two, few expected"),
        pytest.param([0, 3], [0.9, 0.1], stats.binomtest(3, 3, 0.1).pvalue, id="very few drawn"),
        pytest.param(
            [50, 46, 4], [0.5, 0.49, 0.01], 3 * stats.binomtest(4, 100, 0.01).pvalue, id="three, few expected"
        ),
        pytest.param([50, 49, 1], [0.5, 0.49, 0.01], 1.0, id="three, few expected, as configured"),
    ],
)
def test_share_test(hits: list[int], shares: list[float], wanted: float) -> None:
    assert estimators.share_test(hits, shares) == close(wanted)


def test_share_test_raises_few_false_alarms() -> None:
    chance = random.Random(4)
    for shares in ([0.7, 0.3], [0.995, 0.005], [0.6, 0.395, 0.005]):
        alarms = 0
        for _run in range(2000):
            drawn = chance.choices(range(len(shares)), shares, k=200)
            alarms += estimators.share_test([drawn.count(index) for index in range(len(shares))], shares) < 0.05
        assert alarms / 2000 < 0.065


@pytest.mark.parametrize(
    ("share", "deviation", "alpha", "needed"),
    [
        pytest.param(share, deviation, alpha, needed, id=f"{share:.0%} off by {deviation:.0%}, alpha {alpha}")
        for share, alpha, row in (
            (0.05, 0.001, {0.02: 2726, 0.03: 1260, 0.05: 486, 0.1: 139}),
            (0.1, 0.001, {0.02: 4926, 0.03: 2235, 0.05: 835, 0.1: 225}),
            (0.3, 0.001, {0.02: 11086, 0.03: 4950, 0.05: 1797, 0.1: 457}),
            (0.5, 0.001, {0.02: 13060, 0.03: 5801, 0.05: 2085, 0.1: 517}),
            (0.3, 0.05, {0.05: 912, 0.1: 233}),
            (0.7, 0.001, {0.05: 1797}),
        )
        for deviation, needed in row.items()
    ],
)
def test_sample_size(share: float, deviation: float, alpha: float, needed: int) -> None:
    assert estimators.sample_size(share, deviation, alpha) == needed
    assert estimators.detectable_deviation(share, needed, alpha) == pytest.approx(deviation, rel=5e-3)
    assert estimators.detectable_deviation(share, needed, alpha) <= deviation


def test_sample_size_of_a_share_of_zero_counts_the_draws_until_a_hit() -> None:
    assert estimators.sample_size(0.0, 0.01) == 230
    assert 0.99**230 <= 0.1 < 0.99**229
    assert estimators.detectable_deviation(0.0, 230) == pytest.approx(0.01, rel=5e-3)
    assert estimators.detectable_deviation(1.0, 230) == pytest.approx(0.01, rel=5e-3)


def test_too_few_draws_show_nothing() -> None:
    assert estimators.detectable_deviation(0.3, 0) == 0.7
    assert estimators.detectable_deviation(0.3, 3) == 0.7


def test_a_deviation_that_no_share_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^no share lies 0\.8 away from 0\.3$"):
        estimators.sample_size(0.3, 0.8)


@settings(max_examples=100, deadline=None)
@given(SHARES, st.integers(min_value=30, max_value=10_000))
def test_more_draws_show_less_deviation(share: float, n: int) -> None:
    assert estimators.detectable_deviation(share, 2 * n) <= estimators.detectable_deviation(share, n)


@pytest.mark.parametrize(
    ("allowed", "n", "within"),
    [
        pytest.param(0.5, 2000, (963, 1052), id="P50"),
        pytest.param(0.05, 2000, (84, 123), id="P95"),
        pytest.param(0.01, 2000, (13, 31), id="P99"),
        pytest.param(0.002, 2000, (1, 9), id="success of 99.8 %"),
        pytest.param(0.002, 1497, (1, 8), id="success of 99.8 %, just enough requests"),
    ],
)
def test_budget_verdict_turns_at_the_promised_counts(allowed: float, n: int, within: tuple[int, int]) -> None:
    least, most = within
    verdicts = [estimators.budget_verdict(slower, n, allowed) for slower in (0, least - 1, least, most, most + 1, n)]
    assert verdicts == ["proven", "proven", "within", "within", "missed", "missed"]


def test_too_few_requests_prove_no_success_rate() -> None:
    assert estimators.budget_verdict(0, 1496, 0.002) == "within"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([0.5, 0.95, 0.99]), st.integers(min_value=1, max_value=5000), st.sampled_from([0.9, 0.95, 0.99]))
def test_quantile_interval_keeps_its_promise(q: float, n: int, confidence: float) -> None:
    low, high = estimators.quantile_interval(q, n, confidence)
    # The rank at which a level stands, as an inverted distribution function has it.
    lower, upper = math.ceil(low * n), math.ceil(high * n) if high < 1.0 else n + 1
    tail = (1.0 - confidence) / 2.0
    assert stats.binom.cdf(lower - 1, n, q) <= tail
    assert stats.binom.sf(upper - 1, n, q) <= tail
    # One rank closer would promise too much.
    assert stats.binom.cdf(lower, n, q) > tail
    assert stats.binom.sf(upper - 2, n, q) > tail
