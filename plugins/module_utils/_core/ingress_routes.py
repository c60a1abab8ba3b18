# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A route from the edge of a cluster to a service in it, whatever controller carries it out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping

REST, GRPC = "rest", "grpc"
FILES, ISSUER, PRIVATE_CA = "files", "issuer", "private_ca"
TLS_SOURCES = (FILES, ISSUER, PRIVATE_CA)
CENTRAL, NAMESPACED, SINGLE = "central", "namespaced", "single"
TOPOLOGIES = (CENTRAL, NAMESPACED, SINGLE)
# Where the mesh is, unless each namespace has its own.
MESH_NAMESPACE = "seldon-system"
MESH_SERVICE = "seldon-mesh"
PATHS = {REST: "/v2", GRPC: "/inference.GRPCInferenceService"}
BODY_SIZE = re.compile(r"([0-9]{1,9})([kmg]?)", re.IGNORECASE)
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True)
class Tls:
    """Where the certificate of a host comes from."""

    source: str
    certificate: str = ""
    key: str = ""
    issuer: str = ""
    issuer_kind: str = "ClusterIssuer"


@dataclass(frozen=True)
class Route:
    """One host of one protocol, and the service that its requests go to."""

    name: str
    host: str
    namespace: str
    path: str
    protocol: str = REST
    service: str = MESH_SERVICE
    port: int = 80
    connect_timeout: int = 5
    timeout: int = 300
    body_size: str = "64m"
    tls: Tls | None = None
    redirect: bool = True

    @property
    def is_grpc(self) -> bool:
        return self.protocol == GRPC

    @property
    def body_bytes(self) -> int:
        """The largest body in bytes; 0 for any."""
        found = BODY_SIZE.fullmatch(self.body_size)
        return int(found[1]) * UNITS[found[2].lower()] if found else 0

    @property
    def secret(self) -> str:
        """The Secret that has the host's certificate."""
        return f"{self.name}-tls"


def parse_route(entry: Mapping[str, Any], *, topology: str) -> Route:
    """Read a route as an inventory has it; what it leaves out has a default, which may hang on the topology."""
    protocol = str(entry.get("protocol") or REST)
    tls = entry.get("tls") or None
    # Left out, left empty and null mean the same.
    given = {name: value for name, value in entry.items() if value not in (None, "")}
    return Route(
        name=str(entry.get("name") or ""),
        # Names of hosts are the same in small and capital letters, and the API takes small ones.
        host=str(entry.get("host") or "").lower(),
        namespace=str(given.get("namespace") or ("" if topology == NAMESPACED else MESH_NAMESPACE)),
        path=str(given.get("path") or PATHS.get(protocol, "")),
        protocol=protocol,
        service=str(given.get("service", Route.service)),
        port=int(given.get("port", Route.port)),
        connect_timeout=int(given.get("connect_timeout", Route.connect_timeout)),
        timeout=int(given.get("timeout", Route.timeout)),
        body_size=str(given.get("body_size", Route.body_size)),
        tls=Tls(**{name: str(value) for name, value in tls.items() if value}) if tls else None,
        redirect=bool(given.get("redirect", Route.redirect)),
    )


__all__ = [
    "BODY_SIZE",
    "CENTRAL",
    "FILES",
    "GRPC",
    "ISSUER",
    "MESH_NAMESPACE",
    "MESH_SERVICE",
    "NAMESPACED",
    "PATHS",
    "PRIVATE_CA",
    "REST",
    "SINGLE",
    "TLS_SOURCES",
    "TOPOLOGIES",
    "Route",
    "Tls",
    "parse_route",
]
