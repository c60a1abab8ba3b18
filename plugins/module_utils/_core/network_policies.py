# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The traffic table as NetworkPolicies: nothing in or out of a namespace, then exactly what the table has."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping, Sequence

from .policy_flows import Flow, Peer, Port, Settings, flows, peers

API_VERSION = "networking.k8s.io/v1"
# By these a policy of ours is known.
LABELS = {"app.kubernetes.io/managed-by": "modelops.serving", "app.kubernetes.io/component": "network-policies"}
# Kubernetes sets it on every namespace. A plain `name` is set by nobody.
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
PREFIX = "serving-"
DENY = "default-deny"


def manifests(settings: Settings) -> list[dict[str, Any]]:
    """Return every policy: for each namespace one that denies, and one for each of its parties."""
    table = flows(settings)
    found = [_policy(DENY, namespace, {"podSelector": {}}) for namespace in settings.isolated]
    for peer in peers(table, settings.isolated):
        rules = {
            "ingress": [_rule("from", each.source, each, peer) for each in table if each.target == peer],
            "egress": [_rule("to", each.target, each, peer) for each in table if each.source == peer],
        }
        # The API drops empty lists; one that is sent would look like a change for ever.
        spec = {"podSelector": _selector(peer.labels), **{key: each for key, each in rules.items() if each}}
        found.append(_policy(peer.name, peer.namespace, spec))
    return found


def in_order(policies: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return policies in the order in which they are applied, one after the other.

    A pod is free until a policy chooses it. So those that choose every pod come last, and the ones that deny at the
    very end, when nothing that is allowed waits any more.
    """
    return sorted(policies, key=lambda each: (not each["spec"]["podSelector"], place(each)[1] == f"{PREFIX}{DENY}"))


def namespaces(settings: Settings) -> list[dict[str, Any]]:
    """Return the namespaces that the policies are for; nothing is said of them but that they are there."""
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in settings.isolated]


def stale(wanted: Iterable[Mapping[str, Any]], found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the policies of ours that are there and not wanted any more, as far as a removal names them."""
    kept = {place(each) for each in wanted}
    return [
        {"apiVersion": API_VERSION, "kind": "NetworkPolicy", "metadata": {"namespace": where[0], "name": where[1]}}
        for where in sorted(place(each) for each in found if is_ours(each))
        if where not in kept
    ]


def foreign(wanted: Iterable[Mapping[str, Any]], found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each wanted policy whose name somebody else's has."""
    taken = {place(each) for each in found if not is_ours(each)}
    for namespace, name in sorted(taken & {place(each) for each in wanted}):
        yield (
            f"Namespace {namespace} has a NetworkPolicy {name} that is not this role's. Give it another name, or label "
            f"it {' '.join(f'{key}={value}' for key, value in LABELS.items())} to have it replaced."
        )


def is_ours(policy: Mapping[str, Any]) -> bool:
    """Say whether a policy that was found is this role's."""
    labels = policy["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in LABELS.items())


def place(policy: Mapping[str, Any]) -> tuple[str, str]:
    """Return the namespace and the name of a policy."""
    return policy["metadata"]["namespace"], policy["metadata"]["name"]


def _policy(name: str, namespace: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "NetworkPolicy",
        "metadata": {"name": PREFIX + name, "namespace": namespace, "labels": dict(LABELS)},
        "spec": {**spec, "policyTypes": ["Ingress", "Egress"]},
    }


def _rule(direction: str, other: Peer, flow: Flow, own: Peer) -> dict[str, Any]:
    return {direction: list(_places(other, own)), "ports": _ports(flow.ports)}


def _places(peer: Peer, own: Peer) -> Iterator[dict[str, Any]]:
    """Yield a party as a rule names it."""
    for block in peer.blocks:
        yield {"ipBlock": {"cidr": block}}
    if peer.namespace == own.namespace:
        yield {"podSelector": _selector(peer.labels)}
    elif peer.namespace:
        pods = {"podSelector": _selector(peer.labels)} if peer.labels else {}
        yield {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: peer.namespace}}, **pods}


def _selector(labels: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"matchLabels": dict(labels)} if labels else {}


def _ports(ports: Iterable[Port]) -> list[dict[str, Any]]:
    # A protocol that is left out means TCP alone.
    return [
        {"protocol": each.protocol, "port": each.number, **({"endPort": each.end} if each.end else {})}
        for each in ports
    ]


__all__ = ["LABELS", "foreign", "in_order", "is_ours", "manifests", "namespaces", "place", "stale"]
