# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An experiment as a resource: the patch that changes it, who else holds it, and what somebody else made of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jsonpatch
import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Experiment, Request
from plugins.module_utils._core.seldon_experiment import (
    LOCK,
    MANAGER,
    Seen,
    change_of,
    difference,
    is_same,
    resource_of,
    return_of,
)

SPLIT = {"candidates": [{"name": "a", "weight": 70}, {"name": "b", "weight": 30}]}
FULL = {**SPLIT, "default": "a", "mirror": {"name": "c", "percent": 10}}


def seen(spec: Mapping[str, Any], **metadata: Any) -> Seen:
    return Seen({"metadata": {"name": "split", "namespace": "team", "uid": "u", **metadata}, "spec": dict(spec)})


def experiment(**values: Any) -> Experiment:
    made = Request.parse({"name": "split", **values}).applied_to(None)
    assert made is not None
    return made


def applied(operations: Sequence[Mapping[str, Any]], resource: Mapping[str, Any]) -> Any:
    """Carry a patch out as an API server does, which takes null for what is not there."""
    found = copy.deepcopy(dict(resource))
    kept = []
    for each in operations:
        if each["op"] == "test" and each["value"] is None:
            parent = found["metadata"].get("annotations")
            name = each["path"].removeprefix("/metadata/annotations").removeprefix("/").replace("~1", "/")
            assert (parent is None) if not name else name not in (parent or {}), each
        else:
            kept.append(each)
    return jsonpatch.apply_patch(found, kept)


CHANGES = {
    "weights": (SPLIT, experiment(weights={"a": 0, "b": 100})),
    "a default comes": (SPLIT, experiment(weights={"a": 70, "b": 30}, default="b")),
    "default and mirror leave": (FULL, experiment(weights={"a": 70, "b": 30})),
    "another mirror": (FULL, experiment(weights={"a": 1}, default="a", mirror={"name": "d", "percent": 1})),
    "an empty default": ({**SPLIT, "default": ""}, experiment(weights={"a": 1})),
}


@pytest.mark.parametrize(("spec", "wanted"), CHANGES.values(), ids=CHANGES.keys())
def test_patch_makes_the_wanted_experiment_and_its_return_what_was(spec: dict[str, Any], wanted: Experiment) -> None:
    before = seen({**spec, "resourceType": "model"}, annotations={"x": "y"})
    after = applied(change_of(before, wanted), before.resource)
    assert is_same(after["spec"], wanted)
    assert after["spec"]["resourceType"] == "model"
    assert applied(return_of(Seen(after), before), after) == before.resource


def test_patch_of_what_is_the_same_only_tests() -> None:
    assert {each["op"] for each in change_of(seen(SPLIT), experiment(weights={"a": 70, "b": 30}))} == {"test"}


OTHERS: dict[str, dict[str, Any]] = {
    "other weights": {"spec": {"candidates": []}},
    "another resource of the name": {"metadata": {"name": "split", "namespace": "team", "uid": "other"}},
    "a lock": {"metadata": {"name": "split", "namespace": "team", "uid": "u", "annotations": {LOCK: "x"}}},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_patch_does_nothing_to_what_somebody_changed(other: dict[str, Any]) -> None:
    before = seen(SPLIT)
    with pytest.raises((jsonpatch.JsonPatchTestFailed, AssertionError)):
        applied(change_of(before, experiment(weights={"a": 1})), {**before.resource, **other})


def test_status_and_other_annotations_are_not_looked_at() -> None:
    before = seen(SPLIT, annotations={"x": "1"}, resourceVersion="1")
    now = {**before.resource, "status": {"conditions": []}}
    now["metadata"] = {**before.metadata, "resourceVersion": "9", "annotations": {"x": "2", "y": "3"}}
    assert applied(change_of(before, experiment(weights={"a": 1})), now)["spec"]["candidates"][0]["weight"] == 1


def test_lock_that_was_seen_has_to_stay() -> None:
    before = seen(SPLIT, annotations={LOCK: "text"})
    tested = {each["path"]: each["value"] for each in change_of(before, experiment(weights={"a": 1}))}
    assert tested["/metadata/annotations/modelops.serving~1lock"] == "text"


# Who else holds it


def field(manager: str, time: str = "2026-01-01T00:00:00Z", name: str = "f:candidates") -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": {"f:spec": {name: {}}}}


LATER = "2026-01-01T00:00:09Z"
HOLDERS = {
    "nobody": ([], ""),
    "we": ([field(MANAGER)], ""),
    "by hand": ([field("kubectl-edit"), field("kubectl-client-side-apply"), field("OpenAPI-Generator")], ""),
    "Argo CD": ([field("argocd-controller")], "Argo CD (field manager 'argocd-controller')"),
    "Flux": ([field("kustomize-controller")], "Flux (field manager 'kustomize-controller')"),
    "Helm": ([field("helm")], "Helm (field manager 'helm')"),
    "somebody": ([field("tool")], "the field manager 'tool'"),
    "somebody of another field": ([field("tool", name="f:mirror")], ""),
    "somebody before us": ([field("tool"), field(MANAGER, LATER)], ""),
    "somebody after us": ([field(MANAGER), field("tool", LATER)], "the field manager 'tool'"),
    "both at once": ([field(MANAGER), field("tool")], ""),
}


@pytest.mark.parametrize(("fields", "wanted"), HOLDERS.values(), ids=HOLDERS.keys())
def test_program_that_holds_the_candidates_is_known(fields: list[Any], wanted: str) -> None:
    assert seen(SPLIT, managedFields=fields).keeper() == wanted


def test_mark_on_a_resource_names_a_program_that_calls_itself_otherwise() -> None:
    marked = seen(SPLIT, managedFields=[field("x")], annotations={"argocd.argoproj.io/tracking-id": "y"})
    assert marked.keeper() == "Argo CD (field manager 'x')"


HOLDER = {"name": "alice", "machine": "", "pid": 0, "born": ""}
LOCKS = {
    "none": (None, ""),
    "live": (json.dumps({"token": "t", "holder": HOLDER, "renewed": 90.0, "ttl": 20}), "alice, last heard of 10"),
    "over": (json.dumps({"token": "t", "holder": HOLDER, "renewed": 70.0, "ttl": 20}), ""),
    "no lock at all": ("mine", "somebody whose lock cannot be read (modelops.serving/lock: mine)"),
    "half a lock": ('{"token": "t"}', "somebody whose lock cannot be read"),
}


@pytest.mark.parametrize(("text", "wanted"), LOCKS.values(), ids=LOCKS.keys())
def test_lock_is_read_at_the_time_of_the_api_server(text: str | None, wanted: str) -> None:
    found = seen(SPLIT, annotations={LOCK: text} if text else {}).lock_at(100.0)
    assert found.startswith(wanted)
    assert bool(found) is bool(wanted)


# What it says


def test_resource_is_made_and_read_back() -> None:
    wanted = experiment(weights={"b": 30, "a": 70}, default="a", mirror={"name": "c", "percent": 10})
    made = resource_of("team", wanted)
    assert made["spec"] == FULL
    assert Seen(made).experiment() == wanted


@pytest.mark.parametrize("spec", [{}, {"candidates": []}, {"candidates": [{"name": "a", "weight": -1}]}])
def test_resource_that_makes_no_sense_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ServingError, match="Experiment 'split'"):
        seen(spec).experiment()


DIFFERENCES = {
    "weights": ({"candidates": [{"name": "a", "weight": 1}]}, "candidates was a=70 b=30 and is a=1"),
    "default": ({**SPLIT, "default": "a"}, "default was not set and is 'a'"),
    "mirror": ({**SPLIT, "mirror": {"name": "c", "percent": 5}}, "mirror was not set and is c=5%"),
    "another field": ({**SPLIT, "resourceType": "x"}, "another field of its spec is different"),
}


@pytest.mark.parametrize(("now", "said"), DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_what_somebody_else_changed_is_said(now: dict[str, Any], said: str) -> None:
    assert difference(SPLIT, now) == said
