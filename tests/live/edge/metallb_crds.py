# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of objects that MetalLB brings, as far as the role writes them: a field that is not here is refused.

The fields are those of https://metallb.universe.tf/apis/
"""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
FREE_ONES = {"type": "array", "items": FREE}
POOL = {
    "addresses": {**TEXTS, "minItems": 1},
    "autoAssign": {"type": "boolean", "default": True},
    "avoidBuggyIPs": {"type": "boolean", "default": False},
    "serviceAllocation": FREE,
}
LAYER2 = {
    "ipAddressPools": TEXTS,
    "ipAddressPoolSelectors": FREE_ONES,
    "nodeSelectors": FREE_ONES,
    "interfaces": TEXTS,
    "serviceSelectors": FREE_ONES,
}
PEER = {"myASN": {"type": "integer"}, "peerASN": {"type": "integer"}, "peerAddress": TEXT}
BGP = {"ipAddressPools": TEXTS, "aggregationLength": {"type": "integer"}, "communities": TEXTS}


def definition(kind: str, plural: str, version: str, fields: dict[str, Any]) -> dict[str, Any]:
    properties = {"spec": {"type": "object", "properties": fields}, "status": FREE}
    schema = {"type": "object", "required": ["spec"], "properties": properties}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.metallb.io"},
        "spec": {
            "group": "metallb.io",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


DEFINITIONS = [
    definition("IPAddressPool", "ipaddresspools", "v1beta1", POOL),
    definition("L2Advertisement", "l2advertisements", "v1beta1", LAYER2),
    definition("BGPPeer", "bgppeers", "v1beta2", PEER),
    definition("BGPAdvertisement", "bgpadvertisements", "v1beta1", BGP),
]
