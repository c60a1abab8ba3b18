# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of smoke_test into whoever asks the request path."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from .._adapters.arp import answering
from .._adapters.grpc_inference import GrpcInference
from .._adapters.host_load import host_load
from .._adapters.http_load import HttpLoad
from .._adapters.http_probe import HttpProbe
from .._adapters.optional import require_grpc
from .._core.errors import ServingError
from .._core.http_message import http_request
from .._core.load import Pace
from .._core.smoke import examine, result_from
from .._core.smoke_cluster_edge import one_answers
from .._core.smoke_edge import address_checks, mesh_checks
from .._core.smoke_envoy import envoy_checks
from .._core.smoke_latency import Latency
from .._core.smoke_load import targets
from .._core.smoke_mlserver import mlserver_checks
from .._core.smoke_through import passage_checks
from .smoke_cluster import ClusterSide
from .smoke_inside import InsideSide
from .smoke_metrics import MetricsSide
from .smoke_options import Profile, budgets_from, request_path_from

if TYPE_CHECKING:
    from .._adapters.grpc_inference import GrpcAnswer
    from .._core.request_path import Answer, Endpoint, Question, RequestPath
    from .._core.smoke import Check
    from .._core.smoke_latency import Rounds
    from .._core.smoke_load import Target

# No call of the module takes longer than a few seconds, so that Ctrl-C is never far.
SERIES_SECONDS = 2.0


class Probe:
    """Asks over HTTP, and over gRPC where its library is there."""

    def __init__(self, timeout: float, root_certificates: bytes) -> None:
        self._http = HttpProbe(timeout=timeout)
        self._timeout = timeout
        self._roots = root_certificates
        self.connect = self._http.connect
        self.connected = self._http.connected
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
        with GrpcInference(
            str(place), authority=path.grpc_host, root_certificates=roots, timeout=self._timeout
        ) as client:
            return client.call(method, message, metadata)


class SmokeTest:
    """Runs groups of checks with the options of a task."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self._path = request_path_from(params)
        self._cluster = ClusterSide(params, self._path) if params["cluster"] else None
        if self._cluster:
            self._path = replace(self._path, before=self._cluster.before_calls)
        self._metrics = MetricsSide(params) if params["metrics"] else None
        self._budgets = budgets_from(params)
        self._profile = Profile(params)
        self._probe = Probe(params["timeout"], self._path.roots.encode())
        self._latency = Latency(self._path, self._probe, rounds=self._profile.rounds)
        self._waiting = ""
        self._inside_rounds: list[Rounds] = []
        self._known = [result_from(each) for each in params["known"]]

    def run(self) -> dict[str, Any]:
        """Return what the groups found."""
        found: dict[str, Any] = {"checks": [], "host": host_load()}
        for group in self._params["groups"]:
            if group == "load":
                found.update(self._load())
                continue
            if group == "metrics":
                found["metrics"] = self._metrics.read().as_dict() if self._metrics else None
                continue
            for result in examine(self._checks(group), self._known, self._probe.clock):
                self._known.append(result)
                found["checks"].append({**result.as_dict(), "root": result.root})
            if group == "inside":
                found["waiting"] = self._waiting
            if group in ("inside", "latency"):
                found["rounds"] = [each.as_dict() for each in (*self._inside_rounds, *self._latency.measured.values())]
        return {**found, "targets": {name: dict(each.weights) for name, each in self._targets().items()}}

    def _checks(self, group: str) -> list[Check]:
        path, probe = self._path, self._probe
        if group == "cluster":
            return self._cluster.checks() if self._cluster else []
        if group == "inside":
            return self._inside()
        if group == "mlserver":
            success = self._budgets.success_percent
            return mlserver_checks(path, probe, calls=self._profile.calls, success_percent=success)
        if group == "envoy":
            declared = self._params["experiments"] or ()
            live = {each["name"]: each["ready"] for each in declared if each["ready"] is not None}
            return envoy_checks(path, probe, live)
        if group == "latency":
            # A probe inside the cluster has measured all hops.
            measured = any(each.id == "nginx.latency" for each in self._known)
            return [] if measured else self._latency.checks(self._budgets, self._known)
        if group == "address" and self._cluster:
            return [*address_checks(path, probe), one_answers(path.http.address, answering)]
        return {"address": address_checks, "mesh": mesh_checks, "nginx": passage_checks}[group](path, probe)

    def _inside(self) -> list[Check]:
        """Return the checks of probes inside the cluster, once they have ended."""
        wanted = self._params["inside"]
        if self._cluster is None or wanted is None:
            return []
        side = InsideSide(self._params, self._cluster, self._path, self._budgets)
        self._waiting, checks = side.step(wanted["step"])
        self._inside_rounds = side.measured
        return checks

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


__all__ = ["SmokeTest"]
