# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A route as Traefik's own objects: an Ingress has no place for times, and none for h2c without marking the Service."""

from __future__ import annotations

from typing import Any

from .ingress_routes import Route

API = "traefik.io/v1alpha1"


def traefik_objects(route: Route) -> list[dict[str, Any]]:
    """Return how the service is called, what is done to requests, and the route itself."""
    found = [_transport(route)]
    if _has_limit(route):
        found.append(_object("Middleware", route, f"{route.name}-body", {"buffering": _buffering(route)}))
    found.append(_route(route, route.name, is_safe=bool(route.tls)))
    if route.tls and not route.redirect:
        found.append(_route(route, f"{route.name}-http", is_safe=False))
    elif route.tls:
        redirect = {"redirectScheme": {"scheme": "https", "permanent": True}}
        found += [_object("Middleware", route, f"{route.name}-https", redirect), _redirect(route)]
    return found


def _transport(route: Route) -> dict[str, Any]:
    times = {"dialTimeout": f"{route.connect_timeout}s", "responseHeaderTimeout": f"{route.timeout}s"}
    return _object("ServersTransport", route, route.name, {"forwardingTimeouts": times})


def _route(route: Route, name: str, *, is_safe: bool) -> dict[str, Any]:
    service: dict[str, Any] = {"kind": "Service", "name": route.service, "port": route.port}
    service["serversTransport"] = route.name
    # gRPC is HTTP/2, and Envoy takes it without TLS.
    service["scheme"] = "h2c" if route.is_grpc else "http"
    middlewares = [f"{route.name}-body"] if _has_limit(route) else []
    rule = _rule(route, service=service, middlewares=middlewares)
    spec: dict[str, Any] = {"entryPoints": ["websecure" if is_safe else "web"], "routes": [rule]}
    if is_safe:
        spec["tls"] = {"secretName": route.secret}
    return _object("IngressRoute", route, name, spec)


def _redirect(route: Route) -> dict[str, Any]:
    """Return the route of callers without TLS, who are sent to the one with it."""
    nobody = {"kind": "TraefikService", "name": "noop@internal"}
    rule = _rule(route, service=nobody, middlewares=[f"{route.name}-https"])
    return _object("IngressRoute", route, f"{route.name}-https", {"entryPoints": ["web"], "routes": [rule]})


def _rule(route: Route, *, service: dict[str, Any], middlewares: list[str]) -> dict[str, Any]:
    rule: dict[str, Any] = {"kind": "Rule", "match": _match(route), "services": [service]}
    if middlewares:
        rule["middlewares"] = [{"name": name} for name in middlewares]
    return rule


def _match(route: Route) -> str:
    """Return host and path as a rule; PathPrefix alone would take /v2x for /v2 as well, which an Ingress does not."""
    path = route.path.rstrip("/")
    paths = f"(Path(`{path}`) || PathPrefix(`{path}/`))" if path else "PathPrefix(`/`)"
    return f"Host(`{route.host}`) && {paths}"


def _has_limit(route: Route) -> bool:
    """Say whether bodies are counted, for which Traefik holds back the whole request: streams would never begin."""
    return not route.is_grpc and route.body_bytes > 0


def _buffering(route: Route) -> dict[str, int]:
    return {"maxRequestBodyBytes": route.body_bytes}


def _object(kind: str, route: Route, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": kind,
        "metadata": {"name": name, "namespace": route.namespace},
        "spec": spec,
    }


__all__ = ["traefik_objects"]
