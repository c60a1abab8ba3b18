# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has of Seldon Core v2, held against what is wanted: what would break it, and what has to go."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from .preflight_report import Finding, report, spoken
from .seldon_objects import GROUP, MANAGED, aliases, team_namespaces
from .seldon_topology import CENTRAL, NAMESPACED, SINGLE, Topology, topology_of
from .storage_classes import SCHEDULER, class_findings

CONFIRM = "seldon_removed_namespaces"
FOREIGN = "seldon_remove_foreign"
# In the order in which they go: what needs a scheduler to go before the scheduler does.
KINDS = ("Experiment", "Pipeline", "Model", "Server")
RUNTIME = "SeldonRuntime"
# Helm calls what it makes its own, so a runtime of ours has a label beside.
MARK = ("modelops.serving/role", "seldon")
Live = Sequence[Mapping[str, Any]]


def runtime_plan(settings: Mapping[str, Any], live: Live, storage: Live | None = None) -> dict[str, Any]:
    """Return what is wrong, and what has to go before anything else is done.

    Args:
        settings: What the inventory wants.
        live: Seldon's objects of all namespaces, and the Services that are called as Seldon's.
        storage: The StorageClasses and the claims of all namespaces; None where nobody looked.
    """
    topology = topology_of(settings)
    is_wanted = settings["state"] == "present"
    marked = {_place(each) for each in live if _is_our_runtime(each)}
    kept = topology.runtimes if is_wanted else ()
    left = _left(topology, live, kept, is_wanted=is_wanted)
    wanted = aliases(topology) if is_wanted else []
    served = _served(topology, left, is_wanted=is_wanted)
    findings = _changes(topology, live) if is_wanted else iter(())
    return {
        "problems": report(
            (
                *findings,
                *_confirmed(settings, left, live),
                *_foreign(settings, live, served),
                *_unclaimed(settings, kept, storage),
            )
        )["problems"],
        "remove": [_gone(each) for kind in KINDS for each in live if each["kind"] == kind and _place(each) in served],
        "runtimes": list(topology.runtimes) if is_wanted else [],
        "unmarked": [each for each in kept if each not in marked],
        "namespaces": team_namespaces(topology) if is_wanted else [],
        "left": left,
        "aliases": wanted,
        "stale_aliases": [
            _gone(each)
            for each in live
            if each["kind"] == "Service" and _is_ours(each) and (_place(each), _name(each)) not in _names(wanted)
        ],
        "experiments": sorted(f"{_place(each)}/{_name(each)}" for each in live if each["kind"] == "Experiment"),
    }


def _served(topology: Topology, left: Sequence[str], *, is_wanted: bool) -> set[str]:
    """Return the namespaces whose models go with the schedulers that do."""
    return set(left) if is_wanted or topology.kind == NAMESPACED else {*left, *topology.homes}


def _left(topology: Topology, live: Live, kept: Sequence[str], *, is_wanted: bool) -> list[str]:
    """Return the namespaces whose schedulers go: of a cluster with one alone, that is a change of its topology."""
    if is_wanted and topology.kind != NAMESPACED:
        return []
    ours = {_place(each) for each in live if _is_our_runtime(each)}
    # A run that was cut off may have made one and not marked it yet.
    here = {_place(each) for each in live if each["kind"] == RUNTIME} & set(() if is_wanted else topology.runtimes)
    return sorted((ours | here) - set(kept))


def _runtimes(topology: Topology, live: Live) -> list[str]:
    """Return the namespaces with a scheduler that are any business of ours."""
    near = {topology.seldon, *topology.teams}
    found = [each for each in live if each["kind"] == RUNTIME]
    return sorted({_place(each) for each in found if _is_our_runtime(each) or _place(each) in near})


def _is_our_runtime(each: Mapping[str, Any]) -> bool:
    labels = each["metadata"].get("labels") or {}
    return each["kind"] == RUNTIME and labels.get(MARK[0]) == MARK[1]


def _changes(topology: Topology, live: Live) -> Iterator[Finding]:
    """Yield a topology that the cluster has, and that is another one: it is not changed in place."""
    found = _found(topology, live)
    if found and found != topology.kind:
        places = spoken(_runtimes(topology, live))
        yield Finding(
            f"seldon_topology is {topology.kind}, and the cluster is {found}: its SeldonRuntime is in {places}. "
            "Schedulers, Services and names change places, so it is not changed in place. Set seldon_topology to "
            f"{found}, or remove Seldon first, with seldon_state: absent."
        )
        return
    for each in live:
        if each["kind"] == "Service" and not _is_ours(each) and _place(each) in topology.aliases:
            yield Finding(
                f"The Service {_place(each)}/{_name(each)} is somebody else's, and would lead there to the scheduler "
                f"of {topology.seldon}. Remove it, with the runtime that it belongs to, or set seldon_topology to "
                f"{NAMESPACED}."
            )


def _found(topology: Topology, live: Live) -> str:
    """Return the topology that a cluster has; nothing where it has none, or one that fits."""
    runtimes = set(_runtimes(topology, live))
    if runtimes - {topology.seldon}:
        return NAMESPACED if topology.has_one_scheduler or topology.seldon not in runtimes else CENTRAL
    if not runtimes:
        return ""
    if topology.kind == NAMESPACED:
        return SINGLE if _has_servers(live, topology.seldon) else CENTRAL
    # One scheduler: who has model servers beside it is single, and who has aliases elsewhere is central.
    has_aliases = any(each["kind"] == "Service" and _is_ours(each) for each in live)
    if topology.kind == CENTRAL and not has_aliases and _has_servers(live, topology.seldon):
        return SINGLE
    return CENTRAL if topology.kind == SINGLE and has_aliases else topology.kind


def _has_servers(live: Live, namespace: str) -> bool:
    return any(each["kind"] == "Server" and _place(each) == namespace and _is_ours(each) for each in live)


def _confirmed(settings: Mapping[str, Any], left: Sequence[str], live: Live) -> Iterator[Finding]:
    """Yield namespaces that would lose their scheduler, and everything that it serves, unasked."""
    if settings["state"] != "present":
        return
    for namespace in left:
        if namespace not in settings["removed_namespaces"]:
            models = sorted(_name(each) for each in live if each["kind"] == "Model" and _place(each) == namespace)
            lost = f", with {'the model' if len(models) == 1 else 'the models'} {spoken(models)}" if models else ""
            yield Finding(
                f"The namespace '{namespace}' is served, and serving_namespaces has it no more: its scheduler would "
                f"go{lost}. Put it back, or confirm with {CONFIRM}: [{namespace}]."
            )


def _foreign(settings: Mapping[str, Any], live: Live, served: set[str]) -> Iterator[Finding]:
    """Yield what somebody else has the scheduler serve that goes."""
    if settings["remove_foreign"]:
        return
    for kind in ("Pipeline", "Model", "Server"):
        found = [each for each in live if each["kind"] == kind and _place(each) in served and not _is_ours(each)]
        if found:
            names = spoken(sorted(f"{_place(each)}/{_name(each)}" for each in found))
            yield Finding(
                f"{kind}s that this collection did not make would go with their scheduler: {names}. Remove them, or "
                f"set {FOREIGN} to true."
            )


def _unclaimed(settings: Mapping[str, Any], kept: Sequence[str], storage: Live | None) -> Iterator[Finding]:
    """Yield why schedulers would wait for their volumes."""
    if storage is not None:
        claims = [(namespace, SCHEDULER) for namespace in kept]
        yield from class_findings(str(settings.get("storage_class") or ""), storage, claims)


def _gone(each: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as far as its removal needs it."""
    version = "v1" if each["kind"] == "Service" else GROUP
    return {
        "apiVersion": version,
        "kind": each["kind"],
        "metadata": {"name": _name(each), "namespace": _place(each)},
    }


def _names(wanted: Live) -> set[tuple[str, str]]:
    return {(_place(each), _name(each)) for each in wanted}


def _name(each: Mapping[str, Any]) -> str:
    return str(each["metadata"]["name"])


def _place(each: Mapping[str, Any]) -> str:
    return str(each["metadata"]["namespace"])


def _is_ours(each: Mapping[str, Any]) -> bool:
    labels = each["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in MANAGED.items())


__all__ = ["runtime_plan"]
