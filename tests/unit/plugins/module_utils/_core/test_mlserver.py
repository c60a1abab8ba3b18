# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the repository is to hold, and what has to be done to get there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.mlserver import (
    SETTINGS,
    Found,
    Model,
    Wanted,
    difference,
    parse_models,
    plan,
    wanted_model,
)

MODEL = Model("fraud", 2, "/models/fraud", ("sklearn",))
ENTRY = {"name": "fraud", "storage_uri": "/models/fraud"}

REFUSED = [
    pytest.param([{**ENTRY, "name": "Fraud"}], "Model name 'Fraud' cannot be used.", id="capitals"),
    pytest.param([{**ENTRY, "name": "a.b"}], "Model name 'a.b' cannot be used.", id="a dot"),
    pytest.param([{**ENTRY, "name": "../x"}], "Model name '../x' cannot be used.", id="a path"),
    pytest.param([{**ENTRY, "name": "a" * 64}], "63 characters at most", id="too long"),
    pytest.param([{**ENTRY, "version": -1}], "has version -1. Set a version of 1 or more.", id="version below 1"),
    pytest.param([{**ENTRY, "storage_uri": "s3://b/k"}], "On one machine set the absolute path", id="a bucket"),
    pytest.param([{**ENTRY, "storage_uri": "models/a"}], "On one machine set the absolute path", id="a relative path"),
    pytest.param([ENTRY, ENTRY], "is declared 2 times with version 1. Keep one of them", id="declared twice"),
]


@pytest.mark.parametrize(("declared", "words"), REFUSED)
def test_a_bad_declaration_is_refused(declared: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ServingError) as refusal:
        parse_models(declared)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("more", "model"),
    [
        pytest.param({}, Model("fraud", 1, "/models/fraud"), id="the shortest"),
        pytest.param({"version": 3}, Model("fraud", 3, "/models/fraud"), id="a version"),
        pytest.param({"storage_uri": "file:///m"}, Model("fraud", 1, "/m"), id="a file URL"),
        pytest.param(
            {"requirements": ["sklearn"]}, Model("fraud", 1, "/models/fraud", ("sklearn",)), id="requirements"
        ),
    ],
)
def test_a_declaration_is_read(more: dict[str, Any], model: Model) -> None:
    assert parse_models([{**ENTRY, **more}]) == [model]


def test_two_versions_stand_side_by_side() -> None:
    assert [model.folder for model in parse_models([ENTRY, {**ENTRY, "version": 2}])] == ["fraud_1", "fraud_2"]


SETTINGS_CASES = [
    pytest.param(
        None,
        {"implementation": "mlserver_sklearn.SKLearnModel", "name": "fraud_2", "parameters": {"version": "2"}},
        id="none of its own",
    ),
    pytest.param(
        {
            "name": "x",
            "implementation": "mine.Model",
            "parameters": {"uri": "./m.bin", "version": "9"},
            "platform": "p",
        },
        {
            "implementation": "mine.Model",
            "name": "fraud_2",
            "parameters": {"uri": "./m.bin", "version": "2"},
            "platform": "p",
        },
        id="its own, but for name and version",
    ),
]


@pytest.mark.parametrize(("own", "settings"), SETTINGS_CASES)
def test_settings_carry_our_name_and_version(own: dict[str, Any] | None, settings: dict[str, Any]) -> None:
    wanted = wanted_model(MODEL, own_settings=None if own is None else json.dumps(own), files={SETTINGS: "x", "m": "y"})
    assert json.loads(wanted.settings) == settings
    assert set(wanted.content) == {SETTINGS, "m"}
    assert wanted.content[SETTINGS] != "x"


@pytest.mark.parametrize(
    ("requirements", "own", "words"),
    [
        pytest.param((), None, "has the requirements [], which name no runtime. Set one of huggingface,", id="none"),
        pytest.param(("cobol",), None, "which name no runtime", id="unknown"),
        pytest.param(("sklearn", "xgboost"), None, "which name more than one runtime", id="two"),
        pytest.param(("sklearn",), "{", "/models/fraud/model-settings.json is no JSON", id="broken settings"),
        pytest.param(("sklearn",), "[1]", "is no model's settings. Mend it, or remove it.", id="a list"),
        pytest.param(("sklearn",), '{"parameters": 1}', "is no model's settings", id="parameters of another kind"),
        pytest.param(("sklearn",), '{"parameters": {"uri": "/m"}}', "sets the uri '/m', outside", id="an absolute uri"),
        pytest.param(("sklearn",), '{"parameters": {"uri": "../m"}}', "sets the uri '../m'", id="the folder above"),
        pytest.param(("sklearn",), '{"parameters": {"uri": "a/../../m"}}', "outside the folder", id="above, hidden"),
        pytest.param(("sklearn",), '{"parameters": {"uri": "s3://m"}}', "outside the folder", id="a bucket"),
    ],
)
def test_unusable_settings_are_refused(requirements: tuple[str, ...], own: str | None, words: str) -> None:
    with pytest.raises(ServingError) as refusal:
        wanted_model(Model("fraud", 2, "/models/fraud", requirements), own_settings=own, files={})
    assert words in str(refusal.value)


def wanted(name: str, digest: str = "new") -> Wanted:
    return Wanted(Model(name, 1, f"/models/{name}"), "{}", {"m": digest})


def found(states: dict[str, str] | None, pending: tuple[str, ...] = (), **installed: str) -> Found:
    return Found(
        contents={f"{name}_1": {"m": digest} for name, digest in installed.items()},
        pending=pending,
        models={f"{name}_1": f"{name}_1" for name in installed},
        states=states,
    )


PLANS = [
    pytest.param(found({}), ["a_1"], ["a_1"], id="nothing there"),
    pytest.param(found(None), ["a_1"], ["a_1"], id="nothing there, no server"),
    pytest.param(found({"a_1": "READY"}, a="new"), [], [], id="as wanted"),
    pytest.param(found(None, a="new"), [], [], id="as wanted, no server: it loads what it finds"),
    pytest.param(found({"a_1": "UNKNOWN"}, a="new"), [], [], id="being loaded"),
    pytest.param(found({"a_1": "UNAVAILABLE"}, a="new"), [], ["a_1"], id="installed, not loaded"),
    pytest.param(found({}, a="new"), [], ["a_1"], id="installed, unknown to the server"),
    pytest.param(found({"a_1": "READY"}, a="old"), ["a_1"], ["a_1"], id="other content"),
    pytest.param(found({"a_1": "READY"}, ("a_1",), a="new"), [], ["a_1"], id="installed and never confirmed"),
    pytest.param(found(None, ("a_1",), a="new"), [], ["a_1"], id="never confirmed, no server"),
]


@pytest.mark.parametrize(("there", "install", "load"), PLANS)
def test_the_plan(there: Found, install: list[str], load: list[str]) -> None:
    planned = plan([wanted("a")], there)
    assert [each.model.folder for each in planned.install] == install
    assert list(planned.load) == load
    assert planned.superfluous == {}


def test_what_is_not_wanted_is_superfluous() -> None:
    assert plan([wanted("a")], found({}, a="new", b="old")).superfluous == {"b_1": "b_1"}


def test_a_second_folder_for_a_wanted_model_is_refused() -> None:
    there = Found(models={"copy": "a_1"}, states={})
    with pytest.raises(ServingError, match=r"^Folder 'copy' of the repository calls its model 'a_1'"):
        plan([wanted("a")], there)


@pytest.mark.parametrize(
    ("there", "purge", "before", "after"),
    [
        pytest.param(found({}), False, {}, {"a_1": ("new", "READY")}, id="new"),
        pytest.param(
            found({"a_1": "READY"}, a="new"),
            False,
            {"a_1": ("new", "READY")},
            {"a_1": ("new", "READY")},
            id="unchanged",
        ),
        pytest.param(
            found(None, a="new"), False, {"a_1": ("new", "READY")}, {"a_1": ("new", "READY")}, id="unchanged, no server"
        ),
        pytest.param(
            found({"a_1": "UNAVAILABLE"}, a="new"),
            False,
            {"a_1": ("new", "UNAVAILABLE")},
            {"a_1": ("new", "READY")},
            id="not loaded",
        ),
        pytest.param(
            found({"a_1": "READY"}, ("a_1",), a="new"),
            False,
            {"a_1": ("new", "not confirmed")},
            {"a_1": ("new", "READY")},
            id="not confirmed",
        ),
        pytest.param(
            found({"a_1": "READY", "b_1": "READY"}, a="new", b="old"),
            False,
            {"a_1": ("new", "READY"), "b_1": ("b_1", "READY")},
            {"a_1": ("new", "READY"), "b_1": ("b_1", "READY")},
            id="superfluous stays",
        ),
        pytest.param(
            found({"a_1": "READY", "b_1": "READY"}, a="new", b="old"),
            True,
            {"a_1": ("new", "READY"), "b_1": ("b_1", "READY")},
            {"a_1": ("new", "READY")},
            id="superfluous goes",
        ),
    ],
)
def test_the_difference(there: Found, purge: bool, before: dict[str, Any], after: dict[str, Any]) -> None:
    models = [wanted("a")]
    pair = difference(models, there, plan(models, there), purge=purge)
    assert {side: {name: short(entry) for name, entry in entries.items()} for side, entries in pair.items()} == {
        "before": before,
        "after": after,
    }


def short(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["files"]["m"] if "files" in entry else entry["model"], entry["state"]
