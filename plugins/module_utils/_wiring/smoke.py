# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of smoke_test into the request path, and into whoever asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Mapping, Sequence

from .._adapters.grpc_inference import GrpcInference
from .._adapters.host_load import host_load
from .._adapters.http_load import HttpLoad
from .._adapters.http_probe import HttpProbe
from .._adapters.named_files import read_files
from .._adapters.optional import require_grpc
from .._core.errors import ServingError
from .._core.http_message import http_request
from .._core.load import Pace
from .._core.request_path import RequestPath, endpoint, parse_experiment, parse_model, parse_samples
from .._core.smoke import examine, result_from
from .._core.smoke_edge import address_checks, mesh_checks, nginx_checks
from .._core.smoke_envoy import envoy_checks
from .._core.smoke_latency import Budgets, Latency
from .._core.smoke_load import targets
from .._core.smoke_mlserver import mlserver_checks

if TYPE_CHECKING:
    from .._adapters.grpc_inference import GrpcAnswer
    from .._core.request_path import Answer, Endpoint, Question
    from .._core.smoke import Check
    from .._core.smoke_load import Target

Spec = Dict[str, Dict[str, Any]]

# No call of the module takes longer than a few seconds, so that Ctrl-C is never far.
SERIES_SECONDS = 2.0
# From the innermost hop outwards, after the first connection: what a hop needs is known when it is asked.
GROUPS = ("address", "mlserver", "envoy", "mesh", "nginx", "latency", "load")

ADDRESS: Spec = {
    "address": {"type": "str", "required": True},
    "http_port": {"type": "int", "required": True},
    "grpc_port": {"type": "int"},
    "ca_path": {"type": "path"},
}
ENVOY: Spec = {
    "address": {"type": "str", "required": True},
    "http_port": {"type": "int", "required": True},
    "stats_port": {"type": "int"},
}
MESH: Spec = {"address": {"type": "str", "required": True}, "http_port": {"type": "int", "required": True}}
MODEL: Spec = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "version": {"type": "int", "default": 1},
    "http": {"type": "str"},
    "grpc": {"type": "str"},
}
CANDIDATE: Spec = {"name": {"type": "str", "required": True}, "weight": {"type": "int", "required": True}}
EXPERIMENT: Spec = {
    "name": {"type": "str", "required": True},
    "candidates": {"type": "list", "elements": "dict", "required": True, "options": CANDIDATE},
    "default": {"type": "str"},
    "ready": {"type": "bool"},
}
BUDGETS: Spec = {
    "p50_ms": {"type": "float", "default": 11.0},
    "p95_ms": {"type": "float", "default": 18.0},
    "p99_ms": {"type": "float", "default": 25.0},
    "success_percent": {"type": "float", "default": 99.8},
    "nginx_ms": {"type": "list", "elements": "float", "default": [2.0, 3.0]},
    "envoy_ms": {"type": "list", "elements": "float", "default": [2.0, 3.0]},
    "mlserver_ms": {"type": "list", "elements": "float", "default": [5.0, 7.0]},
}
ARGUMENTS: Spec = {
    "profile": {"type": "str", "choices": ["quick", "full"], "default": "quick"},
    "groups": {"type": "list", "elements": "str", "choices": list(GROUPS), "default": list(GROUPS)},
    "host": {"type": "str", "default": "ml-api.local"},
    "address": {"type": "dict", "required": True, "options": ADDRESS},
    "mesh": {"type": "dict", "options": MESH},
    "envoy": {"type": "dict", "options": ENVOY},
    "models": {"type": "list", "elements": "dict", "default": [], "options": MODEL},
    "samples": {"type": "list", "elements": "path", "default": []},
    "store": {"type": "str", "choices": ["envoy"], "default": "envoy"},
    "store_path": {"type": "path"},
    "experiments": {"type": "list", "elements": "dict", "options": EXPERIMENT},
    "body_limit": {"type": "int"},
    "closed_ports": {"type": "list", "elements": "int", "default": []},
    "rate": {"type": "float"},
    "requests": {"type": "int"},
    "timeout": {"type": "float", "default": 5.0},
    "budgets": {"type": "dict", "default": {}, "apply_defaults": True, "options": BUDGETS},
    "enforce_budgets": {"type": "bool", "default": True},
    "report_directory": {"type": "path"},
    "known": {"type": "list", "elements": "dict", "default": []},
    "load": {
        "type": "dict",
        "options": {"target": {"type": "str", "required": True}, "requests": {"type": "int", "required": True}},
    },
}


class Profile:
    """How much is asked. Shares can be told apart to about ten points by 500 requests, to five by 2,000."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        quick = params["profile"] == "quick"
        self.rate = float(params.get("rate") or (125.0 if quick else 50.0))
        self.requests = int(params.get("requests") or (500 if quick else 2000))
        self.rounds = 50 if quick else 300
        self.calls = 150 if quick else 500


class Probe:
    """Asks over HTTP, and over gRPC where its library is there."""

    def __init__(self, timeout: float, root_certificates: bytes) -> None:
        self._http = HttpProbe(timeout=timeout)
        self._timeout = timeout
        self._roots = root_certificates
        self.connect = self._http.connect
        self.ask = self._http.ask
        self.certificate = self._http.certificate
        self.counters = self._http.counters
        self.time_of_day = self._http.time_of_day
        self.clock = self._http.clock

    @property
    def grpc_missing(self) -> str:
        try:
            require_grpc()
        except ServingError as error:
            return str(error)
        return ""

    def rounds(self, questions: Sequence[tuple[Endpoint, Question]], count: int) -> list[list[Answer]]:
        return self._http.rounds(questions, count, seconds=SERIES_SECONDS)

    def series(self, place: Endpoint, question: Question, count: int) -> list[Answer]:
        return [answer for (answer,) in self.rounds([(place, question)], count)]

    def call(
        self, place: Endpoint, method: str, message: bytes, *, metadata: Mapping[str, str], path: RequestPath
    ) -> GrpcAnswer:
        roots = self._roots if place == path.grpc else None
        with GrpcInference(str(place), authority=path.host, root_certificates=roots, timeout=self._timeout) as client:
            return client.call(method, message, metadata)


def request_path_from(params: Mapping[str, Any]) -> RequestPath:
    """Return the path that the options describe."""
    samples = parse_samples(read_files(params["samples"], option="samples"))
    envoy, mesh = params["envoy"] or {}, params["mesh"] or {}
    http = endpoint(params["address"], "http_port")
    if http is None:
        raise ServingError("address has the http_port 0; set the port on which NGINX serves REST.")
    path = RequestPath(
        host=params["host"],
        http=http,
        grpc=endpoint(params["address"], "grpc_port"),
        ca_path=params["address"]["ca_path"],
        mesh=endpoint(mesh, "http_port"),
        envoy=endpoint(envoy, "http_port"),
        envoy_stats=endpoint(envoy, "stats_port"),
        models=tuple(parse_model(each, samples) for each in params["models"]),
        experiments=tuple(parse_experiment(each) for each in params["experiments"] or ()),
        body_limit=params["body_limit"],
        closed_ports=tuple(params["closed_ports"]),
    )
    for experiment in path.experiments:
        for name in experiment.weights:
            path.model(name)
    return path


def budgets_from(params: Mapping[str, Any]) -> Budgets:
    """Return the budgets that the options set."""
    values = dict(params["budgets"])
    for name in ("nginx_ms", "envoy_ms", "mlserver_ms"):
        if len(values[name]) != 2 or not 0 <= values[name][0] <= values[name][1] or not values[name][1]:
            raise ServingError(f"{name} of budgets is {values[name]}; set two numbers, the lower one first.")
        values[name] = tuple(values[name])
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        if values[name] <= 0:
            raise ServingError(f"{name} of budgets is {values[name]:g}; set milliseconds above 0.")
    if not 0 < values["success_percent"] <= 100:
        raise ServingError(
            f"success_percent of budgets is {values['success_percent']:g}; set a percentage above 0, 100 at most."
        )
    return Budgets(**values)


class SmokeTest:
    """Runs groups of checks with the options of a task."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self._path = request_path_from(params)
        self._budgets = budgets_from(params)
        self._profile = Profile(params)
        ca_path = self._path.ca_path
        roots = read_files([ca_path], option="ca_path of address")[ca_path] if ca_path else b""
        self._probe = Probe(params["timeout"], roots)
        self._latency = Latency(self._path, self._probe, rounds=self._profile.rounds)
        self._known = [result_from(each) for each in params["known"]]

    def run(self) -> dict[str, Any]:
        """Return what the groups found."""
        found: dict[str, Any] = {"checks": [], "host": host_load()}
        for group in self._params["groups"]:
            if group == "load":
                found.update(self._load())
                continue
            for result in examine(self._checks(group), self._known, self._probe.clock):
                self._known.append(result)
                found["checks"].append({**result.as_dict(), "root": result.root})
            if group == "latency":
                found["rounds"] = [each.as_dict() for each in self._latency.measured.values()]
        return {**found, "targets": {name: dict(each.weights) for name, each in self._targets().items()}}

    def _checks(self, group: str) -> list[Check]:
        path, probe = self._path, self._probe
        if group == "mlserver":
            success = self._budgets.success_percent
            return mlserver_checks(path, probe, calls=self._profile.calls, success_percent=success)
        if group == "envoy":
            declared = self._params["experiments"] or ()
            live = {each["name"]: each["ready"] for each in declared if each["ready"] is not None}
            return envoy_checks(path, probe, live)
        if group == "latency":
            return self._latency.checks(self._budgets, self._known)
        return {"address": address_checks, "mesh": mesh_checks, "nginx": nginx_checks}[group](path, probe)

    def _targets(self) -> dict[str, Target]:
        return {each.header: each for each in targets(self._path, self._known)}

    def _load(self) -> dict[str, Any]:
        """Send one slice of the load to one target, and count what Envoy saw of it."""
        wanted = self._params["load"] or {}
        known = self._targets()
        target = known.get(str(wanted.get("target")))
        if target is None:
            names = ", ".join(known) or "none"
            raise ServingError(f"load has the target {wanted.get('target')!r}; set one of: {names}.")
        question = target.question
        request = http_request(question.method, question.path, question.headers_without_length, question.body or b"")
        pace = Pace(self._profile.rate, wanted["requests"])
        engine = HttpLoad(self._path.http.address, self._path.http.port, timeout=self._params["timeout"])
        before = self._counters()
        result = engine.run([request], pace)
        after = self._counters()
        counted = {
            model.name: [later - earlier for later, earlier in zip(after[name], before.get(name, (0, 0)))]
            for name, model in ((each.internal_name, each) for each in self._path.models)
            if name in after
        }
        return {"load": result.as_dict(), "counted": counted}

    def _counters(self) -> dict[str, tuple[int, int]]:
        place = self._path.envoy_stats
        return self._probe.counters(place) if place else {}


__all__ = ["ARGUMENTS", "GROUPS", "Profile", "SmokeTest", "budgets_from"]
