# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that one Envoy routes: the models it can reach and the experiments that split them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
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
    """Models and experiments, each sorted by name, that fit together."""

    models: tuple[Model, ...] = ()
    experiments: tuple[Experiment, ...] = ()

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
        table = replace(self, experiments=_by_name(others + ((wanted,) if wanted else ())))
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
        changed = RouteTable(tuple(sorted(models, key=lambda model: model.name)), _by_name(table.values()))
        changed.check()
        return changed

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
        }

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> RouteTable:
        """Read what :meth:`as_dict` returned."""
        return cls().with_models(
            [Model.parse(model) for model in values["models"]],
            [Request.parse(each) for each in values["experiments"]],
        )


def _by_name(experiments: Iterable[Experiment]) -> tuple[Experiment, ...]:
    return tuple(sorted(experiments, key=lambda each: each.name))


__all__ = ["Endpoint", "Model", "RouteTable"]
