# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headers that the role ingress hands to ingress-nginx do in a real NGINX what the role relies on.

The controller makes one line of each: `proxy_set_header NAME "VALUE";`, or grpc_set_header where the route is gRPC
(rootfs/etc/nginx/template/nginx.tmpl of controller-v1.15.1, "Custom headers to proxied server").
"""

from __future__ import annotations

import http.client
import http.server
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from tests.live.envoy_process import free_ports
from tests.support import ROOT

METHOD = "/inference.GRPCInferenceService/ServerReady"
CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    {temporary}
    server {{
        listen 127.0.0.1:{rest};
        location / {{
            {proxy_headers}
            proxy_pass http://127.0.0.1:{rest_upstream};
        }}
    }}
    server {{
        listen 127.0.0.1:{grpc} http2;
        location / {{
            {grpc_headers}
            grpc_pass grpc://127.0.0.1:{grpc_upstream};
        }}
    }}
}}
"""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass
class Upstream:
    """What arrives behind the edge, by REST and by gRPC."""

    rest: dict[str, str] = field(default_factory=dict)
    grpc: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """The ports of an NGINX, and what arrives behind it."""

    rest: int
    grpc: int
    upstream: Upstream
    takes_away: bool

    def ask_rest(self, headers: dict[str, str]) -> dict[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.rest, timeout=10)
        connection.request("GET", "/v2/models/one/ready", headers=headers)
        assert connection.getresponse().status == 200
        connection.close()
        return self.upstream.rest

    def ask_grpc(self, headers: dict[str, str]) -> dict[str, str]:
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc}") as channel:
            call = channel.unary_unary(METHOD)
            call(b"", metadata=[(name.lower(), value) for name, value in headers.items()], timeout=10)
        return self.upstream.grpc


def serve_rest(upstream: Upstream) -> http.server.HTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            upstream.rest = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def serve_grpc(upstream: Upstream) -> tuple[Any, int]:
    class Handler(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            upstream.grpc = dict(details.invocation_metadata)
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")

    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def written(folder: Path, headers: dict[str, str], ports: dict[str, int]) -> Path:
    """Write NGINX's configuration, with the lines that the controller makes of headers."""
    lines = {
        kind: "\n            ".join(f'{kind}_set_header {name} "{value}";' for name, value in headers.items())
        for kind in ("proxy", "grpc")
    }
    temporary = "\n    ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    path = folder / "nginx.conf"
    path.write_text(
        CONFIGURATION.format(
            folder=folder,
            temporary=temporary,
            proxy_headers=lines["proxy"],
            grpc_headers=lines["grpc"],
            **ports,
        )
    )
    return path


WITH, WITHOUT = "the role's headers", "no headers"


@pytest.fixture(params=[WITH, WITHOUT])
def edge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Edge]:
    """Yield an NGINX with the headers of the role's values, or without, which shows that a test can fail."""
    variables = yaml.safe_load((ROOT / "roles/ingress/vars/main/edge.yml").read_text(encoding="utf-8"))
    headers = variables["__ingress_reserved_headers"]
    upstream = Upstream()
    rest, (grpc_server, grpc_port) = serve_rest(upstream), serve_grpc(upstream)
    own = free_ports(2)
    ports = {
        "rest": own[0],
        "grpc": own[1],
        "rest_upstream": rest.server_address[1],
        "grpc_upstream": grpc_port,
    }
    path = written(tmp_path, headers if request.param == WITH else {}, ports)
    process = subprocess.Popen(["nginx", "-p", tmp_path, "-c", path], stderr=subprocess.PIPE, text=True)
    try:
        wait_for(process, own[0])
        yield Edge(own[0], own[1], upstream, takes_away=request.param == WITH)
    finally:
        process.terminate()
        process.communicate()
        rest.shutdown()
        grpc_server.stop(None)


def wait_for(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
            return
        except OSError:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
@pytest.mark.parametrize(
    "name", ["Seldon-Logging", "seldon-logging", "SELDON-LOGGING", "Seldon-Internal-Model", "seldon-internal-model"]
)
def test_callers_cannot_say_what_is_reserved(name: str, protocol: str, edge: Edge) -> None:
    ask = {"rest": edge.ask_rest, "grpc": edge.ask_grpc}[protocol]
    arrived = ask({name: "true", "seldon-model": "one.experiment"})
    assert arrived["seldon-model"] == "one.experiment"
    assert (name.lower() in arrived) is not edge.takes_away
