# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkPolicies that people misread, and what they mean, for every test that reads policies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from plugins.module_utils._core.policy_evaluator import NamedPort, Outsider, Pod

NAME = "kubernetes.io/metadata.name"
NAMESPACES = {
    "web": {NAME: "web", "team": "blue"},
    "data": {NAME: "data", "team": "green"},
    "bare": {},
}
FRONT = Pod("front", "web", {"app": "front"}, "10.42.0.5")
BACK = Pod("back", "data", {"app": "back", "tier": "db"}, "10.42.0.6", (NamedPort("sql", 5432), NamedPort("stat", 9)))
SIBLING = Pod("sibling", "data", {"app": "sibling"}, "10.42.0.7", (NamedPort("sql", 6543), NamedPort("dns", 53, "UDP")))
STRAY = Pod("stray", "bare", {"app": "front"}, "2001:db8::7")
LAN = Outsider("lan", "192.0.2.77")
BACK_SELECTED = {"podSelector": {"matchLabels": {"app": "back"}}}
IN, OUT = ["Ingress"], ["Egress"]


def policy(spec: dict[str, Any], namespace: str = "data", name: str = "p") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def ingress(*rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return a policy for what enters `back`."""
    return policy({**BACK_SELECTED, "policyTypes": IN, "ingress": list(rules), **spec})


def egress(*rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return a policy for what leaves `front`."""
    selected = {"podSelector": {"matchLabels": {"app": "front"}}}
    return policy({**selected, "policyTypes": OUT, "egress": list(rules), **spec}, "web")


def peer(**selectors: dict[str, str]) -> dict[str, Any]:
    return {f"{key}Selector": {"matchLabels": labels} if labels else {} for key, labels in selectors.items()}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


@dataclass(frozen=True)
class Case:
    """Policies, and whether something gets through: from front to back on 5432 by TCP unless it says otherwise."""

    policies: list[dict[str, Any]]
    passes: bool
    source: Pod | Outsider = FRONT
    target: Pod | Outsider = BACK
    port: int = 5432
    protocol: str = "TCP"
    namespaces: dict[str, dict[str, str]] = field(default_factory=lambda: NAMESPACES)


BLUE = {"team": "blue"}
CASES = {
    "without policies everything passes": Case([], True),
    "a policy of another namespace selects nobody here": Case([policy({"podSelector": {}}, "web")], True),
    "a policy without rules denies": Case([ingress()], False),
    "an empty rule allows everything": Case([ingress({})], True),
    "an empty list of peers allows everybody": Case([ingress({"from": [], "ports": []})], True),
    "a null list of peers allows everybody": Case([ingress({"from": None, "ports": None})], True),
    "a selector that is missing selects all pods": Case([policy({"policyTypes": IN})], False),
    "a pod that is not selected stays open": Case([ingress()], True, target=SIBLING),
    "policies add up": Case([ingress(), ingress({"from": [peer(namespace=BLUE)]})], True),
    "one that allows does not open the other direction": Case([ingress({}), egress()], False),
    "both directions are needed": Case([ingress(), egress({})], False),
    "both directions allow": Case([ingress({}), egress({})], True),
    "a pod reaches itself": Case([ingress()], True, source=BACK),
    # Which directions a policy speaks of
    "without types, ingress is isolated": Case([policy(BACK_SELECTED)], False),
    "without types and without egress rules, egress is not isolated": Case(
        [policy({"podSelector": {}}, "web")], True, source=FRONT
    ),
    "without types, an empty list of egress rules does not isolate": Case(
        [policy({"podSelector": {}, "egress": []}, "web")], True
    ),
    "without types, egress rules isolate egress": Case(
        [policy({"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}, "web")], False
    ),
    "rules of a direction that is not among the types are not read": Case(
        [policy({"podSelector": {}, "policyTypes": OUT, "ingress": [{"ports": [{"port": 1}]}]})], True
    ),
    "types without rules deny that direction": Case([policy({"podSelector": {}, "policyTypes": OUT}, "web")], False),
    # Peers
    "pods alone mean those of the policy's namespace": Case([ingress({"from": [peer(pod={"app": "front"})]})], False),
    "pods of the policy's own namespace": Case(
        [ingress({"from": [peer(pod={"app": "sibling"})]})], True, source=SIBLING
    ),
    "all pods of a namespace are not all pods": Case([ingress({"from": [peer(pod={})]})], False),
    "an empty selector of namespaces means all of them": Case([ingress({"from": [peer(namespace={})]})], True),
    "all namespaces hold no address from outside": Case([ingress({"from": [peer(namespace={})]})], False, source=LAN),
    "a namespace by the label that Kubernetes sets": Case([ingress({"from": [peer(namespace={NAME: "web"})]})], True),
    "a namespace by a label that nobody sets": Case([ingress({"from": [peer(namespace={"name": "web"})]})], False),
    "both selectors in one peer are both needed": Case(
        [ingress({"from": [peer(namespace=BLUE, pod={"app": "other"})]})], False
    ),
    "both selectors in two peers are alternatives": Case(
        [ingress({"from": [peer(namespace=BLUE), peer(pod={"app": "other"})]})], True
    ),
    "a peer without anything is nobody": Case([ingress({"from": [{}]})], False),
    "a namespace that is not known has no labels": Case(
        [ingress({"from": [{"namespaceSelector": expression("team", "DoesNotExist")}]})], True, namespaces={}
    ),
    # Selectors
    "In needs the label": Case(
        [ingress({"from": [{"namespaceSelector": expression("team", "In", "blue", "red")}]})], True
    ),
    "In with another value": Case([ingress({"from": [{"namespaceSelector": expression("team", "In", "red")}]})], False),
    "In without the label": Case(
        [ingress({"from": [{"namespaceSelector": expression("team", "In", "blue")}]})], False, source=STRAY
    ),
    "NotIn takes who lacks the label": Case(
        [ingress({"from": [{"namespaceSelector": expression("team", "NotIn", "blue")}]})], True, source=STRAY
    ),
    "NotIn with the value": Case(
        [ingress({"from": [{"namespaceSelector": expression("team", "NotIn", "blue")}]})], False
    ),
    "Exists": Case([ingress({"from": [{"namespaceSelector": expression("team", "Exists")}]})], True),
    "Exists without the label": Case(
        [ingress({"from": [{"namespaceSelector": expression("team", "Exists")}]})], False, source=STRAY
    ),
    "labels and expressions are both needed": Case(
        [policy({"podSelector": {"matchLabels": {"app": "back"}, **expression("tier", "NotIn", "db")}})], True
    ),
    # Blocks
    "a block holds its addresses": Case([ingress({"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]})], True, LAN),
    "an exception is out": Case(
        [ingress({"from": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.64/26"]}}]})], False, LAN
    ),
    "an exception elsewhere is none": Case(
        [ingress({"from": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}}]})], True, LAN
    ),
    "another block allows what one excepts": Case(
        [
            ingress({"from": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.64/26"]}}]}),
            ingress({"from": [{"ipBlock": {"cidr": "192.0.2.77/32"}}]}),
        ],
        True,
        LAN,
    ),
    "a block holds pods, too": Case([ingress({"from": [{"ipBlock": {"cidr": "10.42.0.0/16"}}]})], True),
    "the whole of IPv4 is not IPv6": Case([ingress({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]})], False, STRAY),
    "a pod that has no address yet is in no block": Case(
        [ingress({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]})], False, replace(FRONT, address="")
    ),
    # Ports
    "a port without protocol is TCP": Case([ingress({"ports": [{"port": 5432}]})], True),
    "a port without protocol is not UDP": Case([ingress({"ports": [{"port": 5432}]})], False, protocol="UDP"),
    "a protocol without port is all its ports": Case([ingress({"ports": [{"protocol": "TCP"}]})], True, port=1),
    "a protocol without port is that one alone": Case([ingress({"ports": [{"protocol": "UDP"}]})], False),
    "nothing at all in a port is all of TCP": Case([ingress({"ports": [{}]})], False, protocol="UDP"),
    "the first of a range": Case([ingress({"ports": [{"port": 5432, "endPort": 5440}]})], True),
    "the last of a range": Case([ingress({"ports": [{"port": 5400, "endPort": 5432}]})], True),
    "after a range": Case([ingress({"ports": [{"port": 5400, "endPort": 5431}]})], False),
    "before a range": Case([ingress({"ports": [{"port": 5433, "endPort": 5440}]})], False),
    "peer and port are both needed": Case([ingress({"from": [peer(namespace=BLUE)], "ports": [{"port": 1}]})], False),
    "peer and port of two rules are not one rule": Case(
        [ingress({"from": [peer(namespace=BLUE)], "ports": [{"port": 1}]}, {"from": [peer(pod={})], "ports": []})],
        False,
    ),
    "a name is what the target calls it": Case([ingress({"ports": [{"port": "sql"}]})], True),
    "a name is not another port of the target": Case([ingress({"ports": [{"port": "sql"}]})], False, port=6543),
    "the same name is another number in another pod": Case(
        [policy({"podSelector": {}, "ingress": [{"ports": [{"port": "sql"}]}]})], True, target=SIBLING, port=6543
    ),
    "a name that the target lacks": Case([ingress({"ports": [{"port": "http"}]})], False),
    "a name of the other protocol": Case(
        [policy({"podSelector": {}, "ingress": [{"ports": [{"port": "dns"}]}]})], False, FRONT, SIBLING, 53, "UDP"
    ),
    "a name that the target has for the other protocol": Case(
        [policy({"podSelector": {}, "ingress": [{"ports": [{"port": "dns"}]}]})], False, FRONT, SIBLING, 53
    ),
    "a name with its protocol": Case(
        [policy({"podSelector": {}, "ingress": [{"ports": [{"port": "dns", "protocol": "UDP"}]}]})],
        True,
        FRONT,
        SIBLING,
        53,
        "UDP",
    ),
    "at the way out a name is the target's as well": Case([egress({"ports": [{"port": "sql"}]})], True),
    "nobody outside has names of ports": Case([egress({"ports": [{"port": "sql"}]})], False, target=LAN),
    "out to a block": Case([egress({"to": [{"ipBlock": {"cidr": "192.0.2.77/32"}}]})], True, target=LAN),
    "the way back needs no rule, and gives none": Case([egress()], True, source=BACK, target=FRONT),
}

# The sample that is handed around: https://kubernetes.io/docs/concepts/services-networking/network-policies/ says of
# each of its parts what it means.
COMMON: dict[str, Any] = yaml.safe_load("""
metadata: {name: isolate, namespace: team-a}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {name: ingress-nginx}}
        - podSelector: {}
  egress:
    - to:
        - namespaceSelector: {matchLabels: {name: kube-system}}
      ports:
        - port: 53
""")
# Somebody gave the namespaces the label that the sample wants.
LABELLED = {name: {"name": name, "kubernetes.io/metadata.name": name} for name in ("ingress-nginx", "kube-system")}
