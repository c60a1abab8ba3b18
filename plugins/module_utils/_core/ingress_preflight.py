# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the edge of an inventory's cluster, before there is one."""

from __future__ import annotations

from typing import Iterator

from .address_spans import address_span
from .ingress_problems import NO_CONTROLLER, Edge, edge_findings
from .ingress_tls import TlsFiles
from .preflight_cluster import EDGE_VARIABLES, POOLS, Cluster, listed
from .preflight_report import Finding

NGINX, TRAEFIK, SERVICELB = "nginx", "traefik", "servicelb"

# What is asked through the edge when it has been declared.
PROVED = ("serving_models", "serving_experiments")


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
        is_proved=any(cluster.shared.get(name) for name in PROVED),
    )
    yield from edge_findings(edge)
    yield from _handed_out(cluster, edge)
    yield from _bundled(cluster, edge.controller)


def _handed_out(cluster: Cluster, edge: Edge) -> Iterator[Finding]:
    """Yield an address that nobody hands out: the controller would wait for it until its time is over."""
    elsewhere = cluster.shared.get("metallb_state") == "absent" or SERVICELB not in cluster.texts("k3s_disable")
    if edge.controller == NO_CONTROLLER or cluster.pools or elsewhere:
        return
    span = address_span(edge.address)
    example = (
        f"that has {span.text}, such as [{{name: lan, addresses: [{span.text}-{span.text}]}}]" if span else "for it"
    )
    yield Finding(
        f"{POOLS} is empty, and k3s_disable has {SERVICELB}, so nobody would hand out ingress_address. Set {POOLS} to "
        f"a pool {example}. Where something else hands it out, set metallb_state to absent."
    )


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
