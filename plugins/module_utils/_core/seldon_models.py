# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models as an inventory has them, and everything that keeps a cluster from serving them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from .errors import ServingError
from .experiment import bad_name
from .names import nearest_name
from .preflight_report import Finding, spoken
from .seldon_remotes import PUBLIC, SECRETS, Secret, fit_findings, scheme_of
from .seldon_servers import Server
from .seldon_sizes import quantity
from .seldon_topology import NAMESPACED, Topology

MODELS = "serving_models"
# `version` is what one machine without an API calls a model; a cluster counts the changes of its resource itself.
KEYS = (
    "name",
    "namespace",
    "requirements",
    "storage_uri",
    "version",
    "secret",
    "server",
    "memory",
    "replicas",
    "parameters",
)


# What people call what Seldon has another word for.
OTHER_WORDS = {"scikit-learn": "sklearn", "scikit": "sklearn", "spark": "spark-mlib", "lgbm": "lightgbm"}


@dataclass(frozen=True)
class Model:
    """A model of a team. ``server`` is the one that an inventory names; ``None`` leaves it to us."""

    name: str
    team: str
    storage: str
    requirements: tuple[str, ...] = ()
    secret: str = ""
    server: str | None = None
    memory: str = ""
    replicas: int = 1
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def where(self) -> str:
        return f"The model '{self.name}' of {self.team or 'no namespace'}"


@dataclass(frozen=True)
class World:
    """What a model is held against: where things are, who serves, and which secrets there are to be."""

    topology: Topology
    servers: Sequence[Server]
    secrets: Sequence[Secret]

    def server(self, team: str) -> Server | None:
        return next((each for each in self.servers if each.team == team), None)

    def secret(self, team: str, name: str) -> Secret | None:
        return next((each for each in self.secrets if (each.team, each.name) == (team, name)), None)


def parse_models(entries: Any) -> list[Model]:
    """Return the models that can be read."""
    return [_model(each) for each in entries or () if isinstance(each, Mapping)]


def model_findings(entries: Any, world: World) -> Iterator[Finding]:
    """Yield everything that is wrong with the models of an inventory."""
    for number, each in enumerate(entries or (), start=1):
        if not isinstance(each, Mapping):
            yield Finding(
                f"Model {number} of {MODELS} is no dictionary. Write it as {{name: …, namespace: …, storage_uri: …}}."
            )
            continue
        where = f"The model '{each.get('name') or number}' of {MODELS}"
        for key in each:
            if str(key) not in KEYS:
                near = nearest_name(str(key), KEYS)
                hint = f"Did you mean {near}?" if near else f"It may have {', '.join(KEYS)}."
                yield Finding(f"{where} has '{key}', which nobody reads. {hint}")
        for text in bad_name("its name", str(each.get("name") or "")):
            yield Finding(f"{where} cannot be made: {text}.")
        for text in _numbers(each):
            yield Finding(f"{where} {text}")
    models = parse_models(entries)
    for model in models:
        yield from _place(model, world)
        yield from _storage(model, world)
    yield from _repeated(models, world.topology)


def _model(entry: Mapping[str, Any]) -> Model:
    replicas = str(entry.get("replicas", 1))
    parameters = entry.get("parameters") or {}
    return Model(
        name=str(entry.get("name") or ""),
        team=str(entry.get("namespace") or ""),
        storage=str(entry.get("storage_uri") or ""),
        requirements=tuple(str(each) for each in entry.get("requirements") or ()),
        secret=str(entry.get("secret") or ""),
        server=None if "server" not in entry else str(entry["server"] or ""),
        memory=str(entry.get("memory") or ""),
        replicas=int(replicas) if replicas.isdigit() else 1,
        parameters=tuple((str(name), str(value)) for name, value in parameters.items())
        if isinstance(parameters, Mapping)
        else (),
    )


def _numbers(entry: Mapping[str, Any]) -> Iterator[str]:
    replicas = str(entry.get("replicas", 1))
    if not replicas.isdigit() or not int(replicas):
        yield f"has the replicas '{replicas}'. Set replicas to a whole number, 1 or more."
    if entry.get("memory"):
        try:
            quantity(entry["memory"])
        except ServingError as error:
            yield f"has a memory that cannot be read: {error}"
    if not isinstance(entry.get("parameters") or {}, Mapping):
        yield "has parameters that are no dictionary. Write them as {name: value}."


def _place(model: Model, world: World) -> Iterator[Finding]:
    """Yield a team that is none, and a server that is not there, is not named, or cannot serve the model."""
    topology = world.topology
    server = world.server(model.team)
    if not server:
        yield Finding(
            f"{model.where} is of a namespace that is none of serving_namespaces. Set one of "
            f"{spoken(topology.teams) or 'them, as soon as there is one'}."
        )
        return
    own = topology.server(model.team)
    if model.server == "" and topology.has_one_scheduler:
        yield Finding(
            f"{model.where} is to have no server, so the one scheduler of seldon_topology '{topology.kind}' could "
            f"place it at any team's. Leave server out, which means {own}, or set it."
        )
    elif model.server and model.server != own:
        yield Finding(
            f"{model.where} names the server '{model.server}', and that of its namespace is {own}. Leave server out."
        )
    missing = [each for each in model.requirements if each not in server.capabilities]
    if missing:
        others = [each.team for each in world.servers if set(model.requirements) <= set(each.capabilities)]
        hint = f" The server of {spoken(others)} has it." if others else ""
        near = OTHER_WORDS.get(missing[0], "")
        meant = f"Did you mean {near}? " if near in server.capabilities else ""
        yield Finding(
            f"{model.where} needs {spoken(missing)}, and {own} has {', '.join(server.capabilities)}. {meant}Set "
            f"requirements, or the capabilities of the server.{hint}"
        )
    if model.replicas > server.replicas:
        yield Finding(
            f"{model.where} is to have {model.replicas} replicas, and {own} has {server.replicas}. Set replicas of the "
            "server to as many."
        )


def _storage(model: Model, world: World) -> Iterator[Finding]:
    """Yield a place that nobody could fetch the model from."""
    scheme = scheme_of(model.storage)
    if not model.storage or not (scheme or model.storage.startswith("/")):
        yield Finding(
            f"{model.where} is stored at '{model.storage}'. Set storage_uri to a URI, such as s3://models/iris, or to "
            "a whole path on a volume of its server."
        )
        return
    secret = world.secret(model.team, model.secret)
    if model.secret and secret:
        yield from fit_findings(model.storage, secret, model.where)
    if not model.secret and scheme and scheme != PUBLIC:
        known = [each.name for each in world.secrets if each.team == model.team]
        yield Finding(
            f"{model.where} is stored at {model.storage}, and nothing tells rclone what '{scheme}' is. Set its secret "
            f"to {spoken(known) or f'one of {SECRETS}'}."
        )
    server = world.server(model.team)
    mounts = [each.mount for each in server.volumes] if server else []
    if server and not scheme and not any(model.storage.startswith(f"{each.rstrip('/')}/") for each in mounts):
        yield Finding(
            f"{model.where} is stored at {model.storage}, which lies on no volume of its server "
            f"({spoken(mounts) or 'there is none'}). Add a volume to the server in mlserver_servers, or set another "
            "storage_uri."
        )


def _repeated(models: Sequence[Model], topology: Topology) -> Iterator[Finding]:
    places: dict[str, list[str]] = {}
    for model in models:
        places.setdefault(model.name, []).append(model.team)
    for name, found in places.items():
        twice = sorted({team for team in found if found.count(team) > 1})
        if twice:
            yield Finding(f"{MODELS} has the model '{name}' of {spoken(twice)} more than once. Keep one of them.")
        if len(set(found)) > 1 and topology.kind != NAMESPACED:
            yield Finding(
                f"The model '{name}' is in {spoken(sorted(set(found)))}, and one scheduler knows models by their names "
                f"alone (seldon_topology '{topology.kind}'). Give each a name of its own, or set seldon_topology to "
                f"{NAMESPACED}."
            )


__all__ = ["MODELS", "Model", "World", "model_findings", "parse_models"]
