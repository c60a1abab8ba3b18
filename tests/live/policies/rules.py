# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkPolicies as rules of nftables, by a reading of their own: it shares no code with the product or its evaluator.

A policy is turned inside out: for each pod and each direction, a chain of what may pass, written with addresses that
were looked up, and a refusal at the end. The kernel then does the rest: who is in a set, what a range of ports holds,
and that both ends have to agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# TCP is refused with a reset, so that nobody has to wait for it.
HEAD = """
table ip policies {
  chain refuse {
    meta l4proto tcp reject with tcp reset
    drop
  }
"""
ALL_PROTOCOLS = "meta l4proto { tcp, udp, sctp }"


@dataclass(frozen=True)
class Endpoint:
    """A pod as the API shows it: where it is, what it is called by, and the names of its ports."""

    address: str
    namespace: str
    labels: Mapping[str, str]
    ports: Sequence[tuple[str, int, str]] = ()


def ruleset(
    policies: Iterable[Mapping[str, Any]], pods: Sequence[Endpoint], namespaces: Mapping[str, Mapping[str, str]]
) -> str:
    """Return what a router between the pods has to do."""
    everything = list(policies)
    chains, jumps = [], []
    for index, pod in enumerate(pods):
        for way, match in (("egress", "saddr"), ("ingress", "daddr")):
            specs = [each["spec"] for each in everything if _concerns(each, pod, way)]
            if not specs:
                continue
            lines = [line for spec in specs for line in _lines(spec, way, pod, pods, namespaces)]
            body = "\n".join(f"    {line} return" for line in lines)
            chains.append(f"  chain {way}_{index} {{\n{body}\n    goto refuse\n  }}\n")
            jumps.append(f"    ip {match} {pod.address} jump {way}_{index}\n")
    forward = "  chain forward {\n    type filter hook forward priority 0; policy accept;\n"
    forward += "    ct state established,related accept\n" + "".join(jumps) + "  }\n"
    return HEAD + "".join(chains) + forward + "}\n"


def _concerns(policy: Mapping[str, Any], pod: Endpoint, way: str) -> bool:
    spec, home = policy["spec"], policy["metadata"].get("namespace", "default")
    given = spec.get("policyTypes")
    speaks = way.capitalize() in given if given else way == "ingress" or len(spec.get("egress") or []) > 0
    return speaks and home == pod.namespace and matches(spec.get("podSelector"), pod.labels)


def _lines(
    spec: Mapping[str, Any],
    way: str,
    own: Endpoint,
    pods: Sequence[Endpoint],
    namespaces: Mapping[str, Mapping[str, str]],
) -> list[str]:
    found = []
    for rule in spec.get(way) or []:
        peers = rule.get("to" if way == "egress" else "from")
        wheres = [""] if not peers else [line for peer in peers for line in _where(peer, way, own, pods, namespaces)]
        targets = pods if way == "egress" else [own]
        whats = (
            [""] if not rule.get("ports") else [line for port in rule["ports"] for line in _what(port, way, targets)]
        )
        found += [f"{where} {what}".strip() or ALL_PROTOCOLS for where in wheres for what in whats]
    return found


def _where(
    peer: Mapping[str, Any],
    way: str,
    own: Endpoint,
    pods: Sequence[Endpoint],
    namespaces: Mapping[str, Mapping[str, str]],
) -> list[str]:
    """Return how a packet shows that it goes to a peer, or comes from one."""
    field = "ip daddr" if way == "egress" else "ip saddr"
    block = peer.get("ipBlock")
    if block:
        if ":" in block["cidr"]:
            return []
        holes = block.get("except")
        return [f"{field} {block['cidr']}" + (f" {field} != {{ {', '.join(holes)} }}" if holes else "")]
    if "podSelector" not in peer and "namespaceSelector" not in peer:
        return []
    members = []
    for pod in pods:
        if "namespaceSelector" in peer:
            at_home = matches(peer["namespaceSelector"], namespaces.get(pod.namespace, {}))
        else:
            at_home = pod.namespace == own.namespace
        if at_home and matches(peer.get("podSelector"), pod.labels):
            members.append(pod.address)
    return [f"{field} {{ {', '.join(members)} }}"] if members else []


def _what(port: Mapping[str, Any], way: str, targets: Sequence[Endpoint]) -> list[str]:
    """Return how a packet shows that it is meant for a port."""
    protocol = (port.get("protocol") or "TCP").lower()
    wanted = port.get("port")
    if wanted is None:
        return [f"meta l4proto {protocol}"]
    if isinstance(wanted, int):
        last = f"-{port['endPort']}" if port.get("endPort") else ""
        return [f"{protocol} dport {wanted}{last}"]
    # A name belongs to each target by itself.
    found = []
    for target in targets:
        numbers = [number for name, number, its in target.ports if name == wanted and its.lower() == protocol]
        found += [f"ip daddr {target.address} {protocol} dport {number}" for number in numbers]
    return found


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Say whether labels fit a selector, which fits everything when it asks for nothing."""
    if not selector:
        return True
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for term in selector.get("matchExpressions") or []:
        has, listed = term["key"] in labels, labels.get(term["key"]) in (term.get("values") or [])
        fits = {"In": has and listed, "NotIn": not has or not listed, "Exists": has, "DoesNotExist": not has}
        if not fits[term["operator"]]:
            return False
    return True
