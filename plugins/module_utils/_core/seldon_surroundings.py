# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an experiment finds around it in a cluster, and what of that forbids a change.

A scheduler knows experiments by their names alone, and the operator asks the Service ``seldon-scheduler`` of the
experiment's namespace: a scheduler's own, or a name for another namespace's. What nobody may read forbids nothing, and
is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from .experiment import Experiment
from .seldon_conditions import conditions_of

OPERATOR, SCHEDULER = "seldon-v2-controller-manager", "seldon-scheduler"
MINIMUM = (2, 10, 0)
TAG = re.compile(r":v?(\d+)\.(\d+)\.(\d+)(?!\d)[^/:@]*(@.*)?$")

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """What was read; None where that was forbidden.

    ``schedulers``: who answers for each namespace. ``experiments``: all others. ``models``: all of the schedulers' own.
    """

    namespace: str
    operators: tuple[Resource, ...] | None = None
    services: tuple[Resource, ...] | None = None
    models: tuple[Resource, ...] | None = None
    experiments: tuple[Resource, ...] | None = None
    # Whether more than this namespace could be read.
    is_whole: bool = False

    @property
    def schedulers(self) -> dict[str, str]:
        """The place of the scheduler that answers for each namespace."""
        return {_namespace(each): _place(each) for each in self.services or ()}

    def neighbours(self, resources: Iterable[Resource] | None) -> list[Resource]:
        """Return those of the resources that the same scheduler knows."""
        places = self.schedulers
        mine = places.get(self.namespace, self.namespace)
        return [each for each in resources or () if places.get(_namespace(each), _namespace(each)) == mine]


def version_problems(found: Surroundings) -> tuple[list[str], list[str]]:
    """Say what forbids to work with this Seldon, and what is not known of it."""
    operators = found.operators
    if operators is None:
        return [], ["which Seldon runs (nobody lets this user read Deployments)"]
    if not operators:
        return [], [f"which Seldon runs (there is no Deployment {OPERATOR})"]
    # One operator for all namespaces, or one for each: its own comes first, then the one beside its scheduler.
    near = (found.namespace, found.schedulers.get(found.namespace))
    applying = next((mine for place in near if (mine := [o for o in operators if _namespace(o) == place])), operators)
    older, unknown = [], []
    for each in applying:
        version, image = version_of(each)
        if version is None:
            unknown.append(f"which Seldon runs (the operator's image is {image or 'not named'})")
        elif version < MINIMUM:
            older.append(f"{'.'.join(map(str, version))} in namespace {_namespace(each)!r} ({image})")
    if len(older) < len(applying):
        return [], unknown
    needed = ".".join(map(str, MINIMUM))
    said = f"the operator is of Seldon Core {', '.join(older)}, and {needed} is the first that this works with"
    return [f"{said}; upgrade Seldon"], []


def version_of(deployment: Resource) -> tuple[tuple[int, int, int] | None, str]:
    """Return the version in the tag of an operator's image, or None, and the image."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    manager = next((each for each in containers if each.get("name") == "manager"), containers[0])
    image = str(manager.get("image") or "")
    tag = TAG.search(image)
    return ((int(tag[1]), int(tag[2]), int(tag[3])) if tag else None), image


def problems(found: Surroundings, wanted: Experiment, before: Experiment | None) -> tuple[list[str], list[str]]:
    """Say what forbids a change, and what could not be found out."""
    forbidden, unknown = version_problems(found)
    if found.services is None:
        unknown.append(f"who schedules this namespace (nobody lets this user read Services {SCHEDULER})")
    elif found.namespace not in found.schedulers:
        forbidden.append(
            f"namespace {found.namespace!r} has no Service {SCHEDULER}, which Seldon's operator asks; set namespace to "
            "one that Seldon serves, or bring Seldon there with playbooks/serving.yml"
        )
    forbidden += _clashes(found, wanted)
    if found.experiments is None:
        unknown.append("whether an experiment in another namespace has this name or this default")
    lacking, doubts = _unready(found, wanted, before)
    return forbidden + lacking, unknown + doubts


def _clashes(found: Surroundings, wanted: Experiment) -> list[str]:
    said = []
    for each in found.neighbours(found.experiments):
        name, namespace = str(each["metadata"]["name"]), _namespace(each)
        if namespace == found.namespace and name == wanted.name:
            continue
        if name == wanted.name:
            said.append(
                f"namespace {namespace!r} has an experiment {name!r}, too, and both have one scheduler, "
                "which would mix them up; set another name"
            )
        elif wanted.default and (each.get("spec") or {}).get("default") == wanted.default:
            said.append(
                f"model {wanted.default!r} is the default of experiment {name!r} in namespace {namespace!r} already; "
                "set another default, or none"
            )
    return said


def _unready(found: Surroundings, wanted: Experiment, before: Experiment | None) -> tuple[list[str], list[str]]:
    """Say which models must not get traffic: a candidate that cannot take it leaves Seldon with half a route."""
    if found.models is None:
        return [], ["whether the models are ready (nobody lets this user read Models)"]
    states: dict[str, str] = {}
    for each in found.neighbours(found.models):
        ready = conditions_of(each).get("Ready")
        said = "" if ready and ready.status == "True" else _state(each)
        name = str(each["metadata"]["name"])
        states[name] = min(said, states.get(name, said))
    forbidden: list[str] = []
    doubts: list[str] = []
    for name in wanted.models:
        if name not in states:
            known = ", ".join(sorted(states)) or "none"
            said = f"model {name!r} is not known (known: {known}); declare the model, or take it out"
            (forbidden if found.is_whole else doubts).append(said)
        elif states[name]:
            said = f"model {name!r} is not ready ({states[name]})"
            (forbidden if _gets_more(name, wanted, before) else doubts).append(said)
    return forbidden, doubts


def _gets_more(name: str, wanted: Experiment, before: Experiment | None) -> bool:
    """Whether a model comes in, or gets a larger share and is not the baseline: going back is always allowed."""
    if before is None or name not in before.models:
        return True
    is_baseline = name == wanted.candidates[0].name
    return not is_baseline and _share(wanted, name) > _share(before, name)


def _share(experiment: Experiment, name: str) -> float:
    return experiment.weights.get(name, 0) / sum(experiment.weights.values())


def _state(model: Resource) -> str:
    said = [each.said for each in conditions_of(model).values() if each.status != "True"]
    return "; ".join(said) or "Seldon says nothing of it"


def _namespace(resource: Resource) -> str:
    return str(resource["metadata"]["namespace"])


def _place(service: Resource) -> str:
    spec = service.get("spec") or {}
    if spec.get("type") != "ExternalName":
        return _namespace(service)
    name, _dot, rest = str(spec.get("externalName")).partition(".")
    return rest.split(".")[0] if name == SCHEDULER and rest else str(spec.get("externalName"))


__all__ = ["MINIMUM", "OPERATOR", "SCHEDULER", "Surroundings", "problems", "version_of", "version_problems"]
