# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes into the objects of a cluster, which of them are not wanted any more, and the Secrets with certificates."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Iterable, Mapping, Sequence

from .ingress_nginx import nginx_objects
from .ingress_routes import ISSUER, Route
from .ingress_traefik import traefik_objects

# How an object of ours is found again.
LABELS = {"app.kubernetes.io/managed-by": "modelops.serving", "app.kubernetes.io/component": "ingress-route"}
CONTROLLERS = {"nginx": nginx_objects, "traefik": traefik_objects}


def route_objects(routes: Iterable[Route], *, controller: str) -> list[dict[str, Any]]:
    """Return what a controller needs to carry the routes out."""
    made = [each for route in routes for each in (*_certificates(route), *CONTROLLERS[controller](route))]
    return [{**each, "metadata": {**each["metadata"], "labels": dict(LABELS)}} for each in made]


def secret_objects(routes: Iterable[Route], material: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return the Secrets with the certificates of hosts.

    Args:
        routes: The routes.
        material: ``certificate`` and ``key`` as PEM, and ``authority`` where there is one, by the name of the route.
    """
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": route.secret, "namespace": route.namespace, "labels": dict(LABELS)},
            "type": "kubernetes.io/tls",
            # As the API keeps it: with stringData, each run would be a change for a server-side apply.
            "data": _secret_data(material[route.name]),
        }
        for route in routes
        if route.name in material
    ]


def stale_objects(
    found: Iterable[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], keep_secrets: Iterable[Route]
) -> list[dict[str, Any]]:
    """Return what is in the cluster and is not wanted any more, as far as is needed to remove it."""
    kept = {_identity(each) for each in wanted}
    kept |= {("Secret", route.namespace, route.secret) for route in keep_secrets if route.tls}
    return [
        {
            "apiVersion": each["apiVersion"],
            "kind": each["kind"],
            "metadata": {name: each["metadata"][name] for name in ("name", "namespace")},
        }
        for each in found
        if _identity(each) not in kept
    ]


def _identity(item: Mapping[str, Any]) -> tuple[str, str, str]:
    return item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]


def _certificates(route: Route) -> list[dict[str, Any]]:
    """Return what cert-manager makes the certificate from; Traefik's routes have no annotation for that."""
    if not route.tls or route.tls.source != ISSUER:
        return []
    issuer = {"group": "cert-manager.io", "kind": route.tls.issuer_kind, "name": route.tls.issuer}
    return [
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": route.secret, "namespace": route.namespace},
            "spec": {"secretName": route.secret, "dnsNames": [route.host], "issuerRef": issuer},
        }
    ]


def _secret_data(material: Mapping[str, str]) -> dict[str, str]:
    texts = {"tls.crt": material["certificate"], "tls.key": material["key"], "ca.crt": material.get("authority")}
    return {name: b64encode(text.encode()).decode() for name, text in texts.items() if text}


__all__ = ["LABELS", "route_objects", "secret_objects", "stale_objects"]
