# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory of a cluster, before any host is touched."""

from __future__ import annotations

from functools import partial
from typing import Callable, Iterable, Iterator

from .errors import ServingError
from .ingress_preflight import ingress_findings
from .ingress_tls import TlsFiles
from .k3s_cluster import parse_version
from .k3s_config import AGENT, SERVER, check_keys
from .k3s_nodes import Declared
from .names import is_object_name, nearest_name, unknown_names
from .policy_preflight import policy_findings
from .preflight_cluster import (
    OWN_PREFIXES,
    POLICIES,
    POOLS,
    ROLE_PREFIXES,
    SHARED_VARIABLES,
    STORAGE_CLASS,
    Cluster,
    Node,
    is_true,
    mapping,
)
from .preflight_networks import network_findings
from .preflight_report import Finding, spoken
from .seldon_preflight import seldon_findings
from .storage_preflight import storage_findings

# A server that differs in one of these is refused when it joins, or quarrels with the others afterwards.
SAME_ON_SERVERS = (
    "k3s_cluster_cidr",
    "k3s_datastore_endpoint",
    "k3s_disable",
    "k3s_embedded_registry",
    "k3s_flannel_backend",
    "k3s_hardening",
    "k3s_network_policy",
    "k3s_secrets_encryption",
    "k3s_service_cidr",
)
SAME_EVERYWHERE = ("k3s_servers", "k3s_api_address", "k3s_api_port", POOLS, POLICIES, STORAGE_CLASS)
# Keys that only K3s's own flannel reads.
FLANNEL_KEYS = ("flannel-cni-conf", "flannel-conf", "flannel-external-ip", "flannel-iface", "flannel-ipv6-masq")


def inventory_findings(cluster: Cluster, known: Iterable[str], files: TlsFiles | None = None) -> Iterator[Finding]:
    """Yield everything that is wrong.

    Args:
        cluster: What the inventory says.
        known: The options of roles.
        files: What the TLS files that the inventory names showed.
    """
    readable = {*known, *SHARED_VARIABLES}
    yield from _servers(cluster)
    yield from _node_types(cluster)
    yield from _names(cluster)
    yield from _differences(cluster)
    yield from network_findings(cluster)
    yield from _policies(cluster)
    yield from ingress_findings(cluster, files)
    yield from policy_findings(cluster)
    yield from storage_findings(cluster)
    yield from seldon_findings(cluster)
    for node in cluster.nodes:
        yield from _versions(node)
        yield from _configuration(node, has_flannel=cluster.has_flannel)
        yield from _labels_and_taints(node)
        yield from _unknown(node, readable)


def _servers(cluster: Cluster) -> Iterator[Finding]:
    hosts = [node.host for node in cluster.nodes]
    if not cluster.servers:
        waiting = f", and {_count(cluster.agents, 'agent')} would have nothing to join" if cluster.agents else ""
        yield Finding(f"There is no server{waiting}. Set k3s_servers to the names of the servers in the inventory.")
    for name in cluster.server_names:
        if name not in hosts:
            near = nearest_name(name, hosts)
            hint = f"Did you mean {near}?" if near else f"The hosts are {', '.join(hosts)}."
            yield Finding(f"k3s_servers names {name}, which is no host of the cluster. {hint}")
    number = len(cluster.server_names)
    if cluster.has_etcd and number % 2 == 0:
        yield Finding(
            f"There are {number} servers. An embedded etcd with {number} members stands the loss of no more of them "
            f"than one with {number - 1}. Set k3s_servers to {number - 1} or {number + 1} servers, or set "
            "k3s_datastore_endpoint."
        )


def _node_types(cluster: Cluster) -> Iterator[Finding]:
    for node in cluster.nodes:
        said = node.variables.get("k3s_node_type") if "k3s_node_type" in node.names else node.kind
        if said != node.kind:
            listing = "is among" if node.is_server else "is not among"
            yield Finding(
                f"k3s_node_type is {said}, and the host {listing} k3s_servers. Set k3s_node_type to {node.kind}, or "
                "correct k3s_servers.",
                node.host,
            )


def _names(cluster: Cluster) -> Iterator[Finding]:
    for node in cluster.nodes:
        if not is_object_name(node.name):
            yield Finding(
                f"'{node.name}' is no name that a cluster takes for a node. Set k3s_node_name to one of small letters, "
                "digits, hyphens and dots.",
                node.host,
            )
    for name, hosts in _shared_by(cluster, lambda node: [node.name]):
        yield Finding(f"{spoken(hosts)} have one k3s_node_name, {name}. Give each a name of its own.")
    for place, hosts in _shared_by(cluster, _destinations):
        yield Finding(f"{spoken(hosts)} are one machine, {place}. Correct ansible_host of all but one of them.")
    for address, hosts in _shared_by(cluster, lambda node: node.texts("k3s_node_ip")):
        yield Finding(f"{spoken(hosts)} have one k3s_node_ip, {address}. Give each an address of its own.")


def _destinations(node: Node) -> list[str]:
    """Return where Ansible finds a host; behind one address, ports tell machines apart."""
    port = node.variables.get("ansible_port") or 22
    return [node.destination if str(port) == "22" else f"{node.destination} port {port}"]


def _shared_by(cluster: Cluster, of: Callable[[Node], Iterable[str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield what more than one host has, with the hosts."""
    found: dict[str, list[str]] = {}
    for node in cluster.nodes:
        for value in set(of(node)):
            found.setdefault(value, []).append(node.host)
    yield from ((value, hosts) for value, hosts in found.items() if len(hosts) > 1)


def _differences(cluster: Cluster) -> Iterator[Finding]:
    """Yield options that have to be the same for several hosts and are not; the values may be secret."""
    groups = [(option, cluster.servers, "all servers") for option in SAME_ON_SERVERS]
    groups += [(option, list(cluster.nodes), "the whole cluster") for option in SAME_EVERYWHERE]
    for option, nodes, scope in groups:
        for node in nodes[1:]:
            one, other = nodes[0].variables.get(option), node.variables.get(option)
            if str(one) != str(other):
                yield Finding(f"{option} of {node.host} is not that of {nodes[0].host}. Set it once, for {scope}.")
                break


def _policies(cluster: Cluster) -> Iterator[Finding]:
    enforced = is_true(cluster.shared.get("k3s_network_policy", True))
    if cluster.has_walls and not enforced and cluster.has_flannel:
        yield Finding(
            f"{POLICIES} is true, and nothing would enforce them: k3s_network_policy is false, and "
            "k3s_flannel_backend is not none, so there is no CNI that would. Set k3s_network_policy to true, or "
            f"{POLICIES} to false."
        )
    if enforced and not cluster.has_flannel:
        yield Finding(
            "k3s_flannel_backend is none, and K3s enforces NetworkPolicies beside the CNI that takes its place. Set "
            "k3s_network_policy to false, unless that CNI has no policies of its own.",
            is_warning=True,
        )


def _versions(node: Node) -> Iterator[Finding]:
    wanted = str(node.variables.get("k3s_version") or "")
    if wanted:
        yield from _refusals(node, partial(parse_version, wanted), before="k3s_version: ")


def _configuration(node: Node, *, has_flannel: bool) -> Iterator[Finding]:
    """Yield every key that K3s would ignore; flannel's own are ignored without flannel."""
    kind = SERVER if node.is_server else AGENT
    places = {"k3s_config": mapping(node.variables.get("k3s_config"))}
    drop_ins = mapping(node.variables.get("k3s_config_drop_ins"))
    places.update({f"k3s_config_drop_ins['{name}']": mapping(content) for name, content in drop_ins.items()})
    for where, content in places.items():
        for key, value in content.items():
            yield from _refusals(node, partial(check_keys, {key: value}, kind, where=where))
        for key in () if has_flannel else content:
            if str(key).rstrip("+") in FLANNEL_KEYS:
                yield Finding(
                    f"{where} sets '{key}', which nothing reads while k3s_flannel_backend is none. Remove the key, or "
                    "set k3s_flannel_backend to the backend that it is meant for.",
                    node.host,
                )


def _labels_and_taints(node: Node) -> Iterator[Finding]:
    for key, value in mapping(node.variables.get("k3s_node_labels")).items():
        yield from _refusals(node, partial(Declared.parse, {"labels": {key: value}}, node=node.name))
    for taint in node.variables.get("k3s_node_taints") or ():
        attempt = partial(Declared.parse, {"taints": [taint]}, node=node.name)
        yield from _refusals(node, attempt, before="k3s_node_taints: ")


def _refusals(node: Node, attempt: Callable[[], object], *, before: str = "") -> Iterator[Finding]:
    """Yield what an attempt is refused for."""
    try:
        attempt()
    except ServingError as error:
        yield Finding(f"{before}{error}", node.host)


def _unknown(node: Node, readable: Iterable[str]) -> Iterator[Finding]:
    """Yield variables that nobody reads; what was meant begins in the same way."""
    for prefix in (*OWN_PREFIXES, *ROLE_PREFIXES):
        said, right = ([name for name in names if name.startswith(prefix)] for names in (node.names, readable))
        yield from (Finding(text, node.host) for text in unknown_names(said, right))


def _count(things: list[Node], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


__all__ = ["inventory_findings"]
