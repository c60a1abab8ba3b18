# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout over time: nothing that happened is lost, however long it was."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from plugins.module_utils._core.rollout_journal import Tick, read_journal
from plugins.module_utils._core.rollout_timeline import MOST_POINTS, gaps, timeline


def ticks(lines: list[dict[str, Any]]) -> tuple[Tick, ...]:
    return read_journal([{"at": float(index), "phase": "analyse", **line} for index, line in enumerate(lines)]).ticks


def line(**changed: Any) -> dict[str, Any]:
    tally = {"candidate": {"n": 3, "events": 1}, "baseline": {"n": 9, "events": 0}}
    return {"routed": {"candidate": 2, "baseline": 7}, "counts": {"errors": tally}, "client": tally, **changed}


def test_a_short_one_is_whole() -> None:
    found = timeline(ticks([line()] * 5), 0.0, "errors")
    assert [each["at"] for each in found] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert found[0]["attempts"] == {"candidate": {"n": 3, "events": 1}, "baseline": {"n": 9, "events": 0}}
    assert timeline(ticks([line()]), 0.0, "other")[0]["attempts"] is None
    assert timeline((), 0.0, "errors") == []


CHANGES: list[dict[str, Any]] = [
    {"events": [{"name": "x", "text": "y"}]},
    {"weight": 50.0},
    {"phase": "hold"},
    {"step": 3},
    {"mirror": 5},
]


@pytest.mark.parametrize("length", [601, 1000, 3001])
def test_a_long_one_keeps_all_that_happened(length: int) -> None:
    lines = [line(weight=10.0, step=0, mirror=0) for _index in range(length)]
    places = range(7, length - 1, 53)
    for number, place in enumerate(places):
        lines[place] = {**lines[place], **CHANGES[number % len(CHANGES)]}
    found = timeline(ticks(lines), 0.0, "errors")
    kept = {each["at"] for each in found}
    assert len(found) == MOST_POINTS
    # A change lasts one tick here, so the tick after it is a change, too.
    back = {float(place + 1) for number, place in enumerate(places) if number % len(CHANGES)}
    assert {0.0, float(length - 1), *(float(place) for place in places)} | back <= kept
    assert sum(each["requests"]["candidate"] for each in found) == 2 * length
    assert sum(each["attempts"]["candidate"]["events"] for each in found) == length
    assert sum(each["client"]["baseline"]["n"] for each in found) == 9 * length
    assert max(after - before for before, after in itertools.pairwise(sorted(kept))) <= 1 + length // 400


def test_more_events_than_points_are_all_kept() -> None:
    lines = [line(events=[{"name": "x", "text": "y"}])] * (MOST_POINTS + 50)
    assert len(timeline(ticks(lines), 0.0, "errors")) == MOST_POINTS + 50


def test_figures_are_shown_where_they_are_new() -> None:
    verdict = {"gate": "errors", "phase": "inconclusive", "figures": {"evidence": 1.5, "evidence_needed": 40, "phi": 1}}
    analysis = {"phase": "inconclusive", "verdicts": [verdict]}
    first, second = timeline(ticks([line(analysis=analysis), line(analysis=analysis)]), 0.0, "errors")
    nothing = dict.fromkeys(["excess", "excess_allowed", "no_harm", "no_harm_needed"])
    shown = {"gate": "errors", "phase": "inconclusive", "evidence": 1.5, "evidence_needed": 40.0, **nothing}
    assert (first["gates"], second["gates"]) == ([shown], [])


@pytest.mark.parametrize(
    ("times", "interval", "found"),
    [
        pytest.param([0, 10, 20, 30], 10.0, [], id="none"),
        pytest.param([0, 10, 20, 70], 10.0, [], id="a tick that was late"),
        pytest.param([0, 10, 20, 71], 10.0, [{"from": 20.0, "to": 71.0}], id="nobody was there"),
        pytest.param([0, 1, 2, 31], 1.0, [], id="not so long with a short interval"),
        pytest.param([0, 1, 2, 33], 1.0, [{"from": 2.0, "to": 33.0}], id="long with a short interval"),
        pytest.param([0, 80, 160, 240], 10.0, [], id="a journal that was thinned out"),
        pytest.param([0], 10.0, [], id="one tick"),
        pytest.param([], 10.0, [], id="no tick"),
    ],
)
def test_gaps(times: list[float], interval: float, found: list[dict[str, float]]) -> None:
    assert gaps(ticks([{"at": at} for at in times]), 0.0, interval) == found
