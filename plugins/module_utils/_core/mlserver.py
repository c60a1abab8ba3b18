# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MLServer's repository is to hold, and what has to be installed, loaded and unloaded to get there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Collection, Mapping, Sequence

from .errors import ServingError
from .experiment import NAME, NAME_LENGTH

SETTINGS = "model-settings.json"

# MLServer's runtimes by the requirement that Seldon's servers announce for them.
RUNTIMES = {
    "huggingface": "mlserver_huggingface.HuggingFaceRuntime",
    "lightgbm": "mlserver_lightgbm.LightGBMModel",
    "mlflow": "mlserver_mlflow.MLflowRuntime",
    "sklearn": "mlserver_sklearn.SKLearnModel",
    "xgboost": "mlserver_xgboost.XGBoostModel",
}

READY = "READY"
UNKNOWN = "UNKNOWN"  # MLServer's word for a model that is being loaded
ABSENT = "absent"

# The files of a folder by their path in it, each with the digest of its bytes.
Content = Mapping[str, str]


@dataclass(frozen=True)
class Model:
    """A version of a model, and where its files come from."""

    name: str
    version: int
    storage: str
    requirements: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Name of the folder, and of the model inside MLServer, as Seldon names it."""
        return f"{self.name}_{self.version}"


@dataclass(frozen=True)
class Wanted:
    """A model as it is to lie in the repository."""

    model: Model
    settings: str
    content: Content


@dataclass(frozen=True)
class Found:
    """What is there: installed content and unconfirmed ones by folder, each folder's model, each model's state.

    ``states`` is None when no server answers.
    """

    contents: Mapping[str, Content] = field(default_factory=dict)
    pending: Collection[str] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Plan:
    """What to do, in this order; ``superfluous`` is model by folder."""

    install: tuple[Wanted, ...]
    load: tuple[str, ...]
    superfluous: Mapping[str, str]


def parse_models(declared: Sequence[Mapping[str, Any]]) -> list[Model]:
    """Read models as an inventory gives them."""
    models = [_model(values) for values in declared]
    folders = [model.folder for model in models]
    for model in models:
        if folders.count(model.folder) > 1:
            raise ServingError(
                f"Model {model.name!r} is declared {folders.count(model.folder)} times with version {model.version}. "
                "Keep one of them, or give them different versions."
            )
    return models


def wanted_model(model: Model, *, own_settings: str | None, files: Content) -> Wanted:
    """Return a model's folder: the files of its storage, with settings that carry our name and version."""
    settings = json.dumps(_settings(model, own_settings), indent=2, sort_keys=True) + "\n"
    return Wanted(model, settings, {**files, SETTINGS: sha256(settings.encode()).hexdigest()})


def plan(wanted: Sequence[Wanted], found: Found) -> Plan:
    """Compare what is wanted with what is there."""
    install = tuple(each for each in wanted if found.contents.get(each.model.folder) != each.content)
    folders = {each.model.folder for each in wanted}
    superfluous = {folder: name for folder, name in sorted(found.models.items()) if folder not in folders}
    for folder, name in superfluous.items():
        if name in folders:
            raise ServingError(
                f"Folder {folder!r} of the repository calls its model {name!r}, as the folder of that name does. "
                "MLServer would load either of them: remove the folder, or change the name in its model-settings.json."
            )
    new = {each.model.folder for each in install}
    load = tuple(folder for folder in sorted(folders) if folder in new or _needs_load(folder, found))
    return Plan(install, load, superfluous)


def difference(wanted: Sequence[Wanted], found: Found, planned: Plan, *, purge: bool) -> dict[str, Any]:
    """Return the repository before and after, for people."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    states = found.states or {}
    for each in wanted:
        folder = each.model.folder
        after[folder] = {"files": dict(each.content), "state": READY}
        if folder in found.contents:
            state = _state_before(folder, found) if folder in planned.load else READY
            before[folder] = {"files": dict(found.contents[folder]), "state": state}
    for folder, name in planned.superfluous.items():
        before[folder] = {"model": name, "state": states.get(name, ABSENT)}
        if not purge:
            after[folder] = before[folder]
    return {"before": before, "after": after}


def _needs_load(folder: str, found: Found) -> bool:
    if folder in found.pending:
        return True
    # A server that is not there yet loads what it finds when it starts.
    return found.states is not None and found.states.get(folder) not in (READY, UNKNOWN)


def _state_before(folder: str, found: Found) -> str:
    if folder in found.pending:
        return "not confirmed"
    return ABSENT if found.states is None else found.states.get(folder, ABSENT)


def _model(values: Mapping[str, Any]) -> Model:
    name, version = str(values["name"]), int(values.get("version") or 1)
    if not NAME.fullmatch(name) or len(name) > NAME_LENGTH:
        raise ServingError(
            f"Model name {name!r} cannot be used. Set one of lower-case letters, digits and '-', "
            f"with a letter or digit at both ends and {NAME_LENGTH} characters at most."
        )
    if version < 1:
        raise ServingError(f"Model {name!r} has version {version}. Set a version of 1 or more.")
    storage = str(values["storage_uri"])
    path = storage[len("file://") :] if storage.startswith("file://") else storage
    if not path.startswith("/"):
        raise ServingError(
            f"Model {name!r} has storage_uri {storage!r}. On one machine set the absolute path of a folder of that "
            "machine; other storage is for clusters."
        )
    return Model(name, version, path, tuple(str(each) for each in values.get("requirements") or ()))


def _settings(model: Model, own_text: str | None) -> dict[str, Any]:
    settings = _own_settings(model, own_text)
    parameters = settings.get("parameters") or {}
    uri = str(parameters.get("uri") or "")
    if uri.startswith(("/", "..")) or "://" in uri or "/.." in uri:
        raise ServingError(
            f"{model.storage}/{SETTINGS} sets the uri {uri!r}, outside the folder of model {model.name!r}. "
            "What lies elsewhere is not installed: set a path relative to the folder, or leave uri out."
        )
    settings["name"] = model.folder
    settings["parameters"] = {**parameters, "version": str(model.version)}
    settings["implementation"] = settings.get("implementation") or _runtime(model)
    return settings


def _own_settings(model: Model, text: str | None) -> dict[str, Any]:
    try:
        settings = json.loads(text or "{}")
    except ValueError as error:
        raise ServingError(f"{model.storage}/{SETTINGS} is no JSON: {error}. Mend it, or remove it.") from error
    if not isinstance(settings, dict) or not isinstance(settings.get("parameters") or {}, dict):
        raise ServingError(f"{model.storage}/{SETTINGS} is no model's settings. Mend it, or remove it.")
    return settings


def _runtime(model: Model) -> str:
    known = [RUNTIMES[each] for each in model.requirements if each in RUNTIMES]
    if len(known) != 1:
        count = "more than one" if known else "no"
        raise ServingError(
            f"Model {model.name!r} has the requirements {list(model.requirements)}, which name {count} runtime. "
            f"Set one of {', '.join(RUNTIMES)}, or put a {SETTINGS} with an implementation into {model.storage}."
        )
    return known[0]


__all__ = [
    "ABSENT",
    "READY",
    "SETTINGS",
    "Content",
    "Found",
    "Model",
    "Plan",
    "Wanted",
    "difference",
    "parse_models",
    "plan",
    "wanted_model",
]
