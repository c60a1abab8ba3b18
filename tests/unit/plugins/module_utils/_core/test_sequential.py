# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequential evidence against SciPy, by enumeration where a law is exact, and by seeded runs where it is a promise."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from plugins.module_utils._core.sequential import (
    RATIOS,
    Contrast,
    Pair,
    RatioTest,
    Tally,
    confidence_sequence,
    excess_bound,
    log_mean,
    within_budget,
)

TALLIES = st.integers(1, 200_000).flatmap(lambda n: st.builds(Tally, st.just(n), st.integers(0, n)))


def window(n_c: float, x_c: float, n_b: float, x_b: float) -> Pair:
    return Pair(Tally(n_c, x_c), Tally(n_b, x_b))


@pytest.mark.parametrize(
    ("n", "events"),
    [(10, 11), (10, -1), (-1, 0), (math.inf, 1), (math.nan, 0)],
    ids=["more events than requests", "fewer than none", "negative", "endless", "not a number"],
)
def test_impossible_counts_are_refused(n: float, events: float) -> None:
    with pytest.raises(ValueError, match=f"{events} events in {n} requests cannot be"):
        Tally(n, events)


@settings(max_examples=150, deadline=None)
@given(TALLIES, st.sampled_from([0.05, 0.01, 0.001]))
def test_confidence_sequence_is_the_mixture_of_scipy(tally: Tally, alpha: float) -> None:
    n, x = int(tally.n), int(tally.events)

    def excess(p: float) -> float:
        # The Bayes factor of the beta-binomial against this share, with SciPy's distributions.
        against = stats.betabinom.logpmf(x, n, 0.5, 0.5) - stats.binom.logpmf(x, n, p)
        return float(against) + math.log(alpha)

    low, high = confidence_sequence(tally, alpha)
    assert 0.0 <= low <= tally.share <= high <= 1.0
    if x > 0:
        assert low == pytest.approx(optimize.brentq(excess, 1e-12, max(x / n - 1e-12, 2e-12), xtol=1e-15), abs=1e-7)
    if x < n:
        assert high == pytest.approx(optimize.brentq(excess, x / n + 1e-12, 1 - 1e-12, xtol=1e-15), abs=1e-7)


NO_FAILURES = {0.005: 1438, 0.01: 680, 0.05: 116}


@pytest.mark.parametrize(("bound", "n"), NO_FAILURES.items(), ids=lambda value: str(value))
def test_this_many_requests_without_failure_bound_the_share(bound: float, n: int) -> None:
    assert confidence_sequence(Tally(n - 1, 0), 0.05)[1] >= bound > confidence_sequence(Tally(n, 0), 0.05)[1]


def test_no_requests_say_nothing() -> None:
    assert confidence_sequence(Tally(), 0.05) == (0.0, 1.0)
    assert not within_budget(Pair(), share=0.01, budget=0.005, alpha=0.05)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6))
def test_log_mean_is_that_of_scipy(logs: list[float]) -> None:
    assert log_mean(logs) == pytest.approx(float(special.logsumexp(logs)) - math.log(len(logs)), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(10, 900), st.integers(10, 900))
def test_evidence_is_the_likelihood_ratio_of_scipy(x_c: int, x_b: int, n_c: int, n_b: int) -> None:
    def likelihood(ratio: float) -> float:
        return float(stats.binom.pmf(x_c, x_c + x_b, n_c * ratio / (n_c * ratio + n_b)))

    found = RatioTest.harm().add(window(n_c, x_c, n_b, x_b)).evidence
    assert found == pytest.approx(sum(likelihood(ratio) / likelihood(1.0) for ratio in RATIOS) / len(RATIOS), rel=1e-6)


NULLS = {
    "equal and rare": (RatioTest.harm(), 0.01, 0.01, 1.0),
    "equal and common": (RatioTest.harm(), 0.6, 0.6, 1.0),
    "the candidate is better": (RatioTest.harm(), 0.2, 0.4, 1.0),
    "discounted": (RatioTest.harm(), 0.3, 0.3, 0.2),
    "no window decides": (RatioTest.harm(cap=1.0), 0.3, 0.3, 1.0),
    "at the margin": (RatioTest.no_harm(1.5), 0.3, 0.2, 1.0),
    "at the margin and common": (RatioTest.no_harm(2.0), 0.8, 0.4, 1.0),
    "past the margin": (RatioTest.no_harm(1.5), 0.5, 0.2, 1.0),
}


@pytest.mark.parametrize(("test", "p_c", "p_b", "discount"), NULLS.values(), ids=NULLS.keys())
def test_no_bet_is_favourable_under_the_null(test: RatioTest, p_c: float, p_b: float, discount: float) -> None:
    """The expectation of the evidence is at most 1: every outcome of a window, weighed by SciPy's probabilities."""
    n_c, n_b = 6, 20
    expectation = sum(
        stats.binom.pmf(x_c, n_c, p_c)
        * stats.binom.pmf(x_b, n_b, p_b)
        * test.add(window(n_c, x_c, n_b, x_b), discount).evidence
        for x_c in range(n_c + 1)
        for x_b in range(n_b + 1)
    )
    assert expectation <= 1.0 + 1e-9


@pytest.mark.parametrize(
    "pair",
    [window(0, 0, 100, 3), window(100, 3, 0, 0), window(100, 0, 100, 0), Pair()],
    ids=["no candidate", "no baseline", "no events", "nothing"],
)
def test_windows_without_comparison_change_no_evidence(pair: Pair) -> None:
    assert RatioTest.harm().add(pair) == RatioTest.harm()


def test_evidence_survives_as_plain_data() -> None:
    evidence = RatioTest.harm(cap=1.0).add(window(100, 3, 900, 7), 0.5)
    contrast = Contrast().add(window(100, 3, 900, 7))
    pair = window(10, 1, 20, 2).discounted(0.3)
    assert RatioTest.from_dict(json.loads(json.dumps(evidence.as_dict()))) == evidence
    assert Contrast.from_dict(json.loads(json.dumps(contrast.as_dict()))) == contrast
    assert Pair.from_dict(json.loads(json.dumps(pair.as_dict()))) == pair


def test_a_bad_hour_with_more_weight_is_no_difference_between_the_arms() -> None:
    """Both arms fail ten times as often when the candidate has half of the traffic; bare counts would blame it."""
    calm, shock = window(100, 1, 1900, 19), window(1000, 100, 1000, 100)
    contrast = Contrast().add(calm).add(shock)
    assert (calm + shock).candidate.share > 1.5 * (calm + shock).baseline.share
    assert contrast.ratio == pytest.approx(1.0)
    assert contrast.difference == pytest.approx(0.0)


CONTRASTS = {
    "nothing happened": (window(100, 0, 100, 0), 1.0, 0.0),
    "only the candidate fails": (window(100, 5, 100, 0), math.inf, 0.05),
    "only the baseline fails": (window(100, 0, 100, 5), 0.0, -0.05),
    "twice as often": (window(100, 4, 1900, 38), 2.0, 0.02),
}


@pytest.mark.parametrize(("pair", "ratio", "difference"), CONTRASTS.values(), ids=CONTRASTS.keys())
def test_contrast(pair: Pair, ratio: float, difference: float) -> None:
    contrast = Contrast().add(pair)
    assert contrast.ratio == pytest.approx(ratio)
    assert contrast.difference == pytest.approx(difference)


# Seeded runs: the looks of an hour, in small windows so that many runs are affordable.
RUNS = 2000
REQUESTS = 750
WEIGHTS = (0.05, 0.10, 0.25, 0.50)


def walk(rng: np.random.Generator, p_c: float, p_b: float, looks: int) -> Iterator[Pair]:
    """Yield the windows of a walk through the weights."""
    shares = np.repeat(WEIGHTS, looks // len(WEIGHTS))
    candidate = rng.binomial(REQUESTS, shares)
    fails_c, fails_b = rng.binomial(candidate, p_c), rng.binomial(REQUESTS - candidate, p_b)
    for n_c, x_c, x_b in zip(candidate.tolist(), fails_c.tolist(), fails_b.tolist(), strict=True):
        yield window(n_c, x_c, REQUESTS - n_c, x_b)


def requests_to_detect(rng: np.random.Generator, p_c: float, p_b: float, looks: int) -> tuple[int, float] | None:
    """Return all requests and the candidate's until harm is proven at 5 %, or None when it never is."""
    test, candidate = RatioTest.harm(), 0.0
    for look, pair in enumerate(walk(rng, p_c, p_b, looks), start=1):
        test = test.add(pair)
        candidate += pair.candidate.n
        if test.rejects(0.05):
            return look * REQUESTS, candidate
    return None


@pytest.mark.parametrize("share", [0.002, 0.02], ids=["0.2 % fail", "2 % fail"])
def test_false_alarms_stay_below_alpha(share: float) -> None:
    rng = np.random.default_rng(20261124)
    false = sum(requests_to_detect(rng, share, share, 40) is not None for _run in range(RUNS))
    assert 0 < false <= 0.05 * RUNS


def test_false_proofs_of_no_harm_stay_below_alpha() -> None:
    """The candidate is as bad as the margin allows; how often is it called good, at any look?"""
    rng = np.random.default_rng(20261125)
    false = 0
    for _run in range(RUNS // 2):
        test = RatioTest.no_harm(1.5)
        for pair in walk(rng, 0.03, 0.02, 20):
            test = test.add(pair)
            if test.rejects(0.05):
                false += 1
                break
    assert false <= 0.05 * RUNS // 2


def test_false_advances_stay_below_alpha() -> None:
    """The candidate spends just more than the budget; how often is it let through, at any look?"""
    rng = np.random.default_rng(20261126)
    false = 0
    for _run in range(RUNS // 4):
        pair = Pair()
        for each in walk(rng, 0.0075, 0.002, 40):
            pair += each
            if within_budget(pair, share=1.0, budget=0.005, alpha=0.05):
                false += 1
                break
    assert false <= 0.05 * RUNS // 4


# The design's table: candidate's failure share -> all requests and the candidate's until it is found (medians).
POWER = {0.004: (62_000, 5_000), 0.007: (19_000, 959), 0.01: (9_700, 489), 0.05: (1_500, 76)}


@pytest.mark.parametrize(("share", "promised"), POWER.items(), ids=lambda value: str(value))
def test_power(share: float, promised: tuple[int, int]) -> None:
    rng = np.random.default_rng(20261127)
    runs = [requests_to_detect(rng, share, 0.002, 160) for _run in range(150)]
    found = [run for run in runs if run is not None]
    assert len(found) >= 0.95 * len(runs)
    median = np.median(found, axis=0)
    # Half of a window and the spread of 150 runs.
    assert median == pytest.approx(promised, rel=0.25)


def test_bound_of_the_excess_is_that_of_both_arms() -> None:
    pair = window(1000, 3, 9000, 20)
    high, low = confidence_sequence(pair.candidate, 0.025)[1], confidence_sequence(pair.baseline, 0.025)[0]
    assert excess_bound(pair, 0.05) == pytest.approx(high - low)
    assert within_budget(pair, share=0.1, budget=0.1 * (high - low), alpha=0.05)
    assert not within_budget(pair, share=0.2, budget=0.1 * (high - low), alpha=0.05)
