# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A webhook that an API server asks before it takes an object: it hangs up, takes it, or denies it."""

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

from tests.api_server import HOST, ApiServer
from tests.live.envoy_process import free_ports

PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
SELF_SIGNED = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=webhook -addext subjectAltName=IP:{HOST}"


class Webhook:
    """Registered for one namespace; it answers from ``open`` on, and hangs up on the first callers."""

    def __init__(self, api: ApiServer, namespace: str, *, denial: str = "", hang_ups: int = 0) -> None:
        self.asked = 0
        self.hang_ups = hang_ups
        self._api = api
        self._name = f"pools.{namespace}.example.com"
        self._denial = denial
        (self._port,) = free_ports(1)
        self._server: ThreadingHTTPServer | None = None
        self._certificate = self._make_certificate()
        authority = base64.b64encode(self._certificate.read_bytes()).decode()
        rule = {
            "apiGroups": ["metallb.io"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["*"],
        }
        webhook = {
            "name": self._name,
            "clientConfig": {"url": f"https://{HOST}:{self._port}/", "caBundle": authority},
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {"example.com/test": namespace}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail",
            "timeoutSeconds": 5,
        }
        api.create(PATH, {"metadata": {"name": self._name}, "webhooks": [webhook]})
        label = {"metadata": {"labels": {"example.com/test": namespace}}}
        kind = "application/merge-patch+json"
        api.ask("PATCH", f"/api/v1/namespaces/{namespace}", label, kind=kind).require()

    def open(self) -> None:
        """Begin to answer."""
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
                webhook.asked += 1
                body = json.dumps(webhook.judgement(request["uid"])).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> tuple[socket.socket, Any]:
                connection, address = self.socket.accept()
                if webhook.hang_ups:
                    webhook.hang_ups -= 1
                    connection.close()
                    raise OSError("hung up")
                return context.wrap_socket(connection, server_side=True), address

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        self._server = Server((HOST, self._port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _make_certificate(self) -> Path:
        """Make a file with a certificate for this machine, signed by itself, and its key."""
        path = self._api.folder / f"{self._name}.pem"
        subprocess.run([*SELF_SIGNED.split(), "-keyout", path, "-out", path], check=True, capture_output=True)
        return path

    def judgement(self, uid: str) -> dict[str, Any]:
        response: dict[str, Any] = {"uid": uid, "allowed": not self._denial}
        if self._denial:
            response["status"] = {"message": self._denial}
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}

    def close(self) -> None:
        self._api.ask("DELETE", f"{PATH}/{self._name}").require()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
