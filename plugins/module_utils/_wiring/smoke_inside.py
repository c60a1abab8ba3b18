# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of smoke_test into probes inside a cluster: begun, looked at and ended by calls that are each short."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, Mapping, Sequence

from .._adapters.cluster_reader import USER
from .._adapters.inside_jobs import InsideJobs, hopeless, script, waiting_for
from .._adapters.kubernetes_api import KubernetesApi
from .._core.cluster_view import status
from .._core.errors import ServingError
from .._core.inside_latency import latency_checks, latency_questions, latency_rounds
from .._core.inside_objects import CLOSED, OPEN, Probe, asker, name_of, role_of, stage
from .._core.inside_questions import OUTSIDE, Asked, Source, asked_in, enforcement, questions
from .._core.smoke_inside import Inside, inside_checks
from .._core.smoke_rights import probing, spoken_rights
from .smoke_cluster import ClusterSide

if TYPE_CHECKING:
    from .._core.request_path import RequestPath
    from .._core.smoke import Check
    from .._core.smoke_latency import Budgets, Rounds

Spec = Dict[str, Dict[str, Any]]

START, LOOK, GIVE_UP, END = STEPS = ("start", "look", "give_up", "end")
INSIDE: Spec = {
    "step": {"type": "str", "choices": list(STEPS), "required": True},
    "run": {"type": "str", "required": True},
    "rounds": {"type": "int", "default": 0},
}
OFF = "probes inside the cluster are switched off (probe.enabled)"
QUICK = "NetworkPolicies are tried in the full profile (profile=full)"
ENDED = ("Succeeded", "Failed")


class InsideSide:
    """The probes of one run."""

    def __init__(self, params: Mapping[str, Any], cluster: ClusterSide, path: RequestPath, budgets: Budgets) -> None:
        wanted, options = params["inside"], params["cluster"]["probe"]
        self._cluster = cluster
        self._path, self._budgets, self._rounds = path, budgets, wanted["rounds"]
        self.measured: list[Rounds] = []
        self._enabled = options["enabled"]
        self._probe = Probe(wanted["run"], options["image"], options["timeout"] * 2, script())
        # Walls take half a minute: policies need a moment until they hold for a new pod.
        self._no_walls = "" if params["profile"] == "full" else QUICK
        self._settings = cluster.walls
        self._sources = cluster.places(self._probe.namespace)
        api, beside = KubernetesApi(params["cluster"], timeout=params["timeout"]), _beside(self._sources)
        self._jobs = InsideJobs(api, wanted["run"], beside, self._probe.namespace if self._settings else "")

    def step(self, name: str) -> tuple[str, list[Check]]:
        """Go on, and return what is waited for, and when it is over, the checks."""
        if name == END:
            # What cannot be taken away now ends by itself, and the next run takes the rest.
            with contextlib.suppress(ServingError):
                self._jobs.remove()
            return "", []
        try:
            waiting, inside = self._start() if name == START else self._look()
        except ServingError as error:
            waiting, inside = "", Inside(reason=str(error))
        if waiting and name == GIVE_UP:
            inside = Inside(reason=f"the probes inside the cluster did not end in time: {waiting}")
        if waiting and name != GIVE_UP:
            return waiting, []
        view, platform = self._cluster.view(), self._cluster.platform
        inside = replace(inside, no_walls=self._no_walls)
        checks = inside_checks(view, platform, self._cluster.settings, self._sources, inside)
        if self._rounds:
            self.measured = latency_rounds(platform, self._path, inside)
            checks += latency_checks(platform, self._path, inside, self._budgets)
        return "", checks

    def _start(self) -> tuple[str, Inside]:
        reason = "" if self._enabled else OFF
        reason = reason or self._lacking()
        if reason or not self._sources:
            return "", Inside(reason=reason)
        self._jobs.sweep()
        if self._settings:
            self._jobs.make(stage(self._probe))
        return "the first pods", Inside()

    def _lacking(self) -> str:
        """Return the rights that are missing."""
        needed = probing(self._sources, walls=self._settings is not None)
        lacking = self._cluster.reader().lacking(needed)
        return f"{USER} {spoken_rights(lacking)}" if lacking else ""

    def _look(self) -> tuple[str, Inside]:
        pods = self._jobs.pods()
        why = next(filter(None, map(hopeless, pods.values())), "")
        if why:
            return "", Inside(reason=f"a probe cannot run inside the cluster: {why}")
        plans = {
            each.name: self._jobs.plan(each.namespace, name_of(self._probe, role_of(each))) for each in self._sources
        }
        if not all(plans.values()):
            return self._ask(pods)
        asked: list[Asked] = []
        answers = {}
        for each in self._sources:
            pod = pods.get((each.namespace, role_of(each)))
            if pod is None or status(pod).get("phase") not in ENDED:
                return f"{each.name}: {waiting_for(pod)}", Inside()
            asked += asked_in(each.name, plans[each.name])
            answers[each.name] = self._jobs.found(pod)
        return "", Inside(asked, answers)

    def _ask(self, pods: Mapping[tuple[str, str], Any]) -> tuple[str, Inside]:
        """Make the probes that ask, once those that listen do."""
        about: list[Asked] = []
        if self._settings:
            listeners = {each: pods.get((self._probe.namespace, each)) for each in (OPEN, CLOSED)}
            for name, pod in listeners.items():
                if waiting_for(pod):
                    return f"{name}: {waiting_for(pod)}", Inside()
            about = enforcement({name: status(pod)["podIP"] for name, pod in listeners.items() if pod})
        about += questions(self._cluster.view(), self._cluster.platform, self._settings, self._sources)
        about += latency_questions(self._cluster.platform, self._path, self._rounds)
        for each in self._sources:
            self._jobs.make(asker(self._probe, each, _of(each, about)))
        return "the probes", Inside()


def _beside(places: Sequence[Source]) -> list[str]:
    """Return the namespaces of others that probes stand in."""
    return [each.namespace for each in places if each.name != OUTSIDE]


def _of(source: Source, asked: list[Asked]) -> list[Asked]:
    return [each for each in asked if each.source == source.name]


__all__ = ["END", "GIVE_UP", "INSIDE", "LOOK", "START", "InsideSide"]
