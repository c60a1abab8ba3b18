# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with Seldon Core v2, and with what it is to serve, as an inventory has them; no cluster is asked."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from .ingress_entries import LABEL
from .preflight_report import Finding, spoken
from .seldon_models import World, model_findings, parse_models
from .seldon_remotes import parse_secrets, secret_findings
from .seldon_servers import parse_servers, server_findings
from .seldon_sizes import SIZES
from .seldon_topology import LONGEST_SERVER, TOPOLOGIES, topology_of
from .serving_experiments import experiment_findings

Settings = Mapping[str, Any]


def runtime_findings(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with schedulers and Envoys, and with the namespaces of the teams."""
    yield from _choices(settings)
    topology = topology_of(settings)
    if topology.kind in TOPOLOGIES:
        yield from _names(settings)
        for team in topology.teams if topology.has_one_scheduler else ():
            server = topology.server(team)
            if len(server) > LONGEST_SERVER:
                yield Finding(
                    f"The model server of the namespace '{team}' would be called {server}, and a StatefulSet's name "
                    f"may have {LONGEST_SERVER} characters. Give the namespace a shorter name."
                )
    if settings.get("pipelines") and not settings.get("kafka"):
        yield Finding(
            "seldon_pipelines is true, and pipelines run on Kafka. Set seldon_kafka_bootstrap to its address, such as "
            "kafka.example.com:9092, or seldon_pipelines to false."
        )
    if settings.get("kafka") and not settings.get("pipelines"):
        yield Finding(
            "seldon_kafka_bootstrap is set, and nothing would use it: seldon_pipelines is false. Set "
            "seldon_pipelines to true, or leave the address out."
        )


def serving_findings(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with model servers, secrets, models and experiments."""
    topology = topology_of(settings)
    if topology.kind not in TOPOLOGIES or str(settings["size"]) not in SIZES:
        return
    teams = topology.teams
    yield from server_findings(settings["servers"], topology, SIZES[str(settings["size"])])
    yield from secret_findings(settings["secrets"], teams)
    world = world_of(settings)
    yield from model_findings(settings["models"], world)
    yield from experiment_findings(settings["experiments"], parse_models(settings["models"]), topology)


def world_of(settings: Settings) -> World:
    """Return what the models of an inventory are held against."""
    topology = topology_of(settings)
    capabilities = [str(each) for each in settings["capabilities"]]
    return World(
        topology,
        parse_servers(settings["servers"], topology.teams, capabilities),
        parse_secrets(settings["secrets"]),
    )


def _choices(settings: Settings) -> Iterator[Finding]:
    for option, key, known in (("seldon_topology", "topology", TOPOLOGIES), ("seldon_size", "size", tuple(SIZES))):
        if str(settings[key]) not in known:
            choices = f"{', '.join(known[:-1])} or {known[-1]}"
            yield Finding(f"{option} is '{settings[key]}'. Set it to {choices}.")


def _names(settings: Settings) -> Iterator[Finding]:
    entries: Sequence[Any] = settings["namespaces"] or ()
    if not entries:
        yield Finding("serving_namespaces is empty, so nobody would be served. Set the namespaces of the teams.")
    names = [str(each.get("name") or "") if isinstance(each, Mapping) else "" for each in entries]
    for number, name in enumerate(names, start=1):
        if not LABEL.fullmatch(name):
            yield Finding(
                f"Namespace {number} of serving_namespaces has the name '{name}'. Set name to small letters, digits "
                "and hyphens, 63 at most."
            )
    for name in sorted({each for each in names if each and names.count(each) > 1}):
        yield Finding(f"serving_namespaces has '{name}' {names.count(name)} times. Keep one of them.")
    seldon = str(settings["seldon_namespace"])
    if seldon in names:
        yield Finding(
            f"serving_namespaces has {spoken([seldon])}, which is seldon_namespace, where the operator is. Set another "
            "name for the team, or for seldon_namespace."
        )


__all__ = ["runtime_findings", "serving_findings", "world_of"]
