# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace that Seldon serves: its objects in a real API server, its stand-in, and experiments declared in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from plugins.module_utils._core.experiment import Request
from plugins.module_utils._core.ports import Change
from plugins.module_utils._wiring.kubernetes import API_OPTIONS, kubernetes_store
from tests.api_server import MERGE, ApiServer
from tests.live.seldon.crds import DEFINITIONS, path
from tests.live.seldon.stand_in import Mesh, Quirks, Seldon

NAME, BASELINE, ENHANCED, SHADOW = "split", "baseline", "enhanced", "shadow"
IMAGE = "docker.io/seldonio/seldonv2-controller:2.10.2"
DEPLOYMENT = {
    "metadata": {"name": "seldon-v2-controller-manager"},
    "spec": {
        "selector": {"matchLabels": {"control-plane": "v2-controller-manager"}},
        "template": {
            "metadata": {"labels": {"control-plane": "v2-controller-manager"}},
            "spec": {"containers": [{"name": "manager", "image": IMAGE}]},
        },
    },
}
SERVICE = {"metadata": {"name": "seldon-scheduler"}, "spec": {"ports": [{"name": "api", "port": 9004}]}}
WAIT_SECONDS = 20.0
ASKED = ("name", "default", "mirror", "state", "weights", "candidates")


class World:
    """One namespace, and those who work in it."""

    def __init__(self, api: ApiServer, namespace: str) -> None:
        api.establish(*DEFINITIONS)
        self.api, self.namespace = api, namespace
        self.core = f"/api/v1/namespaces/{namespace}"
        self.apps = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        api.create(self.apps, DEPLOYMENT)
        api.create(f"{self.core}/services", SERVICE)
        for model in (BASELINE, ENHANCED, SHADOW):
            self.model(model)
        self.mesh = Mesh((BASELINE, ENHANCED, SHADOW))
        self.seldon = Seldon(api, namespace, self.mesh)

    def stop(self) -> None:
        self.seldon.stop()
        self.mesh.stop()

    # What is in the cluster

    def model(self, name: str, ready: str = "True") -> None:
        """Make a model, or say anew whether it is ready."""
        several = path("models", self.namespace)
        made = {"apiVersion": "mlops.seldon.io/v1alpha1", "kind": "Model", "metadata": {"name": name}}
        self.api.ask("POST", several, {**made, "spec": {"storageUri": "gs://bucket/model"}})
        condition = {"type": "Ready", "status": ready, "reason": "ModelAvailable" if ready == "True" else "LoadFailed"}
        self.api.ask("PATCH", f"{several}/{name}/status", {"status": {"conditions": [condition]}}, kind=MERGE).require()

    def read(self, name: str = NAME) -> Any:
        return self.api.ask("GET", path("experiments", self.namespace, name)).require()

    def weights(self, name: str = NAME) -> dict[str, int]:
        return {each["name"]: each["weight"] for each in self.read(name)["spec"]["candidates"]}

    def edit(self, change: Mapping[str, Any], *, manager: str = "kubectl-edit", name: str = NAME) -> None:
        one = f"{path('experiments', self.namespace, name)}?fieldManager={manager}"
        self.api.ask("PATCH", one, change, kind=MERGE).require()

    def annotate(self, **values: str) -> None:
        self.edit({"metadata": {"annotations": values}})

    def settle(self, baseline: int, enhanced: int, name: str = NAME) -> None:
        """Have an experiment in force for longer than a second, which is the finest that conditions can tell."""
        self.declare(baseline, enhanced, name=name)
        since = next(each for each in self.read(name)["status"]["conditions"] if each["type"] == "ExperimentReady")
        while time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) <= since["lastTransitionTime"]:
            time.sleep(0.05)

    # What is declared in it

    def params(self, **more: Any) -> dict[str, Any]:
        """Return the parameters of a task."""
        common = {
            "store": "kubernetes",
            "namespace": self.namespace,
            "wait_timeout": WAIT_SECONDS,
            "take_over": False,
            "kubeconfig": str(self.api.kubeconfig()),
            "request_path": self.mesh.request_path,
        }
        return {**dict.fromkeys(API_OPTIONS), **common, **more}

    def declare(self, baseline: int = -1, enhanced: int = -1, **options: Any) -> Change:
        """Declare an experiment with two candidates; weights below 0 are not given."""
        words = {key: options.pop(key) for key in ("force", "dry_run") if key in options}
        asked: dict[str, Any] = {"name": NAME}
        if baseline >= 0:
            asked["weights"] = {BASELINE: baseline, ENHANCED: enhanced}
        asked.update({key: options.pop(key) for key in ASKED if key in options})
        request = Request.parse(asked)
        store = kubernetes_store(self.params(**options))
        return store.declare(request, **{"dry_run": False, "force": False, **words})

    def quirks(self, **values: Any) -> None:
        self.seldon.quirks = Quirks(**values)


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait for something that has to come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
