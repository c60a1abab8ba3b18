# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where two NetworkPolicies differ in what they mean, whatever the API filled in, and in whatever order it is said.

What is filled in: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from .policy_evaluator import EGRESS, INGRESS

Spec = Mapping[str, Any]

# How a rule of each direction names the other side, and how that is said.
SIDES = {INGRESS: ("ingress", "from"), EGRESS: ("egress", "to")}


def differences(wanted: Spec, found: Spec) -> Iterator[str]:
    """Yield what the spec of a policy that was found lacks of the wanted one, and has besides."""
    pods, others = (_selected(each.get("podSelector") or {}) for each in (wanted, found))
    if pods != others:
        yield f"it is about the pods {others}, not {pods}"
    for direction, (key, side) in SIDES.items():
        closed, is_closed = direction in _types(wanted), direction in _types(found)
        if closed != is_closed:
            yield f"it says {'nothing of' if closed else 'something of'} {key}"
        elif closed:
            doors, there = (_doors(each.get(key) or (), side) for each in (wanted, found))
            yield from (f"{key} lacks {each}" for each in sorted(doors - there))
            yield from (f"{key} has also {each}" for each in sorted(there - doors))


def _types(spec: Spec) -> Sequence[str]:
    """Return the directions that a policy is about; without a word, it is about egress when it has rules of it."""
    return spec.get("policyTypes") or ([INGRESS, EGRESS] if spec.get("egress") else [INGRESS])


def _doors(rules: Sequence[Spec], side: str) -> set[str]:
    """Return each port with each party that a rule lets through: rules only add up, however they are cut."""
    return {
        f"{port} {side} {party}"
        for rule in rules
        for port in map(_port, rule.get("ports") or [{}])
        for party in map(_party, rule.get(side) or [{}])
    }


def _port(port: Spec) -> str:
    if not port:
        return "all ports"
    end = f"-{port['endPort']}" if port.get("endPort") else ""
    return f"{port.get('port', 'all ports')}{end}/{port.get('protocol') or 'TCP'}"


def _party(party: Spec) -> str:
    if not party:
        return "anywhere"
    block = party.get("ipBlock")
    if block:
        without = ", ".join(sorted(block.get("except") or ()))
        return f"{block['cidr']}{f' without {without}' if without else ''}"
    # An empty selector means all, a missing one means nothing.
    pods, spaces = party.get("podSelector"), party.get("namespaceSelector")
    said = "all pods" if pods is None else f"the pods {_selected(pods)}"
    return said if spaces is None else f"{said} of the namespaces {_selected(spaces)}"


def _selected(selector: Spec) -> str:
    labels = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    rules = [
        f"{each['key']} {each['operator']} ({', '.join(sorted(each.get('values') or ()))})"
        for each in selector.get("matchExpressions") or ()
    ]
    return ", ".join(sorted([*labels, *rules])) or "all"


__all__ = ["differences"]
