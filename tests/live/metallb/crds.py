# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of objects that MetalLB's programs need to run: what the role writes, and what they write themselves.

The fields that the role writes are strict ones; MetalLB judges the rest. Kinds: https://metallb.io/apis/
"""

from __future__ import annotations

from typing import Any

from tests.live.edge.metallb_crds import DEFINITIONS, FREE, definition

# What a controller asks to be told of, and what it reports by.
OTHERS = {
    "BFDProfile": "bfdprofiles",
    "Community": "communities",
    "ServiceL2Status": "servicel2statuses",
    "ServiceBGPStatus": "servicebgpstatuses",
    "ConfigurationState": "configurationstates",
}
CONVERTED = "BGPPeer"


def definitions(conversion: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all kinds; ``conversion`` says who turns a peer of one version into one of another."""
    free = [definition(kind, plural, "v1beta1", {}) for kind, plural in OTHERS.items()]
    for each in free:
        schema = each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        schema.update(properties={"spec": FREE, "status": FREE}, required=[])
    return [_complete(each, conversion) for each in (*DEFINITIONS, *free)]


def _complete(plain: dict[str, Any], conversion: dict[str, Any]) -> dict[str, Any]:
    """Return a definition whose status is written apart, and which has the versions that the programs speak."""
    versions = [{**each, "subresources": {"status": {}}} for each in plain["spec"]["versions"]]
    spec = {**plain["spec"], "versions": versions}
    if spec["names"]["kind"] == CONVERTED:
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": FREE, "status": FREE}}}
        versions.append({"name": "v1beta1", "served": True, "storage": False, "schema": schema})
        spec["conversion"] = conversion
    return {**plain, "spec": spec}
