# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a cluster's edge that its API's objects decide: the address, the ingress controller, and seldon-mesh.

Source for MetalLB's objects: https://metallb.universe.tf/apis/
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping, Sequence

from .address_spans import address_span, pool_span
from .cluster_view import ClusterView, Object, is_ready, status, where
from .errors import ServingError
from .policy_evaluator import selects
from .smoke import FAIL, PASS, WARN, Check, Finding, Key, judged, skipped
from .smoke_cluster import RIGHTS
from .smoke_platform import Platform
from .smoke_routes import route_faults
from .smoke_workloads import workload

# Where the Service and the Deployment of each controller are; the names are those of their charts.
PLACES: Mapping[str, tuple[str, str]] = {
    "nginx": ("ingress-nginx", "ingress-nginx-controller"),
    "traefik": ("kube-system", "traefik"),
}
NOWHERE = ("", "")
SOMEBODY_ELSES = "the edge is somebody else's (ingress_controller is none)"
NO_METALLB = "the cluster has no MetalLB, so its addresses are somebody else's"
# Whose Services, by their names, stand for a hop.
HOPS_OF_SERVICES = {"seldon-mesh": "mesh", "seldon-scheduler": "scheduler"}

Ask = Callable[[], Finding]


def edge_checks(view: ClusterView, platform: Platform) -> list[Check]:
    """Return the checks from Envoy's Service outwards to the address."""
    metallb, service = ("address.workload", ""), ("address.service", "")
    return [
        *_names(view, platform),
        Check("nginx.workload", lambda: _controller(view, platform), needs=(RIGHTS,)),
        *(
            Check("nginx.ingress", _ingress(view, platform, host, is_grpc=bool(number)), host, (RIGHTS,))
            for number, host in enumerate((platform.host, platform.grpc_host))
            if host
        ),
        Check("address.workload", lambda: _metallb(view, platform), needs=(RIGHTS,)),
        Check("address.service", lambda: _service(view, platform), needs=(metallb,)),
        Check("address.announced", lambda: _announced(view, platform), needs=(service, ("nginx.workload", ""))),
        Check("address.exposed_services", lambda: _exposed(view, platform), needs=(RIGHTS,)),
    ]


# seldon-mesh and seldon-scheduler


def _names(view: ClusterView, platform: Platform) -> Iterator[Check]:
    parts = (("scheduler.service", "seldon-scheduler", "scheduler"), ("mesh.service", "seldon-mesh", "envoy"))
    for id_, name, hop in parts:
        for each in platform.runtimes:
            yield Check(id_, _leads(view, each, name), each, ((f"{hop}.workload", each),))
        for each in platform.aliased:
            yield Check(id_, _alias(view, each, name, platform.seldon_namespace), each, (RIGHTS,))


def _leads(view: ClusterView, namespace: str, name: str) -> Ask:
    def ask() -> Finding:
        found = view.one("services", namespace, name)
        if found is None:
            return Finding(FAIL, f"there is no Service {namespace}/{name}", "a Service that leads to its pods")
        pods = view.backends(found)
        ready = {status(each).get("podIP") for each in pods if is_ready(each)}
        reached = view.ready_addresses(namespace, name)
        expected = f"{len(ready)} pods that are ready, and no other"
        if not ready:
            return Finding(FAIL, f"it selects {found['spec'].get('selector')}, which no ready pod has", "a ready pod")
        ports = [each["port"] for each in found["spec"].get("ports") or ()]
        if name == "seldon-mesh" and 80 not in ports:
            return Finding(FAIL, f"it has the ports {', '.join(map(str, ports))}", "port 80")
        return judged(ready == reached, f"it leads to {', '.join(sorted(reached)) or 'nobody'}", expected)

    return ask


def _alias(view: ClusterView, namespace: str, name: str, home: str) -> Ask:
    def ask() -> Finding:
        wanted = f"{name}.{home}.svc.cluster.local"
        expected = f"the ExternalName {wanted}"
        found = view.one("services", namespace, name)
        if found is None:
            return Finding(FAIL, f"there is no Service {namespace}/{name}", expected)
        if found["spec"].get("type") != "ExternalName":
            return Finding(FAIL, f"it is a {found['spec'].get('type', 'ClusterIP')} of its own", expected)
        target = str(found["spec"].get("externalName")).rstrip(".")
        return judged(target == wanted, f"it is the ExternalName {target}", expected)

    return ask


# The controller


def _controller(view: ClusterView, platform: Platform) -> Finding:
    if not platform.ingress[1]:
        return skipped(SOMEBODY_ELSES)
    return workload(view, "deployments", *platform.ingress)()


def _ingress(view: ClusterView, platform: Platform, host: str, *, is_grpc: bool) -> Ask:
    def ask() -> Finding:
        if not platform.ingress[1]:
            return skipped(SOMEBODY_ELSES)
        found, faults = route_faults(view, platform.controller, host, platform.mesh_namespace, is_grpc=is_grpc)
        expected = f"a route of class {platform.controller} to {platform.mesh_namespace}/seldon-mesh:80"
        return judged(bool(found) and not faults, "; ".join(faults) or found or f"no route has {host}", expected)

    return ask


# The address


def _metallb(view: ClusterView, platform: Platform) -> Finding:
    if "ipaddresspools" in view.missing:
        return skipped(NO_METALLB)
    findings = [
        workload(view, kind, platform.metallb_namespace, name)()
        for kind, name in (("deployments", "metallb-controller"), ("daemonsets", "metallb-speaker"))
    ]
    return next((each for state in (FAIL, WARN) for each in findings if each.status == state), findings[0])


def _service(view: ClusterView, platform: Platform) -> Finding:
    if not platform.ingress[1]:
        return skipped(SOMEBODY_ELSES)
    found = view.one("services", *platform.ingress)
    expected = f"LoadBalancer with {platform.address}"
    if found is None:
        return Finding(FAIL, f"there is no Service {'/'.join(platform.ingress)}", expected)
    given, kind = addresses(found), found["spec"].get("type")
    if kind != "LoadBalancer" or platform.address not in given:
        return Finding(FAIL, f"{kind} with {', '.join(given) or 'no address'}", expected)
    if "ipaddresspools" in view.missing:
        return Finding(PASS, f"{expected}; {NO_METALLB}")
    pools = [each for each in view.all("ipaddresspools", platform.metallb_namespace) if _holds(each, platform.address)]
    if not pools:
        return Finding(FAIL, f"{platform.address} is in no IPAddressPool", "an address of a pool")
    advertised = [each for each in pools if _advertisements(view, each)]
    names = ", ".join(each["metadata"]["name"] for each in pools)
    return judged(bool(advertised), f"no advertisement selects the pool {names}" if not advertised else names, expected)


def addresses(service: Object) -> list[str]:
    """Return the addresses by which a Service can be reached from outside."""
    given = (status(service).get("loadBalancer") or {}).get("ingress") or ()
    found = [str(each.get("ip") or each.get("hostname") or "") for each in given]
    return [*filter(None, found), *(service["spec"].get("externalIPs") or ())]


def _holds(pool: Object, address: str) -> bool:
    span = address_span(address)
    spans = [pool_span(each, pool=pool["metadata"]["name"]) for each in pool["spec"]["addresses"]]
    return span is not None and any(span.lies_in(each) for each in spans)


def _advertisements(view: ClusterView, pool: Object, kinds: Sequence[str] = ("l2", "bgp")) -> list[Object]:
    """Return the advertisements that select a pool; one that names none selects all."""
    found = [each for kind in kinds for each in view.all(f"{kind}advertisements", pool["metadata"]["namespace"])]
    return [each for each in found if _selects(each.get("spec") or {}, pool)]


def _selects(spec: Mapping[str, Any], pool: Object) -> bool:
    names, selectors = spec.get("ipAddressPools") or (), spec.get("ipAddressPoolSelectors") or ()
    labels = pool["metadata"].get("labels") or {}
    named = pool["metadata"]["name"] in names or any(selects(each, labels) for each in selectors)
    return named if names or selectors else True


def _announced(view: ClusterView, platform: Platform) -> Finding:
    if not platform.ingress[1]:
        return skipped(SOMEBODY_ELSES)
    if "servicel2statuses" in view.missing or "servicel2statuses" in view.denied:
        return skipped("MetalLB's ServiceL2Status cannot be read, so nothing says which node announces")
    namespace, name = platform.ingress
    said = [status(each) for each in view.all("servicel2statuses")]
    ours = [each for each in said if (each.get("serviceNamespace"), each.get("serviceName")) == (namespace, name)]
    nodes = sorted({str(each.get("node")) for each in ours})
    pools = [each for each in view.all("ipaddresspools") if _holds(each, platform.address)]
    if not nodes and not any(_advertisements(view, each, ("l2",)) for each in pools):
        return skipped("the address is announced by BGP alone")
    if len(nodes) != 1:
        return Finding(FAIL, f"announced by {', '.join(nodes) or 'no node'}", "one node")
    return _announcer(view, platform, nodes[0])


def _announcer(view: ClusterView, platform: Platform, node: str) -> Finding:
    found = view.one("nodes", "", node)
    if found is None or not is_ready(found):
        return Finding(FAIL, f"{node} announces it, and is not ready", "a node that is ready")
    service = view.one("services", *platform.ingress)
    if service is None or service["spec"].get("externalTrafficPolicy") != "Local":
        return Finding(PASS, f"{node} announces it")
    homes = {each["spec"].get("nodeName") for each in view.backends(service) if is_ready(each)}
    said = f"{node} announces it, and ready pods are on {', '.join(sorted(map(str, homes))) or 'no node'}"
    return judged(node in homes, said, "a ready pod on the node that announces")


# What else is reached from outside


def _exposed(view: ClusterView, platform: Platform) -> Finding:
    edge = "/".join(filter(None, platform.ingress))
    faults: list[tuple[str, str]] = []
    others = []
    for each in view.all("services"):
        kind, name = each["spec"].get("type", "ClusterIP"), where(each)
        if name in (edge, *platform.exposed) or (kind not in ("LoadBalancer", "NodePort") and not addresses(each)):
            continue
        text = f"{name} ({kind}{', ' if addresses(each) else ''}{', '.join(addresses(each))})"
        if each["metadata"]["namespace"] in platform.all or each["metadata"]["name"] in HOPS_OF_SERVICES:
            faults.append((HOPS_OF_SERVICES.get(each["metadata"]["name"], "address"), text))
        else:
            others.append(text)
    expected = f"none but {edge or 'the edge'}"
    if faults:
        return Finding(FAIL, ", ".join(text for _hop, text in faults), expected, hop=faults[0][0])
    return Finding(WARN, ", ".join(others), expected) if others else Finding(PASS, "no other")


def one_answers(address: str, answering: Callable[[str], Sequence[str]]) -> Check:
    """Return the check whether one host alone answers for the address; it is asked on the network itself."""

    def ask() -> Finding:
        expected = "one hardware address"
        try:
            found = answering(address)
        except ServingError as error:
            return skipped(str(error))
        return judged(len(found) == 1, f"{', '.join(found) or 'nobody'} answers", expected)

    return Check("address.one_answers", ask, needs=(("address.connect", ""),))


def before_calls(platform: Platform) -> tuple[Key, ...]:
    """Return what must hold before a call through the whole path says anything of the controller."""
    return (
        ("address.announced", ""),
        ("nginx.workload", ""),
        ("nginx.ingress", platform.host),
        ("mesh.service", platform.mesh_namespace),
    )


__all__ = ["NOWHERE", "PLACES", "addresses", "before_calls", "edge_checks", "one_answers"]
