# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts of a smoke test: everything lies inside, in the right order, and in the right place."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.plugin_utils._smoke_charts import curve, waterfall
from tests.sample_reports import TITLES, hop, invalid, latency, passed

TIMES = st.floats(min_value=0.001, max_value=20_000.0)


def test_nothing_measured_has_no_chart() -> None:
    assert waterfall([hop("nginx", None)]) is None
    assert waterfall([]) is None
    assert curve(invalid()["latency"]) is None
    assert curve({**latency(), "invalid": ["late"]}) is None


def test_waterfall_steps() -> None:
    found = waterfall([hop("address", None), hop("nginx", 1.0), hop("envoy", 4.0), hop("mlserver", 5.0)])
    assert found is not None
    # The widest is where MLServer's budget ends: 1 + 4 + 7.
    part = 100 / 12
    assert found.total == 10.0
    assert found.width == pytest.approx(10 * part)
    close = partial(pytest.approx, abs=1e-9)
    assert [bar.start / part for bar in found.bars] == close([0, 1, 5])
    assert [bar.width / part for bar in found.bars] == close([1, 4, 5])
    assert [bar.band_start / part for bar in found.bars] == close([2, 3, 10])
    assert [bar.band_width / part for bar in found.bars] == close([1, 1, 2])
    assert [bar.over for bar in found.bars] == [False, True, False]
    assert [tick.at / part for tick in found.ticks] == close([0, 2, 4, 6, 8, 10, 12])
    assert [tick.label for tick in found.ticks] == ["0", "2", "4", "6", "8", "10", "12"]


def test_a_hop_that_seems_to_add_less_than_nothing_has_no_width() -> None:
    found = waterfall([hop("nginx", -0.05), hop("envoy", 1.0)])
    assert found is not None
    assert (found.bars[0].ms, found.bars[0].width, found.bars[1].start, found.total) == (-0.05, 0.0, 0.0, 1.0)


@settings(max_examples=100, deadline=None)
@given(st.lists(TIMES, min_size=1, max_size=5))
def test_waterfall_lies_inside(medians: list[float]) -> None:
    found = waterfall([hop(name, median) for name, median in zip(TITLES, medians, strict=False)])
    assert found is not None
    ends = [bar.start + bar.width for bar in found.bars] + [bar.band_start + bar.band_width for bar in found.bars]
    assert max([*ends, found.width, *(tick.at for tick in found.ticks)]) == pytest.approx(100.0, abs=20.0)
    assert max(ends) <= 100.0 + 1e-6
    assert 2 <= len(found.ticks) <= 7


@settings(max_examples=100, deadline=None)
@given(TIMES, st.integers(min_value=1, max_value=3000))
def test_curve_lies_inside_and_rises(median: float, n: int) -> None:
    measured = latency(median=median, n=n)
    found = curve(measured)
    assert found is not None
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML]([-0-9.]+) ([-0-9.]+)", found.path)]
    assert points == sorted(points, key=lambda point: (point[0], -point[1]))
    assert all(0 <= x <= 1000 and 0 <= y <= 1000 for x, y in points)
    # All were answered in the end.
    assert points[-1][1] == 0.0
    assert 2 <= len(found.times) <= 9
    assert all(0 <= tick.at <= 100 for tick in (*found.times, *found.levels))
    for mark in found.marks:
        assert 0 <= mark.low <= mark.at <= mark.high <= 100
        assert (mark.budget_at >= 35) if mark.missed else (mark.budget_at <= 65)


def test_labels_have_room_on_both_sides() -> None:
    measured = latency(median=30.0)
    first, middle, last = measured["percentiles"]
    measured["percentiles"] = [
        first | {"budget_ms": 1.0, "verdict": "missed"},
        middle | {"budget_ms": 25.0, "verdict": "missed"},
        last | {"budget_ms": 900.0, "verdict": "within"},
    ]
    found = curve(measured)
    assert found is not None
    left, _middle, right = (mark.budget_at for mark in found.marks)
    assert [left, right] == pytest.approx([36.0, 64.0], abs=0.5)


def test_curve_is_level_where_nothing_was_answered() -> None:
    found = curve({**latency(), "buckets": [[1.0, 1.1, 50], [9.0, 10.0, 50]]})
    assert found is not None
    heights = [y for _x, y in re.findall(r"[ML]([-0-9.]+) ([-0-9.]+)", found.path)]
    middle = f"{1000 - found.marks[0].level * 10:.1f}"
    assert heights == ["1000.0", middle, middle, "0.0"]


@pytest.mark.parametrize(
    ("levels", "label"),
    [pytest.param(level, label, id=label) for level, label in ((0, "1"), (100, "99.9"))],
)
def test_scale_ends_where_the_curve_does(levels: float, label: str) -> None:
    found: Any = curve(passed()["latency"])
    assert label in {tick.label for tick in found.levels if tick.at == pytest.approx(levels)}
