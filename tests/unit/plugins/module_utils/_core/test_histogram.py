# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Percentiles lie within 1 % of the exact ones, the ends are exact, and a sum of parts equals the whole."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.histogram import Histogram

DURATIONS = st.lists(st.integers(min_value=0, max_value=600_000_000), min_size=1, max_size=200)
QUANTILES = (0.0, 0.001, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)


def histogram(*durations: int) -> Histogram:
    found = Histogram()
    for each in durations:
        found.record(each)
    return found


def exact(durations: list[int], q: float) -> int:
    return sorted(durations)[max(math.ceil(q * len(durations) - 1e-9), 1) - 1]


@given(DURATIONS)
def test_a_percentile_is_within_one_percent(durations: list[int]) -> None:
    found = histogram(*durations)
    for q in QUANTILES:
        assert found.quantile(q) == pytest.approx(exact(durations, q), rel=0.01)


@given(DURATIONS)
def test_the_ends_the_mean_and_the_count_are_exact(durations: list[int]) -> None:
    found = histogram(*durations)
    assert (found.quantile(0), found.quantile(1)) == (min(durations), max(durations))
    assert (found.minimum, found.maximum, found.count) == (min(durations), max(durations), len(durations))
    assert found.mean == sum(durations) / len(durations)


@given(DURATIONS, DURATIONS)
def test_a_sum_of_parts_equals_the_whole(first: list[int], second: list[int]) -> None:
    part = histogram(*first)
    part.merge(histogram(*second))
    assert part == histogram(*first, *second)


@given(DURATIONS)
def test_plain_data_bring_it_back(durations: list[int]) -> None:
    found = histogram(*durations)
    assert Histogram.from_dict(json.loads(json.dumps(found.as_dict()))) == found


@given(DURATIONS)
def test_the_buckets_hold_all_and_touch_nowhere(durations: list[int]) -> None:
    buckets = histogram(*durations).buckets()
    assert sum(count for _low, _high, count in buckets) == len(durations)
    assert all(low < high for low, high, _count in buckets)
    assert all(before[1] <= after[0] for before, after in pairwise(buckets))
    for low, high, count in buckets:
        assert count == sum(low <= each < high for each in durations)
        assert high - low == 1 or (high - low) / low <= 0.01


def test_a_long_run_needs_little_room() -> None:
    chance = random.Random(1)
    found = histogram(*(int(chance.lognormvariate(9, 1)) for _ in range(20_000)))
    assert len(found.buckets()) < 1_500


@pytest.mark.parametrize(
    ("limit", "slower"),
    [
        pytest.param(0, 4, id="all"),
        pytest.param(99, 4, id="just below one"),
        pytest.param(100, 3, id="as long as one"),
        pytest.param(1_000, 2, id="between"),
        pytest.param(24_000, 1, id="near the longest"),
        pytest.param(25_000, 0, id="as long as the longest"),
        pytest.param(10**9, 0, id="none"),
    ],
)
def test_what_is_slower_than_a_limit_is_counted(limit: int, slower: int) -> None:
    assert histogram(100, 900, 11_000, 25_000).slower_than(limit) == slower


@given(DURATIONS, st.integers(min_value=0, max_value=600_000_000))
def test_what_is_slower_is_right_but_for_one_percent_around_the_limit(durations: list[int], limit: int) -> None:
    slower = histogram(*durations).slower_than(limit)
    assert slower >= sum(each > limit * 1.01 for each in durations)
    assert slower <= sum(each > limit * 0.99 for each in durations)


def test_nothing_recorded_is_all_zero() -> None:
    found = Histogram()
    assert (found.count, found.mean, found.minimum, found.maximum) == (0, 0.0, 0, 0)
    assert (found.quantile(0.5), found.slower_than(0), found.buckets()) == (0.0, 0, [])
    found.merge(Histogram())
    assert found == Histogram()


def test_a_duration_below_zero_counts_as_zero() -> None:
    assert histogram(-5, 7).minimum == 0


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_a_quantile_that_is_none_is_refused(q: float) -> None:
    with pytest.raises(ServingError, match=r"^There is no quantile .*\. Ask for one from 0 to 1, such as 0\.99\.$"):
        histogram(1).quantile(q)


@pytest.mark.parametrize("data", [{}, {"minimum": 1, "maximum": 2, "total": 3, "buckets": [1]}, {"minimum": "x"}])
def test_data_that_are_no_histogram_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(ServingError, match=r"^This is no histogram: .*Hand over what as_dict\(\) returned\.$"):
        Histogram.from_dict(data)
