# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a smoke test: it fits its schema, its XML can be read, and no file of it is ever half written."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.smoke_catalogue import HOPS, PATH
from plugins.plugin_utils import _smoke_report
from tests.sample_reports import REPORTS, Report, broken, change, counted, invalid, passed, remarks
from tests.schemas import Schema

SCHEMA = Schema("smoke_test.schema.json", frozenset({"evidence", "versions"}))
NAMES = ["smoke_test.json", "smoke_test.xml", "smoke_test.html"]
STATUSES = SCHEMA.plain["$defs"]["status"]["enum"]
reports = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())


# JSON and its schema


@reports
def test_json_fits_its_schema(report: Callable[[], Report]) -> None:
    SCHEMA.validate(json.loads(_smoke_report.to_json(report())))


def test_json_says_what_the_report_says() -> None:
    assert json.loads(_smoke_report.to_json(passed())) == passed()


def test_json_holds_what_is_no_text() -> None:
    report = passed()
    change(report, "nginx.route", observed="\udcff\x00")
    text = _smoke_report.to_json(report)
    assert "\\udcff\\u0000" in text.encode().decode()
    assert json.loads(text) == report


def test_json_refuses_what_is_no_number() -> None:
    report = passed()
    report["hops"][1]["median_ms"] = float("nan")
    with pytest.raises(ValueError, match="Out of range float values"):
        _smoke_report.to_json(report)


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA.plain)


@pytest.mark.parametrize(
    ("path", "node"), list(SCHEMA.nodes()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_schema_describes_every_field(path: str, node: dict[str, Any]) -> None:
    SCHEMA.require_described(path, node)


FULL = broken() | {"latency": passed()["latency"], "shares": passed()["shares"]}


@pytest.mark.parametrize("path", sorted(SCHEMA.places(FULL), key=str), ids=str)
def test_schema_takes_no_field_more_or_less(path: tuple[str | int, ...]) -> None:
    SCHEMA.require_exact(FULL, path)


def test_schema_takes_no_number_from_an_invalid_measurement() -> None:
    report = invalid()
    report["latency"]["percentiles"] = passed()["latency"]["percentiles"]
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(report)


def test_schema_knows_the_hops() -> None:
    assert SCHEMA.plain["$defs"]["hop"]["enum"] == list(HOPS)


# JUnit


def junit(report: Report) -> ElementTree.Element:
    return ElementTree.fromstring(_smoke_report.to_junit(report))


@reports
def test_junit_has_the_shape_that_build_servers_read(report: Callable[[], Report]) -> None:
    root = junit(report())
    assert root.tag == "testsuites"
    assert {suite.tag for suite in root} == {"testsuite"}
    for suite in root:
        cases = suite.findall("testcase")
        assert [child.tag for child in suite] == ["properties", *["testcase"] * len(cases)]
        assert {case.get("classname") for case in cases} == {suite.get("name")}
        assert all(float(str(case.get("time"))) >= 0 and case.get("name") for case in cases)
        assert all(
            [child.tag for child in case] in ([], ["skipped"], ["failure"], ["error"], ["system-out"]) for case in cases
        )
        assert all(found.get("message") for tag in ("skipped", "failure", "error") for found in suite.iter(tag))
    for node in (root, *root):
        for name, tag in {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}.items():
            assert node.get(name) == str(len(list(node.iter(tag)))), f"{node.get('name')}: {name}"


@reports
def test_junit_has_every_check(report: Callable[[], Report]) -> None:
    cases = [str(case.get("name")).partition(":")[0] for case in junit(report()).iter("testcase")]
    wanted = [f"{each['id']}[{each['target']}]" if each["target"] else each["id"] for each in report()["checks"]]
    assert sorted(cases) == sorted(wanted)


@pytest.mark.parametrize(
    ("status", "tag", "text"),
    [
        pytest.param("pass", "", "", id="passed"),
        pytest.param("fail", "failure", "observed: 502\nexpected: 200\nhint: look", id="failed"),
        pytest.param("error", "error", "observed: 502\nexpected: 200\nhint: look", id="cannot tell"),
        pytest.param("skip", "skipped", "observed: 502\nexpected: 200\nhint: look", id="skipped"),
        pytest.param("warn", "system-out", "warning\nobserved: 502\nexpected: 200\nhint: look", id="warned"),
    ],
)
def test_junit_says_what_came_of_a_check(status: str, tag: str, text: str) -> None:
    report = passed()
    change(report, "nginx.route", status=status, observed="502", expected="200", hint="look")
    (case,) = [case for case in junit(counted(report)).iter("testcase") if "nginx.route" in str(case.get("name"))]
    assert [(child.tag, child.text) for child in case] == ([(tag, text)] if tag else [])
    assert case.get("time") == "0.0014"


def test_junit_names_the_broken_hop_where_it_skips() -> None:
    skipped = {found.get("message") for found in junit(broken()).iter("skipped")}
    assert skipped == {"NGINX is broken: nginx.route"}


def test_junit_suites_follow_the_path() -> None:
    assert [suite.get("name") for suite in junit(passed())] == list(PATH)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None), max_size=40))
def test_any_text_survives_in_every_form(text: str) -> None:
    report = broken()
    change(report, "nginx.route", observed=text, target=text, name=text, evidence={text: text})
    assert json.loads(_smoke_report.to_json(report)) == report
    junit(report)
    assert _smoke_report.to_html(report).encode()


# The page; tests/house/test_report_page.py opens it in a browser.


@reports
def test_page_needs_nothing_but_itself(report: Callable[[], Report]) -> None:
    page = _smoke_report.to_html(report()).lower()
    foreign = ("<script", "<link", "<img", "<iframe", "<object", "@import", "url(", "src=", "http:", "https:")
    assert [text for text in foreign if text in page] == []
    assert page.count("href=") == page.count('href="#')


@pytest.mark.parametrize(
    ("report", "said"),
    [
        pytest.param(passed, ["<title>Passed - smoke test of ml-api.local</title>", "20 passed"], id="passed"),
        pytest.param(passed, ["within noise", "proven", "as configured"], id="verdicts in words"),
        pytest.param(remarks, ["Passed, with remarks", "The machine was busy", "missed", "over"], id="remarks"),
        pytest.param(
            broken,
            [
                "Failed at NGINX",
                "What to do",
                "Check NGINX&#39;s upstream",
                "6 checks could not be asked",
                "Not measured. NGINX is broken: nginx.route",
            ],
            id="broken",
        ),
        pytest.param(invalid, ["INVALID", "12.4 % of the requests left more than 1 ms late"], id="invalid"),
    ],
)
def test_page_says(report: Callable[[], Report], said: list[str]) -> None:
    page = _smoke_report.to_html(report())
    assert [text for text in said if text not in page] == []


def test_page_shows_no_number_of_an_invalid_measurement() -> None:
    # Even when the report holds some.
    report = passed()
    report["latency"]["invalid"] = ["the generator was late"]
    page = _smoke_report.to_html(report)
    section = page[page.index('id="latency"') : page.index('id="success"')]
    assert "INVALID" in section
    assert not [text for text in ("P50", "P95", "99.8", "100", "400", "<table") if text in section]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param("pass", "Each of its answers counts here all the same", id="answers count however late"),
        pytest.param("error", "Not measured. too few answers", id="nobody can tell"),
        pytest.param("skip", "Not measured. too few answers", id="not asked"),
    ],
)
def test_success_of_an_invalid_measurement_follows_its_check(status: str, said: str) -> None:
    report = invalid()
    change(report, "path.success", status=status, reason="too few answers")
    page = _smoke_report.to_html(report)
    section = page[page.index('id="success"') : page.index('id="shares"')]
    assert said in section
    assert ("<table" in section) is (status == "pass")


@pytest.mark.parametrize(
    ("change_report", "reason"),
    [
        pytest.param({"reason": "the path is broken"}, "the path is broken", id="the check's reason"),
        pytest.param({"observed": "no answer", "reason": ""}, "no answer", id="what the check saw"),
        pytest.param({"id": "path.other"}, "This run did not ask for it.", id="no such check"),
    ],
)
def test_page_says_why_nothing_was_measured(change_report: dict[str, str], reason: str) -> None:
    report = passed()
    change(report, "path.success", id="path.other")
    change(report, "path.latency", **{"status": "skip", "observed": "", **change_report})
    report["latency"] = None
    page = _smoke_report.to_html(report)
    assert f"Not measured. {reason}" in page[page.index('id="latency"') : page.index('id="success"')]


def test_page_knows_a_hop_that_the_path_has_not() -> None:
    report = passed()
    change(report, "mesh.connect", hop="elsewhere")
    assert '<h3 id="group-elsewhere">elsewhere</h3>' in _smoke_report.to_html(report)


# Files


def test_reports_are_written_for_everyone_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "some/where"
    before = os.umask(0o077)
    try:
        paths = _smoke_report.write_reports(passed(), str(folder))
    finally:
        os.umask(before)
    assert paths == [str(folder / name) for name in NAMES]
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    assert {stat.S_IMODE(Path(path).stat().st_mode) for path in paths} == {0o644}
    assert Path(paths[2]).read_text(encoding="utf-8") == _smoke_report.to_html(passed())


def test_reports_replace_those_of_before(tmp_path: Path) -> None:
    _smoke_report.write_reports(broken(), str(tmp_path))
    before = tmp_path.joinpath("smoke_test.json").open(encoding="utf-8")
    _smoke_report.write_reports(passed(), str(tmp_path))
    with before:
        # Who was reading goes on reading the old one, whole.
        assert json.load(before)["verdict"] == "failed"
    assert json.loads(tmp_path.joinpath("smoke_test.json").read_text(encoding="utf-8"))["verdict"] == "passed"


@pytest.mark.parametrize("spoil", ["the folder is a file", "a report is a folder"])
def test_a_refusal_says_what_to_set_and_leaves_nothing(spoil: str, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    if spoil == "the folder is a file":
        folder.write_text("mine", encoding="utf-8")
    else:
        folder.joinpath("smoke_test.json").mkdir(parents=True)
    with pytest.raises(
        ServingError, match=rf"^The report cannot be written to {folder}: .+\. Set report_directory to "
    ):
        _smoke_report.write_reports(passed(), str(folder))
    assert [path.name for path in folder.rglob("*")] == ([] if folder.is_file() else ["smoke_test.json"])


def test_every_status_has_its_words() -> None:
    for status in STATUSES:
        report = passed()
        change(report, "envoy.connect", status=status, severity="info", reason="r")
        assert _smoke_report.to_html(counted(report))
