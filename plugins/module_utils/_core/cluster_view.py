# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster's API showed at one moment: its objects by kind, and what it did not let us see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from .policy_evaluator import selects

Object = Mapping[str, Any]

SELDON_GROUP = "mlops.seldon.io/v1alpha1"
METALLB = "metallb.io/v1beta1"
# Each kind that is read, and where the API has it: the first address that it serves counts.
KINDS: Mapping[str, tuple[str, ...]] = {
    "nodes": ("/api/v1/nodes",),
    "namespaces": ("/api/v1/namespaces",),
    "pods": ("/api/v1/pods",),
    "services": ("/api/v1/services",),
    "persistentvolumeclaims": ("/api/v1/persistentvolumeclaims",),
    "endpointslices": ("/apis/discovery.k8s.io/v1/endpointslices", "/apis/discovery.k8s.io/v1beta1/endpointslices"),
    "deployments": ("/apis/apps/v1/deployments",),
    "statefulsets": ("/apis/apps/v1/statefulsets",),
    "daemonsets": ("/apis/apps/v1/daemonsets",),
    "ingresses": ("/apis/networking.k8s.io/v1/ingresses",),
    "ingressclasses": ("/apis/networking.k8s.io/v1/ingressclasses",),
    "networkpolicies": ("/apis/networking.k8s.io/v1/networkpolicies",),
    "experiments": (f"/apis/{SELDON_GROUP}/experiments",),
    "models": (f"/apis/{SELDON_GROUP}/models",),
    "servers": (f"/apis/{SELDON_GROUP}/servers",),
    "ipaddresspools": (f"/apis/{METALLB}/ipaddresspools",),
    "l2advertisements": (f"/apis/{METALLB}/l2advertisements",),
    "bgpadvertisements": (f"/apis/{METALLB}/bgpadvertisements",),
    "servicel2statuses": (f"/apis/{METALLB}/servicel2statuses",),
    "ingressroutes": ("/apis/traefik.io/v1alpha1/ingressroutes",),
}
SELDON_KINDS = ("experiments", "models", "servers")
# What need not be there: it belongs to one way of doing things among others.
OPTIONAL = ("bgpadvertisements", "servicel2statuses", "ingressroutes", "ipaddresspools", "l2advertisements")


@dataclass(frozen=True)
class ClusterView:
    """Objects by kind. ``missing`` kinds are not served; ``denied`` ones may not be read, for the reason that is given.

    ``problem`` says why nothing could be read at all.
    """

    objects: Mapping[str, Sequence[Object]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    denied: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    version: str = ""
    now: float = 0.0

    def all(self, kind: str, namespace: str = "") -> list[Object]:
        """Return all objects of a kind, or those of a namespace."""
        found = self.objects.get(kind, ())
        return [each for each in found if not namespace or each["metadata"].get("namespace") == namespace]

    def one(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return an object by its name."""
        return next((each for each in self.all(kind, namespace) if each["metadata"]["name"] == name), None)

    def pods(self, namespace: str, selector: Mapping[str, Any]) -> list[Object]:
        """Return the pods that a selector has, apart from those that are going or have ended."""
        return [
            each
            for each in self.all("pods", namespace)
            if selects(selector, each["metadata"].get("labels") or {}) and not is_over(each)
        ]

    def backends(self, service: Object) -> list[Object]:
        """Return the pods that a Service selects; none where it selects nobody."""
        labels = (service.get("spec") or {}).get("selector")
        return self.pods(service["metadata"]["namespace"], {"matchLabels": labels}) if labels else []

    def ready_addresses(self, namespace: str, service: str) -> set[str]:
        """Return the addresses that a Service leads to, out of its EndpointSlices."""
        found: set[str] = set()
        for each in self._slices(namespace, service):
            for endpoint in each.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready") is not False:
                    found.update(endpoint["addresses"])
        return found

    def ports(self, namespace: str, service: str) -> set[int]:
        """Return the ports of pods that a Service leads to, out of its EndpointSlices."""
        slices = self._slices(namespace, service)
        return {int(port["port"]) for each in slices for port in each.get("ports") or () if port.get("port")}

    def _slices(self, namespace: str, service: str) -> list[Object]:
        label = "kubernetes.io/service-name"
        slices = self.all("endpointslices", namespace)
        return [each for each in slices if (each["metadata"].get("labels") or {}).get(label) == service]


def is_over(pod: Object) -> bool:
    """Say whether a pod has ended or is going."""
    return bool(pod["metadata"].get("deletionTimestamp")) or status(pod).get("phase") in ("Succeeded", "Failed")


def is_ready(thing: Object) -> bool:
    """Say whether the condition Ready of a pod, a node or a resource of Seldon's is True."""
    return condition(thing, "Ready").get("status") == "True"


def condition(thing: Object, kind: str) -> Mapping[str, Any]:
    """Return a condition by its type; nothing where it was never said."""
    return next((each for each in status(thing).get("conditions") or () if each.get("type") == kind), {})


def status(thing: Object) -> Mapping[str, Any]:
    """Return the status of an object, which may have none yet."""
    return thing.get("status") or {}


def where(thing: Object) -> str:
    """Return namespace and name of an object."""
    return f"{thing['metadata'].get('namespace', '')}/{thing['metadata']['name']}"


__all__ = ["KINDS", "OPTIONAL", "SELDON_GROUP", "SELDON_KINDS", "ClusterView", "Object"]
__all__ += ["condition", "is_over", "is_ready", "status", "where"]
