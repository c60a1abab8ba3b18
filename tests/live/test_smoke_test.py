# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smoke test against the running path: what it finds where all is well, and what it leaves behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, DataPlane, Play

# Nobody can tell on a machine that does other things.
UNDECIDED = {"path.latency"}
TIMED = {"nginx.latency", "envoy.latency", "mlserver.latency", "path.latency"}


def smoke(plane: DataPlane, *arguments: str, **variables: Any) -> Play:
    return plane.play("smoke_test.yml", *arguments, variables={"serving_enforce_budgets": False, **variables})


def report_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "smoke_test.json").read_bytes()))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("smoke") / "new" / "reports"


@pytest.fixture(scope="module")
def play(data_plane: DataPlane, reports: Path) -> Play:
    """Run the quick profile once."""
    return smoke(data_plane, serving_report_directory=str(reports))


def test_a_sound_path_passes(play: Play, reports: Path) -> None:
    assert play.status == 0, play.output
    assert play.changed == 0
    report = report_of(reports)
    assert (report["verdict"], report["first_broken"]) == ("passed", None)
    remarks = {each["id"] for each in report["checks"] if each["status"] == "warn"}
    assert remarks <= TIMED
    assert {each["id"] for each in report["checks"] if each["status"] == "error"} <= UNDECIDED
    # One machine has no Service before Envoy, and the third model of this path has no request.
    skipped = {(each["id"], each["target"]) for each in report["checks"] if each["status"] == "skip"}
    assert {id_ for id_, target in skipped if target != "shadow-predictor"} == {"mesh.connect", "metrics.answers"}


def test_every_check_is_shown_while_it_runs(play: Play, reports: Path) -> None:
    lines = play.output.splitlines()
    for each in report_of(reports)["checks"]:
        label = f"{each['id']}[{each['target']}]" if each["target"] else each["id"]
        assert sum(f" {label} " in line for line in lines) == 1, label
    assert "\x1b[" not in play.output
    assert f"Report: {reports}/smoke_test.html" in lines


def test_measurements_are_in_the_report(play: Play, reports: Path) -> None:
    assert play.status == 0
    report = report_of(reports)
    [shares] = report["shares"]
    assert (shares["experiment"], shares["n"]) == (EXPERIMENT, 500)
    assert {each["name"]: each["share"] for each in shares["candidates"]} == {BASELINE: 0.7, ENHANCED: 0.3}
    assert report["latency"]["success"] == {**report["latency"]["success"], "n": 500, "failures": 0}
    medians = {each["name"]: each["median_ms"] for each in report["hops"]}
    assert medians["mlserver"] > 0.1
    assert medians["mesh"] is None


def test_reports_are_readable_and_whole(play: Play, reports: Path) -> None:
    assert play.status == 0
    assert sorted(path.name for path in reports.iterdir()) == ["smoke_test.html", "smoke_test.json", "smoke_test.xml"]
    assert {oct(path.stat().st_mode & 0o777) for path in reports.iterdir()} == {"0o644"}


def test_check_mode_asks_nothing(data_plane: DataPlane, tmp_path: Path) -> None:
    log = data_plane.directory / "logs" / "access.log"
    before = log.stat().st_size
    play = smoke(data_plane, "--check", serving_report_directory=str(tmp_path / "none"))
    assert play.status == 0, play.output
    assert "In check mode nothing is asked. It would ask: address, mlserver, envoy" in " ".join(play.output.split())
    assert log.stat().st_size == before
    assert not (tmp_path / "none").exists()


def test_a_report_that_cannot_be_written_is_refused_in_words(data_plane: DataPlane, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    play = smoke(data_plane, requests=10, serving_report_directory=str(tmp_path / "file" / "reports"))
    assert play.status != 0
    assert "Set report_directory to a folder on the controller" in " ".join(play.output.split())


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "a rate that nobody needs": ({"rate": 1e9}, "Set rate above 0"),
    "budgets upside down": ({"serving_budgets": {"nginx_ms": [3, 2]}}, "nginx_ms of budgets is [3.0, 2.0]; set two"),
    "a budget that does not exist": ({"serving_budgets": {"p42_ms": 2}}, "p42_ms"),
    "samples that are not there": ({"serving_samples": ["/nonexistent"]}, "/nonexistent cannot be read: No such file"),
}


@pytest.mark.parametrize(("variables", "words"), REFUSALS.values(), ids=REFUSALS.keys())
def test_options_that_make_no_sense_are_refused(data_plane: DataPlane, variables: dict[str, Any], words: str) -> None:
    play = smoke(data_plane, serving_report_directory="", **variables)
    assert play.status != 0
    assert words in " ".join(play.output.split()), play.output


def test_the_report_of_before_stays_when_nothing_can_be_asked(play: Play, data_plane: DataPlane, reports: Path) -> None:
    assert play.status == 0
    before = report_of(reports)
    refused = smoke(data_plane, serving_report_directory=str(reports), serving_samples=["/nonexistent"])
    assert refused.status != 0
    assert report_of(reports) == before
    assert [name for name in os.listdir(reports) if name.startswith(".")] == []
