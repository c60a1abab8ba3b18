# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports that a node needs, and who has them instead.

Source: https://docs.k3s.io/installation/requirements#inbound-rules-for-k3s-nodes, and the ports of Kubernetes's parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Iterator, Mapping

from .preflight_cluster import Cluster, Node, is_true
from .preflight_facts import Look
from .preflight_networks import PODS, block_spans
from .preflight_report import Finding

TCP, UDP = "tcp", "udp"
# Units that run K3s, and the part of a cgroup's name that holds pods: what they have is the node's own.
OWN_UNIT = re.compile(r"k3s([-@].*)?\.service|kubepods.*")
LOOPBACK = re.compile(r"127\..*|::1|0\.0\.0\.0|::")


@dataclass(frozen=True)
class Need:
    """A port, what listens there, and the option that would move it; a local one is needed on loopback alone."""

    port: int
    duty: str
    protocol: str = TCP
    option: str = ""
    is_local: bool = False


ETCD = (Need(2379, "etcd"), Need(2380, "etcd"), Need(2381, "etcd", is_local=True), Need(2382, "etcd", is_local=True))
CONTROL_PLANE = (
    Need(10257, "the controller manager", is_local=True),
    Need(10258, "the cloud controller", is_local=True),
    Need(10259, "the scheduler", is_local=True),
)
KUBELET = (
    Need(10248, "the kubelet", is_local=True),
    Need(10249, "kube-proxy", is_local=True),
    Need(10250, "the kubelet"),
    Need(10256, "kube-proxy"),
)
API_BEHIND = Need(6444, "the way to the API", is_local=True)
REGISTRY = Need(5001, "the embedded registry")
MEMBERLIST = Need(7946, "MetalLB")
WIREGUARD = {4: Need(51820, "flannel's WireGuard", UDP), 6: Need(51821, "flannel's WireGuard", UDP)}
# The interface that holds WireGuard's port once K3s runs; the socket is the kernel's and names nobody.
WIREGUARD_INTERFACES = {4: "flannel-wg", 6: "flannel-wg-v6"}


def watched_ports(api_port: int) -> list[tuple[str, int]]:
    """Return every port that some node may need, with its protocol."""
    needs = (*ETCD, *CONTROL_PLANE, *KUBELET, API_BEHIND, REGISTRY, MEMBERLIST, *WIREGUARD.values())
    return [(TCP, api_port), *((need.protocol, need.port) for need in needs)]


def needs(node: Node, cluster: Cluster) -> Iterator[Need]:
    """Yield the ports that a node needs."""
    if node.is_server:
        yield Need(cluster.api_port, "the API", option="k3s_api_port")
        yield from CONTROL_PLANE
        yield from ETCD if cluster.has_etcd else ()
    yield API_BEHIND
    if node.runs_pods:
        yield from KUBELET
        yield from [MEMBERLIST] if cluster.pools else []
    if is_true(cluster.shared.get("k3s_embedded_registry")):
        yield REGISTRY


def port_findings(look: Look) -> Iterator[Finding]:
    """Yield every port of a node that something else has."""
    for need in needs(look.node, look.cluster):
        taken = [each for each in look.facts["listeners"] if _is_in_the_way(each, need)]
        if taken:
            yield look.problem(_sentence(need, taken[0]))
    if look.backend == "wireguard-native":
        yield from _wireguard(look)


def _wireguard(look: Look) -> Iterator[Finding]:
    versions = {block.version for option, block in block_spans(look.cluster) if option == PODS}
    for version, need in WIREGUARD.items():
        taken = [each for each in look.facts["listeners"] if (each["protocol"], each["port"]) == (UDP, need.port)]
        if taken and version in versions and WIREGUARD_INTERFACES[version] not in look.facts["interfaces"]:
            yield look.problem(
                f"UDP port {need.port}, which {need.duty} needs, is taken. Give a WireGuard of your own another "
                "ListenPort, or set k3s_flannel_backend to vxlan."
            )


def _is_in_the_way(listener: Mapping[str, Any], need: Need) -> bool:
    if (listener["protocol"], listener["port"]) != (need.protocol, need.port) or OWN_UNIT.fullmatch(listener["unit"]):
        return False
    return not need.is_local or bool(LOOPBACK.fullmatch(listener["address"]))


def _sentence(need: Need, listener: Mapping[str, Any]) -> str:
    process = f"{listener['process']} (pid {listener['pid']})" if listener["pid"] else "a process that cannot be seen"
    unit = f" of {listener['unit']}" if listener["unit"] else ""
    other = f", or set {need.option} to a free port" if need.option else ""
    return f"port {need.port}, which {need.duty} needs, is taken by {process}{unit}. End it{other}."


def open_ports(cluster: Cluster) -> str:
    """Return what a firewall of a node has to let through from the other nodes."""
    shared = cluster.shared
    backend = {"vxlan": ["8472/udp"], "wireguard-native": ["51820/udp", "51821/udp"]}
    ports = [f"{cluster.api_port}/tcp", "10250/tcp"]
    ports += backend.get(str(shared.get("k3s_flannel_backend")), [])
    ports += ["2379-2380/tcp"] if cluster.has_etcd else []
    ports += ["7946/tcp", "7946/udp"] if cluster.pools else []
    ports += ["5001/tcp"] if is_true(shared.get("k3s_embedded_registry")) else []
    blocks = [*cluster.texts("k3s_cluster_cidr"), *cluster.texts("k3s_service_cidr")]
    return f"{', '.join(ports)}, and everything from {' and '.join(blocks)}"


__all__ = ["open_ports", "port_findings", "watched_ports"]
