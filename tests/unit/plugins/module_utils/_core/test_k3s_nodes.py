# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints of nodes: what is set, what goes, and what is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.k3s_nodes import ANNOTATION, Declared, Taint, change


def node(
    labels: dict[str, str], taints: list[dict[str, str]], declared: dict[str, Any] | None = None
) -> dict[str, Any]:
    annotations = {} if declared is None else {ANNOTATION: json.dumps(declared, separators=(",", ":"))}
    return {"metadata": {"name": "n", "labels": labels, "annotations": annotations}, "spec": {"taints": taints}}


def commands(found: dict[str, Any], labels: dict[str, str], taints: list[str]) -> list[str]:
    done = change(found, Declared.parse({"labels": labels, "taints": taints}, node="n"))
    return [" ".join(each) for each in done.commands] if done else []


MINE = {"labels": ["a"], "taints": ["t:NoSchedule"]}
TAINT = {"key": "t", "value": "1", "effect": "NoSchedule"}
NOTE = f'annotate node n --overwrite {ANNOTATION}={{"labels":["a"],"taints":["t:NoSchedule"]}}'
EMPTY_NOTE = f'annotate node n --overwrite {ANNOTATION}={{"labels":[],"taints":[]}}'

CASES: dict[str, tuple[dict[str, Any], dict[str, str], list[str], list[str]]] = {
    "nothing is declared, and nothing ever was": (node({"x": "y"}, []), {}, [], []),
    "all is as declared": (node({"a": "1", "x": "y"}, [TAINT], MINE), {"a": "1"}, ["t=1:NoSchedule"], []),
    "a first time": (
        node({}, []),
        {"a": "1"},
        ["t=1:NoSchedule"],
        ["label node n --overwrite a=1", "taint node n --overwrite t=1:NoSchedule", NOTE],
    ),
    "K3s set them at the join": (node({"a": "1"}, [TAINT]), {"a": "1"}, ["t=1:NoSchedule"], [NOTE]),
    "other values": (
        node({"a": "0"}, [{**TAINT, "value": "0"}], MINE),
        {"a": "1"},
        ["t=1:NoSchedule"],
        ["label node n --overwrite a=1", "taint node n --overwrite t=1:NoSchedule"],
    ),
    "no longer declared": (
        node({"a": "1", "x": "y"}, [TAINT, {"key": "u", "effect": "NoExecute"}], MINE),
        {},
        [],
        ["label node n --overwrite a-", "taint node n --overwrite t:NoSchedule-", EMPTY_NOTE],
    ),
    "somebody removed it by hand": (
        node({}, [TAINT], MINE),
        {"a": "1"},
        ["t=1:NoSchedule"],
        ["label node n --overwrite a=1"],
    ),
    "a note that nobody can read": (
        {"metadata": {"name": "n", "labels": {"a": "1"}, "annotations": {ANNOTATION: "]"}}, "spec": {}},
        {},
        [],
        [EMPTY_NOTE],
    ),
}


@pytest.mark.parametrize(("found", "labels", "taints", "expected"), CASES.values(), ids=CASES.keys())
def test_change(found: dict[str, Any], labels: dict[str, str], taints: list[str], expected: list[str]) -> None:
    assert commands(found, labels, taints) == expected


def test_a_change_shows_itself() -> None:
    done = change(
        node({"a": "0"}, [], None), Declared.parse({"labels": {"a": "1"}, "taints": ["t:NoExecute"]}, node="n")
    )
    assert done is not None
    assert (done.before, done.after) == (("label a=0",), ("label a=1", "taint t:NoExecute"))


@pytest.mark.parametrize("text", ["t", "t=1", "t:Never", "t=1:NoSchedule:x", "=1:NoSchedule"])
def test_what_is_no_taint(text: str) -> None:
    with pytest.raises(ServingError, match=r"is no taint\. Write it as key=value:Effect, with one of NoSchedule"):
        Taint.parse(text)


@pytest.mark.parametrize(("key", "value"), [("a b", "1"), ("a", "1 2"), ("-a", "1"), ("UPPER.example/a", "1")])
def test_what_is_no_label(key: str, value: str) -> None:
    with pytest.raises(ServingError, match=f"^The label {key}={value} of n is none that Kubernetes takes"):
        Declared.parse({"labels": {key: value}}, node="n")
