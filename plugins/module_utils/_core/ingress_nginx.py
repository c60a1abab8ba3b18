# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A route as an Ingress for ingress-nginx: annotations that Traefik has an equal for, and no other."""

from __future__ import annotations

from typing import Any

from .ingress_routes import Route

CLASS = "nginx"
PREFIX = "nginx.ingress.kubernetes.io"


def nginx_objects(route: Route) -> list[dict[str, Any]]:
    """Return the Ingress of a route; the protocol towards the service holds for a whole Ingress."""
    backend = {"service": {"name": route.service, "port": {"number": route.port}}}
    path = {"path": route.path, "pathType": "Prefix", "backend": backend}
    spec: dict[str, Any] = {
        "ingressClassName": CLASS,
        "rules": [{"host": route.host, "http": {"paths": [path]}}],
    }
    if route.tls:
        spec["tls"] = [{"hosts": [route.host], "secretName": route.secret}]
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": route.name, "namespace": route.namespace, "annotations": _annotations(route)},
            "spec": spec,
        }
    ]


def _annotations(route: Route) -> dict[str, str]:
    """Return the annotations; times are seconds without a unit."""
    values = {
        "proxy-connect-timeout": str(route.connect_timeout),
        "proxy-read-timeout": str(route.timeout),
        "proxy-send-timeout": str(route.timeout),
        # A stream has no largest body; its messages are limited where they are taken apart.
        "proxy-body-size": "0" if route.is_grpc else route.body_size,
        # Envoy tries again, and it knows what is safe to repeat.
        "proxy-next-upstream": "off",
        "ssl-redirect": "true" if route.tls and route.redirect else "false",
    }
    if route.is_grpc:
        values["backend-protocol"] = "GRPC"
    return {f"{PREFIX}/{name}": value for name, value in values.items()}


__all__ = ["CLASS", "nginx_objects"]
