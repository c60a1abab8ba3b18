# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role seldon hands to helm, every parameter of every task, in each topology and size.

With UPDATE_GOLDEN=1 in the environment, a run writes the expected files anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils._core.seldon_sizes import SIZES
from tests import golden
from tests.seldon_tasks import CASES, RUNTIME, SETUP, said
from tests.support import ROOT

GOLDEN = Path(__file__).parent / "golden/seldon"
Handed = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> Handed:
    return said(tmp_path_factory.mktemp("said"))


@pytest.mark.parametrize("case", CASES)
def test_helm_is_told_exactly_this(handed_over: Handed, case: str) -> None:
    golden.hold(json.dumps(handed_over[case], indent=4, sort_keys=True) + "\n", GOLDEN / f"{case}.json")


def test_files_are_those_of_the_cases() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == sorted(CASES)


@pytest.mark.parametrize("case", [case for case in CASES if case != "exposed"])
def test_nothing_of_seldon_has_an_address_outside(handed_over: Handed, case: str) -> None:
    values = handed_over[case][RUNTIME]["release_values"]
    assert (values["scheduler"]["serviceType"], values["envoy"]["serviceType"]) == ("ClusterIP", "ClusterIP")
    assert handed_over[case][SETUP]["release_values"]["services"] == {"defaultServiceType": "ClusterIP"}


@pytest.mark.parametrize("case", CASES)
def test_nobody_is_told_about_the_cluster_and_kafka_is_for_who_has_it(handed_over: Handed, case: str) -> None:
    values = handed_over[case][RUNTIME]["release_values"]
    assert values["hodometer"]["disable"] is (case != "exposed")
    assert values["config"]["tracingConfig"]["disable"] is True
    without = case != "pipelines"
    assert [values[part]["disable"] for part in ("dataflow", "modelgateway", "pipelinegateway")] == [without] * 3


@pytest.mark.parametrize("case", [case for case in CASES if "-" in case])
def test_values_are_those_of_the_size(handed_over: Handed, case: str) -> None:
    size = SIZES[case.partition("-")[2]]
    values = handed_over[case][SETUP]["release_values"]
    own = values["serverConfig"]
    rclone = own["rclone"]["resources"]
    assert values["controller"]["resources"] == size["controller"]
    assert values["scheduler"]["resources"] == size["scheduler"]
    assert values["envoy"]["resources"] == size["envoy"]
    assert own["agent"]["resources"] == size["agent"]
    assert {"storage": own["mlserver"]["modelVolumeStorage"], **own["mlserver"]["resources"]} == size["mlserver"]
    assert {**rclone, "memory_limit": rclone["limits"]["memory"]} == {**size["rclone"], "limits": rclone["limits"]}


@pytest.mark.parametrize("case", [case for case in CASES if "-" in case])
def test_operator_watches_the_teams_or_its_own_namespace_alone(handed_over: Handed, case: str) -> None:
    controller = handed_over[case][SETUP]["release_values"]["controller"]
    teams = ["financial-inference", "financial-research"]
    watched = (False, []) if case.startswith("single") else (True, teams)
    assert (controller["clusterwide"], controller["watchNamespaces"]) == watched


def test_what_leaves_goes_after_validation_and_before_the_operator_is_told() -> None:
    [play] = yaml.safe_load((ROOT / "playbooks/serving.yml").read_text(encoding="utf-8"))
    included = [each["ansible.builtin.include_role"] for each in play["pre_tasks"]]
    parts = [(each["name"].rpartition(".")[2], each["tasks_from"]) for each in included]
    assert parts == [("k3s", "reach"), ("seldon", "validate"), ("mlserver", "leave")]


def test_site_looks_at_what_is_served_before_the_edge_changes() -> None:
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text(encoding="utf-8"))
    order = [each.get("import_playbook") or each["tasks"][0]["ansible.builtin.import_role"] for each in plays]
    early = {"name": "modelops.serving.seldon", "tasks_from": "early"}
    assert order[1:4] == ["cluster.yml", early, "edge.yml"]
