# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node in name only: it takes every pod of an API server with controllers, runs none, and says that all are well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from tests.api_server import MERGE, ApiServer

NODE = "node-1"
NODES = "/api/v1/nodes"
STRATEGIC = "application/strategic-merge-patch+json"
ADDRESS = "metallb.io/loadBalancerIPs"
SECONDS = 0.2


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ControlledServer(ApiServer):
    """A K3s with its controllers, which make pods of Deployments and Jobs and empty namespaces."""

    def _run(self, command: Sequence[str]) -> None:
        super()._run([word for word in command if "=controllers=" not in word and "=ServiceAccount" not in word])


class Kubelet:
    """Looks again and again, from the moment that a `with` begins until it ends.

    All pods have the same address. Those of a Job are done at once, all others are ready. A Service gets the address
    that it asks MetalLB for.
    """

    def __init__(self, api: ApiServer, address: str, also: Callable[[], None]) -> None:
        self._api = api
        self._address = address
        self._also = also
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self.is_well = True
        self.gives_addresses = True

    def __enter__(self) -> Kubelet:
        node = {"metadata": {"name": NODE, "labels": {"kubernetes.io/os": "linux"}}}
        self._api.create(NODES, node)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._is_over.set()
        self._thread.join()
        self._api.ask("DELETE", f"{NODES}/{NODE}")

    def _live(self) -> None:
        while not self._is_over.wait(SECONDS):
            self._beat()
            self._also()
            for pod in self._list("/api/v1/pods"):
                self._serve(pod)
            for service in self._list("/api/v1/services"):
                self._announce(service)

    def _list(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._api.ask("GET", path).require()["items"]
        return items

    def _beat(self) -> None:
        """Say that the node is there, or its pods would be taken from it."""
        ready = {"type": "Ready", "status": "True", "reason": "Well", "lastHeartbeatTime": now()}
        status = {"status": {"conditions": [ready], "capacity": {"pods": "100"}}}
        self._api.ask("PATCH", f"{NODES}/{NODE}/status", status, kind=STRATEGIC).require()

    def _serve(self, pod: dict[str, Any]) -> None:
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        if "deletionTimestamp" in metadata:
            self._api.ask("DELETE", path, {"gracePeriodSeconds": 0})
        elif "nodeName" not in pod["spec"]:
            target = {"metadata": {"name": metadata["name"]}, "target": {"kind": "Node", "name": NODE}}
            self._api.ask("POST", f"{path}/binding", target)
        elif self.is_well and pod["status"]["phase"] == "Pending":
            self._api.ask("PATCH", f"{path}/status", {"status": self._status(pod)}, kind=MERGE)

    def _announce(self, service: dict[str, Any]) -> None:
        metadata = service["metadata"]
        asked = metadata.get("annotations", {}).get(ADDRESS)
        if asked and self.gives_addresses and not service["status"]["loadBalancer"]:
            path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}/status"
            status = {"status": {"loadBalancer": {"ingress": [{"ip": asked}]}}}
            self._api.ask("PATCH", path, status, kind=MERGE)

    def _status(self, pod: dict[str, Any]) -> dict[str, Any]:
        """Return what a kubelet would say of a pod that is well."""
        is_done = any(each["kind"] == "Job" for each in pod["metadata"].get("ownerReferences", []))
        ready = {"type": "Ready", "status": "False" if is_done else "True", "lastTransitionTime": now()}
        state = {"terminated": {"exitCode": 0}} if is_done else {"running": {"startedAt": now()}}
        containers = [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": "",
                "ready": not is_done,
                "restartCount": 0,
                "state": state,
            }
            for each in pod["spec"]["containers"]
        ]
        return {
            "phase": "Succeeded" if is_done else "Running",
            "podIP": self._address,
            "podIPs": [{"ip": self._address}],
            "startTime": now(),
            "conditions": [ready],
            "containerStatuses": containers,
        }
