# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What NetworkPolicies would change for the pods that are there: who reaches whom today, and who would then."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Iterator, Mapping, Sequence, Union

from .network_policies import NAMESPACE_LABEL, is_ours, manifests, place
from .policy_evaluator import NamedPort, Outsider, Pod, Policies, selects
from .policy_flows import Settings
from .preflight_report import spoken

Party = Union[Pod, Outsider]
# An address of documentation, which stands for all that is nobody's here, and what is asked for there.
ELSEWHERE = Outsider("any other address", "203.0.113.1")
ELSEWHERE_PORTS = ((80, "TCP"), (443, "TCP"), (53, "UDP"))
# Pods that have ended have no network any more.
OVER = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Found:
    """What the API has: namespaces, pods and policies, as it gives them."""

    namespaces: Sequence[Mapping[str, Any]]
    pods: Sequence[Mapping[str, Any]]
    policies: Sequence[Mapping[str, Any]]


def audit(settings: Settings, found: Found) -> dict[str, list[str]]:
    """Return sentences: what would be ``blocked``, what ``opened``, and what could be reached then (``open``)."""
    wanted = manifests(settings)
    theirs = [each for each in found.policies if not is_ours(each)]
    names = {each["metadata"]["name"]: each["metadata"].get("labels") or {} for each in found.namespaces}
    for name in settings.isolated:
        names.setdefault(name, {NAMESPACE_LABEL: name})
    today, then = Policies(found.policies, names), Policies([*theirs, *wanted], names)
    closed = {place(each)[0] for each in (*wanted, *filter(is_ours, found.policies))}
    said: dict[str, list[str]] = {"blocked": [], "opened": [], "open": []}
    workloads = list(_workloads(found.pods))
    targets = [(party, _ports(party, wanted)) for party in workloads]
    for target, ports in [*targets, *_outside(settings)]:
        near = [each for each in (*workloads, ELSEWHERE) if each != target and closed & {_home(each), _home(target)}]
        before = {port: [each.name for each in near if today.allow(each, target, *port)] for port in ports}
        after = {port: [each.name for each in near if then.allow(each, target, *port)] for port in ports}
        said["blocked"] += _lines(target, "is no longer reached by", _less(before, after))
        said["opened"] += _lines(target, "is reached by", _less(after, before))
        said["open"] += _lines(target, "may be reached by", after)
    return said


def _less(one: Mapping[Any, list[str]], other: Mapping[Any, list[str]]) -> dict[Any, list[str]]:
    return {port: [name for name in names if name not in other[port]] for port, names in one.items()}


def _lines(target: Party, verb: str, sources: Mapping[tuple[int, str], list[str]]) -> Iterator[str]:
    """Yield a sentence for all ports that have the same sources."""
    ports: dict[tuple[str, ...], list[str]] = {}
    for (number, protocol), names in sources.items():
        if names:
            ports.setdefault(tuple(names), []).append(f"{number}/{protocol}")
    yield from (f"{target.name} {', '.join(each)} {verb} {spoken(names)}." for names, each in ports.items())


def _home(party: Party) -> str:
    return party.namespace if isinstance(party, Pod) else ""


def _workloads(pods: Sequence[Mapping[str, Any]]) -> Iterator[Party]:
    """Yield one pod of each kind, under the name of what made it; all of a kind have the same labels that matter."""
    seen = set()
    for each in pods:
        name, namespace = _maker(each["metadata"]), each["metadata"]["namespace"]
        status = each.get("status") or {}
        if status.get("phase") in OVER or (namespace, name) in seen:
            continue
        seen.add((namespace, name))
        if each["spec"].get("hostNetwork"):
            # Policies do not hold for it: it has its node's address.
            if status.get("hostIP"):
                yield Outsider(f"{namespace}/{name}", status["hostIP"])
            continue
        declared = [port for one in each["spec"]["containers"] for port in one.get("ports") or ()]
        ports = [
            NamedPort(port.get("name") or "", port["containerPort"], port.get("protocol") or "TCP") for port in declared
        ]
        labels = each["metadata"].get("labels") or {}
        yield Pod(f"{namespace}/{name}", namespace, labels, status.get("podIP") or "", tuple(ports))


def _maker(metadata: Mapping[str, Any]) -> str:
    """Return the name of the workload that a pod belongs to."""
    owner = next(iter(metadata.get("ownerReferences") or ()), {"name": metadata["name"], "kind": "Pod"})
    name, labels = str(owner["name"]), metadata.get("labels") or {}
    suffix = "-" + str(labels.get("pod-template-hash"))
    return name[: -len(suffix)] if owner["kind"] == "ReplicaSet" and name.endswith(suffix) else name


def _ports(party: Party, wanted: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Return the ports that a pod declares, and those that policies open for it."""
    if isinstance(party, Outsider):
        return []
    found = {(port.number, port.protocol) for port in party.ports}
    for each in wanted:
        if place(each)[0] == party.namespace and selects(each["spec"]["podSelector"], party.labels):
            rules = each["spec"].get("ingress") or ()
            found |= {(port["port"], port["protocol"]) for rule in rules for port in rule["ports"]}
    return sorted(found)


def _outside(settings: Settings) -> Iterator[tuple[Outsider, list[tuple[int, str]]]]:
    """Yield what is no pod and asked for, with the ports that matter; the first address of a block speaks for it."""
    for block in settings.api.blocks:
        yield Outsider(f"the API server at {block}", _first(block)), [(settings.api_port, "TCP")]
    for peer, ports in settings.storage:
        for block in peer.blocks:
            yield Outsider(f"storage at {block}", _first(block)), [(port.number, port.protocol) for port in ports]
    yield ELSEWHERE, list(ELSEWHERE_PORTS)


def _first(block: str) -> str:
    return str(ip_network(block).network_address)


__all__ = ["Found", "audit"]
