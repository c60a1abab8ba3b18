# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes that nobody would make are told of before anything is changed, with the classes that there are."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.storage_classes import SCHEDULER, class_findings

CLAIMS = [("seldon-system", SCHEDULER)]
BECAUSE = f"Seldon claims seldon-system/{SCHEDULER} without a class, and its charts have no value for one"


def class_(
    name: str, *, default: bool = False, key: str = "storageclass.kubernetes.io/is-default-class"
) -> dict[str, Any]:
    annotations = {key: "true"} if default else None
    return {"kind": "StorageClass", "metadata": {"name": name, "annotations": annotations}}


def claim(namespace: str, name: str) -> dict[str, Any]:
    return {"kind": "PersistentVolumeClaim", "metadata": {"namespace": namespace, "name": name}}


LOCAL, FAST = class_("local-path", default=True), class_("fast")
OLD = class_("old", default=True, key="storageclass.beta.kubernetes.io/is-default-class")
FINE: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "there is a default": ("", [LOCAL, FAST]),
    "it is the one that is named": ("local-path", [LOCAL, FAST]),
    "it is one by its old name": ("", [OLD]),
    "nobody names one of several": ("", [LOCAL, OLD]),
    "the volumes are there": ("fast", [claim(*CLAIMS[0])]),
}
FAULTS: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "there is none": ("", [], f"No StorageClass of the cluster is its default: it has none. {BECAUSE}. Install one."),
    "none is the default": (
        "",
        [FAST, class_("slow")],
        f"No StorageClass of the cluster is its default: it has fast and slow. {BECAUSE}. Mark one: kubectl annotate "
        "storageclass NAME storageclass.kubernetes.io/is-default-class=true.",
    ),
    "the only one is not the default": ("", [FAST], "Mark one: kubectl annotate storageclass fast storageclass.kube"),
    "the named one is not there": (
        "quick",
        [LOCAL, FAST],
        f"serving_storage_class is 'quick', and the cluster has fast and local-path (the default). {BECAUSE}. Set "
        "serving_storage_class to the class that is the default, or leave it out.",
    ),
    "the named one is not the default": (
        "fast",
        [LOCAL, FAST],
        f"serving_storage_class is 'fast', and the default of the cluster is local-path. {BECAUSE}. Make 'fast' the "
        "only one",
    ),
    "the named one is one of two": ("old", [LOCAL, OLD], "the default of the cluster is local-path and old."),
    "another namespace has such a volume": ("", [claim("team", SCHEDULER)], "it has none."),
}


@pytest.mark.parametrize(("named", "storage"), FINE.values(), ids=FINE.keys())
def test_volumes_that_would_be_made_are_no_problem(named: str, storage: list[dict[str, Any]]) -> None:
    assert list(class_findings(named, storage, CLAIMS)) == []


@pytest.mark.parametrize(("named", "storage", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_volumes_that_would_not_be_made_are_told_of(named: str, storage: list[dict[str, Any]], words: str) -> None:
    [found] = class_findings(named, storage, CLAIMS)
    assert words in found.text
