# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has to reach whom for models to be served: parties, ports and the traffic table of Seldon Core v2.

Ports are those of pods, since a policy is judged after the Service was translated. Source: the containers and Services
that Seldon Core v2.10 makes, https://github.com/SeldonIO/seldon-core/tree/v2.10.2 (operator/ and scheduler/).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Sequence

CENTRAL, NAMESPACED, SINGLE = TOPOLOGIES = ("central", "namespaced", "single")
HODOMETER, MODEL_GATEWAY, PIPELINE_GATEWAY, DATAFLOW = COMPONENTS = (
    "hodometer",
    "modelgateway",
    "pipelinegateway",
    "dataflow",
)
NAME = "app.kubernetes.io/name"
TCP, UDP = "TCP", "UDP"


@dataclass(frozen=True)
class Port:
    """A port of a pod, or all from one to another."""

    number: int
    protocol: str = TCP
    end: int = 0


@dataclass(frozen=True)
class Peer:
    """One side of a flow: pods of a namespace by their labels (none: all of them), or blocks of addresses."""

    name: str
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flow:
    """Who may reach whom, on which ports."""

    source: Peer
    target: Peer
    ports: tuple[Port, ...]


@dataclass(frozen=True)
class Settings:
    """What the flows depend on. A peer that is missing plays no part."""

    topology: str
    namespaces: tuple[str, ...]
    seldon_namespace: str
    ingress: Peer | None
    monitoring: Peer | None
    api: Peer
    api_port: int
    storage: tuple[tuple[Peer, tuple[Port, ...]], ...]
    components: tuple[str, ...]
    tls: bool
    extra: tuple[Flow, ...]

    @property
    def isolated(self) -> list[str]:
        """The namespaces in which nothing is allowed but the flows."""
        return [self.seldon_namespace, *self.namespaces]

    @property
    def runtimes(self) -> list[str]:
        """The namespaces that have a scheduler and an Envoy."""
        return list(self.namespaces) if self.topology == NAMESPACED else [self.seldon_namespace]

    def servers(self, runtime: str) -> list[str]:
        """Return the namespaces whose model servers belong to a runtime."""
        return list(self.namespaces) if self.topology == CENTRAL else [runtime]


def flows(settings: Settings) -> list[Flow]:
    """Return the whole table."""
    operator = Peer("operator", settings.seldon_namespace, (("control-plane", "v2-controller-manager"),))
    found = [_dns(namespace) for namespace in settings.isolated]
    found += [*_to_api(settings, operator), *_scraped(settings, operator, 4000)]
    for runtime in settings.runtimes:
        found += _runtime(settings, runtime, operator)
    return [*found, *settings.extra]


def _runtime(settings: Settings, runtime: str, operator: Peer) -> Iterator[Flow]:
    """Yield what a scheduler, its Envoy and their model servers need."""
    scheduler, envoy = _part("seldon-scheduler", runtime), _part("seldon-envoy", runtime)
    if settings.ingress:
        yield _flow(settings.ingress, envoy, 9000)
    yield _flow(envoy, scheduler, 9002)
    yield _flow(operator, scheduler, 9044 if settings.tls else 9004)
    yield from _scraped(settings, envoy, 9003)
    yield from _to_api(settings, scheduler)
    for namespace in settings.servers(runtime):
        server = _part("seldon-server", namespace)
        # The agent's reverse proxy. MLServer's own ports, 9000 and 9500, are nobody's.
        yield _flow(envoy, server, 9001, 9501)
        yield _flow(server, scheduler, 9055 if settings.tls else 9005)
        yield from _to_api(settings, server)
        yield from _scraped(settings, server, 9006, 8082)
        yield from (Flow(server, target, ports) for target, ports in settings.storage)
    yield from _optional(settings, runtime, scheduler, envoy)


def _optional(settings: Settings, runtime: str, scheduler: Peer, envoy: Peer) -> Iterator[Flow]:
    """Yield what the parts need that are switched off as a rule; all but hodometer need Kafka as well."""
    to_scheduler = 9044 if settings.tls else 9004
    if HODOMETER in settings.components:
        hodometer = _part("hodometer", runtime)
        yield _flow(hodometer, scheduler, to_scheduler)
        yield from _to_api(settings, hodometer)
        yield _flow(hodometer, Peer("anywhere", blocks=("0.0.0.0/0", "::/0")), 80)
    if MODEL_GATEWAY in settings.components:
        gateway = _part("seldon-modelgateway", runtime)
        yield _flow(gateway, scheduler, to_scheduler)
        yield _flow(gateway, envoy, 9000)
    if PIPELINE_GATEWAY in settings.components:
        gateway = _part("seldon-pipelinegateway", runtime)
        yield _flow(envoy, gateway, 9010, 9011)
        yield _flow(gateway, scheduler, to_scheduler)
        yield _flow(gateway, envoy, 9000)
        yield from _scraped(settings, gateway, 9006)
    if DATAFLOW in settings.components:
        yield _flow(_part("seldon-dataflow-engine", runtime), scheduler, 9008)


def _dns(namespace: str) -> Flow:
    """Return what every pod needs: answers that do not fit come by TCP."""
    resolver = Peer("coredns", "kube-system", (("k8s-app", "kube-dns"),))
    return Flow(Peer("dns", namespace), resolver, (Port(53, UDP), Port(53, TCP)))


def _to_api(settings: Settings, source: Peer) -> Iterator[Flow]:
    # The Service `kubernetes` is translated to an address of a server before a policy is looked at.
    if settings.api.blocks:
        yield _flow(source, settings.api, settings.api_port)


def _scraped(settings: Settings, target: Peer, *numbers: int) -> Iterator[Flow]:
    if settings.monitoring:
        yield _flow(settings.monitoring, target, *numbers)


def _part(name: str, namespace: str) -> Peer:
    return Peer(name, namespace, ((NAME, name),))


def _flow(source: Peer, target: Peer, *numbers: int) -> Flow:
    return Flow(source, target, tuple(map(Port, numbers)))


def peers(table: Sequence[Flow], namespaces: Sequence[str]) -> list[Peer]:
    """Return the pods of some namespaces that take part, each once, in the order of the table."""
    sides = [side for flow in table for side in (flow.source, flow.target) if side.namespace in namespaces]
    return list(dict.fromkeys(sides))


__all__ = ["CENTRAL", "COMPONENTS", "DATAFLOW", "MODEL_GATEWAY", "NAMESPACED", "PIPELINE_GATEWAY", "SINGLE"]
__all__ += ["TCP", "TOPOLOGIES", "UDP"]
__all__ += ["Flow", "Peer", "Port", "Settings", "flows", "peers"]
