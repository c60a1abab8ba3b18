# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may reach whom, from NetworkPolicies as the API gives them.

What a policy means: https://kubernetes.io/docs/concepts/services-networking/network-policies/. Both ends have to
allow traffic. A pod that no policy of a direction selects may do anything in it. What a node sends to its own pods is
not looked at, because Kubernetes lets it through. A block of addresses also holds the pods whose addresses lie in it,
as it does for the programs that enforce policies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Mapping, Sequence

from .errors import ServingError

INGRESS, EGRESS = "Ingress", "Egress"


@dataclass(frozen=True)
class NamedPort:
    """A port that a container declares."""

    name: str
    number: int
    protocol: str = "TCP"


@dataclass(frozen=True)
class Pod:
    """A pod as policies see it. One in the network of its node is an outsider."""

    name: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    ports: Sequence[NamedPort] = ()


@dataclass(frozen=True)
class Outsider:
    """An address that is no pod's."""

    name: str
    address: str


@dataclass(frozen=True)
class Policies:
    """The policies of a cluster, and the labels of its namespaces."""

    policies: Sequence[Mapping[str, Any]]
    namespaces: Mapping[str, Mapping[str, str]]

    def allow(self, source: Pod | Outsider, target: Pod | Outsider, port: int, protocol: str = "TCP") -> bool:
        """Say whether a party may reach another one's port."""
        if source == target:
            # A pod reaches itself, whatever policies say.
            return True
        return self._lets(EGRESS, source, target, port, protocol) and self._lets(
            INGRESS, target, source, port, protocol
        )

    def isolates(self, pod: Pod, direction: str) -> bool:
        """Say whether some policy of a direction selects a pod."""
        return bool(self._specs(pod, direction))

    def _lets(self, direction: str, own: Pod | Outsider, other: Pod | Outsider, port: int, protocol: str) -> bool:
        """Say whether one end allows it."""
        if isinstance(own, Outsider):
            return True
        specs = self._specs(own, direction)
        # The port is the target's, and so is its name.
        target = other if direction == EGRESS else own
        side = "to" if direction == EGRESS else "from"
        return not specs or any(
            self._has_peer(rule.get(side), other, own.namespace)
            and _has_port(rule.get("ports"), target, port, protocol)
            for spec in specs
            for rule in spec.get(direction.lower()) or ()
        )

    def _specs(self, pod: Pod, direction: str) -> list[Mapping[str, Any]]:
        specs = [
            each["spec"] for each in self.policies if each["metadata"].get("namespace", "default") == pod.namespace
        ]
        return [
            spec for spec in specs if direction in _types(spec) and selects(spec.get("podSelector") or {}, pod.labels)
        ]

    def _has_peer(self, peers: Sequence[Mapping[str, Any]] | None, other: Pod | Outsider, namespace: str) -> bool:
        return not peers or any(self._is_peer(peer, other, namespace) for peer in peers)

    def _is_peer(self, peer: Mapping[str, Any], other: Pod | Outsider, namespace: str) -> bool:
        if peer.get("ipBlock") is not None:
            return _is_in(peer["ipBlock"], other.address)
        pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
        if isinstance(other, Outsider) or (pods is None and namespaces is None):
            return False
        if namespaces is None and other.namespace != namespace:
            return False
        if namespaces is not None and not selects(namespaces, self.namespaces.get(other.namespace, {})):
            return False
        return pods is None or selects(pods, other.labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a selector has labels; an empty one has all."""
    wanted = selector.get("matchLabels") or {}
    return all(key in labels and labels[key] == value for key, value in wanted.items()) and all(
        _holds(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    operator, key = str(expression["operator"]), str(expression["key"])
    values: Sequence[str] = expression.get("values") or ()
    if operator in ("Exists", "DoesNotExist"):
        return (key in labels) == (operator == "Exists")
    if operator in ("In", "NotIn"):
        # A label that is missing is in no list.
        return (key in labels and labels[key] in values) == (operator == "In")
    raise ServingError(f"A selector has the operator '{operator}'. There are In, NotIn, Exists and DoesNotExist.")


def _types(spec: Mapping[str, Any]) -> Sequence[str]:
    types: Sequence[str] = spec.get("policyTypes") or ()
    return types or ([INGRESS, EGRESS] if spec.get("egress") else [INGRESS])


def _has_port(ports: Sequence[Mapping[str, Any]] | None, target: Pod | Outsider, number: int, protocol: str) -> bool:
    return not ports or any(_is_port(each, target, number, protocol) for each in ports)


def _is_port(wanted: Mapping[str, Any], target: Pod | Outsider, number: int, protocol: str) -> bool:
    if (wanted.get("protocol") or "TCP") != protocol:
        return False
    port = wanted.get("port")
    if isinstance(port, str):
        declared = target.ports if isinstance(target, Pod) else ()
        return any((each.name, each.number, each.protocol) == (port, number, protocol) for each in declared)
    return port is None or int(port) <= number <= int(wanted.get("endPort") or port)


def _is_in(block: Mapping[str, Any], text: str) -> bool:
    if not text:
        return False
    address = ip_address(text)
    return address in ip_network(block["cidr"]) and not any(
        address in ip_network(each) for each in block.get("except") or ()
    )


__all__ = ["EGRESS", "INGRESS", "NamedPort", "Outsider", "Pod", "Policies", "selects"]
