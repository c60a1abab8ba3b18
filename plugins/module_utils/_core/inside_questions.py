# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is asked from where inside a cluster, and what has to come of it, by the very policies that the role makes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any, Iterator, Mapping, Sequence

from .cluster_view import ClusterView, Object, is_ready, status
from .network_policies import NAMESPACE_LABEL, is_ours, manifests
from .policy_evaluator import Pod, Policies
from .policy_flows import NAME, TCP, UDP, Settings
from .smoke_platform import Platform

OUTSIDE, INGRESS = "outside", "ingress"
SYSTEM = "kube-system"
# Ports of each kind of pod that somebody might try, whether or not a Service has them.
PORTS: Mapping[str, tuple[int, ...]] = {
    "seldon-envoy": (9000, 9001, 9003),
    "seldon-scheduler": (9002, 9004, 9005, 9008),
    "seldon-server": (5572, 7777, 9000, 9001, 9006, 9007, 9500, 9501),
}
DNS_PORT, DNS_NAME = 53, "kubernetes.default.svc.cluster.local"
LISTENER_PORT = 8080
ENFORCED = ("enforced/open", "enforced/closed")


@dataclass(frozen=True)
class Source:
    """A place for a probe: a namespace, and the labels that its pod has there."""

    name: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)


REFUSED_BY_MODEL = 405


@dataclass(frozen=True)
class Asked:
    """A question that a probe asks, and whether it must be reached. Its id says whom it is about."""

    source: str
    id: str
    wanted: bool
    how: str
    host: str
    port: int
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the question as the probe reads it."""
        plain = {"id": self.id, "how": self.how, "host": self.host, "port": self.port, "until": self.wanted}
        return {**plain, **self.more}


def asked_in(source: str, plan: Mapping[str, Any]) -> list[Asked]:
    """Return the questions that a probe was given."""
    return [
        Asked(source, each["id"], each["until"], each["how"], each["host"], each["port"]) for each in plan["questions"]
    ]


def sources(platform: Platform, settings: Settings | None, namespace: str) -> list[Source]:
    """Return where probes stand: in a namespace of their own, beside the controller, and beside every team's models.

    None of them has the labels of Seldon's parts, since a Service would lead callers to it.
    """
    found = [Source(OUTSIDE, namespace)]
    peer = settings.ingress if settings else None
    if platform.ingress[1]:
        labels = dict(peer.labels) if peer else {}
        found.append(Source(INGRESS, peer.namespace if peer else platform.ingress[0], labels))
    if settings:
        found += [Source(f"team {each}", each) for each in platform.namespaces]
    return found


def questions(
    view: ClusterView, platform: Platform, settings: Settings | None, places: Sequence[Source]
) -> list[Asked]:
    """Return what all probes ask, with the outcome that the policies mean."""
    found: list[Asked] = []
    for source in places:
        found += _through_mesh(platform, source)
        if settings:
            found += _matrix(view, platform, settings, source)
    return found


def enforcement(addresses: Mapping[str, str]) -> list[Asked]:
    """Return the questions that prove enforcement: a pod that nothing closes, and one that a policy closes."""
    open_, closed = (addresses[each] for each in ("open", "closed"))
    return [
        Asked(OUTSIDE, ENFORCED[0], True, "tcp", open_, LISTENER_PORT),
        Asked(OUTSIDE, ENFORCED[1], False, "tcp", closed, LISTENER_PORT),
    ]


def _through_mesh(platform: Platform, source: Source) -> Iterator[Asked]:
    if source.name != INGRESS:
        return
    host = f"seldon-mesh.{platform.mesh_namespace}.svc.cluster.local"
    asked = [(name, name) for name in platform.behind_mesh]
    asked += [(each.route, each.candidates[0].name) for each in platform.split_behind_mesh]
    for route, name in asked:
        # Seldon's agents pass on inferences alone. A GET is routed as one, and the model's own server refuses it.
        more = {"path": f"/v2/models/{name}/infer", "headers": {"seldon-model": route}, "status": REFUSED_BY_MODEL}
        yield Asked(source.name, f"mesh/{route}", True, "http", host, 80, more)


def _matrix(view: ClusterView, platform: Platform, settings: Settings, source: Source) -> Iterator[Asked]:
    policies = meant(view, settings, source)
    prober = Pod("probe", source.namespace, source.labels, "0.0.0.0")
    for pod in _targets(view, platform):
        for port in _ports(pod):
            wanted = policies.allow(prober, pod, port, TCP)
            yield Asked(source.name, f"{pod.name}:{port}", wanted, "tcp", pod.address, port)
    resolver = _resolver(view)
    service = view.one("services", SYSTEM, "kube-dns")
    if resolver and service:
        host = str(service["spec"].get("clusterIP"))
        for protocol, how in ((UDP, "dns_udp"), (TCP, "dns_tcp")):
            wanted = policies.allow(prober, resolver, DNS_PORT, protocol)
            yield Asked(source.name, f"dns by {protocol}", wanted, how, host, DNS_PORT, {"name": DNS_NAME})


def meant(view: ClusterView, settings: Settings, source: Source) -> Policies:
    """Return the policies that have to be in force: those of the role as it makes them, and those of others."""
    others = [each for each in view.all("networkpolicies") if not is_ours(each)]
    names = {each["metadata"]["name"]: each["metadata"].get("labels") or {} for each in view.all("namespaces")}
    for each in (source.namespace, SYSTEM, *settings.isolated):
        # Kubernetes sets it by itself since 1.21.
        names[each] = {NAMESPACE_LABEL: each, **names.get(each, {})}
    return Policies([*others, *manifests(settings)], names)


def with_api(view: ClusterView, settings: Settings) -> Settings:
    """Return settings that know where pods reach the API, as the role asks the cluster for it when nobody says so."""
    if settings.api.blocks:
        return settings
    servers, ports = view.ready_addresses("default", "kubernetes"), view.ports("default", "kubernetes")
    blocks = tuple(str(ip_network(each)) for each in sorted(servers))
    return replace(settings, api=replace(settings.api, blocks=blocks), api_port=min(ports, default=settings.api_port))


def _targets(view: ClusterView, platform: Platform) -> Iterator[Pod]:
    """Yield one ready pod of each kind in each namespace."""
    homes = {"seldon-envoy": platform.runtimes, "seldon-scheduler": platform.runtimes}
    for name in PORTS:
        for namespace in homes.get(name, platform.servers):
            found = _ready(view, namespace, NAME, name)
            if found:
                yield found


def _resolver(view: ClusterView) -> Pod | None:
    return _ready(view, SYSTEM, "k8s-app", "kube-dns")


def _ready(view: ClusterView, namespace: str, key: str, value: str) -> Pod | None:
    pods = [each for each in view.pods(namespace, {"matchLabels": {key: value}}) if is_ready(each)]
    return _pod(pods[0]) if pods else None


def _pod(found: Object) -> Pod:
    metadata = found["metadata"]
    name = f"{metadata['namespace']}/{metadata['name']}"
    return Pod(name, metadata["namespace"], metadata.get("labels") or {}, str(status(found).get("podIP") or ""))


def _ports(pod: Pod) -> tuple[int, ...]:
    return PORTS[pod.labels[NAME]]


__all__ = ["DNS_NAME", "ENFORCED", "INGRESS", "LISTENER_PORT", "OUTSIDE", "PORTS"]
__all__ += ["Asked", "Source", "asked_in", "enforcement", "meant", "questions", "sources", "with_api"]
