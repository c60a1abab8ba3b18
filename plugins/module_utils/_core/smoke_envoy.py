# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of Envoy: the models and experiments it leads to, and those it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Mapping

from .inference import infer_faults
from .request_path import Question, Row, infer
from .smoke import FAIL, Check, Finding, Key, judged, skipped
from .smoke_edge import GONE, NOBODY, ask_grpc, ask_rows, no_sample

if TYPE_CHECKING:
    from .experiment import Experiment
    from .ports import Prober
    from .request_path import Answer, Endpoint, RequestPath, SmokeModel

STICKY_CALLS = 20
ANSWERS: Key = ("envoy.connect", "")
FROM_HERE = "Envoy cannot be asked by itself from this host; what it does shows through NGINX"


def envoy_checks(path: RequestPath, prober: Prober, live: Mapping[str, bool]) -> list[Check]:
    """Return the checks of Envoy; ``live`` says of each declared experiment whether it is in force as declared."""
    return [
        Check("envoy.connect", lambda: _connect(path, prober)),
        *(
            Check("envoy.routes", _routes(live[each.name]), each.name, (ANSWERS,))
            for each in path.experiments
            if each.name in live
        ),
        *(
            Check("envoy.infer", _infer(path, prober, model), model.name, (ANSWERS, *sound(path.served_by(model))))
            for model in path.models
        ),
        *(
            Check(
                "envoy.experiment",
                _experiment(path, prober, each),
                each.name,
                (ANSWERS, *sound(path.active(each))),
            )
            for each in path.experiments
        ),
        *(_manners(path, prober) if path.envoy else ()),
        *(
            Check("envoy.grpc", _grpc(path, prober, model), model.name, (ANSWERS, *_grpc_needs(path, model)))
            for model in path.models
        ),
    ]


def _manners(path: RequestPath, prober: Prober) -> list[Check]:
    place = path.envoy or path.http
    return [
        check
        for each in path.experiments
        for check in experiment_checks(path, place, prober, each, (("envoy.experiment", each.name),))
    ] + [refusals(path, place, prober, (ANSWERS,))]


def experiment_checks(
    path: RequestPath, place: Endpoint, prober: Prober, experiment: Experiment, needs: tuple[Key, ...]
) -> list[Check]:
    """Return the checks of how an experiment treats what callers say of their route."""
    return [
        Check("envoy.sticky", _sticky(path, place, prober, experiment), experiment.name, needs),
        Check("envoy.internal_header", _internal(path, place, prober, experiment), experiment.name, needs),
    ]


def refusals(path: RequestPath, place: Endpoint, prober: Prober, needs: tuple[Key, ...]) -> Check:
    """Return the check of calls that must lead nowhere."""
    return Check("envoy.refusals", lambda: _refusals(path, place, prober), needs=needs)


def sound(models: list[SmokeModel]) -> tuple[Key, ...]:
    """Return what must hold of models before it says anything of Envoy how it leads to them."""
    return tuple((id_, each.name) for each in models for id_ in ("mlserver.infer", "mlserver.success"))


def _grpc_needs(path: RequestPath, model: SmokeModel) -> tuple[Key, ...]:
    models = path.served_by(model)
    return (*(("mlserver.grpc", each.namespace) for each in models), *sound(models))


def _connect(path: RequestPath, prober: Prober) -> Finding:
    if path.envoy is None:
        return skipped(FROM_HERE)
    answer = prober.ask(path.envoy, Question("/", path.host))
    return judged(answer.status == 404, answer.brief, "404, since it has no such path")


def _routes(is_live: bool) -> Callable[[], Finding]:
    return lambda: judged(
        is_live, "as declared" if is_live else "Envoy serves something else, or was not reached", "as declared"
    )


def _infer(path: RequestPath, prober: Prober, model: SmokeModel) -> Callable[[], Finding]:
    routes = [each.route for each in path.served_by(model)]

    def ask() -> Finding:
        if path.envoy is None:
            return skipped(FROM_HERE)
        if model.request is None:
            question = Question(f"/v2/models/{model.name}/ready", path.host, {"seldon-model": model.name})
            answer = prober.ask(path.envoy, question)
            is_right = answer.status == 200 and answer.route in routes
            return judged(is_right, answer.brief, f"200, x-seldon-route {' or '.join(routes)}")
        question = infer(model.name, model.request, host=path.host, seldon_model=model.name)
        return _all_ways(prober, path.envoy, question, path.ways(path.split_of(model)), routes)

    return ask


def _all_ways(
    prober: Prober, place: Endpoint, question: Question, ways: list[dict[str, str]], routes: list[str]
) -> Finding:
    """Ask for what the weights choose, and for each candidate; return the first fault, or what the weights chose."""
    findings = []
    for way in ways:
        answer = prober.ask(place, replace(question, headers={**question.headers, **way}))
        findings.append(judge_routed(answer, list(way.values()) or routes))
    return next((each for each in findings if each.status == FAIL), findings[0])


def judge_routed(answer: Answer, routes: list[str]) -> Finding:
    """Judge an answer that may come from one of the routes: it is good, and of the model that the route names."""
    expected = f"200, x-seldon-route {' or '.join(routes)}, and an answer of the model it names"
    if answer.status != 200 or answer.route not in routes:
        return Finding(FAIL, answer.brief, expected)
    faults = infer_faults(answer.body, model=answer.route.strip(":"))
    return judged(not faults, "; ".join(faults) or answer.brief, expected)


def _experiment(path: RequestPath, prober: Prober, experiment: Experiment) -> Callable[[], Finding]:
    def ask() -> Finding:
        request = path.request_for(experiment)
        if path.envoy is None or request is None:
            return skipped(FROM_HERE if path.envoy is None else no_sample(experiment.name))
        question = infer(experiment.candidates[0].name, request, host=path.host, seldon_model=experiment.route)
        routes = [each.route for each in path.active(experiment)]
        return _all_ways(prober, path.envoy, question, path.ways(experiment), routes)

    return ask


def _sticky(path: RequestPath, place: Endpoint, prober: Prober, experiment: Experiment) -> Callable[[], Finding]:
    def ask() -> Finding:
        request = path.request_for(experiment)
        active = path.active(experiment)
        if request is None:
            return skipped(no_sample(experiment.name))
        if len(experiment.candidates) < 2:
            return skipped("there is one candidate only, so Envoy has no sticky routes for it")
        seen: dict[str, int] = {}
        for model in active:
            question = infer(
                model.name, request, host=path.host, seldon_model=experiment.route, x_seldon_route=model.route
            )
            answers = prober.series(place, question, STICKY_CALLS)
            seen[model.name] = sum(each.status == 200 and each.route == model.route for each in answers)
        found = ", ".join(f"{name}: {count} of {STICKY_CALLS}" for name, count in seen.items())
        return judged(set(seen.values()) == {STICKY_CALLS}, found, f"{STICKY_CALLS} of {STICKY_CALLS} each", **seen)

    return ask


def _internal(path: RequestPath, place: Endpoint, prober: Prober, experiment: Experiment) -> Callable[[], Finding]:
    """Return the question of a caller who names the server's model himself, also on a sticky route."""

    def ask() -> Finding:
        request = path.request_for(experiment)
        if request is None:
            return skipped(no_sample(experiment.name))
        names = [model.internal_name for model in path.active(experiment)]
        wrong = []
        for model in path.active(experiment):
            other = next((name for name in names if name != model.internal_name), NOBODY)
            for sticky in ({}, {"x_seldon_route": model.route}):
                headers = {"seldon_model": experiment.route, "seldon_internal_model": other, **sticky}
                answer = prober.ask(place, infer(model.name, request, host=path.host, **headers))
                faults = infer_faults(answer.body, model=answer.route.strip(":")) if answer.status == 200 else []
                wrong += [f"{answer.brief}: {'; '.join(faults)}"] if faults or answer.status != 200 else []
        return judged(not wrong, "; ".join(wrong) or "it is ignored", "the answer of the model that the route names")

    return ask


def _refusals(path: RequestPath, place: Endpoint, prober: Prober) -> Finding:
    host, name = path.host, path.models[0].name if path.models else NOBODY
    ready = f"/v2/models/{name}/ready"

    def row(label: str, where: str = ready, body: bytes | None = None, **headers: Any) -> Row:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return Row(label, Question(where, host, named, body), (404,))

    rows = [
        row("an unknown model", seldon_model=NOBODY),
        row("an unknown model in the path", where=f"/v2/models/{NOBODY}/ready"),
        row("an unknown experiment", seldon_model=f"{NOBODY}.experiment"),
        row("capital letters", seldon_model=name.upper()),
        row("health of nobody", where="/v2/health/ready"),
        row("the repository of nobody", where="/v2/repository/index", body=b"{}"),
        *(
            row(f"a stale route of {each.name}", seldon_model=each.route, x_seldon_route=GONE)
            for each in path.experiments
            if len(each.candidates) > 1
        ),
    ]
    return ask_rows(rows, place, prober, "404 for each, and no x-seldon-route")


def _grpc(path: RequestPath, prober: Prober, model: SmokeModel) -> Callable[[], Finding]:
    def ask() -> Finding:
        return skipped(FROM_HERE) if path.envoy is None else ask_grpc(prober, path.envoy, path, model)

    return ask


__all__ = ["envoy_checks", "experiment_checks", "refusals"]
