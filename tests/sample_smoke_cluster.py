# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy cluster as its API shows it, and faults of it one by one, for every test of what a smoke test says of one.

Names and labels are those that K3s, MetalLB, ingress-nginx and Seldon Core v2 give.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from plugins.module_utils._core.request_path import parse_experiment
from plugins.module_utils._core.smoke_platform import Platform

Thing = dict[str, Any]
Key = tuple[str, str, str]

NOW, LATELY, LONG_AGO = 1_767_225_600.0, "2025-12-31T23:58:00Z", "2025-12-31T20:00:00Z"
ADDRESS = "192.0.2.200"
HOST, GRPC_HOST = "ml-api.example.com", "grpc.ml-api.example.com"
VERSION = "2.10.2"
NAME = "app.kubernetes.io/name"
MODELS = ("baseline-predictor", "enhanced-predictor")
EXPERIMENT = "financial-ab-test-experiment"
INGRESS_LABELS = {NAME: "ingress-nginx", "app.kubernetes.io/component": "controller"}
MESH_PORTS = [{"name": "data", "port": 80}, {"name": "stats", "port": 9003}]


@dataclass(frozen=True)
class Names:
    """The namespaces of a cluster; a test that shares its API server with others has its own."""

    seldon: str = "seldon-system"
    teams: tuple[str, str] = ("financial-inference", "financial-research")
    ingress: str = "ingress-nginx"
    metallb: str = "metallb-system"
    prefix: str = ""

    def platform(self, **changes: Any) -> Platform:
        weights = [{"name": MODELS[0], "weight": 70}, {"name": MODELS[1], "weight": 30}]
        experiment = parse_experiment({"name": EXPERIMENT, "candidates": weights, "default": MODELS[0]})
        values = {
            "topology": "central",
            "namespaces": self.teams,
            "seldon_namespace": self.seldon,
            "metallb_namespace": self.metallb,
            "controller": "nginx",
            "ingress": (self.ingress, "ingress-nginx-controller"),
            "address": ADDRESS,
            "host": HOST,
            "grpc_host": GRPC_HOST,
            "mesh_namespace": self.seldon,
            "models": tuple(zip(MODELS, self.teams, strict=True)),
            "experiments": (experiment,),
        }
        return Platform(**{**values, **changes})

    def node(self, number: int) -> str:
        return f"{self.prefix}node-{number}"


def thing(kind: str, namespace: str, name: str, spec: Thing | None = None, **more: Any) -> tuple[Key, Thing]:
    labels = more.pop("labels", {})
    annotations = more.pop("annotations", {})
    metadata: Thing = {"name": name, "labels": dict(labels), "annotations": dict(annotations)}
    if namespace:
        metadata["namespace"] = namespace
    return (kind, namespace, name), {"metadata": metadata, **({} if spec is None else {"spec": spec}), **more}


def ready(is_so: bool = True, kind: str = "Ready") -> Thing:
    return {"type": kind, "status": "True" if is_so else "False", "lastTransitionTime": LONG_AGO}


def pod_spec(*images: str) -> Thing:
    return {"containers": [{"name": each.split("/")[-1].split(":")[0], "image": each} for each in images]}


@dataclass(frozen=True)
class Workload:
    """A workload and its pods, as their controllers would have made them."""

    kind: str
    namespace: str
    name: str
    labels: Thing
    images: tuple[str, ...]
    # The node and the address of each pod.
    pods: tuple[tuple[str, str], ...]

    def things(self) -> Iterator[tuple[Key, Thing]]:
        template = {"metadata": {"labels": self.labels}, "spec": pod_spec(*self.images)}
        spec: Thing = {"selector": {"matchLabels": self.labels}, "template": template}
        count = len(self.pods)
        said: Thing = {"replicas": count, "readyReplicas": count}
        if self.kind == "daemonsets":
            said = {
                "desiredNumberScheduled": count,
                "numberReady": count,
                "currentNumberScheduled": count,
                "numberMisscheduled": 0,
            }
        else:
            spec["replicas"] = count
        if self.kind == "statefulsets":
            spec["serviceName"] = self.name
        yield thing(self.kind, self.namespace, self.name, spec, status=said)
        for index, (node, address) in enumerate(self.pods):
            containers = [
                {
                    "name": each["name"],
                    "image": each["image"],
                    "imageID": "",
                    "ready": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": LONG_AGO}},
                    "lastState": {},
                }
                for each in pod_spec(*self.images)["containers"]
            ]
            status = {"phase": "Running", "podIP": address, "conditions": [ready()], "containerStatuses": containers}
            spec = {**pod_spec(*self.images), "nodeName": node}
            yield thing("pods", self.namespace, f"{self.name}-{index}", spec, labels=self.labels, status=status)


def slice_of(namespace: str, service: str, *addresses: str) -> tuple[Key, Thing]:
    endpoints = [{"addresses": [each], "conditions": {"ready": True}} for each in addresses]
    return thing(
        "endpointslices",
        namespace,
        f"{service}-x",
        labels={"kubernetes.io/service-name": service},
        addressType="IPv4",
        ports=[],
        endpoints=endpoints,
    )


def healthy(names: Names | None = None) -> dict[Key, Thing]:
    """Return every object of a healthy cluster."""
    own = names or Names()
    return dict([*_nodes(own), *_edge(own), *_seldon(own), *_teams(own)])


def _nodes(own: Names) -> Iterator[tuple[Key, Thing]]:
    for number in (1, 2):
        yield thing("nodes", "", own.node(number), {}, status={"conditions": [ready()]})


def _edge(own: Names) -> Iterator[tuple[Key, Thing]]:
    node = own.node(1)
    labels = {NAME: "metallb"}
    controller = {**labels, "app.kubernetes.io/component": "controller"}
    speaker = {**labels, "app.kubernetes.io/component": "speaker"}
    image = ("example.com/metallb:v0",)
    yield from Workload(
        "deployments", own.metallb, "metallb-controller", controller, image, ((node, "10.42.0.9"),)
    ).things()
    on_both = tuple((own.node(number), f"192.0.2.1{number}") for number in (1, 2))
    yield from Workload("daemonsets", own.metallb, "metallb-speaker", speaker, image, on_both).things()
    yield thing("ipaddresspools", own.metallb, "lan", {"addresses": ["192.0.2.200-192.0.2.219"]})
    yield thing("l2advertisements", own.metallb, "all", {"ipAddressPools": ["lan"]})
    said = {"node": node, "serviceName": "ingress-nginx-controller", "serviceNamespace": own.ingress}
    yield thing("servicel2statuses", own.metallb, "l2-abcde", {}, status=said)
    nginx = ("example.com/controller:v1",)
    place = "ingress-nginx-controller"
    yield from Workload("deployments", own.ingress, place, INGRESS_LABELS, nginx, ((node, "10.42.0.10"),)).things()
    spec = {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "selector": INGRESS_LABELS,
        "ports": [{"name": "http", "port": 80}, {"name": "https", "port": 443}],
    }
    yield thing("services", own.ingress, place, spec, status={"loadBalancer": {"ingress": [{"ip": ADDRESS}]}})
    yield thing("ingressclasses", "", "nginx", {"controller": "k8s.io/ingress-nginx"})
    for name, host in (("models", HOST), ("models-grpc", GRPC_HOST)):
        yield _ingress(own, name, host)


def _ingress(own: Names, name: str, host: str) -> tuple[Key, Thing]:
    backend = {"service": {"name": "seldon-mesh", "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": "/v2", "pathType": "Prefix", "backend": backend}]}}
    spec: Thing = {"ingressClassName": "nginx", "rules": [rule]}
    annotations = {}
    if host == GRPC_HOST:
        annotations["nginx.ingress.kubernetes.io/backend-protocol"] = "GRPC"
        spec["tls"] = [{"hosts": [host], "secretName": "models-grpc-tls"}]
    return thing("ingresses", own.seldon, name, spec, annotations=annotations)


def _seldon(own: Names) -> Iterator[tuple[Key, Thing]]:
    node, seldon = own.node(2), own.seldon
    operator = {"control-plane": "v2-controller-manager"}
    parts = (
        ("deployments", "seldon-v2-controller-manager", operator, "seldonv2-controller", "10.42.1.9"),
        ("statefulsets", "seldon-scheduler", {NAME: "seldon-scheduler"}, "seldon-scheduler", "10.42.1.10"),
        ("deployments", "seldon-envoy", {NAME: "seldon-envoy"}, "seldon-envoy", "10.42.1.11"),
    )
    for kind, name, labels, image, address in parts:
        images = (f"docker.io/seldonio/{image}:{VERSION}",)
        yield from Workload(kind, seldon, name, labels, images, ((node, address),)).things()
    services = (
        ("seldon-mesh", "seldon-envoy", MESH_PORTS, "10.42.1.11"),
        ("seldon-scheduler", "seldon-scheduler", [{"name": "agent", "port": 9005}], "10.42.1.10"),
    )
    for name, pods, ports, address in services:
        yield thing("services", seldon, name, {"type": "ClusterIP", "selector": {NAME: pods}, "ports": ports})
        yield slice_of(seldon, name, address)
    yield _claim(seldon, "scheduler-state-seldon-scheduler-0")


def _claim(namespace: str, name: str) -> tuple[Key, Thing]:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local-path",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return thing("persistentvolumeclaims", namespace, name, spec, status={"phase": "Bound"})


def _teams(own: Names) -> Iterator[tuple[Key, Thing]]:
    for index, (team, model) in enumerate(zip(own.teams, MODELS, strict=True)):
        for name in ("seldon-mesh", "seldon-scheduler"):
            target = f"{name}.{own.seldon}.svc.cluster.local"
            yield thing("services", team, name, {"type": "ExternalName", "externalName": target})
        server = f"mlserver-{team}"
        labels = {NAME: "seldon-server", "seldon-server-name": server}
        images = tuple(f"docker.io/seldonio/{each}" for each in ("seldon-rclone:1", "seldon-agent:1", "mlserver:1.7.1"))
        pods = ((own.node(1), f"10.42.2.{10 + index}"),)
        yield from Workload("statefulsets", team, server, labels, images, pods).things()
        said: Thing = {"conditions": [ready()], "replicas": 1, "loadedModels": 1}
        yield thing("servers", team, server, {"serverConfig": "mlserver", "replicas": 1}, status=said)
        yield _claim(team, f"mlserver-models-{server}-0")
        said = {"conditions": [_available(), ready()], "replicas": 1, "availableReplicas": 1}
        yield thing("models", team, model, {"storageUri": "s3://models/x", "server": server}, status=said)
    candidates = [{"name": name, "weight": weight} for name, weight in zip(MODELS, (70, 30), strict=True)]
    spec = {"default": MODELS[0], "candidates": candidates}
    kinds = ("CandidatesReady", "ExperimentReady", "MirrorReady", "Ready")
    yield thing(
        "experiments", own.teams[0], EXPERIMENT, spec, status={"conditions": [ready(kind=each) for each in kinds]}
    )


def _available() -> Thing:
    return {**ready(kind="ModelReady"), "message": "ModelAvailable"}


class Cluster:
    """The objects of a cluster, for whoever breaks one."""

    def __init__(self, things: dict[Key, Thing], names: Names) -> None:
        self.things, self.names = copy.deepcopy(things), names

    def spec(self, kind: str, namespace: str, name: str) -> Thing:
        found: Thing = self.things[kind, namespace, name]["spec"]
        return found

    def status(self, kind: str, namespace: str, name: str) -> Thing:
        found: Thing = self.things[kind, namespace, name]["status"]
        return found

    def pods(self, namespace: str, prefix: str) -> Iterable[Thing]:
        return [
            each for key, each in self.things.items() if key[:2] == ("pods", namespace) and key[2].startswith(prefix)
        ]

    def stop(self, kind: str, namespace: str, name: str, **waiting: str) -> None:
        """Have a workload without a pod that is ready, and its pod say why."""
        said = self.status(kind, namespace, name)
        said["numberReady" if kind == "daemonsets" else "readyReplicas"] = 0
        for pod in self.pods(namespace, f"{name}-"):
            pod["status"]["conditions"] = [ready(False)]
            for container in pod["status"]["containerStatuses"]:
                container.update(ready=False, state={"waiting": waiting}, restartCount=7)

    def unready_slices(self, namespace: str, service: str) -> None:
        for each in self.things["endpointslices", namespace, f"{service}-x"]["endpoints"]:
            each["conditions"]["ready"] = False

    def condition(self, kind: str, namespace: str, name: str, *conditions: Thing) -> None:
        self.status(kind, namespace, name)["conditions"] = list(conditions)
