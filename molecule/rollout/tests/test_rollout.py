# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout left: the weights, its record for its owner alone, and its reports."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

PLANE = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "plane"
EXPERIMENT = "financial-ab-test-experiment"
REPORTS = PLANE / "reports"
ROLLOUT = PLANE / "envoy" / "rollouts" / EXPERIMENT


def read(host: Any, path: Path) -> Any:
    return json.loads(host.file(str(path)).content_string)


def test_candidate_has_all_of_the_traffic(host: Any) -> None:
    routes = read(host, PLANE / "envoy" / "listener_0.json")["resources"][0]
    [experiment] = routes["metadata"]["filter_metadata"]["modelops.serving"]["experiments"]
    weights = {each["name"]: each["weight"] for each in experiment["candidates"]}
    assert weights == {"baseline-predictor": 0, "enhanced-predictor": 100}


def test_record_is_over_and_for_its_owner_alone(host: Any) -> None:
    record = read(host, ROLLOUT / "record.json")
    assert (record["state"]["phase"], record["lock"]) == ("succeeded", None)
    assert {host.file(str(ROLLOUT / name)).mode for name in ("record.json", "journal.jsonl")} == {0o600}


def test_reports_tell_the_same(host: Any) -> None:
    report = read(host, REPORTS / f"rollout-{EXPERIMENT}.json")
    assert report["schema"] == "modelops.serving/rollout/1"
    assert [step["weight"] for step in report["steps"]] == [0, 5, 10, 25, 50, 100]
    suites = ElementTree.fromstring(host.file(str(REPORTS / f"rollout-{EXPERIMENT}.xml")).content_string)
    assert suites.findall(".//failure") == []
    page = host.file(str(REPORTS / f"rollout-{EXPERIMENT}.html")).content_string
    assert page.rstrip().endswith("</html>")
    assert EXPERIMENT in page
