# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The route of a host as a cluster has it, and what is wrong with it."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from .cluster_view import ClusterView, Object, where
from .ingress_nginx import PREFIX
from .ingress_routes import MESH_SERVICE

MESH_PORT = 80


def route_faults(
    view: ClusterView, controller: str, host: str, mesh_namespace: str, *, is_grpc: bool
) -> tuple[str, list[str]]:
    """Return which object routes a host, empty when none does, and what is wrong with it."""
    read = _ingresses if controller == "nginx" else _traefik_routes
    found = list(read(view, host, is_grpc))
    mine = [each for each in found if each[0].split("/")[0] == mesh_namespace]
    if not found:
        return "", []
    if not mine:
        names = ", ".join(name for name, _faults in found)
        return names, [f"{names} is not in {mesh_namespace}, where the mesh is"]
    return mine[0][0], [fault for name, faults in mine for fault in faults]


def _ingresses(view: ClusterView, host: str, is_grpc: bool) -> Iterator[tuple[str, list[str]]]:
    known = {each["metadata"]["name"] for each in view.all("ingressclasses")}
    for each in view.all("ingresses"):
        rules = [rule for rule in each["spec"].get("rules") or () if rule.get("host") == host]
        if not rules:
            continue
        faults = []
        name = each["spec"].get("ingressClassName") or _annotations(each).get("kubernetes.io/ingress.class")
        if name != "nginx":
            faults.append(f"{where(each)} has the class {name or 'none'}")
        elif known and name not in known:
            faults.append(f"the cluster has no IngressClass {name}")
        backends = [path.get("backend") or {} for rule in rules for path in (rule.get("http") or {}).get("paths") or ()]
        faults += [text for backend in backends for text in _backend(backend.get("service") or {})]
        if is_grpc:
            faults += _grpc(each, host)
        yield where(each), faults if backends else [*faults, f"{where(each)} has no path"]


def _backend(service: Mapping[str, Any]) -> Iterator[str]:
    port = service.get("port") or {}
    # Seldon calls the port of calls `data`.
    if service.get("name") != MESH_SERVICE or (port.get("number"), port.get("name")) not in (
        (MESH_PORT, None),
        (None, "data"),
    ):
        yield f"it leads to {service.get('name')}:{port.get('number') or port.get('name')}"


def _grpc(ingress: Object, host: str) -> Iterator[str]:
    if _annotations(ingress).get(f"{PREFIX}/backend-protocol") != "GRPC":
        yield f"{where(ingress)} has no annotation {PREFIX}/backend-protocol: GRPC"
    if host not in [name for each in ingress["spec"].get("tls") or () for name in each.get("hosts") or ()]:
        yield f"{where(ingress)} has no TLS for {host}, and NGINX speaks HTTP/2 only there"


def _traefik_routes(view: ClusterView, host: str, is_grpc: bool) -> Iterator[tuple[str, list[str]]]:
    for each in view.all("ingressroutes"):
        for rule in each["spec"].get("routes") or ():
            services = [one for one in rule.get("services") or () if one.get("kind", "Service") == "Service"]
            if f"Host(`{host}`)" not in str(rule.get("match")) or not services:
                continue
            faults = [
                f"it leads to {one.get('name')}:{one.get('port')}"
                for one in services
                if (one.get("name"), one.get("port")) != (MESH_SERVICE, MESH_PORT)
            ]
            if is_grpc and any(one.get("scheme") != "h2c" for one in services):
                faults.append(f"{where(each)} does not speak h2c with the mesh")
            yield where(each), faults


def _annotations(thing: Object) -> Mapping[str, str]:
    return thing["metadata"].get("annotations") or {}


__all__ = ["route_faults"]
