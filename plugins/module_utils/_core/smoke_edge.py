# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the hops at the edge: the announced address, NGINX, and the mesh's name."""

from __future__ import annotations

import json
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Callable, Mapping

from . import oip_messages as messages
from .errors import ServingError
from .inference import infer_faults, request_faults
from .request_path import ROUTE, Question, Row, infer
from .smoke import ERROR, FAIL, PASS, WARN, Check, Finding, judged, skipped
from .smoke_needs import (
    CERTIFIED,
    CONNECTED,
    ENVOY_ANSWERS,
    MESH_ANSWERS,
    behind_experiment,
    behind_grpc,
    behind_model,
)
from .smoke_passage import answers_for, is_envoys, judge_passage

if TYPE_CHECKING:
    from .experiment import Experiment
    from .ports import Prober
    from .request_path import Endpoint, RequestPath, SmokeModel

CONNECTIONS = 20
CONNECT_P95_MS = 50.0
CLOCK_SECONDS = 5.0
CERTIFICATE_DAYS = 14
DAY = 86400.0
LARGEST_BODY = 16 * 2**20
NOBODY = "nobody"
GONE = ":gone_9:"
OTHER_HOST = "example.com"


def address_checks(path: RequestPath, prober: Prober) -> list[Check]:
    """Return the checks of the announced address."""
    return [
        Check("address.connect", lambda: _connect(path, prober), needs=path.before),
        Check("address.exposure", lambda: _exposure(path, prober), needs=(CONNECTED,)),
    ]


def _connect(path: RequestPath, prober: Prober) -> Finding:
    expected = f"{CONNECTIONS} connections each, 95 % of them within {CONNECT_P95_MS:g} ms"
    slowest = 0.0
    for place in filter(None, (path.http, path.grpc)):
        for count in range(CONNECTIONS):
            try:
                slowest = max(slowest, prober.connect(place) * 1000) if count else slowest
            except ServingError as error:
                return Finding(FAIL, f"connection {count + 1} to {place}: {error}", expected)
    found = f"all connected, the slowest within {slowest:.1f} ms"
    return judged(slowest <= CONNECT_P95_MS, found, expected, slowest_ms=round(slowest, 3))


def _exposure(path: RequestPath, prober: Prober) -> Finding:
    if not path.closed_ports:
        return skipped("no inner ports are named; set closed_ports to those that must not answer at the address")
    places = [type(path.http)(path.http.address, port) for port in path.closed_ports]
    reached = [place.port for place in prober.connected(places)]
    found = f"ports that answer: {', '.join(map(str, reached))}" if reached else "no inner port answers"
    return judged(not reached, found, f"none of {len(path.closed_ports)} inner ports answers at {path.http.address}")


def mesh_checks(path: RequestPath, prober: Prober) -> list[Check]:
    """Return the check of the mesh's name."""
    return [Check("mesh.connect", lambda: _mesh(path, prober), needs=(ENVOY_ANSWERS,))]


def _mesh(path: RequestPath, prober: Prober) -> Finding:
    if path.mesh is None:
        return skipped("NGINX speaks to Envoy itself: there is no Service seldon-mesh to ask from this host")
    answer = prober.ask(path.mesh, Question("/", path.host))
    return judged(answer.status == 404, answer.brief, "404 from Envoy, which has no such path")


def nginx_checks(path: RequestPath, prober: Prober) -> list[Check]:
    """Return the checks of NGINX."""
    behind = (CONNECTED, ENVOY_ANSWERS, MESH_ANSWERS)
    return [
        Check("nginx.unknown_host", lambda: _unknown_host(path, prober), needs=(CONNECTED,)),
        Check("nginx.clock", lambda: _clock(path, prober), needs=(CONNECTED,)),
        Check("nginx.paths", lambda: _paths(path, prober), needs=behind),
        Check("nginx.body_size", lambda: _body_size(path, prober), needs=behind),
        *(
            Check(
                "nginx.route",
                _route(path.towards(model.name), prober, model),
                model.name,
                (*behind, *behind_model(model)),
            )
            for model in path.models
        ),
        *(
            Check(
                "nginx.route",
                _route_of(path.towards(each.candidates[0].name), prober, each),
                each.route,
                (*behind, *behind_experiment(path, each)),
            )
            for each in path.experiments
        ),
        Check("nginx.certificate", lambda: _certificate(path, prober), needs=(CONNECTED,)),
        *(Check("nginx.grpc", _grpc(path, prober, model), model.name, behind_grpc(model)) for model in path.models),
        Check("nginx.grpc_refusals", lambda: _grpc_refusals(path, prober), needs=(CERTIFIED, ENVOY_ANSWERS)),
    ]


def _unknown_host(path: RequestPath, prober: Prober) -> Finding:
    ready = f"/v2/models/{path.models[0].name if path.models else NOBODY}/ready"
    rows = [
        Row(OTHER_HOST, Question(ready, OTHER_HOST), (404,)),
        Row("the address for a host", Question(ready, path.http.address), (404,)),
        Row("no host", Question(ready), (400,)),
    ]
    return ask_rows(rows, path.http, prober, "404 (400 without a host), and no x-seldon-route")


def ask_rows(rows: list[Row], place: Endpoint, prober: Prober, expected: str) -> Finding:
    """Ask every question of a table, and say which answers are wrong."""
    answers = [(row, prober.ask(place, row.question)) for row in rows]
    faults = [fault for fault in (row.fault(answer) for row, answer in answers) if fault]
    seen = {row.name: answer.status for row, answer in answers}
    found = "; ".join(faults) or f"all {len(rows)} as expected"
    return judged(not faults, found, expected, answers=seen)


def _clock(path: RequestPath, prober: Prober) -> Finding:
    answer = prober.ask(path.http, Question("/", OTHER_HOST))
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError, IndexError):
        return Finding(ERROR, f"Date: {answer.headers.get('date')!r}", "a Date header")
    skew = theirs - prober.time_of_day()
    expected = f"within {CLOCK_SECONDS:g} s of this host's clock"
    # The header has whole seconds, cut off.
    return judged(
        abs(skew + 0.5) <= CLOCK_SECONDS + 0.5, f"{round(skew + 0.5):+d} s", expected, skew_seconds=round(skew)
    )


def _paths(path: RequestPath, prober: Prober) -> Finding:
    rows = [Row(each, Question(each, path.host), (404,)) for each in ("/", "/v1/models", "/metrics")]
    return ask_rows(rows, path.http, prober, "404, and no x-seldon-route")


def _body_size(path: RequestPath, prober: Prober) -> Finding:
    if path.body_limit is None:
        return skipped("no limit is named; set body_limit to the number of bytes that must pass")
    if path.body_limit > LARGEST_BODY:
        return skipped(f"the limit is {path.body_limit} bytes, and no more than {LARGEST_BODY} are sent for a test")
    # Spaces after a request that Envoy refuses: only the size decides who answers, and no model has to read it.
    text = json.dumps({"inputs": []}).encode()
    headers = {"seldon-model": NOBODY}
    fits = Question("/v2/models/nobody/infer", path.host, headers, text.ljust(path.body_limit))
    larger = Question("/v2/models/nobody/infer", path.host, headers, text.ljust(path.body_limit + 1))
    statuses = [prober.ask(path.http, each).status for each in (fits, larger)]
    found = f"{path.body_limit} bytes: {statuses[0]}, one more: {statuses[1]}"
    return judged(statuses == [404, 413], found, "404 from Envoy for what fits, 413 for one byte more")


def _route(path: RequestPath, prober: Prober, model: SmokeModel) -> Callable[[], Finding]:
    def ask() -> Finding:
        if not path.host:
            return skipped(no_way(model))
        if path.envoy is None and model.request is None:
            return skipped(no_sample(model.name))
        if model.request is None:
            question = Question(f"/v2/models/{model.name}/ready", path.host, {"seldon-model": model.name})
            answer = prober.ask(path.http, question)
            is_right = answer.status == 200 and bool(answer.route)
            hop = answers_for(path) if is_envoys(answer) else ""
            return replace(judged(is_right, answer.brief, "200 and x-seldon-route"), hop=hop)
        # The path names nobody, so that only the header can lead anywhere.
        question = infer(NOBODY, model.request, host=path.host, seldon_model=model.name)
        return judge_passage(prober.ask(path.http, question), hop=answers_for(path))

    return ask


def _route_of(path: RequestPath, prober: Prober, experiment: Experiment) -> Callable[[], Finding]:
    def ask() -> Finding:
        request = path.request_for(experiment)
        if not path.host:
            return skipped(no_way(path.model(experiment.candidates[0].name)))
        if request is None:
            return skipped(no_sample(experiment.name))
        question = infer(NOBODY, request, host=path.host, seldon_model=experiment.route)
        passage = judge_passage(prober.ask(path.http, question), hop=answers_for(path))
        if passage.status == FAIL or len(experiment.candidates) < 2:
            return passage
        # Envoy knows no such route, so 404 says that the header has reached it.
        stale = prober.ask(path.http, replace(question, headers={**question.headers, ROUTE: GONE}))
        return (
            passage if stale.status == 404 else Finding(FAIL, f"{ROUTE} {GONE}: {stale.brief}", "404 for a stale route")
        )

    return ask


def no_sample(name: str) -> str:
    """Say what is missing where a model cannot be asked for an inference."""
    return f"there is no request for {name}; set samples to a file that has one"


def no_way(model: SmokeModel, protocol: str = "REST") -> str:
    """Say what is missing where callers have no way to a model."""
    return f"no route of {protocol} leads to the mesh of {model.namespace}; add one with namespace: {model.namespace}"


def _certificate(path: RequestPath, prober: Prober) -> Finding:
    if path.grpc is None:
        return skipped("there is no TLS port; set grpc_port of address")
    expected = f"valid for {path.grpc_host} for {CERTIFICATE_DAYS} days or more"
    seconds = prober.certificate(path.grpc, path.grpc_host, path.roots)
    found = f"valid for {seconds / DAY:.0f} days"
    return Finding(PASS if seconds >= CERTIFICATE_DAYS * DAY else WARN, found, expected)


def _grpc(path: RequestPath, prober: Prober, model: SmokeModel) -> Callable[[], Finding]:
    def ask() -> Finding:
        if path.grpc is None:
            return skipped("there is no gRPC port; set grpc_port of address")
        way = path.towards(model.name)
        return ask_grpc(prober, way.grpc, way, model) if way.grpc else skipped(no_way(model, "gRPC"))

    return ask


def ask_grpc(prober: Prober, place: Endpoint, path: RequestPath, model: SmokeModel) -> Finding:
    """Ask a model through gRPC, in every way there is into it; return the first fault, or what the weights chose."""
    if prober.grpc_missing:
        return skipped(prober.grpc_missing)
    ways = path.ways(path.split_of(model)) if model.request is not None else [{}]
    findings = [_ask_grpc(prober, place, path, model, way) for way in ways]
    return next((each for each in findings if each.status == FAIL), findings[0])


def _ask_grpc(prober: Prober, place: Endpoint, path: RequestPath, model: SmokeModel, way: Mapping[str, str]) -> Finding:
    """Ask whether a model is ready, what it takes, and where there is a request, for an inference."""
    metadata = {"seldon-model": model.name, **way}
    ready = prober.call(place, messages.MODEL_READY, messages.model_name(model.name), metadata=metadata, path=path)
    if ready.code != "OK" or not messages.ready(ready.message):
        return Finding(FAIL, f"ModelReady: {ready.code} {ready.details}".rstrip(), "OK, ready")
    known = prober.call(place, messages.MODEL_METADATA, messages.model_name(model.name), metadata=metadata, path=path)
    if known.code != "OK":
        return Finding(FAIL, f"ModelMetadata: {known.code} {known.details}".rstrip(), "OK")
    if model.request is None:
        return judged(True, "ModelReady: OK, ModelMetadata: OK", "OK, ready")
    message = messages.infer_request(model.name, model.request)
    answer = prober.call(place, messages.MODEL_INFER, message, metadata=metadata, path=path)
    expected = "OK, x-seldon-route, and an answer of the model it names"
    route = answer.metadata.get("x-seldon-route", "")
    if answer.code != "OK" or not route:
        found = f"ModelInfer: {answer.code} {answer.details}, x-seldon-route {route or 'missing'}"
        return Finding(FAIL, found, expected)
    faults = infer_faults(messages.infer_response(answer.message), model=route.strip(":"))
    faults += request_faults(model.request, messages.metadata_response(known.message))
    return judged(not faults, "; ".join(faults) or f"OK, x-seldon-route {route}", expected)


def _grpc_refusals(path: RequestPath, prober: Prober) -> Finding:
    if path.grpc is None:
        return skipped("there is no gRPC port; set grpc_port of address")
    if prober.grpc_missing:
        return skipped(prober.grpc_missing)
    rows = {
        "an unknown model": (messages.MODEL_READY, {"seldon-model": NOBODY}),
        "no model": (messages.MODEL_READY, {}),
        "the server itself": (messages.SERVER_LIVE, {}),
    }
    codes = {
        name: prober.call(path.grpc, method, messages.model_name(NOBODY), metadata=metadata, path=path).code
        for name, (method, metadata) in rows.items()
    }
    faults = [f"{name}: {code}" for name, code in codes.items() if code != "UNIMPLEMENTED"]
    found = "; ".join(faults) or f"all {len(rows)} as expected"
    return judged(not faults, found, "UNIMPLEMENTED for each", codes=codes)


__all__ = ["address_checks", "ask_grpc", "ask_rows", "mesh_checks", "nginx_checks", "no_sample", "no_way"]
