# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done, in which order, so that a cluster serves the models of an inventory, and what would break."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from .preflight_report import Finding, report, spoken
from .seldon_models import Model, World, parse_models
from .seldon_objects import (
    COMPONENT,
    MANAGED,
    identity,
    limit_range,
    model_objects,
    server_objects,
    team_namespaces,
)
from .seldon_problems import runtime_findings, serving_findings, world_of
from .seldon_remotes import PUBLIC_SECRET, Secret, content_findings, fit_findings
from .seldon_topology import Topology
from .serving_experiments import harmful_findings, placed_experiments
from .storage_classes import SERVER, class_findings

# In the order in which they go.
ORDER = (
    "Model",
    "Server",
    "PodDisruptionBudget",
    "LimitRange",
    "ResourceQuota",
    "Secret",
    "ConfigMap",
    "RoleBinding",
    "Role",
    "ServiceAccount",
)
# Labels that only this role gives; its other objects of the same label belong to other roles.
OURS = ("server", "model", "remote", "quota")
Live = Sequence[Mapping[str, Any]]


def serving_plan(
    settings: Mapping[str, Any], live: Live, secrets: Sequence[Secret], storage: Live | None = None
) -> dict[str, Any]:
    """Return what is wrong, what goes and what is made, each in order.

    Args:
        settings: What the inventory wants.
        live: Seldon's objects of all namespaces, and those that carry our label.
        secrets: The secrets of the cluster that models name; those of the inventory win.
        storage: The StorageClasses and the claims of all namespaces; None where nobody looked.
    """
    world = world_of(settings)
    is_wanted = settings["state"] == "present"
    inventory = [*runtime_findings(settings), *serving_findings(settings)] if is_wanted else []
    models = parse_models(settings["models"]) if is_wanted else []
    # Of what makes no sense nothing is made, and then nothing is known to be superfluous.
    makes_sense = is_wanted and not inventory
    servers = server_objects(world, settings) if makes_sense else []
    wanted = [*servers, *(model_objects(models, world.topology) if makes_sense else [])]
    stale = [] if inventory else _stale(wanted, live)
    found = [*_problems(world, models, live, stale, secrets), *_unclaimed(settings, servers, storage)]
    return {
        "problems": report([*inventory, *found])["problems"],
        "namespaces": team_namespaces(world.topology) if is_wanted else [],
        "remove_models": [each for each in stale if each["kind"] == "Model"],
        "remove": [each for each in stale if each["kind"] != "Model"],
        "servers": servers,
        "models": wanted[len(servers) :],
        "experiments": placed_experiments(settings["experiments"], models, world.topology),
    }


def secrets_to_read(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the Secrets that models name and the inventory does not have."""
    world = world_of(settings)
    found = {
        (world.topology.home(model.team), model.secret)
        for model in parse_models(settings["models"])
        if model.secret and not world.secret(model.team, model.secret)
    }
    return [{"namespace": namespace, "name": name} for namespace, name in sorted(found)]


def _problems(
    world: World, models: Sequence[Model], live: Live, stale: Live, secrets: Sequence[Secret]
) -> Iterator[Finding]:
    yield from _strangers(world.topology, live)
    yield from _taken(world.topology, models, live)
    yield from _used(stale, live)
    yield from harmful_findings([each for each in live if each["kind"] == "Experiment"])
    for model in models:
        if model.secret and not world.secret(model.team, model.secret):
            yield from _read(model, world.topology.home(model.team), secrets)


def _unclaimed(settings: Mapping[str, Any], servers: Live, storage: Live | None) -> Iterator[Finding]:
    """Yield why servers would wait for their volumes."""
    if storage is not None:
        claims = [
            (_place(each), SERVER.format(server=_name(each), number=number))
            for each in servers
            if each["kind"] == "Server"
            for number in range(int(each["spec"].get("replicas", 1)))
        ]
        yield from class_findings(str(settings.get("storage_class") or ""), storage, claims)


def _strangers(topology: Topology, live: Live) -> Iterator[Finding]:
    """Yield models that somebody made by hand, and that one scheduler could place at any team's server."""
    if not topology.has_one_scheduler:
        return
    free = [each for each in live if each["kind"] == "Model" and not (each.get("spec") or {}).get("server")]
    for each in free:
        place, name = _place(each), _name(each)
        yield Finding(
            f"The Model {place}/{name} names no server, and in seldon_topology '{topology.kind}' the scheduler could "
            "place it at any team's. Set its spec.server"
            + (f" to {topology.server(place)}." if place in topology.teams else ", or remove it.")
        )


def _taken(topology: Topology, models: Sequence[Model], live: Live) -> Iterator[Finding]:
    """Yield names that somebody else's objects have already, where one scheduler knows them by these alone."""
    if not topology.has_one_scheduler:
        return
    wanted = {("Model", model.name): topology.home(model.team) for model in models}
    wanted.update({("Server", topology.server(team)): topology.home(team) for team in topology.teams})
    for each in live:
        home = wanted.get((each["kind"], _name(each)))
        if home and not _is_ours(each) and _place(each) != home:
            yield Finding(
                f"There is a {each['kind']} {_place(each)}/{_name(each)} already, and one scheduler would take it and "
                f"that of {home} for the same. Remove it, or give one of them another name."
            )


def _used(stale: Live, live: Live) -> Iterator[Finding]:
    """Yield models that would go, and that experiments have."""
    going = {(_place(each), _name(each)) for each in stale if each["kind"] == "Model"}
    staying = {_name(each) for each in live if each["kind"] == "Model" and (_place(each), _name(each)) not in going}
    for each in live:
        if each["kind"] != "Experiment":
            continue
        spec = each.get("spec") or {}
        named = [str(one.get("name")) for one in spec.get("candidates") or ()]
        named += [str(spec["mirror"].get("name"))] if spec.get("mirror") else []
        lost = [name for name in named if name not in staying and any(name == one for _place_, one in going)]
        if lost:
            yield Finding(
                f"The experiment {_place(each)}/{_name(each)} has the model {spoken(lost)}, which serving_models has "
                "no more. End the experiment first, or put the model back."
            )


def _read(model: Model, home: str, secrets: Sequence[Secret]) -> Iterator[Finding]:
    """Yield what is wrong with a secret that somebody else keeps in the cluster."""
    secret = next((each for each in secrets if (each.team, each.name) == (home, model.secret)), None)
    if not secret:
        yield Finding(
            f"{model.where} has the secret '{model.secret}', which is neither in mlserver_secrets nor in the namespace "
            f"{home}. Add it to one of them."
        )
        return
    yield from content_findings(secret, f"The Secret {home}/{secret.name}")
    yield from fit_findings(model.storage, secret, model.where)


def _stale(wanted: Live, live: Live) -> list[dict[str, Any]]:
    """Return what this role made and nobody wants any more, in the order in which it goes."""
    ours = [each for each in live if _is_ours(each) and each["kind"] in ORDER]
    keys = {_key(each) for each in wanted}
    gone = {_key(each): each for each in [*ours, *_companions(ours)] if _key(each) not in keys}
    return [
        {
            "apiVersion": each["apiVersion"],
            "kind": each["kind"],
            "metadata": {"name": _name(each), "namespace": _place(each)},
        }
        for each in sorted(gone.values(), key=lambda each: (ORDER.index(each["kind"]), _place(each), _name(each)))
    ]


def _companions(ours: Live) -> list[dict[str, Any]]:
    """Return what is made together with objects that were found, and so is not looked for."""
    found: list[dict[str, Any]] = []
    for each in ours:
        if each["kind"] == "Secret" and _name(each) == PUBLIC_SECRET:
            # Whatever model servers need in a namespace that has no runtime.
            found += identity(_place(each))
        elif each["kind"] == "ResourceQuota":
            found.append(limit_range(_place(each)))
    return found


def _key(each: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(each["kind"]), _place(each), _name(each)


def _name(each: Mapping[str, Any]) -> str:
    return str(each["metadata"]["name"])


def _place(each: Mapping[str, Any]) -> str:
    return str(each["metadata"].get("namespace") or "")


def _is_ours(each: Mapping[str, Any]) -> bool:
    labels = each["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in MANAGED.items()) and labels.get(COMPONENT) in OURS


__all__ = ["secrets_to_read", "serving_plan"]
