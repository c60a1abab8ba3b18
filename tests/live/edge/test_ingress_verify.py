# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ingress takes nothing for granted: what its last part says of an edge that works, and of others."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_server import MERGE, ApiServer
from tests.live.edge.ingress_world import Said, World

# An address of this machine that nothing else uses.
ADDRESS = "127.0.0.77"
# What an edge answers to a host: its status, its headers, its text.
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    # Envoy's answer to a request that names no model.
    "ml-api.example.com": (404, {}, b""),
    "grpc.example.com": (308, {"Location": "https://grpc.example.com/inference.GRPCInferenceService/"}, b""),
    "broken.example.com": (502, {}, b"Bad Gateway"),
}
UNKNOWN: tuple[int, dict[str, str], bytes] = (404, {}, b"404 page not found")
REST = {"name": "models", "host": "ml-api.example.com"}
GRPC = {"name": "models-grpc", "host": "grpc.example.com", "protocol": "grpc", "tls": {"source": "private_ca"}}
EARLY = {"name": "grafana", "host": "grafana.example.com", "service": "grafana"}


class Handler(http.server.BaseHTTPRequestHandler):
    """An edge that knows some hosts."""

    def do_GET(self) -> None:
        status, headers, text = ANSWERS.get(self.headers["Host"], UNKNOWN)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def edge() -> Iterator[None]:
    """Answer on the edge's address and port."""
    try:
        server = http.server.HTTPServer((ADDRESS, 80), Handler)
    except PermissionError:
        pytest.skip("an ordinary user cannot listen on port 80")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


def ensure(api: ApiServer, path: str, body: dict[str, Any]) -> None:
    """Make an object that may be there already."""
    assert api.ask("POST", path, body).status in (201, 409)


def world(api: ApiServer, folder: Path) -> World:
    """Return a cluster with a controller that is ready and has the address, and with a mesh."""
    services = "/api/v1/namespaces/{}/services"
    port = {"ports": [{"port": 80}]}
    for name in ("ingress-nginx", "seldon-system"):
        ensure(api, "/api/v1/namespaces", {"metadata": {"name": name}})
    ensure(api, services.format("seldon-system"), {"metadata": {"name": "seldon-mesh"}, "spec": port})
    place = services.format("ingress-nginx")
    controller = {"name": "ingress-nginx-controller"}
    ensure(api, place, {"metadata": controller, "spec": {**port, "type": "LoadBalancer"}})
    status = {"status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}}
    api.ask("PATCH", f"{place}/ingress-nginx-controller/status", status, kind=MERGE).require()
    labels = {"app": "controller"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "one", "image": "one"}]}}
    deployments = "/apis/apps/v1/namespaces/ingress-nginx/deployments"
    spec = {"selector": {"matchLabels": labels}, "template": template}
    ensure(api, deployments, {"metadata": controller, "spec": spec})
    ready = {"status": {"conditions": [{"type": "Available", "status": "True"}], "observedGeneration": 1}}
    api.ask("PATCH", f"{deployments}/ingress-nginx-controller/status", ready, kind=MERGE).require()
    return World(api, folder)


def values(*routes: dict[str, Any], address: str = ADDRESS) -> dict[str, Any]:
    # One try: nothing changes meanwhile.
    return {"ingress_address": address, "ingress_routes": list(routes), "ingress_wait_timeout": 5}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another address": (
        values(REST, address="192.0.2.200"),
        f"The Service ingress-nginx/ingress-nginx-controller has {ADDRESS} after 5 seconds, and not 192.0.2.200.",
    ),
    "a host that the controller does not know": (
        values({**REST, "host": "unknown.example.com"}),
        "404 page not found",
    ),
    "a route with TLS that is answered without": (values({**GRPC, "host": "ml-api.example.com"}), "ml-api.example.com"),
    "a service that the controller does not reach": (values({**REST, "host": "broken.example.com"}), "Bad Gateway"),
}
WORKS = "an edge that works"


@pytest.fixture(scope="module")
def said(api: ApiServer, edge: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """Return what is said of each edge; a look at one hinders no other."""
    cases = {name: inventory for name, (inventory, _) in REFUSED.items()}
    cases[WORKS] = values(REST, GRPC, EARLY)
    return world(api, tmp_path_factory.mktemp("verify")).run_each(cases, part="verify")


def test_edge_that_works_is_proven_and_what_leads_nowhere_yet_is_named(said: dict[str, Said]) -> None:
    said[WORKS].require(changed=0)
    assert "Nothing is behind grafana.example.com yet." in said[WORKS].line


@pytest.mark.parametrize("name", REFUSED)
def test_edge_that_does_not_work_fails_the_run(name: str, said: dict[str, Said]) -> None:
    assert said[name].changed is None
    assert REFUSED[name][1] in said[name].line
