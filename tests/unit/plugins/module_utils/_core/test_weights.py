# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole weights are in proportion, add up, and leave other candidates alone."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.weights import is_percent, share_of, weights_at, whole_weights

SPLITS = {
    "exact": ({"a": 0.7, "b": 0.3}, 100, {"a": 70, "b": 30}),
    "thirds: the first listed gets the rest": ({"a": 1, "b": 1, "c": 1}, 100, {"a": 34, "b": 33, "c": 33}),
    "largest remainder": ({"a": 0.524, "b": 0.249, "c": 0.227}, 100, {"a": 52, "b": 25, "c": 23}),
    "nothing for one": ({"a": 1, "b": 0}, 100, {"a": 100, "b": 0}),
    "another total": ({"a": 1, "b": 2}, 10, {"a": 3, "b": 7}),
}


@pytest.mark.parametrize(("shares", "total", "weights"), SPLITS.values(), ids=SPLITS.keys())
def test_whole_weights(shares: dict[str, float], total: int, weights: dict[str, int]) -> None:
    assert whole_weights(shares, total=total) == weights


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6), st.integers(1, 10_000))
def test_whole_weights_add_up_and_are_close(shares: list[float], total: int) -> None:
    named = {str(number): share for number, share in enumerate(shares)}
    if sum(shares) <= 0:
        return
    weights = whole_weights(named, total=total)
    assert sum(weights.values()) == total
    for name, share in named.items():
        assert abs(weights[name] - total * share / math.fsum(shares)) < 1 + 1e-6


@pytest.mark.parametrize("shares", [{}, {"a": 0}, {"a": 1, "b": -1}], ids=["none", "nothing", "negative"])
def test_what_is_no_split_is_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ServingError, match=re.escape(f"The shares {shares!r} are no split; set numbers of 0 or more")):
        whole_weights(shares)


AT = {
    "two candidates": (5, {"b": 100, "c": 0}, {"b": 95, "c": 5}),
    "whatever the weights added up to": (25, {"b": 7, "c": 3}, {"b": 75, "c": 25}),
    "nothing": (0, {"b": 70, "c": 30}, {"b": 100, "c": 0}),
    "everything": (100, {"b": 70, "c": 30}, {"b": 0, "c": 100}),
    "half a percent": (0.5, {"b": 1, "c": 0}, {"b": 995, "c": 5}),
    "a hundredth": (0.01, {"b": 1, "c": 0}, {"b": 9999, "c": 1}),
    "a third candidate keeps its share": (50, {"b": 60, "c": 0, "x": 40}, {"b": 30, "c": 30, "x": 40}),
    "a candidate that is new": (10, {"b": 100}, {"b": 90, "c": 10}),
    "nobody had any weight": (10, {"b": 0, "c": 0}, {"b": 90, "c": 10}),
}


@pytest.mark.parametrize(("percent", "current", "wanted"), AT.values(), ids=AT.keys())
def test_weights_at(percent: float, current: dict[str, int], wanted: dict[str, int]) -> None:
    found = weights_at(percent, current, baseline="b", candidate="c")
    assert found == wanted
    assert next(iter(found)) == "b", "the baseline comes first"


def test_no_share_to_divide_is_refused() -> None:
    with pytest.raises(ServingError, match="'b' and 'c' have no share of the traffic to divide") as refused:
        weights_at(5, {"b": 0, "c": 0, "x": 3}, baseline="b", candidate="c")
    assert "set a weight above 0 for 'b'" in str(refused.value)


@pytest.mark.parametrize("weights", [{"a": 1, "b": 3}, {"a": 25, "b": 75}])
def test_share_of(weights: dict[str, int]) -> None:
    assert share_of("b", weights) == 0.75
    assert share_of("c", weights) == 0.0
    assert share_of("a", {}) == 0.0


@pytest.mark.parametrize("value", [1, 100, 0.5, 0.01, "12.5"])
def test_percent(value: object) -> None:
    assert is_percent(value)


@pytest.mark.parametrize("value", [0, -1, 100.5, 0.001, "x", None, True, float("nan"), float("inf")])
def test_no_percent(value: object) -> None:
    assert not is_percent(value)
