# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts of a rollout: everything lies inside, says how it ended, and copes with little and with much."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from plugins.plugin_utils._rollout_charts import evidence, failures, latency, shares
from plugins.plugin_utils._rollout_lines import Panel
from plugins.plugin_utils._rollout_walk import LANES, MARK_ROOM, MOST_SIGNS, Walk, walk
from tests.sample_rollouts import REPORTS

Report = dict[str, Any]


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {name: make() for name, make in REPORTS.items()}


def panels(report: Report) -> list[Panel]:
    found = walk(report)
    listed = [found.panel if found else None, shares(report), latency(report), failures(report)]
    return [each for each in listed if each] + [each for gate in evidence(report) for each in gate.panels]


def walked(report: Report) -> Walk:
    found = walk(report)
    assert found is not None
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_everything_lies_inside(name: str, reports: dict[str, Report]) -> None:
    for panel in panels(reports[name]):
        assert panel.lines, panel.heading.name
        assert all((panel.heading.title, panel.heading.unit, panel.heading.text, panel.text))
        for line in panel.lines:
            places = [float(each) for each in re.findall(r"\d+\.\d", line.path)]
            assert places
            assert all(0.0 <= place <= 1000.0 for place in places)
            assert "nan" not in line.path
            assert "inf" not in line.path
        assert 1 <= len(panel.levels) <= 8
        assert 1 <= len(panel.times) <= 8
        assert all(0.0 <= tick.at <= 100.0 for tick in (*panel.levels, *panel.times))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param("empty", 0, id="no journal"),
        pytest.param("parity", 0, id="one tick"),
        pytest.param("aborted", 3, id="no traffic for the candidate"),
        pytest.param("short", 3, id="five ticks"),
        pytest.param("harmful", 4 + 2 * 2, id="two gates"),
        pytest.param("many_gates", 4 + 4 * 2, id="six gates, four of which count"),
        pytest.param("long", 4 + 2 * 2, id="a thousand ticks"),
    ],
)
def test_what_was_not_measured_has_no_chart(name: str, count: int, reports: dict[str, Report]) -> None:
    assert len(panels(reports[name])) == count


# The walk


def test_the_walk_shows_its_weights(reports: dict[str, Report]) -> None:
    found = walked(reports["harmful"])
    heights = {round(100.0 - float(each) / 10.0, 1) for each in re.findall(r"V(\d+\.\d)", found.panel.lines[0].path)}
    # 25 % is the highest, with a fifth of room above.
    assert heights == {round(weight / 30.0 * 100.0, 1) for weight in (0, 5, 10, 25)}
    assert found.panel.text.startswith("It was 25 % at most.")


def test_a_sign_tells_how_a_step_ended(reports: dict[str, Report]) -> None:
    assert [end.sign for end in walked(reports["harmful"]).ends] == ["pass", "pass", "fail"]
    assert [end.sign for end in walked(reports["rehearsed"]).ends] == ["skip", "pass"]
    assert [end.sign for end in walked(reports["silent"]).ends] == ["pass", "error"]
    # Nineteen signs would hide the line.
    assert len(reports["long"]["steps"]) > MOST_SIGNS
    assert [end.sign for end in walked(reports["long"]).ends] == ["error"]


def test_lanes_say_what_was_going_on(reports: dict[str, Report]) -> None:
    assert [lane.name for lane in walked(reports["harmful"]).lanes] == ["Prepare", "Apply", "Judge", "Back"]
    assert [lane.name for lane in walked(reports["succeeded"]).lanes] == ["Prepare", "Apply", "Judge", "Wait"]
    for name in ("harmful", "long", "stuck"):
        bars = sorted((bar.start, bar.width) for lane in walked(reports[name]).lanes for bar in lane.bars)
        assert all(a[0] + a[1] == pytest.approx(b[0]) for a, b in pairwise(bars))
    assert {phase for phases in LANES.values() for phase in phases} <= {
        "preflight", "baseline", "wait_ready", "verify_route", "analyse", "post_check", "hold", "paused",
        "rolling_back", "stuck",
    }  # fmt: skip


def test_marks_have_the_numbers_of_their_events(reports: dict[str, Report]) -> None:
    report = reports["rehearsed"]
    numbers = {event["name"]: event["number"] for event in report["events"]}
    labels = [mark.label for mark in walked(report).marks]
    pair = f"{numbers['resumed']}\N{EN DASH}{numbers['promoted']}"
    assert labels == [str(numbers["paused"]), pair, str(numbers["succeeded"])]


@pytest.mark.parametrize("name", ["awkward", "stuck", "long"])
def test_marks_never_touch(name: str, reports: dict[str, Report]) -> None:
    places = [mark.at for mark in walked(reports[name]).marks]
    assert all(after - before >= MARK_ROOM for before, after in pairwise(places))


# The other charts


def test_evidence_is_shown_against_its_limit(reports: dict[str, Report]) -> None:
    errors, slow = evidence(reports["harmful"])
    assert [panel.heading.title for panel in (*errors.panels, *slow.panels)] == [
        "errors: Evidence of harm",
        "errors: Highest likely excess",
        "slow95: Evidence of harm",
        "slow95: Evidence of no harm",
    ]
    for panel in (*errors.panels, *slow.panels):
        assert [line.look for line in panel.lines] == ["candidate", "limit"]
        assert all(line.last for line in panel.lines)


def test_an_excess_is_in_percentage_points(reports: dict[str, Report]) -> None:
    gate = reports["harmful"]["gates"][0]
    panel = evidence(reports["harmful"])[0].panels[1]
    wanted = [100.0 * gate["figures"][name] for name in ("excess", "excess_allowed")]
    assert [float(line.last) for line in panel.lines] == pytest.approx(wanted, rel=0.01)


def test_evidence_without_end_has_a_place() -> None:
    report = REPORTS["awkward"]()
    first = evidence(report)[0].panels[0]
    assert first.lines[0].last == "over a million"
    assert first.lines[0].path.endswith(" 0.0")


def test_shares_are_compared_where_both_are_known(reports: dict[str, Report]) -> None:
    panel = shares(reports["misrouted"])
    assert panel is not None
    observed, configured = (line.last.split("\N{NO-BREAK SPACE}")[0] for line in panel.lines)
    point = [each for each in reports["misrouted"]["timeline"] if each["share"] is not None][-1]
    assert float(observed) == pytest.approx(100 * point["share"], abs=0.1)
    assert float(configured) == point["weight"]


def test_latencies_far_apart_share_a_logarithmic_scale(reports: dict[str, Report]) -> None:
    near = latency(reports["harmful"])
    assert near is not None
    assert near.heading.unit == "milliseconds"
    report = REPORTS["harmful"]()
    for point in report["timeline"][-3:]:
        if point["latency"]:
            point["latency"]["baseline"] = {"n": 1, "p50": 900.0, "p95": 4000.0, "p99": 5000.0}
    far = latency(report)
    assert far is not None
    assert far.heading.unit == "milliseconds, logarithmic"


def test_failures_are_shown_by_attempt_and_by_caller(reports: dict[str, Report]) -> None:
    panel = failures(reports["harmful"])
    assert panel is not None
    names = [line.name for line in panel.lines]
    assert names == [
        f"{arm}, {view}" for arm in ("candidate", "baseline") for view in ("per attempt", "as callers saw it")
    ]
    totals = reports["harmful"]["totals"]
    wanted = [totals[view][arm] for arm in ("candidate", "baseline") for view in ("attempts", "client")]
    shown = [float(line.last.split("\N{NO-BREAK SPACE}")[0]) for line in panel.lines]
    assert shown == pytest.approx([100.0 * each["events"] / each["n"] for each in wanted], rel=0.01)
