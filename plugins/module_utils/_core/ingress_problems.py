# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory's edge: its controller, its address, and its routes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from .address_spans import address_span, pool_span
from .errors import ServingError
from .ingress_entries import entry_findings
from .ingress_objects import CONTROLLERS, route_objects
from .ingress_routes import MESH_NAMESPACE, MESH_SERVICE, NAMESPACED, TOPOLOGIES, Route, parse_route
from .ingress_tls import TlsFiles, certificate_findings
from .preflight_report import Finding, spoken

NO_CONTROLLER = "none"


@dataclass(frozen=True)
class Edge:
    """What an inventory says of the edge.

    ``pools``: the lines of all address pools. ``files``: what the files of routes showed; they are not judged without.
    ``is_proved``: whether models or experiments are asked through the routes.
    """

    controller: str
    topology: str
    address: str
    routes: Sequence[Any]
    pools: Sequence[str] = ()
    files: TlsFiles | None = None
    is_proved: bool = False


def edge_findings(edge: Edge) -> Iterator[Finding]:
    """Yield everything that is wrong; an edge without a controller has nothing to be wrong."""
    if edge.topology not in TOPOLOGIES:
        yield Finding(f"seldon_topology is '{edge.topology}'. Set it to {', '.join(TOPOLOGIES[:-1])} or single.")
    if edge.controller == NO_CONTROLLER:
        return
    if edge.controller not in CONTROLLERS:
        yield Finding(f"ingress_controller is '{edge.controller}'. Set it to nginx, traefik or none.")
    yield from _address(edge)
    for number, entry in enumerate(edge.routes, start=1):
        yield from entry_findings(entry, number)
    routes = readable_routes(edge.routes, topology=edge.topology)
    for route in routes:
        yield from _place(route, topology=edge.topology)
    yield from _shared(edge.routes, routes)
    yield from _asked(routes) if edge.is_proved else ()
    if edge.files:
        yield from certificate_findings(routes, edge.files)


def readable_routes(entries: Sequence[Any], *, topology: str) -> list[Route]:
    """Return the routes that make sense by themselves, whatever is wrong with the others."""
    good = [entry for number, entry in enumerate(entries, start=1) if not list(entry_findings(entry, number))]
    return [parse_route(entry, topology=topology) for entry in good]


def _address(edge: Edge) -> Iterator[Finding]:
    if not edge.address:
        example = f", such as one of {edge.pools[0]}" if edge.pools else ""
        yield Finding(f"ingress_address is not set. Set it to an address of an address pool{example}.")
        return
    span = address_span(edge.address)
    if span is None:
        yield Finding(f"ingress_address is '{edge.address}', which is no IP address. Set one of an address pool.")
        return
    if edge.pools and not any(span.lies_in(pool) for pool in _spans(edge.pools)):
        yield Finding(
            f"ingress_address is {edge.address}, which lies in no address pool. Set one of "
            f"{', '.join(edge.pools)}, or add it to metallb_address_pools."
        )


def _spans(pools: Sequence[str]) -> Iterator[Any]:
    for line in pools:
        try:
            yield pool_span(line, pool="")
        except ServingError:
            # It is told of where the pools are judged.
            continue


def _place(route: Route, *, topology: str) -> Iterator[Finding]:
    """Yield a route whose service cannot be where it says; a route reaches services of its own namespace alone."""
    where = f"The route '{route.name}'"
    if not route.namespace:
        yield Finding(f"{where} has no namespace. Set namespace: with seldon_topology {NAMESPACED}, each has a mesh.")
    elif topology != NAMESPACED and route.service == MESH_SERVICE and route.namespace != MESH_NAMESPACE:
        yield Finding(
            f"{where} leads to {MESH_SERVICE} in {route.namespace}, and with seldon_topology {topology} the mesh is in "
            f"{MESH_NAMESPACE}. Leave namespace out, or set seldon_topology to {NAMESPACED}."
        )


def _asked(routes: Sequence[Route]) -> Iterator[Finding]:
    """Yield routes that send away who asks for models and experiments, which is the first one of REST to each mesh."""
    asked = {
        route.namespace: route for route in reversed(routes) if route.service == MESH_SERVICE and not route.is_grpc
    }
    for route in asked.values():
        if route.tls and route.redirect:
            yield Finding(
                f"The route '{route.name}' sends plain HTTP away to https, and models and experiments are proved over "
                "plain HTTP. Set redirect: false in it: callers come over HTTPS, and plain HTTP is answered as well."
            )


def _shared(entries: Sequence[Any], routes: Sequence[Route]) -> Iterator[Finding]:
    """Yield what two routes cannot both have."""
    named: dict[str, list[str]] = {}
    names = Counter(str(entry.get("name") or "") for entry in entries if isinstance(entry, Mapping))
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("host"):
            named.setdefault(str(entry["host"]).lower(), []).append(f"'{entry.get('name') or ''}'")
    for host, users in named.items():
        if len(users) > 1:
            yield Finding(
                f"The routes {spoken(users)} have one host, {host}. Give each a host name of its own; gRPC and REST "
                "need two."
            )
    for name, count in names.items():
        if name and count > 1:
            yield Finding(f"ingress_routes has {count} routes '{name}'. Give each its own name.")
    yield from _collisions([route for route in routes if names[route.name] == 1])


def _collisions(routes: Sequence[Route]) -> Iterator[Finding]:
    """Yield two routes, one of which is named like an object that belongs to the other."""
    owners: dict[tuple[str, str, str], str] = {}
    for route in routes:
        for controller in CONTROLLERS:
            for each in route_objects([route], controller=controller):
                identity = each["kind"], route.namespace, each["metadata"]["name"]
                owner = owners.setdefault(identity, route.name)
                if owner != route.name:
                    yield Finding(
                        f"The route '{route.name}' would share the name {identity[2]} with an object of the route "
                        f"'{owner}'. Give it another name."
                    )
                    return


__all__ = ["Edge", "edge_findings", "readable_routes"]
