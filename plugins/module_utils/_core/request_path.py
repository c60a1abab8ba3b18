# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request path as a smoke test sees it: where each hop answers, and what there is to ask."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Sequence

from .errors import ServingError
from .experiment import Candidate, Experiment
from .route_table import Endpoint

JSON = "application/json"
ROUTE = "x-seldon-route"


@dataclass(frozen=True)
class Sample:
    """Requests for a model, and what it must answer to each (None: nobody recorded that)."""

    requests: tuple[Mapping[str, Any], ...]
    answers: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class SmokeModel:
    """A model: where its own server answers, as far as that can be reached from here, and its sample."""

    name: str
    version: int
    namespace: str
    http: Endpoint | None = None
    grpc: Endpoint | None = None
    sample: Sample | None = None

    @property
    def internal_name(self) -> str:
        return f"{self.name}_{self.version}"

    @property
    def route(self) -> str:
        """The value of x-seldon-route in its answers."""
        return f":{self.internal_name}:"

    @property
    def request(self) -> Mapping[str, Any] | None:
        """The request that stands for all others."""
        return self.sample.requests[0] if self.sample else None


@dataclass(frozen=True)
class RequestPath:
    """All that can be asked. A hop that is None cannot be asked by itself from here."""

    host: str
    http: Endpoint
    grpc: Endpoint | None = None
    # Certificates to trust on it; without them, those of the host that asks.
    roots: str = ""
    mesh: Endpoint | None = None
    envoy: Endpoint | None = None
    envoy_stats: Endpoint | None = None
    models: tuple[SmokeModel, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    body_limit: int | None = None
    closed_ports: tuple[int, ...] = ()
    # The host name of gRPC's route, where that is another one.
    other_grpc_host: str = ""
    # On a cluster, the checks that must hold before its address means anything.
    before: tuple[tuple[str, str], ...] = ()
    # Where each namespace has an Envoy of its own, the host names that lead there; without them, one leads to all.
    hosts: Mapping[str, str] | None = None
    grpc_hosts: Mapping[str, str] = field(default_factory=dict)

    @property
    def grpc_host(self) -> str:
        """The host name that callers of gRPC use."""
        return self.other_grpc_host or self.host

    def model(self, name: str) -> SmokeModel:
        """Return a model by its name."""
        found = next((each for each in self.models if each.name == name), None)
        if found is None:
            known = ", ".join(each.name for each in self.models) or "none"
            raise ServingError(f"Model {name!r} takes part in an experiment and is not in models, which has: {known}.")
        return found

    def towards(self, name: str) -> RequestPath:
        """Return the path as callers of a model take it; without a host where no route leads to its namespace."""
        if self.hosts is None:
            return self
        namespace = self.model(name).namespace
        grpc_host = self.grpc_hosts.get(namespace, "")
        return replace(
            self,
            host=self.hosts.get(namespace, ""),
            other_grpc_host=grpc_host,
            grpc=self.grpc if grpc_host else None,
        )

    def active(self, experiment: Experiment) -> list[SmokeModel]:
        """Return the candidates that get traffic."""
        return [self.model(name) for name, weight in experiment.weights.items() if weight]

    def request_for(self, experiment: Experiment) -> Mapping[str, Any] | None:
        """Return a request that all candidates understand: the baseline's own, if each of them has a sample."""
        candidates = self.active(experiment)
        return candidates[0].request if all(each.sample for each in candidates) else None

    def split_of(self, model: SmokeModel) -> Experiment | None:
        """Return the experiment that splits a model's own callers."""
        return next((each for each in self.experiments if each.default == model.name), None)

    def served_by(self, model: SmokeModel) -> list[SmokeModel]:
        """Return the models that may answer a model's own callers."""
        experiment = self.split_of(model)
        return self.active(experiment) if experiment else [model]

    def ways(self, split: Experiment | None) -> list[dict[str, str]]:
        """Return the headers of every way into a split: as the weights will have it, and back to each candidate."""
        if split is None or len(split.candidates) < 2:
            return [{}]
        return [{}, *({ROUTE: each.route} for each in self.active(split))]

    @property
    def namespaces(self) -> dict[str, SmokeModel]:
        """A model of each namespace whose server can be reached."""
        found: dict[str, SmokeModel] = {}
        for model in self.models:
            if model.http:
                found.setdefault(model.namespace, model)
        return found


def endpoint(values: Mapping[str, Any], port: str) -> Endpoint | None:
    """Return the address with one of the ports, or None where that port is not set."""
    return Endpoint.parse(f"{values['address']}:{values[port]}") if values.get(port) else None


def parse_samples(files: Mapping[str, bytes]) -> dict[str, Sample]:
    """Read files of samples: ``requests``, and by model the ``answers`` it must give to them."""
    samples: dict[str, Sample] = {}
    for path, content in files.items():
        try:
            values = json.loads(content)
            requests = tuple(dict(each) for each in values["requests"])
            for name, model in values["models"].items():
                answers = model.get("answers")
                samples[name] = Sample(requests, None if answers is None else tuple(answers))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ServingError(
                f"{path} holds no samples ({error!r}). Set samples to files with requests, a list of inference "
                'requests, and models, such as {"NAME": {"answers": [0, 1]}} with an answer to each request.'
            ) from error
        short = [name for name in values["models"] if not requests or _is_short(samples[name])]
        if short:
            raise ServingError(f"{path} has no answer to each request for {', '.join(short)}, or no requests at all.")
    return samples


def _is_short(sample: Sample) -> bool:
    return sample.answers is not None and len(sample.answers) != len(sample.requests)


def parse_model(values: Mapping[str, Any], samples: Mapping[str, Sample]) -> SmokeModel:
    """Read a model as tasks give it."""
    ports = {key: Endpoint.parse(values[key]) if values.get(key) else None for key in ("http", "grpc")}
    name = str(values["name"])
    return SmokeModel(name, int(values["version"]), str(values["namespace"]), sample=samples.get(name), **ports)


def parse_experiment(values: Mapping[str, Any]) -> Experiment:
    """Read an experiment as ``experiment_info`` returns it."""
    candidates = tuple(Candidate(str(each["name"]), int(each["weight"])) for each in values["candidates"])
    return Experiment(str(values["name"]), candidates, default=values.get("default"))


@dataclass(frozen=True)
class Question:
    """An HTTP request. Without a host, none is sent."""

    path: str
    host: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def all_headers(self) -> dict[str, str]:
        """All headers, as they are sent."""
        length = {} if self.body is None else {"Content-Length": str(len(self.body))}
        return {**self.headers_without_length, **length}

    @property
    def headers_without_length(self) -> dict[str, str]:
        """The headers, for whoever adds the length of the body."""
        host = {} if self.host is None else {"Host": self.host}
        content = {} if self.body is None else {"Content-Type": JSON}
        return {**host, **content, **self.headers}


def infer(name: str, request: Mapping[str, Any], *, host: str | None = None, **headers: str) -> Question:
    """Return the question for an inference; ``seldon_model`` and the like become headers."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Question(f"/v2/models/{name}/infer", host, named, json.dumps(request).encode())


@dataclass(frozen=True)
class Way:
    """How one model is asked: at its own server, or through the whole path."""

    place: Endpoint
    # What the path of a request calls it.
    name: str
    host: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def direct(cls, place: Endpoint, model: SmokeModel) -> Way:
        """Return the way to the model's own server, which is called by its address."""
        return cls(place, model.internal_name, str(place))

    def question(self, what: str = "", body: bytes | None = None) -> Question:
        """Return the question for what is below the model's own path."""
        return Question(f"/v2/models/{self.name}{what}", self.host, self.headers, body)

    def infer(self, request: Mapping[str, Any]) -> Question:
        """Return the question for an inference."""
        return self.question("/infer", json.dumps(request).encode())


@dataclass(frozen=True)
class Answer:
    """What came back, and how many seconds that took; header names are in lower case.

    Of a question without an answer, the status is 0 and the body says why.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def route(self) -> str:
        return self.headers.get("x-seldon-route", "")

    @property
    def brief(self) -> str:
        """The answer in a few words."""
        routed = f", x-seldon-route {self.route}" if self.route else ""
        text = " ".join(self.body[:200].decode("utf-8", "replace").split())
        if not self.status:
            return f"no answer: {text}"
        return f"{self.status}{routed}" + (f": {text}" if self.status >= 400 and text else "")


@dataclass(frozen=True)
class Row:
    """A question out of a table of questions, and the statuses that are right."""

    name: str
    question: Question
    statuses: Sequence[int]
    may_be_routed: bool = False

    def fault(self, answer: Answer) -> str:
        """Return what is wrong with an answer, or nothing."""
        if answer.status not in self.statuses:
            return f"{self.name}: {answer.brief}"
        return f"{self.name}: {answer.brief}" if answer.route and not self.may_be_routed else ""


__all__ = [
    "Answer",
    "Endpoint",
    "Question",
    "RequestPath",
    "Row",
    "Sample",
    "SmokeModel",
    "endpoint",
    "infer",
    "parse_experiment",
    "parse_model",
    "parse_samples",
]
