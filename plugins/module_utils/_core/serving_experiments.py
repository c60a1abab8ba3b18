# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments as an inventory has them, on a cluster: where they belong, and which the schedulers would not run."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from .errors import ServingError
from .experiment import Experiment, Request
from .names import nearest_name
from .preflight_report import Finding, spoken
from .seldon_models import MODELS, Model
from .seldon_topology import NAMESPACED, Topology

EXPERIMENTS = "serving_experiments"


def placed_experiments(entries: Any, models: Sequence[Model], topology: Topology) -> list[dict[str, Any]]:
    """Return those that make sense, each with the namespace that it belongs in: that of its baseline."""
    found = []
    for experiment in (each for each in map(_read, _dictionaries(entries)) if isinstance(each, Experiment)):
        teams = [model.team for model in models if model.name == experiment.candidates[0].name]
        if teams:
            found.append({**experiment.as_dict(), "namespace": topology.home(teams[0])})
    return found


def experiment_findings(entries: Any, models: Sequence[Model], topology: Topology) -> Iterator[Finding]:
    """Yield everything that is wrong with the experiments of an inventory."""
    for number, each in enumerate(entries or (), start=1):
        if not isinstance(each, Mapping):
            yield Finding(
                f"Experiment {number} of {EXPERIMENTS} is no dictionary. Write it as {{name: …, candidates: …}}."
            )
    read = [_read(each) for each in _dictionaries(entries)]
    for refusal in (each for each in read if isinstance(each, str)):
        yield Finding(refusal)
    experiments = [each for each in read if isinstance(each, Experiment)]
    for experiment in experiments:
        yield from _candidates(experiment, models, topology)
    yield from _shared(experiments, models, topology)


def harmful_findings(live: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield experiments of a cluster that stand in everybody's way: the API takes them, and what reads them does not.

    As seen with 2.10.2: Envoy refuses the whole table of routes, and the operator's list of experiments has no end.
    """
    for each in live:
        spec, where = (
            each.get("spec") or {},
            f"The Experiment {each['metadata']['namespace']}/{each['metadata']['name']}",
        )
        weights = [int(one.get("weight") or 0) for one in spec.get("candidates") or ()]
        if any(weight < 0 for weight in weights):
            yield Finding(
                f"{where} has a weight below 0, and Seldon's operator reads no experiment of anybody as long as it is "
                "there. Set its weights to 0 or more, or remove it."
            )
        elif weights and not sum(weights):
            yield Finding(
                f"{where} has weights that add up to 0, and Envoy takes no new route of its scheduler as long as it is "
                "there. Set one of them above 0, or remove it."
            )
        if spec.get("mirror") and not spec["mirror"].get("percent"):
            yield Finding(
                f"{where} has a mirror of 0 percent, and Envoy takes no new mirror of its scheduler as long as it is "
                "there. Set 1 to 100, or take the mirror away."
            )


def _dictionaries(entries: Any) -> list[Mapping[str, Any]]:
    return [each for each in entries or () if isinstance(each, Mapping)]


def _read(entry: Mapping[str, Any]) -> Experiment | str | None:
    """Return the experiment, or what it is refused for; nothing when it is not to be there."""
    try:
        return Request.parse(entry).applied_to(None)
    except ServingError as error:
        return str(error)


def _candidates(experiment: Experiment, models: Sequence[Model], topology: Topology) -> Iterator[Finding]:
    """Yield models that are none, and models that no one scheduler has all of."""
    known = sorted({model.name for model in models})
    for name in experiment.models:
        if name not in known:
            near = nearest_name(name, known)
            hint = f"Did you mean {near}?" if near else f"Set one of {spoken(known) or 'them'}."
            yield Finding(
                f"The experiment '{experiment.name}' has the model '{name}', which is not in {MODELS}. {hint}"
            )
    homes = {
        name: {topology.runtime(model.team) for model in models if model.name == name} for name in experiment.models
    }
    found = [homes[name] for name in experiment.models if homes[name]]
    if found and not set.intersection(*found):
        places = spoken([f"{name} ({spoken(sorted(homes[name]))})" for name in experiment.models if homes[name]])
        yield Finding(
            f"The experiment '{experiment.name}' has models of several schedulers, {places}, and each splits the "
            f"traffic of its own namespace alone (seldon_topology '{NAMESPACED}'). Move them into one namespace, or "
            "set seldon_topology to central."
        )


def _shared(experiments: Sequence[Experiment], models: Sequence[Model], topology: Topology) -> Iterator[Finding]:
    """Yield what two experiments of one scheduler may not have both."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for experiment in experiments:
        team = next((model.team for model in models if model.name == experiment.candidates[0].name), "")
        for what, name in (("name", experiment.name), ("default", experiment.default or "")):
            if name:
                places.setdefault((what, topology.runtime(team), name), []).append(experiment.name)
    for (what, _place, name), found in places.items():
        if len(found) > 1 and what == "name":
            yield Finding(f"{EXPERIMENTS} has {len(found)} experiments '{name}'. Give each a name of its own.")
        elif len(found) > 1:
            yield Finding(
                f"The experiments {spoken(found)} have one default, '{name}', and a model can be that of one alone. "
                "Take default out of all but one of them."
            )


__all__ = ["EXPERIMENTS", "experiment_findings", "harmful_findings", "placed_experiments"]
