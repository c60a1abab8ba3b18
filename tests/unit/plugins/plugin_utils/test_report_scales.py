# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scales of the charts: round lines, few enough for their labels, and everything inside."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.plugin_utils._report_scales import Even, Logarithmic, Time, power


@pytest.mark.parametrize(
    ("high", "labels"),
    [
        pytest.param(100.0, ["0", "20", "40", "60", "80", "100"], id="all"),
        pytest.param(27.5, ["0", "5", "10", "15", "20", "25"], id="a part"),
        pytest.param(0.3, ["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"], id="little"),
    ],
)
def test_even_lines(high: float, labels: list[str]) -> None:
    assert [tick.label for tick in Even(high).ticks] == labels


def test_values_outside_stand_at_the_ends() -> None:
    assert [Even(50.0).at(value) for value in (-1.0, 0.0, 25.0, 50.0, 99.0)] == [0.0, 0.0, 50.0, 100.0, 100.0]
    assert [Logarithmic(0.1, 10.0).at(value) for value in (0.0, 0.1, 1.0, 10.0, 1e9)] == pytest.approx(
        [0, 0, 50, 100, 100]
    )
    assert [Time(60.0).at(value) for value in (-1.0, 30.0, 90.0)] == [0.0, 50.0, 100.0]
    assert Time(0.0).at(1.0) == 0.0


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-9, 1e9), st.floats(10.0, 1e12))
def test_a_logarithmic_scale_has_lines_that_do_not_touch(low: float, times: float) -> None:
    scale = Logarithmic(low, low * times)
    places = [tick.at for tick in scale.ticks]
    assert 1 <= len(places) <= 7
    assert places == sorted(places)
    assert all(0.0 <= place <= 100.0 for place in places)
    # A chart is 150 pixels high at least, and a label 15.
    assert all(after - before > 10.0 for before, after in pairwise(places))


@pytest.mark.parametrize(
    ("part", "exponent", "label"),
    [
        pytest.param(1, 0, "1", id="one"),
        pytest.param(3, -3, "0.003", id="a part"),
        pytest.param(1, 3, "1000", id="thousand"),
        pytest.param(1, 6, "10⁶", id="a million"),
        pytest.param(3, -12, "3·10⁻¹²", id="next to nothing"),
    ],
)
def test_power(part: int, exponent: int, label: str) -> None:
    assert power(part, exponent) == label


@pytest.mark.parametrize(
    ("seconds", "unit", "labels"),
    [
        pytest.param(0.0, "seconds", ["0"], id="no time"),
        pytest.param(40.0, "seconds", ["0", "10", "20", "30", "40"], id="seconds"),
        pytest.param(317.0, "minutes", ["0", "1", "2", "3", "4", "5"], id="minutes"),
        pytest.param(4.0 * 3600, "hours", ["0", "1", "2", "3", "4"], id="hours"),
        pytest.param(5.0 * 86400, "days", ["0", "1", "2", "3", "4", "5"], id="days"),
    ],
)
def test_time(seconds: float, unit: str, labels: list[str]) -> None:
    scale = Time(seconds)
    assert (scale.unit[1], [tick.label for tick in scale.ticks]) == (unit, labels)
