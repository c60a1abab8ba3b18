# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles hand to kubernetes.core.helm, every parameter of every task, with each inventory and both controllers.

With UPDATE_GOLDEN=1 in the environment, a run writes the expected files anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import golden, seldon_tasks
from tests.helm_tasks import CASES, ROLES, said
from tests.staged_role import flat
from tests.support import ROOT

GOLDEN = Path(__file__).parent / "golden/helm_tasks"


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return said(tmp_path_factory.mktemp("said"))


@pytest.mark.parametrize("case", CASES)
def test_helm_is_told_exactly_this(handed_over: dict[str, dict[str, Any]], case: str) -> None:
    golden.hold(json.dumps(handed_over[case], indent=4, sort_keys=True) + "\n", GOLDEN / f"{case}.json")


def test_files_are_those_of_the_cases() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == sorted(CASES)


def test_nothing_else_speaks_to_helm() -> None:
    """A task of another role, or of another module of helm, would be told nowhere."""
    found = set()
    for path in sorted([*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*.yml")]):
        for task in flat(yaml.safe_load(path.read_text(encoding="utf-8"))):
            modules = {name for name in task if name.startswith("kubernetes.core.helm")}
            found |= {(path.parent.parent.name, name) for name in modules}
    assert found == {(role, "kubernetes.core.helm") for role in (*ROLES, seldon_tasks.ROLE)}


def test_layer2_alone_runs_no_routing_daemon(handed_over: dict[str, dict[str, Any]]) -> None:
    """The keys are those of the pinned chart; frr-k8s.enabled is none of them."""
    values = handed_over["homelab"]["metallb/chart.yml: chart | Install the chart"]["release_values"]
    assert values["frrk8s"] == {"enabled": False}
    assert values["speaker"]["frr"] == {"enabled": False}
