# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of two nodes without a kubelet: what MetalLB's chart and a kubelet would declare, on a real API server."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.api_server import HOST, MERGE, ApiServer
from tests.live.metallb.crds import definitions

NAMESPACE = "metallb-system"
WEBHOOK = "metallb-webhook-service"
CERTIFICATE, MEMBERS = "metallb-webhook-cert", "metallb-memberlist"
CONTROLLER_POD = "metallb-controller-0"
JUDGED = {
    "bgppeers": "v1beta2",
    "ipaddresspools": "v1beta1",
    "bgpadvertisements": "v1beta1",
    "l2advertisements": "v1beta1",
}
HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


class Cluster:
    """What is declared, and what is read back."""

    def __init__(self, api: ApiServer) -> None:
        self.api = api

    # What the chart declares

    def install(self, webhook_port: int) -> None:
        """Declare everything that the programs look for. The API server asks the webhook at a port of this machine."""
        api = self.api
        api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        # Certificates are for the name of this service, and what it leads to is where somebody listens.
        spec = {"type": "ExternalName", "externalName": HOST}
        api.create(self._path("services"), {"metadata": {"name": WEBHOOK}, "spec": spec})
        api.create(self._path("secrets"), {"metadata": {"name": CERTIFICATE}, "type": "Opaque"})
        conversion = {"clientConfig": at_webhook("/convert", webhook_port), "conversionReviewVersions": ["v1beta1"]}
        api.establish(*definitions({"strategy": "Webhook", "webhook": conversion}))
        hooks = [judge(plural, version, webhook_port) for plural, version in JUDGED.items()]
        api.create(HOOKS, {"metadata": {"name": "metallb-webhook-configuration"}, "webhooks": hooks})
        labels = {"app.kubernetes.io/name": "metallb", "app.kubernetes.io/component": "controller"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container("controller")]}}
        deployment = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        api.create(path, {"metadata": {"name": "metallb-controller"}, "spec": deployment})

    def node(self, name: str, **labels: str) -> None:
        self.api.create("/api/v1/nodes", {"metadata": {"name": name, "labels": labels}})

    def label(self, node: str, **labels: str | None) -> None:
        self.api.ask("PATCH", f"/api/v1/nodes/{node}", {"metadata": {"labels": labels}}, kind=MERGE).require()

    def pod(self, name: str, component: str, node: str, address: str) -> None:
        """Make a pod that runs, as a kubelet would say."""
        labels = {"app.kubernetes.io/name": "metallb", "app.kubernetes.io/component": component}
        spec = {
            "nodeName": node,
            "hostNetwork": True,
            "containers": [container(component)],
            "tolerations": [{"operator": "Exists"}],
        }
        pod = {"metadata": {"name": name, "labels": labels}, "spec": spec}
        self.api.create(self._path("pods"), pod)
        status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
        self.api.ask("PATCH", f"{self._path('pods')}/{name}/status", status, kind=MERGE).require()

    def mount(self, secret: str, folder: Path) -> bool:
        """Write a Secret's content into a folder, as a kubelet does; False while it has none."""
        answer = self.api.ask("GET", f"{self._path('secrets')}/{secret}")
        data = answer.body.get("data") if answer.status == 200 else None
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (data or {}).items():
            (folder / name).write_bytes(base64.b64decode(content))
        return bool(data)

    def port(self) -> int:
        """Return where the API server listens on this machine."""
        return int(self._admin()["clusters"][0]["cluster"]["server"].rpartition(":")[2])

    def kubeconfig(self, folder: Path, server: str) -> Path:
        """Return a file that lets a program in by another address than the API server's own."""
        content = self._admin()
        content["clusters"][0]["cluster"].update({"server": server, "tls-server-name": "localhost"})
        path = folder / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def is_judged(self) -> bool:
        """Tell whether a webhook judges a pool, which nobody keeps."""
        pool = {"apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool", "metadata": {"name": "asked"}}
        path = f"/apis/metallb.io/v1beta1/namespaces/{NAMESPACE}/ipaddresspools?dryRun=All"
        return self.api.ask("POST", path, {**pool, "spec": {"addresses": ["198.51.100.0/28"]}}).status == 201

    # What a user declares

    def service(self, namespace: str, name: str, **annotations: str) -> None:
        """Make a Service with one endpoint on each node."""
        spec: dict[str, Any] = {"type": "LoadBalancer", "ports": [{"name": "http", "port": 80}]}
        metadata = {"name": name, "annotations": annotations}
        self.api.create(f"/api/v1/namespaces/{namespace}/services", {"metadata": metadata, "spec": spec})
        endpoints = [
            {"addresses": [f"198.51.100.{number}"], "nodeName": node, "conditions": {"ready": True}}
            for number, node in enumerate(("node-a", "node-b"), 1)
        ]
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        slice_ = {
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": endpoints,
        }
        self.api.create(slices, slice_)

    def empty(self, namespace: str, name: str) -> None:
        """Leave a Service without anybody behind it."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{name}"
        self.api.ask("PATCH", path, {"endpoints": []}, kind=MERGE).require()

    def remove(self, namespace: str, name: str) -> None:
        """Take a Service away, and what is behind it."""
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        for path in (f"/api/v1/namespaces/{namespace}/services", slices):
            self.api.ask("DELETE", f"{path}/{name}").require()

    # What is read back

    def addresses(self, namespace: str, name: str) -> list[str]:
        found = self.api.ask("GET", f"/api/v1/namespaces/{namespace}/services/{name}").require()
        return [each["ip"] for each in found["status"]["loadBalancer"].get("ingress", [])]

    def annotations(self, namespace: str, name: str) -> dict[str, str]:
        found = self.api.ask("GET", f"/api/v1/namespaces/{namespace}/services/{name}").require()
        return dict(found["metadata"].get("annotations", {}))

    def pool_of(self, namespace: str, name: str) -> str:
        """Return the pool that MetalLB says the address of a Service is of."""
        return self.annotations(namespace, name).get("metallb.io/ip-allocated-from-pool", "")

    def services(self, namespace: str) -> list[str]:
        return self._names(f"/api/v1/namespaces/{namespace}/services")

    def pools(self) -> list[str]:
        return self._names(f"/apis/metallb.io/v1beta1/namespaces/{NAMESPACE}/ipaddresspools")

    def events(self, namespace: str, name: str) -> list[str]:
        """Return what was said about a Service, each with its reason before it."""
        found = self.api.ask("GET", f"/api/v1/namespaces/{namespace}/events").require()["items"]
        return [f"{each['reason']}: {each['message']}" for each in found if each["involvedObject"]["name"] == name]

    def announcers(self, namespace: str, name: str) -> list[str]:
        """Return which nodes say that they announce a Service."""
        found = self.api.ask("GET", f"/apis/metallb.io/v1beta1/namespaces/{NAMESPACE}/servicel2statuses").require()
        wanted = {"serviceNamespace": namespace, "serviceName": name}
        return [each["status"]["node"] for each in found["items"] if wanted.items() <= each.get("status", {}).items()]

    def _names(self, path: str) -> list[str]:
        return sorted(each["metadata"]["name"] for each in self.api.ask("GET", path).require()["items"])

    def _admin(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.api.kubeconfig().read_text(encoding="utf-8"))
        return found

    def _path(self, plural: str) -> str:
        return f"/api/v1/namespaces/{NAMESPACE}/{plural}"


def at_webhook(path: str, port: int) -> dict[str, Any]:
    return {"service": {"name": WEBHOOK, "namespace": NAMESPACE, "path": path, "port": port}}


def judge(plural: str, version: str, port: int) -> dict[str, Any]:
    """Return who judges a kind of object before it is taken."""
    kind = plural.removesuffix("s")
    return {
        "name": f"{kind}validationwebhook.metallb.io",
        "clientConfig": at_webhook(f"/validate-metallb-io-{version}-{kind}", port),
        "rules": [
            {
                "apiGroups": ["metallb.io"],
                "apiVersions": [version],
                "operations": ["CREATE", "UPDATE"],
                "resources": [plural],
            }
        ],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }


def container(name: str) -> dict[str, str]:
    return {"name": name, "image": f"example.com/{name}:none"}
