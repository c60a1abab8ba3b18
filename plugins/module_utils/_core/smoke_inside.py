# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what probes inside a cluster found: the mesh from beside the controller, and the walls of namespaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Sequence

from .cluster_view import ClusterView
from .experiment import Experiment
from .inside_questions import ENFORCED, INGRESS, REFUSED_BY_MODEL, Asked, Source, with_api
from .network_policies import is_ours, manifests, place
from .policy_difference import differences
from .policy_evaluator import selects
from .policy_flows import Settings
from .smoke import ERROR, FAIL, PASS, Check, Finding, Key, judged, skipped
from .smoke_cluster import RIGHTS
from .smoke_platform import Platform

SHOWN = 4
NOBODY_BESIDE = "the controller is somebody else's, and nobody may stand beside it"
NOT_WANTED = "no NetworkPolicies are wanted here (serving_network_policies)"
DECLARED: Key = ("policies.declared", "")
ENFORCEMENT: Key = ("policies.enforced", "")


@dataclass(frozen=True)
class Inside:
    """What probes were asked, and what they answered by source and question.

    ``reason`` says why nothing came, ``no_walls`` why the walls were not tried.
    """

    asked: Sequence[Asked] = ()
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reason: str = ""
    no_walls: str = ""

    def of(self, source: str) -> list[tuple[Asked, Mapping[str, Any]]]:
        """Return what a source was asked, with its answers; enforcement has a check of its own."""
        answers = self.answers.get(source, {})
        asked = [each for each in self.asked if each.source == source and each.id not in ENFORCED]
        return [(each, answers.get(each.id, {})) for each in asked]

    def answer(self, id_: str) -> Mapping[str, Any]:
        """Return the answer to a question whose id is unique."""
        return next((found[id_] for found in self.answers.values() if id_ in found), {})


def inside_checks(
    view: ClusterView, platform: Platform, settings: Settings | None, sources: Sequence[Source], inside: Inside
) -> list[Check]:
    """Return the checks of what was found inside."""
    there = any(each.name == INGRESS for each in sources)
    walls = [
        Check("policies.declared", lambda: _declared(view, settings), needs=(RIGHTS,)),
        Check("policies.enforced", lambda: _enforced(settings, inside), needs=(RIGHTS,)),
    ]
    for each in sources:
        needs = (DECLARED, ENFORCEMENT)
        walls.append(Check("policies.closed", _matrix(view, settings, inside, each, wanted=False), each.name, needs))
        walls.append(Check("policies.open", _matrix(view, settings, inside, each, wanted=True), each.name, needs))
    mesh = ("mesh.service", platform.mesh_namespace)
    return [
        *walls,
        *(
            Check("mesh.inside", _mesh(inside, name, there), name, (mesh, ("mlserver.model", name), *_walls(there)))
            for name in platform.behind_mesh
        ),
        *(
            Check("scheduler.route", _mesh(inside, each.route, there), each.name, _behind_split(each))
            for each in platform.split_behind_mesh
        ),
    ]


def _behind_split(experiment: Experiment) -> tuple[Key, ...]:
    models = tuple(("mesh.inside", each.name) for each in experiment.candidates)
    return (("scheduler.experiment", experiment.name), *models)


def _walls(there: bool) -> tuple[Key, ...]:
    return (("policies.open", INGRESS),) if there else ()


def _mesh(inside: Inside, route: str, there: bool) -> Callable[[], Finding]:
    def ask() -> Finding:
        if not there:
            return skipped(NOBODY_BESIDE)
        if inside.reason:
            return skipped(inside.reason)
        answer = inside.answer(f"mesh/{route}")
        expected = f"{REFUSED_BY_MODEL} for a GET, from the model's server, and x-seldon-route"
        return judged(bool(answer.get("reached")), answer.get("text", "no answer"), expected)

    return ask


def _declared(view: ClusterView, settings: Settings | None) -> Finding:
    if settings is None:
        return skipped(NOT_WANTED)
    if "networkpolicies" in view.denied:
        return skipped(f"they may not be read: {view.denied['networkpolicies']}")
    wanted = {place(each): each["spec"] for each in manifests(with_api(view, settings))}
    there = {place(each): each["spec"] for each in view.all("networkpolicies") if is_ours(each)}
    bad = [f"{'/'.join(each)}: it is missing" for each in sorted(set(wanted) - set(there))]
    for each in sorted(set(wanted) & set(there)):
        said = "; ".join(differences(wanted[each], there[each]))
        bad += [f"{'/'.join(each)}: {said}"] if said else []
    bad += [f"{'/'.join(each)}: nobody wants it any more" for each in sorted(set(there) - set(wanted))]
    more = f". And {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    found = ". ".join(bad[:SHOWN]) + more or f"{len(wanted)} of {len(wanted)} are there, as they are wanted"
    return judged(not bad, found, f"{len(wanted)} policies, as they are wanted, and no other of ours", wrong=bad)


def _enforced(settings: Settings | None, inside: Inside) -> Finding:
    if settings is None:
        return skipped(NOT_WANTED)
    if inside.no_walls or inside.reason:
        return skipped(inside.no_walls or inside.reason)
    open_, closed = (inside.answer(each) for each in ENFORCED)
    expected = "a pod that a policy closes is not reached, another one is"
    if not open_.get("reached"):
        # Then it is not the policy that keeps anybody out.
        return Finding(
            ERROR, f"the pod that nothing closes was not reached: {open_.get('text', 'no answer')}", expected
        )
    if closed.get("reached", True):
        return Finding(FAIL, "the pod that a policy closes was reached", expected)
    return Finding(PASS, f"the closed pod was not reached: {closed['text']}", expected)


def _matrix(
    view: ClusterView, settings: Settings | None, inside: Inside, source: Source, *, wanted: bool
) -> Callable[[], Finding]:
    def ask() -> Finding:
        if settings is None:
            return skipped(NOT_WANTED)
        if inside.no_walls or inside.reason:
            return skipped(inside.no_walls or inside.reason)
        if not inside.answer(ENFORCED[0]).get("reached"):
            return skipped("nobody can tell whether policies are enforced, so nothing else would mean anything")
        rows = [(each, answer) for each, answer in inside.of(source.name) if each.wanted is wanted and _is_wall(each)]
        if not rows:
            return skipped(f"there is nothing that {source.name} {'has to' if wanted else 'must not'} reach")
        bad = [(each, answer) for each, answer in rows if bool(answer.get("reached")) is not wanted]
        verb = "reaches" if wanted else "does not reach"
        said = [_said(view, source, each, answer, wanted=wanted) for each, answer in bad]
        more = f", and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        found = "; ".join(said[:SHOWN]) + more if bad else f"{source.name} {verb} all {len(rows)}"
        return judged(not bad, found, f"{source.name} {verb} all {len(rows)}", wrong=[each.id for each, _answer in bad])

    return ask


def _is_wall(asked: Asked) -> bool:
    return not asked.id.startswith("mesh/")


def _said(view: ClusterView, source: Source, asked: Asked, answer: Mapping[str, Any], *, wanted: bool) -> str:
    if not wanted:
        return f"{source.name} reaches {asked.id}"
    home, _slash, pod = asked.id.rpartition(":")[0].partition("/")
    names = [*_selecting(view, source.namespace, source.labels), *_selecting_pod(view, home, pod)]
    by = f" (policies {', '.join(dict.fromkeys(names))})" if names else ""
    return f"{source.name} does not reach {asked.id}: {answer.get('text', 'no answer')}{by}"


def _selecting_pod(view: ClusterView, namespace: str, name: str) -> list[str]:
    found = view.one("pods", namespace, name) if name else None
    return _selecting(view, namespace, found["metadata"].get("labels") or {}) if found else []


def _selecting(view: ClusterView, namespace: str, labels: Mapping[str, str]) -> list[str]:
    return [
        "/".join(place(each))
        for each in view.all("networkpolicies", namespace)
        if selects(each["spec"].get("podSelector") or {}, labels)
    ]


__all__ = ["NOBODY_BESIDE", "NOT_WANTED", "Inside", "inside_checks"]
