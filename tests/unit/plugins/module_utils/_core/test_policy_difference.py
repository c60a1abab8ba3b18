# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies are compared by what they mean, and what differs is said."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.policy_difference import differences

Spec = dict[str, Any]

BOTH = ["Ingress", "Egress"]
PODS = {"podSelector": {"matchLabels": {"app": "web"}}}
SPACE = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
WEB: Spec = {
    "podSelector": {"matchLabels": {"app": "db", "tier": "low"}},
    "ingress": [{"from": [PODS, SPACE], "ports": [{"port": 80}, {"port": 443, "protocol": "TCP"}]}],
    "policyTypes": BOTH,
}


def rules(*found: Spec, **more: Any) -> Spec:
    return {**WEB, "ingress": list(found), **more}


BARE: Spec = {"podSelector": {}}
TCP = [{"port": 443, "protocol": "TCP"}, {"port": 80, "protocol": "TCP"}]
SAME: dict[str, tuple[Spec, Spec]] = {
    "the protocol is filled in": (WEB, rules({"from": [PODS, SPACE], "ports": TCP})),
    "another order": (WEB, rules({"from": [SPACE, PODS], "ports": TCP[::-1]}, policyTypes=BOTH[::-1])),
    "cut into other rules": (
        WEB,
        rules(*({"from": [each], "ports": [{"port": port}]} for each in (PODS, SPACE) for port in (80, 443))),
    ),
    "empty lists are dropped": ({**WEB, "egress": []}, WEB),
    "types are filled in": (
        {**BARE, "ingress": [{}]},
        {**BARE, "ingress": [{}], "policyTypes": ["Ingress"]},
    ),
    "types follow egress": ({**BARE, "egress": [{}]}, {**BARE, "egress": [{}], "policyTypes": BOTH}),
    "a direction that it is not about": (
        {**BARE, "policyTypes": ["Ingress"]},
        {**BARE, "egress": [{}], "policyTypes": ["Ingress"]},
    ),
}

OTHER: dict[str, tuple[Spec, list[str]]] = {
    "a port less": (
        rules({"from": [PODS, SPACE], "ports": [{"port": 80}]}),
        [
            "ingress lacks 443/TCP from all pods of the namespaces team=a",
            "ingress lacks 443/TCP from the pods app=web",
        ],
    ),
    "anybody besides": (
        rules(*WEB["ingress"], {"ports": [{"port": 53, "protocol": "UDP"}]}),
        ["ingress has also 53/UDP from anywhere"],
    ),
    "everything besides": (rules(*WEB["ingress"], {}), ["ingress has also all ports from anywhere"]),
    "a range": (
        rules(*WEB["ingress"], {"from": [PODS], "ports": [{"port": 80, "endPort": 90}]}),
        ["ingress has also 80-90/TCP from the pods app=web"],
    ),
    "a block with a hole": (
        rules(*WEB["ingress"], {"from": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.9/32"]}}]}),
        ["ingress has also all ports from 192.0.2.0/24 without 192.0.2.9/32"],
    ),
    "one selector in place of two": (
        rules({"from": [{**PODS, **SPACE}, PODS, SPACE], "ports": [{"port": 80}, {"port": 443}]}),
        [
            "ingress has also 443/TCP from the pods app=web of the namespaces team=a",
            "ingress has also 80/TCP from the pods app=web of the namespaces team=a",
        ],
    ),
    "all namespaces": (
        rules(*WEB["ingress"], {"from": [{"namespaceSelector": {}}], "ports": [{"port": 80}]}),
        ["ingress has also 80/TCP from all pods of the namespaces all"],
    ),
    "other pods": (
        {**WEB, "podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["y", "x"]}]}},
        ["it is about the pods app In (x, y), not app=db, tier=low"],
    ),
    "egress is open": ({**WEB, "policyTypes": ["Ingress"]}, ["it says nothing of egress"]),
}


@pytest.mark.parametrize(("wanted", "found"), SAME.values(), ids=SAME.keys())
def test_what_means_the_same_does_not_differ(wanted: Spec, found: Spec) -> None:
    assert list(differences(wanted, found)) == []
    assert list(differences(found, wanted)) == []


@pytest.mark.parametrize(("found", "said"), OTHER.values(), ids=OTHER.keys())
def test_what_differs_is_said(found: Spec, said: list[str]) -> None:
    assert list(differences(WEB, found)) == said
    # The other way round it differs as well.
    assert len(list(differences(found, WEB))) == len(said)
