# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for Seldon's operator, scheduler and Envoy, with each of their quirks when a test asks for it.

It reads the Experiments of one namespace from a real API server, writes their status as the operator does, and answers
over HTTP by the split that it took over: the answers carry ``x-seldon-route``.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.api_server import MERGE, ApiServer
from tests.live.seldon.crds import path

HOST = "ml-api.example.com"
FINALIZER = "seldon.experiment.finalizer"
TYPES = ("CandidatesReady", "ExperimentReady", "MirrorReady", "Ready")
POLL_SECONDS = 0.02


@dataclass
class Quirks:
    """How it misbehaves; as it comes, it does not."""

    # Seldon's conditions stay as they are, whatever it does.
    is_silent: bool = False
    # It does nothing with what it reads.
    is_idle: bool = False
    # What its scheduler says to a new spec.
    refusal: str = ""
    # New weights come beside the old ones.
    appends: bool = False
    # How often ExperimentReady turns False and True again.
    flaps: int = 1
    # How long False lasts.
    flap_seconds: float = 0.05
    # How many seconds the split comes after the conditions.
    late_seconds: float = 0.0
    # Deleted experiments stay.
    keeps_finalizer: bool = False


@dataclass
class Routes:
    """What callers get, by the header ``seldon-model``."""

    models: tuple[str, ...]
    splits: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def answer(self, header: str) -> str | None:
        """Return the model that answers, or None where there is no route."""
        self.counts[header] += 1
        found = next((routes[header] for routes in self.splits.values() if header in routes), None)
        if found is None:
            return header if header in self.models else None
        return self.chance.choices(list(found), list(found.values()))[0]


class Mesh:
    """The data plane: an HTTP server on the loopback."""

    def __init__(self, models: tuple[str, ...]) -> None:
        self.routes = routes = Routes(models)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                model = routes.answer(self.headers.get("seldon-model", "")) if self.headers["Host"] == HOST else None
                self.send_response(200 if model else 404)
                if model:
                    self.send_header("x-seldon-route", f":{model}_1:")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def request_path(self) -> dict[str, Any]:
        """Where callers come in."""
        return {"address": "127.0.0.1", "http_port": self._server.server_address[1], "host": HOST}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Seldon:
    """Operator and scheduler of one namespace."""

    def __init__(self, api: ApiServer, namespace: str, mesh: Mesh) -> None:
        self.quirks = Quirks()
        self._api = api
        self._namespace = namespace
        self._mesh = mesh
        self._known: dict[str, int] = {}
        self._over = threading.Event()
        self._storm = threading.Event()
        self.writes = 0
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._run, self._write_statuses)]
        for thread in self._threads:
            thread.start()

    def storm(self, *, blows: bool) -> None:
        """Begin or end to write statuses as fast as it goes."""
        if blows:
            self._storm.set()
        else:
            self._storm.clear()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            try:
                found = self._api.ask("GET", path("experiments", self._namespace))
            except OSError:
                continue
            if found.status == 200 and not self.quirks.is_idle:
                self._reconcile({item["metadata"]["name"]: item for item in found.body["items"]})

    def _reconcile(self, items: Mapping[str, Any]) -> None:
        for name in set(self._mesh.routes.splits) - set(items):
            del self._mesh.routes.splits[name]
            self._known.pop(name, None)
        for name, item in items.items():
            metadata = item["metadata"]
            if metadata.get("deletionTimestamp"):
                self._end(name)
            elif self._known.get(name) != metadata["generation"]:
                self._known[name] = metadata["generation"]
                self._start(name, item)

    def _end(self, name: str) -> None:
        self._mesh.routes.splits.pop(name, None)
        if not self.quirks.keeps_finalizer:
            self._patch(name, {"metadata": {"finalizers": []}})

    def _start(self, name: str, item: Mapping[str, Any]) -> None:
        if not item["metadata"].get("finalizers"):
            self._patch(name, {"metadata": {"finalizers": [FINALIZER]}})
        if self.quirks.refusal:
            # As upstream has it: under a model's condition, and never taken back.
            self._say(name, {"ModelReady": ("False", self.quirks.refusal)})
            return
        for _flap in range(0 if self.quirks.is_silent else self.quirks.flaps):
            self._say(name, dict.fromkeys(TYPES, ("False", "Candidates not ready")))
            time.sleep(self.quirks.flap_seconds)
            self._say(name, {**dict.fromkeys(TYPES, ("True", "Ready")), "ExperimentReady": ("True", "active")})
        time.sleep(self.quirks.late_seconds)
        self._split(name, item["spec"])

    def _split(self, name: str, spec: Mapping[str, Any]) -> None:
        weights = {each["name"]: each["weight"] for each in spec["candidates"]}
        if self.quirks.appends:
            old = self._mesh.routes.splits.get(name, {}).get(f"{name}.experiment", {})
            weights = {model: old.get(model, 0) + weights.get(model, 0) for model in {**old, **weights}}
        headers = [f"{name}.experiment", *([spec["default"]] if spec.get("default") else [])]
        self._mesh.routes.splits[name] = dict.fromkeys(headers, weights)

    def _say(self, name: str, words: Mapping[str, tuple[str, str]]) -> None:
        one = path("experiments", self._namespace, name)
        found = self._api.ask("GET", one)
        if found.status != 200:
            return
        conditions = {each["type"]: each for each in (found.body.get("status") or {}).get("conditions") or ()}
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for kind, (status, reason) in words.items():
            old = conditions.get(kind, {})
            since = old["lastTransitionTime"] if (old.get("status"), old.get("reason")) == (status, reason) else now
            conditions[kind] = {"type": kind, "status": status, "reason": reason, "lastTransitionTime": since}
        status_ = {"status": {"conditions": [conditions[kind] for kind in sorted(conditions)]}}
        self._api.ask("PATCH", f"{one}/status", status_, kind=MERGE)

    def _patch(self, name: str, change: Mapping[str, Any]) -> None:
        self._api.ask("PATCH", path("experiments", self._namespace, name), change, kind=MERGE)

    def _write_statuses(self) -> None:
        while not self._over.is_set():
            if not self._storm.wait(POLL_SECONDS):
                continue
            for name in list(self._known):
                change = {"status": {"annotations": {"write": str(self.writes)}}}
                try:
                    self._api.ask("PATCH", f"{path('experiments', self._namespace, name)}/status", change, kind=MERGE)
                except OSError:
                    continue
                self.writes += 1
