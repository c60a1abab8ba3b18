# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes become objects that mean the same for every controller, and what is not wanted any more is found."""

from __future__ import annotations

import re
from typing import Any

import pytest

from plugins.module_utils._core.ingress_objects import LABELS, route_objects, secret_objects, stale_objects
from plugins.module_utils._core.ingress_routes import Route, parse_route

REST: dict[str, Any] = {"name": "models", "host": "ml-api.example.com"}
FILES = {"source": "files", "certificate": "/a.crt", "key": "/a.key"}
GRPC: dict[str, Any] = {
    "name": "models-grpc",
    "host": "grpc.example.com",
    "protocol": "grpc",
    "tls": {"source": "private_ca"},
}
CONTROLLERS = ("nginx", "traefik")


def parsed(entry: dict[str, Any], topology: str = "central") -> Route:
    return parse_route(entry, topology=topology)


def objects(entry: dict[str, Any], controller: str) -> dict[tuple[str, str], dict[str, Any]]:
    made = route_objects([parsed(entry)], controller=controller)
    return {(each["kind"], each["metadata"]["name"]): each for each in made}


def test_route_lives_where_the_mesh_is() -> None:
    assert parsed(REST).namespace == "seldon-system"
    assert parsed(REST, "single").namespace == "seldon-system"
    assert parsed({**REST, "namespace": "team-a"}, "namespaced").namespace == "team-a"


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_every_object_lives_beside_the_service_and_carries_the_mark(controller: str) -> None:
    for each in route_objects([parsed({**REST, "tls": FILES}), parsed(GRPC)], controller=controller):
        assert each["metadata"]["namespace"] == "seldon-system"
        assert each["metadata"]["labels"] == LABELS


def test_nothing_is_rewritten_and_no_snippet_is_used() -> None:
    routes = [parsed({**REST, "tls": FILES}), parsed(GRPC)]
    texts = str([route_objects(routes, controller=controller) for controller in CONTROLLERS])
    assert not re.search("snippet|rewrite|replacePath|stripPrefix|use-regex", texts)


def test_protocol_towards_the_service_is_that_of_the_route() -> None:
    annotation = "nginx.ingress.kubernetes.io/backend-protocol"
    ingress = {each["name"]: objects(each, "nginx")["Ingress", each["name"]] for each in (REST, GRPC)}
    assert annotation not in ingress["models"]["metadata"]["annotations"]
    assert ingress["models-grpc"]["metadata"]["annotations"][annotation] == "GRPC"
    schemes = [
        objects(each, "traefik")["IngressRoute", each["name"]]["spec"]["routes"][0]["services"][0]["scheme"]
        for each in (REST, GRPC)
    ]
    assert schemes == ["http", "h2c"]


@pytest.mark.parametrize(("size", "limit"), [("64m", 67108864), ("1K", 1024), ("2g", 2147483648), ("7", 7)])
def test_limit_of_bodies_is_the_same_number_of_bytes(size: str, limit: int) -> None:
    entry = {**REST, "body_size": size}
    assert objects(entry, "traefik")["Middleware", "models-body"]["spec"] == {
        "buffering": {"maxRequestBodyBytes": limit}
    }
    annotations = objects(entry, "nginx")["Ingress", "models"]["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == size


@pytest.mark.parametrize("entry", [{**REST, "body_size": "0"}, GRPC], ids=["any size", "a stream"])
def test_without_a_limit_nothing_is_held_back(entry: dict[str, Any]) -> None:
    name = entry["name"]
    made = objects(entry, "traefik")
    assert ("Middleware", f"{name}-body") not in made
    assert "middlewares" not in made["IngressRoute", name]["spec"]["routes"][0]
    annotations = objects(entry, "nginx")["Ingress", name]["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"


PATHS = {"/v2": ("/v2", "/v2/models"), "/": ("/", "/v2x"), "/v2/": ("/v2", "/v2/a")}


@pytest.mark.parametrize("path", PATHS)
def test_path_is_matched_by_whole_elements(path: str) -> None:
    rule = objects({**REST, "path": path}, "traefik")["IngressRoute", "models"]["spec"]["routes"][0]["match"]
    exact = re.findall(r" ?\(?Path\(`([^`]*)`\)", rule)
    prefixes = re.findall(r"PathPrefix\(`([^`]*)`\)", rule)
    assert rule.startswith("Host(`ml-api.example.com`) && ")
    for inside in PATHS[path]:
        assert inside in exact or any(inside.startswith(prefix) for prefix in prefixes), inside
    if path != "/":
        assert not any("/v2x".startswith(prefix) for prefix in prefixes)


def test_times_are_seconds() -> None:
    entry = {**REST, "connect_timeout": 3, "timeout": 40}
    assert objects(entry, "traefik")["ServersTransport", "models"]["spec"] == {
        "forwardingTimeouts": {"dialTimeout": "3s", "responseHeaderTimeout": "40s"}
    }
    annotations = objects(entry, "nginx")["Ingress", "models"]["metadata"]["annotations"]
    times = {name.rpartition("/")[2]: value for name, value in annotations.items() if "timeout" in name}
    assert times == {"proxy-connect-timeout": "3", "proxy-read-timeout": "40", "proxy-send-timeout": "40"}


def test_callers_without_tls_are_sent_to_the_host_with_it() -> None:
    made = objects({**REST, "tls": FILES}, "traefik")
    assert made["IngressRoute", "models"]["spec"]["entryPoints"] == ["websecure"]
    assert made["IngressRoute", "models"]["spec"]["tls"] == {"secretName": "models-tls"}
    assert made["IngressRoute", "models-https"]["spec"]["entryPoints"] == ["web"]
    annotations = objects({**REST, "tls": FILES}, "nginx")["Ingress", "models"]["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/ssl-redirect"] == "true"
    assert objects(REST, "traefik")["IngressRoute", "models"]["spec"]["entryPoints"] == ["web"]


def test_plain_http_stays_where_nobody_is_sent_away() -> None:
    entry = {**REST, "tls": FILES, "redirect": False}
    made = objects(entry, "traefik")
    assert made["IngressRoute", "models"]["spec"]["entryPoints"] == ["websecure"]
    plain = made["IngressRoute", "models-http"]["spec"]
    assert plain["entryPoints"] == ["web"]
    assert "tls" not in plain
    assert plain["routes"] == made["IngressRoute", "models"]["spec"]["routes"]
    assert ("IngressRoute", "models-https") not in made
    ingress = objects(entry, "nginx")["Ingress", "models"]
    assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/ssl-redirect"] == "false"
    assert ingress["spec"]["tls"] == [{"hosts": ["ml-api.example.com"], "secretName": "models-tls"}]


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_certificate_of_an_issuer_is_asked_for_in_the_same_way(controller: str) -> None:
    tls = {"source": "issuer", "issuer": "lan", "issuer_kind": "Issuer"}
    made = objects({**REST, "tls": tls}, controller)["Certificate", "models-tls"]
    assert made["spec"] == {
        "secretName": "models-tls",
        "dnsNames": ["ml-api.example.com"],
        "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": "lan"},
    }


def test_secrets_hold_what_was_found_for_their_route() -> None:
    routes = [parsed({**REST, "tls": FILES}), parsed(GRPC)]
    material = {
        "models": {"certificate": "C", "key": "K"},
        "models-grpc": {"certificate": "C", "key": "K", "authority": "A"},
    }
    data = {each["metadata"]["name"]: each["data"] for each in secret_objects(routes, material)}
    assert data == {
        "models-tls": {"tls.crt": "Qw==", "tls.key": "Sw=="},
        "models-grpc-tls": {"tls.crt": "Qw==", "tls.key": "Sw==", "ca.crt": "QQ=="},
    }
    assert secret_objects(routes[:1], {}) == []


def test_what_is_not_wanted_any_more_is_found() -> None:
    old = [parsed({**REST, "tls": FILES}), parsed(GRPC)]
    found = [*route_objects(old, controller="nginx"), *secret_objects(old, {"models": {"certificate": "", "key": ""}})]
    wanted = [parsed(REST)]
    assert stale_objects(found, route_objects(wanted, controller="nginx"), wanted) == [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "models-grpc", "namespace": "seldon-system"},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "models-tls", "namespace": "seldon-system"}},
    ]
    assert stale_objects(found, route_objects(old, controller="nginx"), old) == []


def test_objects_of_the_other_controller_are_not_wanted_any_more() -> None:
    routes = [parsed(REST)]
    stale = stale_objects(
        route_objects(routes, controller="nginx"), route_objects(routes, controller="traefik"), routes
    )
    assert [each["kind"] for each in stale] == ["Ingress"]
