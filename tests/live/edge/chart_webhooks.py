# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers for the webhooks of charts, where their pods would be: on this machine's own address. It takes everything."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.api_server import ApiServer

PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
# The Services of MetalLB and of ingress-nginx, and the ports that their pods have.
SERVICES = {"metallb-webhook-service.metallb-system": 9443, "ingress-nginx-controller-admission.ingress-nginx": 8443}
NAMES = ",".join(f"DNS:{name}.svc" for name in SERVICES)
CERTIFICATE = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=webhook -keyout webhook.key -out webhook.crt"
    f" -addext subjectAltName={NAMES}"
)
# Nothing is sent there. No pod may have an address of the loopback.
SOMEWHERE = ("192.0.2.1", 9)


def own_address() -> str:
    """Return an address of this machine that a pod may have, or nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(SOMEWHERE)
        except OSError:
            return ""
        return str(asked.getsockname()[0])


class Handler(BaseHTTPRequestHandler):
    """Takes every object."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        response = {"uid": review["request"]["uid"], "allowed": True}
        body = json.dumps({**review, "request": None, "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


class ChartWebhooks:
    """Answers on the ports of all of them, from the moment that a `with` begins until it ends."""

    def __init__(self, api: ApiServer, folder: Path, address: str) -> None:
        self._api = api
        self._folder = folder
        subprocess.run(CERTIFICATE.split(), cwd=folder, check=True, capture_output=True)
        self._servers = [ThreadingHTTPServer((address, port), Handler) for port in SERVICES.values()]

    def __enter__(self) -> ChartWebhooks:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "webhook.crt", self._folder / "webhook.key")
        for server in self._servers:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def vouch(self) -> None:
        """Tell the API whom to believe, as MetalLB's controller and a Job of ingress-nginx do."""
        authority = base64.b64encode((self._folder / "webhook.crt").read_bytes()).decode()
        for each in self._api.ask("GET", PATH).require()["items"]:
            patch = [
                {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": authority}
                for index, webhook in enumerate(each["webhooks"])
                if webhook["clientConfig"].get("caBundle") != authority
            ]
            if patch:
                self._patch(each["metadata"]["name"], patch)

    def _patch(self, name: str, patch: list[dict[str, Any]]) -> None:
        self._api.ask("PATCH", f"{PATH}/{name}", patch, kind="application/json-patch+json")
