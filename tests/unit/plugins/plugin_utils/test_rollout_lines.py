# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines over time: whole where they can be, broken where nobody knows."""

from __future__ import annotations

import pytest

from plugins.plugin_utils._report_scales import Even, Time
from plugins.plugin_utils._rollout_lines import Course, Heading, Line, last_of, said

COURSE = Course(Time(10.0), ((4.5, 7.5),))
SCALE = Even(100.0)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([(1.0, None)], "", id="nothing known"),
        pytest.param([(0.0, 0.0), (1.0, 50.0), (2.0, 100.0)], "M0.0 1000.0h0 L100.0 500.0 L200.0 0.0", id="whole"),
        pytest.param([(0.0, 0.0), (1.0, None), (2.0, None), (3.0, 0.0)], "M0.0 1000.0h0 L300.0 1000.0", id="two late"),
        pytest.param(
            [(0.0, 0.0), (1.0, None), (2.0, None), (3.0, None), (4.0, 0.0)],
            "M0.0 1000.0h0 M400.0 1000.0h0",
            id="three missing",
        ),
        pytest.param([(4.0, 0.0), (8.0, 0.0)], "M400.0 1000.0h0 M800.0 1000.0h0", id="nobody watched"),
        pytest.param([(7.5, 0.0), (8.0, 0.0)], "M750.0 1000.0h0 L800.0 1000.0", id="somebody watched again"),
        pytest.param([(5.0, 250.0)], "M500.0 0.0h0", id="one value, and outside"),
    ],
)
def test_curve(values: list[tuple[float, float | None]], path: str) -> None:
    assert COURSE.curve(values, SCALE) == path


@pytest.mark.parametrize(
    ("values", "path"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([(1.0, None)], "", id="nothing known"),
        pytest.param(
            [(0.0, 0.0), (1.0, 0.0), (2.0, 50.0), (10.0, 50.0)], "M0.0 1000.0H200.0V500.0H1000.0", id="a step"
        ),
        pytest.param([(0.0, 20.0), (1.0, None), (2.0, None)], "M0.0 800.0H100.0", id="it ends"),
        pytest.param([(0.0, 20.0), (1.0, None), (2.0, 20.0)], "M0.0 800.0H100.0M200.0 800.0H200.0", id="it returns"),
    ],
)
def test_stairs(values: list[tuple[float, float | None]], path: str) -> None:
    assert COURSE.stairs(values, SCALE) == path


def test_a_panel_says_how_its_lines_end_and_leaves_out_those_that_are_none() -> None:
    lines = [Line("seen", "candidate", "M0 0", "3 ms"), Line("limit", "limit", "M0 0"), Line("gone", "baseline", "")]
    panel = COURSE.panel(Heading("x", "X", "ms", "Less is better."), lines, SCALE)
    assert panel.text == "Less is better. seen: 3 ms at the end."
    assert [line.name for line in panel.lines] == ["seen", "limit"]
    assert panel.gaps == ((45.0, 75.0),)
    assert panel.time_unit == "seconds"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        pytest.param(None, "ms", "", id="none"),
        pytest.param(0.0, "%", "0 %", id="nothing"),
        pytest.param(0.0004, "", "under 0.001", id="little"),
        pytest.param(0.03811, "", "0.0381", id="three digits"),
        pytest.param(8652.0, "", "8,652", id="thousands"),
        pytest.param(1e12, "", "over a million", id="more than anybody needs"),
        pytest.param(-0.25, "", "-0.25", id="below nothing"),
    ],
)
def test_said(value: float | None, unit: str, text: str) -> None:
    assert said(value, unit) == text.replace(" %", "\N{NO-BREAK SPACE}%")


def test_last_of() -> None:
    assert last_of([(0.0, 1.0), (1.0, 2.0), (2.0, None)]) == 2.0
    assert last_of([]) is None
