# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the MLServers, each asked directly: is it alive, are its models ready, right and reliable."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Mapping

from . import oip_messages as messages
from .estimators import budget_verdict
from .inference import infer_faults, request_faults, same_values, values
from .request_path import Question, Way, infer
from .smoke import FAIL, Check, Finding, Key, judged, skipped
from .smoke_edge import no_sample

if TYPE_CHECKING:
    from .ports import Prober
    from .request_path import Answer, Endpoint, RequestPath, SmokeModel

# Numbers in golden answers may differ by this much, relative to their size above 1.
TOLERANCE = 1e-6
REQUEST_ID = "smoke-test"
OUT_OF_REACH = "its MLServer cannot be asked by itself from this host; what it does shows through NGINX"
SHOWN = 3
WRONG_SHAPE = "a shape without its data"

Ask = Callable[[], Finding]


def mlserver_checks(path: RequestPath, prober: Prober, *, calls: int, success_percent: float) -> list[Check]:
    """Return the checks of every MLServer; ``calls`` of each model are counted against the success it owes."""
    checks = [Check("mlserver.live", _live(prober, each.http), name) for name, each in path.namespaces.items()]
    for model in path.models:
        live, ready = ("mlserver.live", model.namespace), ("mlserver.model_ready", model.name)
        answers, reliably = ("mlserver.infer", model.name), ("mlserver.success", model.name)
        checks += [
            Check("mlserver.model_ready", _ready(prober, model), model.name, (live,)),
            Check("mlserver.infer", _infer(prober, model), model.name, (ready,)),
            Check("mlserver.success", _success(prober, model, calls, success_percent), model.name, (answers,)),
        ]
        if model.http is not None:
            checks += behaviour_checks(Way.direct(model.http, model), prober, model, (reliably,))
    servers = {model.namespace: model.grpc for model in path.models if model.grpc}
    return checks + [
        Check("mlserver.grpc", _grpc(prober, place, path), name, (("mlserver.live", name),))
        for name, place in servers.items()
    ]


def behaviour_checks(way: Way, prober: Prober, model: SmokeModel, needs: tuple[Key, ...]) -> list[Check]:
    """Return the checks of what a model makes of requests, whatever way it is asked."""
    asks = {"echo": _echo, "golden": _golden, "malformed": _malformed}
    return [Check(f"mlserver.{name}", make(way, prober, model), model.name, needs) for name, make in asks.items()]


def _ask(prober: Prober, place: Endpoint, question: Question) -> Answer:
    return prober.ask(place, replace(question, host=str(place)))


def _live(prober: Prober, place: Endpoint | None) -> Ask:
    def ask() -> Finding:
        if place is None:
            return skipped(OUT_OF_REACH)
        answers = {name: _ask(prober, place, Question(f"/v2/health/{name}")) for name in ("live", "ready")}
        found = ", ".join(f"{name}: {answer.brief}" for name, answer in answers.items())
        return judged({each.status for each in answers.values()} == {200}, found, "live: 200, ready: 200")

    return ask


def _ready(prober: Prober, model: SmokeModel) -> Ask:
    def ask() -> Finding:
        if model.http is None:
            return skipped(OUT_OF_REACH)
        answer = _ask(prober, model.http, Question(f"/v2/models/{model.internal_name}/ready"))
        return judged(answer.status == 200, answer.brief, "200")

    return ask


def _with_request(model: SmokeModel, ask: Callable[[Endpoint, Mapping[str, Any]], Finding]) -> Ask:
    """Return a question that needs the model's own server and a request."""

    def check() -> Finding:
        if model.http is None:
            return skipped(OUT_OF_REACH)
        return skipped(no_sample(model.name)) if model.request is None else ask(model.http, model.request)

    return check


def _infer(prober: Prober, model: SmokeModel) -> Ask:
    def ask(place: Endpoint, request: Mapping[str, Any]) -> Finding:
        answer = _ask(prober, place, infer(model.internal_name, request))
        expected = f"200, and an answer of {model.internal_name}"
        if answer.status != 200:
            return Finding(FAIL, answer.brief, expected)
        faults = infer_faults(answer.body, model=model.internal_name)
        return judged(not faults, "; ".join(faults) or answer.brief, expected)

    return _with_request(model, ask)


def _echo(way: Way, prober: Prober, model: SmokeModel) -> Ask:
    def ask() -> Finding:
        if model.request is None:
            return skipped(no_sample(model.name))
        answer = prober.ask(way.place, way.infer({**model.request, "id": REQUEST_ID}))
        faults = []
        if answer.status != 200 or _json(answer.body).get("id") != REQUEST_ID:
            faults.append(f"id {_json(answer.body).get('id')!r} came back for {REQUEST_ID!r}")
        # Seldon's agents pass nothing on but inferences; there, gRPC asks for the metadata.
        if way.place != model.http:
            return judged(not faults, "; ".join(faults) or "the id came back", "the same id")
        known = prober.ask(way.place, way.question())
        is_known = known.status == 200
        faults += request_faults(model.request, _json(known.body)) if is_known else [f"metadata: {known.brief}"]
        return judged(
            not faults, "; ".join(faults) or "the id came back, the inputs fit", "the same id, fitting inputs"
        )

    return ask


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _golden(way: Way, prober: Prober, model: SmokeModel) -> Ask:
    def ask() -> Finding:
        if model.sample is None or model.sample.answers is None:
            return skipped(f"no golden answers are recorded for {model.name}; add answers to its file of samples")
        wrong = []
        for number, (request, golden) in enumerate(zip(model.sample.requests, model.sample.answers), 1):
            answer = prober.ask(way.place, way.infer(request))
            found = values(_json(answer.body)) if answer.status == 200 else [answer.brief]
            if not same_values(found, golden if isinstance(golden, list) else [golden], TOLERANCE):
                wrong.append(f"request {number}: {found} and not {golden}")
        count = len(model.sample.answers)
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        found_text = "; ".join(wrong[:SHOWN]) + more if wrong else f"{count} of {count} as recorded"
        return judged(not wrong, found_text, f"{count} of {count} as recorded", wrong=len(wrong), requests=count)

    return ask


def _malformed(way: Way, prober: Prober, model: SmokeModel) -> Ask:
    def ask() -> Finding:
        if model.request is None:
            return skipped(no_sample(model.name))
        first = dict(model.request["inputs"][0])
        bodies = {
            "GET where a POST belongs": None,
            "an empty body": b"",
            "no JSON": b'{"inputs": [',
            "no inputs": b"{}",
            "no tensor": b'{"inputs": []}',
            "an unknown datatype": _request(first, datatype="FP7"),
        }
        # MLServer's own error for it is one that Envoy tries again, and others count.
        if way.place == model.http:
            bodies[WRONG_SHAPE] = _request(first, shape=[1, 10**6])
        answers = {name: prober.ask(way.place, way.question("/infer", body)) for name, body in bodies.items()}
        wrong = [f"{name}: {each.brief}" for name, each in answers.items() if not _is_refusal(name, each)]
        seen = {name: each.status for name, each in answers.items()}
        has_shape = WRONG_SHAPE in seen
        shape = f", {WRONG_SHAPE} with {seen[WRONG_SHAPE]}" if has_shape else ""
        found = "; ".join(wrong) or f"all {len(bodies)} refused{shape}"
        expected = "4xx for each" + (f", and no 200 for {WRONG_SHAPE}" if has_shape else "")
        return judged(not wrong, found, expected, answers=seen)

    return ask


def _is_refusal(name: str, answer: Answer) -> bool:
    """Judge a refusal. MLServer's runtimes meet a wrong shape with an exception, so with 500, and not with 4xx."""
    return 400 <= answer.status < (600 if name == WRONG_SHAPE else 500)


def _request(first: Mapping[str, Any], **changes: object) -> bytes:
    return json.dumps({"inputs": [{**first, **changes}]}).encode()


def _success(prober: Prober, model: SmokeModel, calls: int, success_percent: float) -> Ask:
    def ask(place: Endpoint, request: Mapping[str, Any]) -> Finding:
        answers = prober.series(place, Way.direct(place, model).infer(request), calls)
        bad = [each for each in answers if each.status != 200]
        verdict = budget_verdict(len(bad), len(answers), 1 - success_percent / 100)
        found = f"{len(answers) - len(bad)} of {len(answers)}" + (f", the first error: {bad[0].brief}" if bad else "")
        return judged(
            verdict != "missed", found, f"{success_percent:g} %", calls=len(answers), failures=len(bad), verdict=verdict
        )

    return _with_request(model, ask)


def _grpc(prober: Prober, place: Endpoint, path: RequestPath) -> Ask:
    def ask() -> Finding:
        if prober.grpc_missing:
            return skipped(prober.grpc_missing)
        methods = {"ServerLive": messages.SERVER_LIVE, "ServerReady": messages.SERVER_READY}
        answers = {
            name: prober.call(place, each, messages.empty(), metadata={}, path=path) for name, each in methods.items()
        }
        is_good = all(each.code == "OK" and messages.ready(each.message) for each in answers.values())
        found = ", ".join(f"{name}: {each.code} {each.details}".rstrip() for name, each in answers.items())
        return judged(is_good, found, "ServerLive: OK, ServerReady: OK")

    return ask


__all__ = ["behaviour_checks", "mlserver_checks"]
