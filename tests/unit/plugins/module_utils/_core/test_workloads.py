# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a workload runs as it is declared, and as it is meant to be."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.workloads import rolled_out, troubles


def workload(**changes: Any) -> dict[str, Any]:
    status = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, **changes}
    container = {
        "name": "scheduler",
        "resources": {"requests": {"memory": "1Gi"}},
        "env": [{"name": "TIMEOUT", "value": "120"}, {"name": "POD_NAME", "valueFrom": {}}],
    }
    template = {"spec": {"containers": [container]}}
    return {"metadata": {"generation": 2}, "spec": {"replicas": 1, "template": template}, "status": status}


def test_all_pods_are_ready_and_the_last_ones() -> None:
    assert rolled_out([workload(), workload()], {})


@pytest.mark.parametrize(
    "changes",
    [{"observedGeneration": 1}, {"updatedReplicas": 0}, {"readyReplicas": None}, {"replicas": 2}],
    ids=["not seen yet", "an old pod", "none is ready", "one is going"],
)
def test_rollout_that_is_under_way(changes: dict[str, Any]) -> None:
    assert not rolled_out([workload(), workload(**changes)], {})


def test_none_at_all_does_not_run() -> None:
    assert not rolled_out([], {})


@pytest.mark.parametrize(
    ("wanted", "is_meant"),
    [
        ({"scheduler": {"memory": "1024Mi", "env": {"TIMEOUT": 120}}}, True),
        ({"scheduler": {"memory": "2Gi"}}, False),
        ({"scheduler": {"env": {"TIMEOUT": 60}}}, False),
        ({"scheduler": {"env": {"OTHER": 1}}}, False),
        ({"scheduler": {"memory": "many"}}, False),
        ({"envoy": {}}, False),
    ],
    ids=["another way to write it", "other memory", "another value", "no value", "no quantity", "no container"],
)
def test_what_is_meant_is_awaited(wanted: dict[str, Any], is_meant: bool) -> None:
    assert rolled_out([workload()], wanted) is is_meant


def test_what_runs_is_no_trouble_and_what_is_missing_is_one() -> None:
    assert troubles(["a/x", "a/y"], [[workload()], []], [], {}) == ["a/y: there is none"]


def test_setting_that_has_not_come_is_told() -> None:
    wanted = {"scheduler": {"memory": "2Gi"}}
    assert troubles(["a/x"], [[workload()]], [], wanted) == ["a/x: it runs, and without what was declared last"]


@pytest.mark.parametrize(
    ("place", "labels", "said"),
    [
        ("a", {"app": "x"}, "x-0 has no node: no memory"),
        ("a", {"app": "y"}, "it has no pods"),
        ("b", {"app": "x"}, "it has no pods"),
    ],
    ids=["its own", "of another workload", "of another namespace"],
)
def test_pods_of_its_own_say_why(place: str, labels: dict[str, str], said: str) -> None:
    late = workload(readyReplicas=0)
    late["metadata"]["namespace"] = "a"
    late["spec"]["selector"] = {"matchLabels": {"app": "x"}}
    conditions = [{"type": "PodScheduled", "status": "False", "message": "no memory"}]
    pod = {"metadata": {"namespace": place, "name": "x-0", "labels": labels}, "status": {"conditions": conditions}}
    assert troubles(["a/x"], [[late]], [pod], {}) == [f"a/x: 0 of 1 ready; {said}"]
