# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reports that the smoke test left."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

REPORTS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "plane" / "reports"
# The load's times are judged, and on a busy machine nobody can tell them.
UNDECIDED = {"path.latency"}


def test_every_hop_is_sound(host: Any) -> None:
    report = json.loads(host.file(str(REPORTS / "smoke_test.json")).content_string)
    assert (report["verdict"], report["first_broken"]) == ("passed", None)
    assert {each["name"]: each["status"] for each in report["hops"]}["mesh"] == "skip"
    assert {each["id"] for each in report["checks"] if each["status"] == "error"} <= UNDECIDED
    assert {each["id"] for each in report["checks"] if each["status"] == "skip"} == {"mesh.connect", "metrics.answers"}
    [shares] = report["shares"]
    assert (shares["experiment"], shares["n"], shares["verdict"]) == ("financial-ab-test-experiment", 500, "pass")


def test_junit_counts_the_same(host: Any) -> None:
    report = json.loads(host.file(str(REPORTS / "smoke_test.json")).content_string)
    suites = ElementTree.fromstring(host.file(str(REPORTS / "smoke_test.xml")).content_string)
    assert len(suites.findall(".//testcase")) == len(report["checks"])
    assert suites.findall(".//failure") == []


def test_page_is_whole(host: Any) -> None:
    page = host.file(str(REPORTS / "smoke_test.html")).content_string
    assert page.rstrip().endswith("</html>")
    assert "financial-ab-test-experiment" in page
