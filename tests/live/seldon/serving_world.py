# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with Seldon's kinds of objects, and the roles seldon and mlserver on it, without helm."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.api_server import MERGE, ApiServer
from tests.live.edge.plays import Played, play
from tests.live.seldon.crds import DEFINITIONS, path

OURS = {"app.kubernetes.io/managed-by": "modelops.serving"}
SERVE = ("validate.yml", "stale.yml", "servers.yml", "models.yml")
NAME = ("validate.yml", "aliases.yml")
CORE = "/api/v1/namespaces"
CLASSES, CLASS = "/apis/storage.k8s.io/v1/storageclasses", "local-path"
DEFAULT = "storageclass.kubernetes.io/is-default-class"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"


class World:
    """Two teams, each with a namespace, and the operator's; the names are those of no other test."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self.api = api
        self._folder = folder
        self.give_class(CLASS, default=True)
        self.seldon, self.one, self.two = api.namespace(), api.namespace(), api.namespace()

    def give_class(self, name: str, *, default: bool) -> None:
        """Have a class of volumes, unless it is there."""
        annotations = {DEFAULT: "true"} if default else {}
        body = {"metadata": {"name": name, "annotations": annotations}, "provisioner": "volumes.example.com"}
        assert self.api.ask("POST", CLASSES, body).status in (201, 409)

    def take_class(self, name: str) -> None:
        self.api.ask("DELETE", f"{CLASSES}/{name}").require()

    def serve(self, *words: str, **variables: Any) -> Played:
        """Run the role mlserver."""
        return self._play("mlserver", *words, **{"parts": SERVE, **variables})

    def name(self, *words: str, **variables: Any) -> Played:
        """Run those parts of the role seldon that make its names known."""
        return self._play("seldon", *words, **{"parts": NAME, **variables})

    def _play(self, role: str, *words: str, **variables: Any) -> Played:
        kubeconfig = self.api.kubeconfig(variables.pop("user", "admin"))
        wanted = {**self.inventory(), **variables}
        return play(self._folder, role, wanted.pop("parts"), kubeconfig, wanted, *words)

    def inventory(self) -> dict[str, Any]:
        """Return what both roles are told of two teams with a model each."""
        return {
            "seldon_namespace": self.seldon,
            "serving_namespaces": [{"name": self.one}, {"name": self.two}],
            "serving_models": [self.model(self.one, "baseline"), self.model(self.two, "enhanced")],
            # The API that every machine has knows them under another version.
            "mlserver_disruption_budgets": self.api.version >= (1, 21),
            "mlserver_wait_timeout": 20,
            "seldon_wait_timeout": 20,
        }

    def model(self, team: str, name: str, **more: Any) -> dict[str, Any]:
        """Return a model, as an inventory has it; its name has the namespace in it, so that no other test has it."""
        said = {"name": f"{name}-{team}", "namespace": team, "requirements": ["sklearn"]}
        return {**said, "storage_uri": f"gs://models.example.com/{name}", **more}

    def specs(self, plural: str, namespace: str) -> dict[str, Any]:
        """Return the specs of Seldon's objects of a kind, by name."""
        return {each["metadata"]["name"]: each["spec"] for each in self.items(path(plural, namespace))}

    def names(self, where: str) -> list[str]:
        return sorted(each["metadata"]["name"] for each in self.items(where))

    def items(self, where: str) -> list[dict[str, Any]]:
        """Return the objects at a path that some role of ours made, or of Seldon's kinds all of them."""
        selector = "" if "/mlops." in where else "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dmodelops.serving"
        found: list[dict[str, Any]] = self.api.ask("GET", where + selector).require()["items"]
        return found

    def data(self, namespace: str, name: str) -> dict[str, Any]:
        """Return what a Secret of one remote says, by key."""
        found = self.api.ask("GET", f"{CORE}/{namespace}/secrets/{name}").require()["data"]
        return {key: json.loads(base64.b64decode(value)) for key, value in found.items()}

    def make(self, plural: str, namespace: str, name: str, spec: dict[str, Any], **metadata: Any) -> None:
        """Make an object of Seldon's, as somebody else would."""
        kind = next(
            each["spec"]["names"]["kind"] for each in DEFINITIONS if each["metadata"]["name"].startswith(plural)
        )
        body = {"apiVersion": "mlops.seldon.io/v1alpha1", "kind": kind, "spec": spec}
        self.api.create(path(plural, namespace), {**body, "metadata": {"name": name, **metadata}})

    def tell(self, plural: str, namespace: str, name: str, *conditions: dict[str, Any]) -> None:
        """Say of an object what Seldon's operator would."""
        status = {"status": {"conditions": list(conditions)}}
        self.api.ask("PATCH", f"{path(plural, namespace, name)}/status", status, kind=MERGE).require()

    def make_workload(self, plural: str, namespace: str, name: str, *, is_up: bool) -> None:
        """Make a workload with one pod that runs, or whose rclone ends again and again."""
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "rclone", "image": "x"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        if plural == "statefulsets":
            spec["serviceName"] = name
        where = f"/apis/apps/v1/namespaces/{namespace}/{plural}"
        self.api.create(where, {"metadata": {"name": name}, "spec": spec})
        number = {name: int(is_up) for name in ("replicas", "updatedReplicas", "readyReplicas")}
        said = {"status": {"observedGeneration": 1, **number, "replicas": 1}}
        self.api.ask("PATCH", f"{where}/{name}/status", said, kind=MERGE).require()
        pod = {"metadata": {"name": f"{name}-0", "labels": labels}, "spec": template["spec"]}
        self.api.create(f"{CORE}/{namespace}/pods", pod)
        waiting = {"reason": "CrashLoopBackOff", "message": "back-off 40s"}
        ended = {"lastState": {"terminated": {"reason": "Error", "exitCode": 1}}}
        container = {"name": "rclone", "image": "x", "imageID": "x", "ready": is_up, "restartCount": 5, **ended}
        state = {"running": {}} if is_up else {"waiting": waiting}
        ready = {"type": "Ready", "status": str(is_up)}
        told = {"status": {"conditions": [ready], "containerStatuses": [{**container, "state": state}]}}
        self.api.ask("PATCH", f"{CORE}/{namespace}/pods/{name}-0/status", told, kind=MERGE).require()

    def clear(self) -> None:
        """Take away what other tests would see: every namespace is looked at."""
        for plural in ("experiments", "models", "servers", "seldonruntimes"):
            for namespace in (self.seldon, self.one, self.two):
                for name in self.specs(plural, namespace):
                    self.api.ask("DELETE", path(plural, namespace, name)).require()
        for kind in ("services", "secrets", "resourcequotas"):
            for namespace in (self.one, self.two):
                for name in self.names(f"{CORE}/{namespace}/{kind}"):
                    self.api.ask("DELETE", f"{CORE}/{namespace}/{kind}/{name}").require()
