# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of a cluster, one by one, and the hop and the check that a smoke test is to blame for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.sample_smoke_cluster import (
    EXPERIMENT,
    GRPC_HOST,
    HOST,
    LATELY,
    MODELS,
    Cluster,
    Thing,
    ready,
    slice_of,
)

BASELINE, ENHANCED = MODELS
TAKEN = tuple(ready(kind=each) for each in ("CandidatesReady", "ExperimentReady", "MirrorReady", "Ready"))
CONTROLLER = "ingress-nginx-controller"


@dataclass(frozen=True)
class Fault:
    """A fault, and what is to be said of it: the hop, the check and its target, and words of what was seen.

    A target in braces is a namespace by its part: {seldon}, {first} or {second}.
    """

    make: Callable[[Cluster], Any]
    hop: str
    check: str
    words: str
    status: str = "fail"


def false(kind: str, **more: str) -> Thing:
    return {**ready(False, kind), **more}


def stopped(kind: str, part: str, name: str, **waiting: str) -> Callable[[Cluster], Any]:
    return lambda on: on.stop(kind, getattr(on.names, part), name, **waiting)


def service(on: Cluster, part: str, name: str) -> Thing:
    return on.spec("services", getattr(on.names, part), name)


def restart(on: Cluster) -> None:
    for pod in on.pods(on.names.seldon, "seldon-envoy"):
        for container in pod["status"]["containerStatuses"]:
            ended = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": LATELY}
            container.update(restartCount=1, lastState={"terminated": ended})


def conditions(kind: str, name: str, *said: Thing, team: int = 0) -> Callable[[Cluster], Any]:
    return lambda on: on.condition(kind, on.names.teams[team], name, *said)


def model(state: str, reason: str) -> Callable[[Cluster], Any]:
    said = (false("ModelReady", message=state, reason=reason), false("Ready", message=state, reason=reason))
    return conditions("models", ENHANCED, *said, team=1)


def without(kind: str, part: str, name: str) -> Callable[[Cluster], Any]:
    return lambda on: on.things.pop((kind, getattr(on.names, part), name))


def old_images(on: Cluster) -> None:
    spec = on.spec("deployments", on.names.seldon, "seldon-envoy")["template"]["spec"]
    spec["containers"][0]["image"] = "docker.io/seldonio/seldon-envoy:2.9.1"


def digests(on: Cluster) -> None:
    for kind, name in (
        ("deployments", "seldon-v2-controller-manager"),
        ("deployments", "seldon-envoy"),
        ("statefulsets", "seldon-scheduler"),
    ):
        container = on.spec(kind, on.names.seldon, name)["template"]["spec"]["containers"][0]
        container["image"] = "example.com/seldon@sha256:" + "0" * 64


def node_down(on: Cluster, number: int) -> None:
    on.condition("nodes", "", on.names.node(number), {**ready(False), "reason": "KubeletNotReady"})


def elsewhere(on: Cluster) -> None:
    """Move the announcement to a node that has no pod of the controller."""
    on.status("servicel2statuses", on.names.metallb, "l2-abcde")["node"] = on.names.node(2)


def exposed(name: str, kind: str = "LoadBalancer", address: str = "192.0.2.201") -> Callable[[Cluster], Any]:
    def make(on: Cluster) -> None:
        service(on, "seldon", name)["type"] = kind
        if address:
            given = {"loadBalancer": {"ingress": [{"ip": address}]}}
            on.things["services", on.names.seldon, name]["status"] = given

    return make


def own_service(name: str) -> Callable[[Cluster], Any]:
    """Have a Service of its own where the other namespace's belongs, as a SeldonRuntime would make it."""

    def make(on: Cluster) -> None:
        spec = service(on, "seldon", name)
        on.things["services", on.names.teams[1], name]["spec"] = {**spec, "type": "ClusterIP"}

    return make


def ingress(name: str, **changes: Any) -> Callable[[Cluster], Any]:
    return lambda on: on.spec("ingresses", on.names.seldon, name).update(changes)


def backend(**port: Any) -> Callable[[Cluster], Any]:
    def make(on: Cluster) -> None:
        rule = on.spec("ingresses", on.names.seldon, "models")["rules"][0]
        rule["http"]["paths"][0]["backend"]["service"]["port"] = port

    return make


def moved_ingress(on: Cluster) -> None:
    found = on.things.pop(("ingresses", on.names.seldon, "models"))
    found["metadata"]["namespace"] = on.names.teams[0]
    on.things["ingresses", on.names.teams[0], "models"] = found


def more_addresses(on: Cluster) -> None:
    on.things.update([slice_of(on.names.seldon, "seldon-mesh", "10.42.1.11", "10.42.1.99")])


def unbound(part: str, name: str) -> Callable[[Cluster], Any]:
    return lambda on: on.status("persistentvolumeclaims", getattr(on.names, part), name).update(phase="Pending")


def team(make: Callable[[Cluster, str], Any]) -> Callable[[Cluster], Any]:
    return lambda on: make(on, on.names.teams[1])


FAULTS: dict[str, Fault] = {
    # Kubernetes
    "a node is lost that nothing hangs on": Fault(
        lambda on: node_down(on, 2), "cluster", "cluster.nodes", "KubeletNotReady", "warn"
    ),
    "Seldon's operator crashes": Fault(
        stopped("deployments", "seldon", "seldon-v2-controller-manager", reason="CrashLoopBackOff"),
        "cluster",
        "cluster.operator",
        "0 of 1 ready; seldon-v2-controller-manager-0, seldonv2-controller: CrashLoopBackOff",
    ),
    "Seldon is too old": Fault(old_images, "cluster", "cluster.version", "docker.io/seldonio/seldon-envoy:2.9.1"),
    "nobody can tell how old Seldon is": Fault(digests, "cluster", "cluster.version", "no version in", "error"),
    "the scheduler's volume is not bound": Fault(
        unbound("seldon", "scheduler-state-seldon-scheduler-0"),
        "cluster",
        "cluster.volumes {seldon}",
        "scheduler-state-seldon-scheduler-0 is Pending, class local-path",
    ),
    # The address
    "MetalLB has no speaker": Fault(
        stopped("daemonsets", "metallb", "metallb-speaker", reason="ErrImagePull"),
        "address",
        "address.workload",
        "DaemonSet {metallb}/metallb-speaker: 0 of 2 ready; metallb-speaker-0, metallb: ErrImagePull",
    ),
    "the Service waits for an address": Fault(
        lambda on: on.status("services", on.names.ingress, CONTROLLER)["loadBalancer"].clear(),
        "address",
        "address.service",
        "LoadBalancer with no address",
    ),
    "the address is in no pool": Fault(
        lambda on: on.spec("ipaddresspools", on.names.metallb, "lan").update(addresses=["192.0.2.210-192.0.2.219"]),
        "address",
        "address.service",
        "192.0.2.200 is in no IPAddressPool",
    ),
    "nothing advertises the pool": Fault(
        lambda on: on.spec("l2advertisements", on.names.metallb, "all").update(ipAddressPools=["other"]),
        "address",
        "address.service",
        "no advertisement selects the pool lan",
    ),
    "no node announces the address": Fault(
        without("servicel2statuses", "metallb", "l2-abcde"), "address", "address.announced", "announced by no node"
    ),
    "the node that announces has no pod of the controller": Fault(
        elsewhere, "address", "address.announced", "announces it, and ready pods are on"
    ),
    # The ingress controller
    "the controller has no pod that is ready": Fault(
        stopped("deployments", "ingress", CONTROLLER, reason="CrashLoopBackOff", message="back-off 5m0s"),
        "nginx",
        "nginx.workload",
        "controller: CrashLoopBackOff, back-off 5m0s",
    ),
    "the host has no route": Fault(
        without("ingresses", "seldon", "models"), "nginx", f"nginx.ingress {HOST}", f"no route has {HOST}"
    ),
    "the route is of another class": Fault(
        ingress("models", ingressClassName="traefik"), "nginx", f"nginx.ingress {HOST}", "has the class traefik"
    ),
    "the route leads to the port of Envoy's pods": Fault(
        backend(number=8080), "nginx", f"nginx.ingress {HOST}", "it leads to seldon-mesh:8080"
    ),
    "the route is in a team's namespace": Fault(
        moved_ingress, "nginx", f"nginx.ingress {HOST}", "is not in {seldon}, where the mesh is"
    ),
    "the route of gRPC has no TLS": Fault(
        ingress("models-grpc", tls=[]), "nginx", f"nginx.ingress {GRPC_HOST}", "has no TLS for"
    ),
    # seldon-mesh
    "seldon-mesh selects nobody": Fault(
        lambda on: service(on, "seldon", "seldon-mesh").update(selector={"app": "seldon-envoy"}),
        "mesh",
        "mesh.service {seldon}",
        "it selects {'app': 'seldon-envoy'}, which no ready pod has",
    ),
    "seldon-mesh has another port": Fault(
        lambda on: service(on, "seldon", "seldon-mesh").update(ports=[{"name": "data", "port": 8080}]),
        "mesh",
        "mesh.service {seldon}",
        "it has the ports 8080",
    ),
    "an EndpointSlice names a pod that is gone": Fault(
        more_addresses, "mesh", "mesh.service {seldon}", "it leads to 10.42.1.11, 10.42.1.99"
    ),
    "an EndpointSlice calls Envoy unready": Fault(
        lambda on: on.unready_slices(on.names.seldon, "seldon-mesh"), "mesh", "mesh.service {seldon}", "to nobody"
    ),
    "a SeldonRuntime made a mesh in a team's namespace": Fault(
        own_service("seldon-mesh"), "mesh", "mesh.service {second}", "it is a ClusterIP of its own"
    ),
    "seldon-mesh has an address of its own": Fault(
        exposed("seldon-mesh"), "mesh", "address.exposed_services", "{seldon}/seldon-mesh (LoadBalancer, 192.0.2.201)"
    ),
    # Envoy
    "Envoy has no pod that is ready": Fault(
        stopped("deployments", "seldon", "seldon-envoy", reason="ImagePullBackOff"),
        "envoy",
        "envoy.workload {seldon}",
        "seldon-envoy: ImagePullBackOff",
    ),
    "Envoy restarted a moment ago": Fault(
        restart, "envoy", "envoy.workload {seldon}", "s ago, ended before with OOMKilled (137)", "warn"
    ),
    # The scheduler
    "the scheduler is not ready": Fault(
        stopped("statefulsets", "seldon", "seldon-scheduler", reason="CrashLoopBackOff"),
        "scheduler",
        "scheduler.workload {seldon}",
        "0 of 1 ready",
    ),
    "there are two schedulers": Fault(
        lambda on: on.spec("statefulsets", on.names.seldon, "seldon-scheduler").update(replicas=2),
        "scheduler",
        "scheduler.workload {seldon}",
        "2 replicas",
    ),
    "the scheduler is on the network": Fault(
        exposed("seldon-scheduler", "NodePort", ""),
        "scheduler",
        "address.exposed_services",
        "{seldon}/seldon-scheduler (NodePort)",
    ),
    "a team's namespace knows no scheduler": Fault(
        team(lambda on, name: on.things.pop(("services", name, "seldon-scheduler"))),
        "scheduler",
        "scheduler.service {second}",
        "there is no Service",
    ),
    "the scheduler refused the experiment, and Ready is still True": Fault(
        conditions(
            "experiments",
            EXPERIMENT,
            *TAKEN,
            false("ModelReady", reason="default already taken", lastTransitionTime=LATELY),
        ),
        "scheduler",
        f"scheduler.experiment {EXPERIMENT}",
        "ModelReady=False (default already taken)",
    ),
    "a candidate of the experiment is not there": Fault(
        conditions("experiments", EXPERIMENT, *TAKEN[1:], false("CandidatesReady", reason="Candidates not ready")),
        "scheduler",
        f"scheduler.experiment {EXPERIMENT}",
        "CandidatesReady=False (Candidates not ready)",
    ),
    "nobody has looked at the experiment": Fault(
        conditions("experiments", EXPERIMENT), "scheduler", f"scheduler.experiment {EXPERIMENT}", "never said"
    ),
    "the experiment was lost": Fault(
        lambda on: on.things.pop(("experiments", on.names.teams[0], EXPERIMENT)),
        "scheduler",
        f"scheduler.experiment {EXPERIMENT}",
        "there is no Experiment",
    ),
    # MLServer
    "a server has no pod that is ready": Fault(
        team(lambda on, name: on.stop("statefulsets", name, f"mlserver-{name}", reason="CrashLoopBackOff")),
        "mlserver",
        "mlserver.workload {second}",
        "seldon-agent: CrashLoopBackOff",
    ),
    "a server was never taken for ready": Fault(
        team(lambda on, name: on.condition("servers", name, f"mlserver-{name}", false("Ready", reason="no match"))),
        "mlserver",
        "mlserver.server {second}",
        "Ready=False (no match)",
    ),
    "a server has fewer replicas than it wants": Fault(
        team(lambda on, name: on.spec("servers", name, f"mlserver-{name}").update(replicas=2)),
        "mlserver",
        "mlserver.server {second}",
        "1 replicas of 2",
    ),
    "no server has what a model needs": Fault(
        model("ScheduleFailed", "no matching servers"),
        "mlserver",
        f"mlserver.model {ENHANCED}",
        "ScheduleFailed: no matching servers",
    ),
    "a model cannot be fetched": Fault(
        model("ModelFailed", "rclone: directory not found"),
        "mlserver",
        f"mlserver.model {ENHANCED}",
        "ModelFailed: rclone: directory not found",
    ),
    "a model is pinned to a server that is not there": Fault(
        team(lambda on, name: on.spec("models", name, ENHANCED).update(server="mlserver")),
        "mlserver",
        f"mlserver.model {ENHANCED}",
        "pinned to the Server mlserver, which is not there",
    ),
    "a model is pinned to no server": Fault(
        team(lambda on, name: on.spec("models", name, ENHANCED).pop("server")),
        "mlserver",
        f"mlserver.model {ENHANCED}",
        "any namespace's may get it",
        "warn",
    ),
    "a model was never applied": Fault(
        team(lambda on, name: on.things.pop(("models", name, ENHANCED))),
        "mlserver",
        f"mlserver.model {ENHANCED}",
        "there is no Model",
    ),
}
