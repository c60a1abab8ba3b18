# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pods of probes may do, and how long they are there."""

from __future__ import annotations

import json
from typing import Any

from plugins.module_utils._core.inside_objects import asker, stage
from plugins.module_utils._core.inside_questions import Source, asked_in
from tests.unit.plugins.module_utils._core.test_smoke_inside import PLACES, PROBE, all_asked, cluster


def pods(manifests_: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["spec"]["template"] for each in manifests_ if each["kind"] == "Job"]


def all_objects() -> list[dict[str, Any]]:
    asked = all_asked(cluster())
    found = stage(PROBE)
    for each in PLACES:
        found += asker(PROBE, each, [one for one in asked if one.source == each.name])
    return found


def test_pods_may_do_nothing_and_end_by_themselves() -> None:
    found = all_objects()
    assert len(pods(found)) == len(PLACES) + 2
    for each in pods(found):
        spec, [container] = each["spec"], each["spec"]["containers"]
        assert spec["automountServiceAccountToken"] is False
        assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["seccompProfile"]) == (
            True,
            {"type": "RuntimeDefault"},
        )
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert set(container["resources"]) == {"requests", "limits"}
    for job in (each["spec"] for each in found if each["kind"] == "Job"):
        assert (job["activeDeadlineSeconds"], job["backoffLimit"], job["ttlSecondsAfterFinished"]) == (240, 0, 60)


def test_everything_is_labelled_by_its_run() -> None:
    for each in all_objects():
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "modelops.serving"
        assert (labels["app.kubernetes.io/component"], labels["modelops.serving/run"]) == ("smoke-test", "abc")


def test_a_pod_with_labels_of_somebody_who_is_called_is_never_ready() -> None:
    templates = {each["metadata"]["labels"]["modelops.serving/role"]: each for each in pods(all_objects())}
    ingress = templates["ingress"]
    assert ingress["metadata"]["labels"]["app.kubernetes.io/name"] == "ingress-nginx"
    [container] = ingress["spec"]["containers"]
    assert container["readinessProbe"]["initialDelaySeconds"] == PROBE.seconds
    # No probe has the labels of Seldon's own parts.
    names = [each["metadata"]["labels"].get("app.kubernetes.io/name") for each in templates.values()]
    assert [name for name in names if name] == ["ingress-nginx"]


def test_a_pod_keeps_every_label_that_policies_let_in() -> None:
    """A controller has a component of its own, which a label of the run must not take the place of."""
    labels = {"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"}
    [template] = pods(asker(PROBE, Source("ingress", "ingress-nginx", labels), []))
    assert labels.items() <= template["metadata"]["labels"].items()


def test_a_plan_comes_back_as_it_was_given() -> None:
    asked = [each for each in all_asked(cluster()) if each.source == "outside"]
    _job, config = asker(PROBE, PLACES[0], asked)
    back = asked_in("outside", json.loads(config["data"]["plan.json"]))
    assert [(each.id, each.wanted, each.host) for each in back] == [(each.id, each.wanted, each.host) for each in asked]
    assert config["data"]["probe.py"] == "print(1)\n"
