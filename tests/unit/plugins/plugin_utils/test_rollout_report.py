# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a rollout: it fits its schema, its XML can be read, and every experiment has its own files."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.module_utils._core.analysis import ERROR, FAILED, INCONCLUSIVE, SUCCESSFUL
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.rollout_report import SCHEMA as FORM
from plugins.module_utils._core.rollout_state import PHASES
from plugins.plugin_utils import _rollout_report
from tests.sample_rollouts import REPORTS, harmful, rehearsed, succeeded
from tests.schemas import Schema

SCHEMA = Schema("rollout.schema.json", frozenset({"models", "versions", "weights", "figures"}))
Report = dict[str, Any]


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {name: make() for name, make in REPORTS.items()}


# JSON and its schema


@pytest.mark.parametrize("name", REPORTS)
def test_json_fits_its_schema(name: str, reports: dict[str, Report]) -> None:
    text = _rollout_report.to_json(reports[name])
    SCHEMA.validate(json.loads(text))
    assert json.loads(text) == reports[name]


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA.plain)
    assert SCHEMA.plain["properties"]["schema"]["const"] == FORM


@pytest.mark.parametrize(
    ("path", "node"), list(SCHEMA.nodes()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_schema_describes_every_field(path: str, node: dict[str, Any]) -> None:
    SCHEMA.require_described(path, node)


FULL = succeeded()
# Each first entry stands for all, so it has to be a full one.
FULL["timeline"] = [
    each for each in FULL["timeline"] if each["latency"] and each["latency"]["candidate"] and each["gates"]
]
FULL["steps"] = [each for each in FULL["steps"] if each["promoted"]]
FULL["gaps"] = [{"from": 1.0, "to": 2.0}]


@pytest.mark.parametrize("path", sorted(SCHEMA.places(FULL), key=str), ids=str)
def test_schema_takes_no_field_more_or_less(path: tuple[str | int, ...]) -> None:
    SCHEMA.require_exact(FULL, path)


def test_schema_knows_all_phases() -> None:
    assert SCHEMA.plain["$defs"]["phase"]["enum"] == ["", *PHASES]
    assert SCHEMA.plain["$defs"]["verdict"]["enum"] == [SUCCESSFUL, FAILED, INCONCLUSIVE, ERROR]


# JUnit


def junit(report: Report) -> ElementTree.Element:
    return ElementTree.fromstring(_rollout_report.to_junit(report))


@pytest.mark.parametrize("name", REPORTS)
def test_junit_has_the_shape_that_build_servers_read(name: str, reports: dict[str, Report]) -> None:
    root = junit(reports[name])
    assert root.tag == "testsuites"
    for suite in root:
        cases = suite.findall("testcase")
        assert [child.tag for child in suite] == ["properties", *["testcase"] * len(cases)]
        assert cases
        assert {case.get("classname") for case in cases} == {suite.get("name")}
        assert all(float(str(case.get("time"))) >= 0 and case.get("name") for case in cases)
        assert all(
            [child.tag for child in case] in ([], ["skipped"], ["failure"], ["error"], ["system-out"]) for case in cases
        )
        assert all(found.get("message") for tag in ("skipped", "failure", "error") for found in suite.iter(tag))
    for node in (root, *root):
        for count, tag in {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}.items():
            assert node.get(count) == str(len(list(node.iter(tag)))), f"{node.get('name')}: {count}"


def cases(report: Report) -> dict[str, dict[str, str]]:
    """Return the tags of all cases, by suite and name."""
    return {
        str(suite.get("name")): {
            str(case.get("name")): next((child.tag for child in case), "") for case in suite.findall("testcase")
        }
        for suite in junit(report)
    }


@pytest.mark.parametrize(
    ("name", "tag", "message"),
    [
        pytest.param("succeeded", "system-out", "", id="succeeded"),
        pytest.param("harmful", "failure", "times as many", id="harm is a failure"),
        pytest.param("stuck", "failure", "could not be confirmed", id="stuck is a failure"),
        pytest.param("parity", "failure", "9 of 12 answers are the golden ones", id="parity is a failure"),
        pytest.param("silent", "error", "there were no requests", id="no traffic is an error"),
        pytest.param("misrouted", "error", "the routing is off", id="wrong routes are an error"),
        pytest.param("mirrored", "error", "abort was asked for by alice", id="a person is an error"),
        pytest.param("empty", "error", "Aborted", id="nothing is known"),
    ],
)
def test_junit_says_how_it_came_out(name: str, tag: str, message: str, reports: dict[str, Report]) -> None:
    (case,) = junit(reports[name])[0].findall("testcase")
    (found,) = case
    assert found.tag == tag
    assert message in str(found.get("message", ""))
    assert found.text == reports[name]["outcome"]["sentence"]


def test_junit_has_a_suite_for_each_step_and_a_case_for_each_gate() -> None:
    assert cases(harmful()) == {
        "outcome": {"enhanced-predictor gets all of the traffic": "failure"},
        "1 weight 5 %": {"errors": "", "slow95": ""},
        "2 weight 10 %": {"errors": "", "slow95": ""},
        "3 weight 25 %": {each["gate"]: TAGS[each["phase"]] for each in harmful()["steps"][3]["gates"]},
        "4 weight 50 %": {"errors": "skipped", "slow95": "skipped"},
        "5 weight 100 %": {"errors": "skipped", "slow95": "skipped"},
    }
    assert cases(REPORTS["parity"]())["0 before the first percent"] == {"parity": "failure"}
    assert "1 mirror 20 %" in cases(REPORTS["mirrored"]())


TAGS = {SUCCESSFUL: "", FAILED: "failure", INCONCLUSIVE: "error", ERROR: "error"}


@pytest.mark.parametrize(
    ("state", "phase", "dry_run", "tag", "message"),
    [
        pytest.param("passed", SUCCESSFUL, False, "", "", id="passed"),
        pytest.param("passed", INCONCLUSIVE, False, "system-out", "", id="nothing speaks against it"),
        pytest.param("failed", FAILED, False, "failure", "why", id="failed"),
        pytest.param("undecided", INCONCLUSIVE, False, "error", "why", id="cannot tell"),
        pytest.param("undecided", ERROR, False, "error", "why", id="no data"),
        pytest.param("undecided", SUCCESSFUL, False, "", "", id="passed by itself"),
        pytest.param("failed", FAILED, True, "skipped", "dry run, failed: why", id="dry run"),
        pytest.param("skipped", INCONCLUSIVE, False, "skipped", "skipped by bob", id="skipped"),
        pytest.param("skipped", FAILED, False, "failure", "why", id="skipped all the same"),
        pytest.param("not_reached", None, False, "skipped", "the walk did not get here", id="not reached"),
        pytest.param("undecided", None, False, "skipped", "not judged in this step", id="not judged"),
    ],
)
def test_junit_says_what_came_of_a_gate(state: str, phase: str | None, dry_run: bool, tag: str, message: str) -> None:
    report = succeeded()
    step, gate = report["steps"][2], report["gates"][0]
    gate["dry_run"] = dry_run
    verdict = {**step["gates"][0], "phase": phase, "reason": "why", "cause": "x"}
    step.update(state=state, gates=[verdict] if phase else [], promoted={"by": "bob"})
    suite = next(each for each in junit(report) if each.get("name") == "2 weight 10 %")
    case = suite.findall("testcase")[0]
    assert next((child.tag for child in case), "") == tag
    assert next((child.get("message", "") for child in case), "") == message


def test_junit_of_a_promotion_that_nothing_speaks_against_is_green() -> None:
    root = junit(rehearsed())
    assert (root.get("failures"), root.get("errors")) == ("0", "0")


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec=None), max_size=40))
def test_any_text_survives_in_every_form(text: str) -> None:
    report = AWKWARD | {"run": {**AWKWARD["run"], "candidate": text, "target": text, "versions": {text: text}}}
    report["outcome"] = {**report["outcome"], "why": text, "sentence": text, "sticky": text, "cause": text}
    report["gates"] = [{**each, "reason": text, "rule": text} for each in report["gates"]]
    report["events"] = [{**each, "text": text, "name": text} for each in report["events"]]
    assert json.loads(_rollout_report.to_json(report)) == report
    junit(report)
    assert _rollout_report.to_html(report).encode()


AWKWARD = harmful()


# The page; tests/house/test_rollout_page.py opens it in a browser.


@pytest.mark.parametrize("name", REPORTS)
def test_page_needs_nothing_but_itself(name: str, reports: dict[str, Report]) -> None:
    page = _rollout_report.to_html(reports[name]).lower()
    foreign = ("<script", "<link", "<img", "<iframe", "<object", "@import", "url(", "src=", "http:", "https:")
    assert [text for text in foreign if text in page] == []
    assert page.count("href=") == page.count('href="#')


# Files


def test_each_experiment_has_its_own_files(tmp_path: Path) -> None:
    first, second = harmful(), succeeded()
    second["run"]["experiment"] = "../other one"
    paths = [
        *_rollout_report.write_reports(first, str(tmp_path)),
        *_rollout_report.write_reports(second, str(tmp_path)),
    ]
    names = ["financial-ab-test-experiment", "..-other-one"]
    wanted = [tmp_path / f"rollout-{name}.{suffix}" for name in names for suffix in ("json", "xml", "html")]
    assert [Path(path) for path in paths] == wanted
    assert sorted(tmp_path.iterdir()) == sorted(wanted)
    assert {stat.S_IMODE(path.stat().st_mode) for path in wanted} == {0o644}
    assert json.loads(wanted[0].read_text(encoding="utf-8")) == first
    assert wanted[2].read_text(encoding="utf-8") == _rollout_report.to_html(first)


def test_an_experiment_without_a_name_has_files_too(tmp_path: Path) -> None:
    report = harmful()
    report["run"]["experiment"] = ""
    assert Path(_rollout_report.write_reports(report, str(tmp_path))[0]).name == "rollout-unnamed.json"


def test_a_refusal_says_what_to_set(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.write_text("mine", encoding="utf-8")
    with pytest.raises(
        ServingError, match=rf"^The report cannot be written to {folder}: .+\. Set report_directory to "
    ):
        _rollout_report.write_reports(harmful(), str(folder))
