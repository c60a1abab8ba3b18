# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An address pool as an inventory has it, a pool as a cluster has it, and a Service with an address."""

from __future__ import annotations

from typing import Any

from plugins.module_utils._core.metallb_objects import LABELS, VERSIONS

LAN = {"name": "lan", "addresses": ["192.0.2.200-192.0.2.219"]}


def settings(**changes: Any) -> dict[str, Any]:
    """Return what an inventory with one pool wants."""
    return {
        "namespace": "metallb-system",
        "pools": [LAN],
        "l2_advertisements": [{"name": "all"}],
        "bgp_backend": "none",
        "bgp_peers": [],
        "bgp_advertisements": [],
        "dhcp_ranges": [],
        "service_addresses": [],
        "removed_pools": [],
        **changes,
    }


def live(kind: str, name: str, *addresses: str, ours: bool = True) -> dict[str, Any]:
    """Return one of MetalLB's objects as the API shows it."""
    labels = dict(LABELS) if ours else {}
    metadata = {"name": name, "namespace": "metallb-system", "labels": labels, "uid": "1"}
    spec = {"addresses": list(addresses)} if addresses else {}
    return {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": metadata, "spec": spec}


def service(name: str, *addresses: str, **metadata: Any) -> dict[str, Any]:
    """Return a Service as the API shows it, with the addresses that it was given."""
    given = [{"ip": address} for address in addresses]
    return {
        "metadata": {"namespace": "web", "name": name, **metadata},
        "status": {"loadBalancer": {"ingress": given} if given else {}},
    }
