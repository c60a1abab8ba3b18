# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a rollout: what the real core did in the tests' world is what it says."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.module_utils._core.rollout_report import build_report, summary
from plugins.module_utils._core.rollout_steps import promotion_text
from tests import sample_rollouts as samples
from tests.schemas import Schema
from tests.unit.rollout_world import plan_of

SCHEMA = Schema("rollout.schema.json", frozenset({"models", "versions", "weights", "figures"}))
Report = dict[str, Any]


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {name: make() for name, make in samples.REPORTS.items()}


@pytest.mark.parametrize(
    ("name", "phase", "states"),
    [
        pytest.param("succeeded", "succeeded", "ppp ppp", id="succeeded"),
        pytest.param("harmful", "rolled_back", "ppp f--", id="taken back for harm"),
        pytest.param("parity", "failed", "f-- ---", id="failed before the first percent"),
        pytest.param("silent", "paused", "ppu ---", id="paused without traffic"),
        pytest.param("misrouted", "paused", "ppp pu-", id="the routing is off"),
        pytest.param("stuck", "stuck", "ppp pf-", id="stuck"),
        pytest.param("aborted", "aborted", "u-- ---", id="aborted"),
        pytest.param("rehearsed", "succeeded", "pss ssp", id="skipped"),
        pytest.param("mirrored", "rolled_back", "ppp u-", id="a mirror, and a person"),
        pytest.param("many_gates", "succeeded", "ppp ppp", id="six gates"),
        pytest.param("short", "baseline", "u-- ---", id="not over"),
        pytest.param("empty", "aborted", "--- ---", id="no journal"),
    ],
)
def test_steps(name: str, phase: str, states: str, reports: dict[str, Report]) -> None:
    letters = {"passed": "p", "failed": "f", "undecided": "u", "skipped": "s", "not_reached": "-"}
    found = reports[name]
    assert found["outcome"]["phase"] == phase
    assert "".join(letters[step["state"]] for step in found["steps"]) == states.replace(" ", "")
    assert [step["number"] for step in found["steps"]] == list(range(len(found["steps"])))
    reached = sum(step["state"] != "not_reached" for step in found["steps"][1:])
    assert found["totals"]["steps_reached"] == reached


def test_a_step_counts_what_was_seen_while_its_weight_was_set(reports: dict[str, Report]) -> None:
    found = reports["harmful"]
    for step in found["steps"][1:4]:
        n = sum(step["requests"].values())
        # The World rounds each window, and probes are rounded, too.
        assert step["requests"]["candidate"] / n == pytest.approx(step["weight"] / 100.0, abs=0.01)
    assert found["steps"][0]["requests"]["candidate"] == 0
    walked = sum(step["requests"]["candidate"] for step in found["steps"])
    assert found["totals"]["requests"]["candidate"] >= walked > 0


def test_a_step_lasts_until_the_next_one(reports: dict[str, Report]) -> None:
    for name, found in reports.items():
        reached = [step for step in found["steps"] if step["started"] is not None]
        for before, after in itertools.pairwise(reached):
            assert before["started"] + before["seconds"] == pytest.approx(after["started"]), name
    found = reports["harmful"]
    walked = sum(step["seconds"] for step in found["steps"])
    assert walked + found["totals"]["seconds_going_back"] == pytest.approx(found["run"]["seconds"])
    assert reports["succeeded"]["totals"]["seconds_going_back"] is None


def test_a_step_has_the_verdict_that_ended_it(reports: dict[str, Report]) -> None:
    found = reports["harmful"]
    phases = [{each["phase"] for each in step["gates"]} for step in found["steps"]]
    assert phases == [set(), {"successful"}, {"successful"}, {"failed", "inconclusive"}, set(), set()]
    (reason,) = [each["reason"] for each in found["steps"][3]["gates"] if each["phase"] == "failed"]
    assert reason == found["outcome"]["why"]


def verdict(gate: str, phase: str, **changed: Any) -> Report:
    return {"gate": gate, "phase": phase, "reason": f"{gate}: {phase}", **changed}


def test_what_was_asked_before_the_start_stands_beside_what_was_counted_there() -> None:
    plan = {"gates": [{"name": "parity", "kind": "prediction_parity"}, {"name": "errors", "kind": "error_rate"}]}
    said = [[verdict("parity", "successful")], [verdict("errors", "error")], [verdict("auc", "error")]]
    lines = [
        {"at": at, "phase": phase, "step": -1, "analysis": {"phase": "x", "verdicts": verdicts}}
        for at, (phase, verdicts) in enumerate(zip(("preflight", "baseline", "baseline"), said, strict=True))
    ]
    (before,) = build_report({}, plan, lines)["steps"]
    assert [each["gate"] for each in before["gates"]] == ["parity", "auc"]
    found = {each["gate"]: each["phase"] for each in build_report({}, plan, lines)["gates"]}
    assert found == {"parity": "successful", "errors": "error", "auc": "error"}


def test_a_verdict_that_is_not_new_belongs_to_the_step_before() -> None:
    analysis = {"phase": "successful", "verdicts": [verdict("errors", "successful")]}
    lines = [
        {"at": 0, "phase": "analyse", "step": 0, "weight": 10},
        {"at": 10, "phase": "wait_ready", "step": 1, "weight": 20, "analysis": analysis},
        {"at": 11, "phase": "rolling_back", "step": 1, "weight": 0, "analysis": analysis, "cause": "routing"},
    ]
    found = build_report({}, {"steps": [{"weight": 10}, {"weight": 20}]}, lines)
    assert [len(step["gates"]) for step in found["steps"]] == [0, 1, 0]


def test_steps_are_those_that_were_seen_when_the_plan_is_lost() -> None:
    world = samples.begun("analyse", 25)
    found = build_report({}, {}, world.lines)
    assert [step["weight"] for step in found["steps"]] == [0.0, 5.0, 10.0, 25.0]
    assert [step["state"] for step in found["steps"]] == ["passed", "passed", "passed", "undecided"]


def test_a_mirror_counts_copies(reports: dict[str, Report]) -> None:
    mirror = reports["mirrored"]["steps"][1]
    assert (mirror["mirror"], mirror["weight"]) == (20, 0.0)
    assert mirror["requests"]["candidate"] == pytest.approx(0.2 * mirror["requests"]["baseline"], rel=0.02)


def test_who_promoted_is_said(reports: dict[str, Report]) -> None:
    held = reports["succeeded"]["steps"][3]
    assert (held["state"], held["promoted"]["by"], held["promoted"]["phase"]) == ("passed", "alice", "hold")
    skipped = reports["rehearsed"]["steps"]
    assert [bool(step["promoted"]) for step in skipped] == [False, True, False, False, False, False]
    texts = [event["text"] for event in reports["rehearsed"]["events"] if event["name"] == "promoted"]
    assert texts == [skipped[1]["promoted"]["text"]] == ["promoted by alice to the last step while it was judging"]
    assert reports["rehearsed"]["totals"]["steps_skipped"] == 4
    assert promotion_text({}) == "promoted"


def test_events_are_in_order_and_numbered(reports: dict[str, Report]) -> None:
    for name, found in reports.items():
        times = [event["at"] for event in found["events"]]
        assert times == sorted(times), name
        assert [event["number"] for event in found["events"]] == list(range(1, len(times) + 1)), name
    names = [event["name"] for event in reports["rehearsed"]["events"]]
    assert names == ["step", "paused", "resumed", "promoted", "step", "succeeded"]
    assert reports["harmful"]["events"][0]["time"] == "2026-11-25T15:24:00Z"


def test_gates_say_what_they_said_last(reports: dict[str, Report]) -> None:
    found = {gate["gate"]: gate for gate in reports["many_gates"]["gates"]}
    assert list(found) == ["errors", "slow95", "slow99", "answers", "auc", "parity"]
    assert {gate["phase"] for name, gate in found.items() if name != "parity"} == {"successful"}
    assert {gate["step"] for name, gate in found.items() if name != "parity"} == {5}
    rule = "at most 2 % of the requests, at most 0.5 % of all requests because of the candidate"
    assert found["errors"]["rule"] == rule
    assert found["slow99"]["rule"] == "slower than 25 ms, less than 2 times the baseline's share"
    assert (found["auc"]["rule"], found["auc"]["counted"]) == ("at least 0.9", None)
    assert found["slow95"]["counted"]["candidate"]["events"] == 4 * found["errors"]["counted"]["candidate"]["events"]
    rehearsed = {gate["gate"]: gate for gate in reports["rehearsed"]["gates"]}["slow95"]
    assert (rehearsed["dry_run"], rehearsed["windows_without_data"]) == (True, 6)
    assert reports["empty"]["gates"][0]["phase"] is None


def test_attempts_and_what_callers_saw_stand_beside_each_other(reports: dict[str, Report]) -> None:
    totals = reports["harmful"]["totals"]
    assert totals["attempts"]["gate"] == "errors"
    assert totals["attempts"]["candidate"]["events"] > totals["client"]["candidate"]["events"]
    assert totals["attempts"]["candidate"]["n"] >= totals["client"]["candidate"]["n"]


def test_synthetic_requests_are_said(reports: dict[str, Report]) -> None:
    assert reports["harmful"]["totals"]["synthetic_share"] == 0.0
    totals = reports["succeeded"]["totals"]
    assert totals["synthetic_share"] == totals["synthetic"] / sum(totals["requests"].values())
    assert summary(reports["succeeded"]).endswith(" % of the requests were the rollout's own.")
    assert summary(reports["harmful"]) == reports["harmful"]["outcome"]["sentence"]
    assert reports["empty"]["totals"]["synthetic_share"] is None


def test_pinned_clients_are_not_forgotten(reports: dict[str, Report]) -> None:
    found = reports["harmful"]
    assert found["outcome"]["sticky"].startswith("weight 0 does not drain clients that are pinned to the candidate")
    assert found["totals"]["pinned"] > 0
    assert reports["succeeded"]["outcome"]["sticky"] == ""


def test_a_damaged_journal_is_said_to_be_one(reports: dict[str, Report]) -> None:
    found = reports["long"]
    assert found["journal"] == {"ticks": 1000, "points": 600, "unreadable": 2, "foreign": 1}
    (gap,) = found["gaps"]
    assert gap["to"] - gap["from"] == 1505.0
    assert any(event["name"] == "adopted" and event["at"] == gap["to"] for event in found["events"])


@pytest.mark.parametrize("cut", range(0, 112, 8))
def test_a_journal_may_end_anywhere(cut: int) -> None:
    world = samples.world()
    world.run()
    lines = world.lines[:cut]
    found = build_report({"run": samples.RUN}, world.plan, lines)
    SCHEMA.validate(json.loads(json.dumps(found, allow_nan=False)))
    assert found["outcome"]["phase"] == (lines[-1]["phase"] if lines else "")


def test_a_plan_is_taken_as_it_is_or_as_plain_data() -> None:
    plan = plan_of()
    assert build_report({}, plan, []) == build_report({}, plan.as_dict(), [])
    SCHEMA.validate(build_report({}, {}, []))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_line_breaks_a_report(data: st.DataObject) -> None:
    whole = WHOLE[data.draw(st.integers(0, len(WHOLE) - 1))]
    line = {
        key: data.draw(ANYTHING) if data.draw(st.integers(0, 3)) == 0 else value
        for key, value in whole.items()
        if data.draw(st.integers(0, 9))
    }
    names = st.sampled_from(["weight", "weights", "skipped", "started", "ended", "versions", "phase"])
    told = data.draw(st.dictionaries(names, ANYTHING))
    found = build_report({"run": samples.RUN, **told}, plan_of(), [*WHOLE[:2], line, *WHOLE[-2:]])
    SCHEMA.validate(json.loads(json.dumps(found, allow_nan=False)))


def _lines() -> list[Report]:
    world = samples.begun("analyse", 25)
    world.fails = {"old": 0.003, "new": 0.5}
    world.run()
    return world.lines


WHOLE = _lines()
