# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that one Envoy routes: the models it can reach and the experiments that split them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Iterable, Mapping, Sequence

from .errors import ServingError
from .experiment import Experiment, Request, bad_name

ENDPOINT = re.compile(r"(?P<host>[0-9]{1,3}(\.[0-9]{1,3}){3}):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True)
class Endpoint:
    """An IPv4 address and a port."""

    address: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read ``192.0.2.10:9000``."""
        match = ENDPOINT.fullmatch(text)
        if not match or not 0 < int(match["port"]) < 65536:
            raise ServingError(f"{text!r} is not an endpoint; set an IPv4 address and a port, like 192.0.2.10:9000.")
        return cls(match["host"], int(match["port"]))

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Model:
    """A version of a model, and where its server listens."""

    name: str
    version: int
    http: Endpoint
    grpc: Endpoint

    @property
    def internal_name(self) -> str:
        """The name the server knows it by, which is also the name of its clusters: ``<model>_<version>``."""
        return f"{self.name}_{self.version}"

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Model:
        """Read a model as tasks give it."""
        version = values.get("version", 1)
        problems = bad_name("model", str(values["name"]))
        if not isinstance(version, int) or version < 1:
            problems.append(f"version {version!r} of model {values['name']!r} is not a whole number from 1 up")
        if problems:
            raise ServingError(f"Model {values['name']!r} is refused: {'; '.join(problems)}.")
        return cls(str(values["name"]), version, Endpoint.parse(values["http"]), Endpoint.parse(values["grpc"]))

    def as_dict(self) -> dict[str, Any]:
        """Return the model as tasks give it."""
        return {"name": self.name, "version": self.version, "http": str(self.http), "grpc": str(self.grpc)}


@dataclass(frozen=True)
class RouteTable:
    """Models and experiments, each sorted by name, that fit together.

    ``rollouts`` holds, by experiment, what a rollout has to know of the weights that it wrote; it is written and read
    with them, and means nothing to a route.
    """

    models: tuple[Model, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    rollouts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def model(self, name: str) -> Model:
        """Return the model of that name; a table that was checked has it."""
        return next(model for model in self.models if model.name == name)

    def experiment(self, name: str) -> Experiment | None:
        """Return the experiment of that name, or None."""
        return next((each for each in self.experiments if each.name == name), None)

    def split_of(self, model: str) -> Experiment | None:
        """Return the experiment that splits this model's own route, because the model is its default."""
        return next((each for each in self.experiments if each.default == model), None)

    def with_request(self, request: Request) -> RouteTable:
        """Return the table with one experiment declared or removed."""
        wanted = request.applied_to(self.experiment(request.name))
        others = tuple(each for each in self.experiments if each.name != request.name)
        return self._with_experiments(others + ((wanted,) if wanted else ()))

    def with_rollout(self, request: Request, *, mirrored: str, rollout: Mapping[str, Any]) -> RouteTable:
        """Return the table with the weights that a rollout wants, and with what it has to know of them.

        ``mirrored``: the model whose mirror, if there is one, is the rollout's own, so that it goes unless requested.
        """
        current = self.experiment(request.name)
        if current is not None and current.mirror is not None and current.mirror.name == mirrored:
            current = replace(current, mirror=None)
        wanted = request.applied_to(current)
        others = tuple(each for each in self.experiments if each.name != request.name)
        table = self._with_experiments(others + ((wanted,) if wanted else ()))
        return replace(table, rollouts={**table.rollouts, request.name: rollout})

    def _with_experiments(self, experiments: Iterable[Experiment]) -> RouteTable:
        """Return the table with exactly these experiments; a rollout leaves with its experiment."""
        known = _by_name(experiments)
        names = {each.name for each in known}
        rollouts = {name: each for name, each in self.rollouts.items() if name in names}
        table = replace(self, experiments=known, rollouts=rollouts)
        table.check()
        return table

    def with_models(self, models: Sequence[Model], requests: Iterable[Request] = ()) -> RouteTable:
        """Return the table with exactly these models, and with the requested experiments declared or removed."""
        names = [model.name for model in models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ServingError(f"Models are declared more than once: {', '.join(twice)}. Declare each once.")
        table = {each.name: each for each in self.experiments}
        asked: list[str] = []
        for request in requests:
            if request.name in asked:
                raise ServingError(f"Experiment {request.name!r} is declared more than once. Declare it once.")
            asked.append(request.name)
            wanted = request.applied_to(table.pop(request.name, None))
            table.update({wanted.name: wanted} if wanted else {})
        known = replace(self, models=tuple(sorted(models, key=lambda model: model.name)))
        return known._with_experiments(table.values())

    def check(self) -> None:
        """Refuse a table whose parts do not fit together."""
        problems = self._unknown_models() + self._shared_defaults()
        if problems:
            raise ServingError(f"Refused: {'; '.join(problems)}.", problems=problems)

    def _unknown_models(self) -> list[str]:
        known = [model.name for model in self.models]
        return [
            f"experiment {each.name!r}: model {name!r} is not known (known: {', '.join(known) or 'none'}); "
            "declare the model (serving_models), take it out of the experiment, "
            "or end the experiment by declaring it with state: absent"
            for each in self.experiments
            for name in dict.fromkeys(each.models)
            if name not in known
        ]

    def _shared_defaults(self) -> list[str]:
        # Each default's own route is split by its experiment; two splits of one route have no meaning.
        users: dict[str, list[str]] = {}
        for each in self.experiments:
            if each.default:
                users.setdefault(each.default, []).append(each.name)
        return [
            f"model {model!r} is the default of more than one experiment ({', '.join(names)}); "
            "set another default, or none, in all but one of them"
            for model, names in users.items()
            if len(names) > 1
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the table as plain data."""
        return {
            "models": [model.as_dict() for model in self.models],
            "experiments": [each.as_dict() for each in self.experiments],
            **({"rollouts": dict(self.rollouts)} if self.rollouts else {}),
        }

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> RouteTable:
        """Read what :meth:`as_dict` returned."""
        table = cls().with_models(
            [Model.parse(model) for model in values["models"]],
            [Request.parse(each) for each in values["experiments"]],
        )
        return replace(table, rollouts=dict(values.get("rollouts") or {}))


def _by_name(experiments: Iterable[Experiment]) -> tuple[Experiment, ...]:
    return tuple(sorted(experiments, key=lambda each: each.name))


__all__ = ["Endpoint", "Model", "RouteTable"]
