# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of Envoy and of models through NGINX, where neither can be asked by itself, as on a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Callable

from .request_path import ROUTE, Way, infer
from .smoke import Check, Finding, Key, skipped
from .smoke_edge import nginx_checks, no_sample, no_way
from .smoke_envoy import experiment_checks, refusals
from .smoke_mlserver import behaviour_checks
from .smoke_needs import CONNECTED, MESH_ANSWERS

if TYPE_CHECKING:
    from .experiment import Experiment
    from .ports import Prober
    from .request_path import RequestPath, SmokeModel

# A candidate with 10 percent is missed by so many calls once in 500 times.
LOOKS = 60


def passage_checks(path: RequestPath, prober: Prober) -> list[Check]:
    """Return the checks of NGINX, and where Envoy is not asked by itself, those of others that are left to it."""
    own = nginx_checks(path, prober)
    if path.envoy is not None:
        return own
    routes = _Routes(path, prober)
    others = [check for each in path.experiments for check in _of_experiment(routes, each)]
    others += [check for each in path.models if each.http is None for check in _of_model(routes, each)]
    own = [_own(routes, each, number) for number, each in enumerate(own)]
    return [refusals(path, path.http, prober, (CONNECTED, MESH_ANSWERS)), *own, *others]


def _own(routes: _Routes, check: Check, number: int) -> Check:
    """Return one of NGINX's own checks; gRPC is asked of each candidate, too, by the route that it has by then."""
    split = routes.path.split_of(routes.path.model(check.target)) if check.id == "nginx.grpc" else None
    if split is None or routes.path.request_for(split) is None:
        return check
    return replace(check, ask=_once_known(routes, split, lambda path: nginx_checks(path, routes.prober), number))


class _Routes:
    """Which routes answers name: the number of a model's version is Seldon's to give."""

    def __init__(self, path: RequestPath, prober: Prober) -> None:
        self.path = path
        self.prober = prober
        self._found: dict[str, dict[str, int]] = {}

    def path_to(self, experiment: Experiment) -> RequestPath | str:
        """Return the path with the versions of the candidates that answer, or why it is not known."""
        way = self.path.towards(experiment.candidates[0].name)
        if not way.host:
            return no_way(self.path.model(experiment.candidates[0].name))
        if experiment.name not in self._found:
            self._found[experiment.name] = self._versions(experiment)
        found = self._found[experiment.name]
        missing = [each.name for each in self.path.active(experiment) if each.name not in found]
        if self.path.request_for(experiment) is None:
            return no_sample(experiment.name)
        if missing:
            return f"{', '.join(missing)} answered none of {LOOKS} calls, so its route is not known"
        models = tuple(replace(each, version=found.get(each.name, each.version)) for each in self.path.models)
        return replace(self.path, models=models)

    def _versions(self, experiment: Experiment) -> dict[str, int]:
        request = self.path.request_for(experiment)
        active = {each.name for each in self.path.active(experiment)}
        found: dict[str, int] = {}
        if request is None:
            return found
        baseline = experiment.candidates[0].name
        host = self.path.towards(baseline).host
        question = infer(baseline, request, host=host, seldon_model=experiment.route)
        for _look in range(LOOKS):
            route = self.prober.ask(self.path.http, question).route or ""
            name, _mark, version = route.strip(":").rpartition("_")
            if name in active and version.isdigit():
                found[name] = int(version)
            if set(found) == active:
                break
        return found


def _of_experiment(routes: _Routes, experiment: Experiment) -> list[Check]:
    def checks(path: RequestPath) -> list[Check]:
        needs: tuple[Key, ...] = (("nginx.route", experiment.route),)
        way = path.towards(experiment.candidates[0].name)
        return experiment_checks(way, path.http, routes.prober, experiment, needs)

    return [
        replace(each, ask=_once_known(routes, experiment, checks, number))
        for number, each in enumerate(checks(routes.path))
    ]


def _of_model(routes: _Routes, model: SmokeModel) -> list[Check]:
    split = routes.path.split_of(model)

    def checks(path: RequestPath) -> list[Check]:
        # Where others answer a model's own callers, its route leads back to it.
        way = {} if split is None else {ROUTE: path.model(model.name).route}
        headers = {"seldon-model": model.name, **way}
        way_to = Way(path.http, model.name, path.towards(model.name).host, headers)
        return behaviour_checks(way_to, routes.prober, model, (("nginx.route", model.name),))

    if not routes.path.towards(model.name).host:
        return [replace(each, ask=lambda: skipped(no_way(model))) for each in checks(routes.path)]
    if split is None:
        return checks(routes.path)
    return [
        replace(each, ask=_once_known(routes, split, checks, number)) for number, each in enumerate(checks(routes.path))
    ]


def _once_known(
    routes: _Routes, experiment: Experiment, checks: Callable[[RequestPath], list[Check]], number: int
) -> Callable[[], Finding]:
    """Return one of the checks, made when it is asked, with the routes that answers name by then."""

    def ask() -> Finding:
        path = routes.path_to(experiment)
        return skipped(path) if isinstance(path, str) else checks(path)[number].ask()

    return ask


__all__ = ["LOOKS", "passage_checks"]
