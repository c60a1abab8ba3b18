# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the edge of an inventory's cluster, before there is one."""

from __future__ import annotations

from typing import Iterator

from .ingress_problems import NO_CONTROLLER, Edge, edge_findings
from .ingress_tls import TlsFiles
from .preflight_cluster import EDGE_VARIABLES, Cluster, listed
from .preflight_report import Finding

NGINX, TRAEFIK = "nginx", "traefik"


def ingress_findings(cluster: Cluster, files: TlsFiles | None = None) -> Iterator[Finding]:
    """Yield everything that is wrong; an inventory that says nothing of an edge is not judged."""
    said = {name: cluster.shared.get(name) for name in EDGE_VARIABLES}
    if not any(said.values()):
        return
    routes = said["ingress_routes"] or []
    edge = Edge(
        controller=str(said["ingress_controller"] or NGINX),
        topology=str(said["seldon_topology"] or "central"),
        address=str(said["ingress_address"] or ""),
        routes=routes if isinstance(routes, (list, tuple)) else [routes],
        pools=[line for pool in cluster.pools for line in listed(pool.get("addresses"))],
        files=files,
    )
    yield from edge_findings(edge)
    yield from _bundled(cluster, edge.controller)


def _bundled(cluster: Cluster, controller: str) -> Iterator[Finding]:
    """Yield a controller of K3s's own that is missing, or that nobody asked for."""
    is_disabled = TRAEFIK in cluster.texts("k3s_disable")
    if controller == TRAEFIK and is_disabled:
        yield Finding(
            "ingress_controller is traefik, which K3s brings, and k3s_disable leaves it out. Take traefik out of "
            "k3s_disable."
        )
    if controller not in (TRAEFIK, NO_CONTROLLER) and not is_disabled:
        yield Finding(
            f"ingress_controller is {controller}, and K3s brings Traefik as well, which takes an address of the pools. "
            "Add traefik to k3s_disable.",
            is_warning=True,
        )


__all__ = ["ingress_findings"]
