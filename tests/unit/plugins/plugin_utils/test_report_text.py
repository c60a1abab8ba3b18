# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers and texts of a report, as people read them."""

from __future__ import annotations

import pytest

from plugins.plugin_utils import _report_text as texts


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(0.0, "0.00 ms", id="nothing"),
        pytest.param(0.345, "0.34 ms", id="part of a millisecond"),
        pytest.param(4.21, "4.21 ms", id="a few"),
        pytest.param(18.04, "18.0 ms", id="some"),
        pytest.param(258.4, "258 ms", id="many"),
        pytest.param(10_000.0, "10.00 s", id="seconds"),
    ],
)
def test_milliseconds(value: float, said: str) -> None:
    assert texts.milliseconds(value) == said.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(0.04, "0.0 ms", id="at once"),
        pytest.param(1.4, "1.4 ms", id="short"),
        pytest.param(12.34, "12 ms", id="longer"),
        pytest.param(4000.0, "4.00 s", id="long"),
    ],
)
def test_duration(value: float, said: str) -> None:
    assert texts.duration(value) == said.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("share", "digits", "said"),
    [
        pytest.param(0.0, 1, "0 %", id="nothing"),
        pytest.param(1.0, 1, "100 %", id="all"),
        pytest.param(0.7, 1, "70 %", id="round"),
        pytest.param(0.7025, 1, "70.2 %", id="one digit"),
        pytest.param(0.998, 2, "99.8 %", id="a budget"),
        pytest.param(0.9999999, 2, "> 99.99 %", id="almost all"),
        pytest.param(0.0001, 1, "< 0.1 %", id="almost nothing"),
        pytest.param(0.2, 0, "20 %", id="no digit"),
    ],
)
def test_percent(share: float, digits: int, said: str) -> None:
    assert texts.percent(share, digits) == said.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(0.913, "0.91", id="likely"),
        pytest.param(0.00123, "0.0012", id="rare"),
        pytest.param(1e-9, "less than 0.0001", id="never"),
    ],
)
def test_probability(value: float, said: str) -> None:
    assert texts.probability(value) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        pytest.param(8.17, 10.1, "8.17-10.1_ms", id="one unit"),
        pytest.param(817.0, 1010.0, "817_ms to 1.01_s", id="two units"),
    ],
)
def test_span(low: float, high: float, said: str) -> None:
    found = texts.span(texts.milliseconds(low), texts.milliseconds(high))
    assert found.replace("\N{NO-BREAK SPACE}", "_").replace("\N{EN DASH}", "-") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a\tb\nc\r d", "a\tb\nc\r d", id="white space stays"),
        pytest.param("Grüße, 模型 🚀", "Grüße, 模型 🚀", id="letters of all kinds stay"),
        pytest.param("\x00\x1b[31m", "\\x00\\x1b[31m", id="control characters"),
        pytest.param("\x7f\x85\x9b", "\\x7f\x85\\x9b", id="later control characters"),
        pytest.param("\ud800\udcff", "\\ud800\\udcff", id="halves of a pair"),
        pytest.param("\ufffe\uffff", "\\ufffe\\uffff", id="no characters"),
        pytest.param(404, "404", id="a number"),
    ],
)
def test_printable(text: object, said: str) -> None:
    assert texts.printable(text) == said
