# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of a cluster: which addresses they have, which ones they are told to have, and what is in dispute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from .address_spans import Span, address_span
from .metallb_addresses import PINS, Pin
from .preflight_report import Finding

ADDRESSES, SHARING = "metallb.io/loadBalancerIPs", "metallb.io/allow-shared-ip"
# The API server keeps who set a field. What this manager set, and nothing else, it takes away again.
MANAGER = "modelops.serving.addresses"

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Used:
    """An address that a Service has."""

    span: Span
    service: str
    sharing_key: str = ""


def service_name(service: Object) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"


def in_use(services: Sequence[Object]) -> list[Used]:
    """Return all addresses that Services have."""
    found = []
    for each in services:
        entries = ((each.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
        spans = filter(None, (address_span(str(entry.get("ip"))) for entry in entries))
        key = str((each["metadata"].get("annotations") or {}).get(SHARING) or "")
        found += [Used(span, service_name(each), key) for span in spans]
    return found


def told(pin: Pin) -> dict[str, Any]:
    """Return what tells MetalLB the addresses of a Service."""
    annotations = {ADDRESSES: ",".join(pin.addresses)}
    if pin.sharing_key:
        annotations[SHARING] = pin.sharing_key
    return _service(pin.namespace, pin.name, annotations=annotations)


def released(pins: Sequence[Pin], services: Sequence[Object]) -> list[dict[str, Any]]:
    """Return the Services that we told an address, and that the inventory does not name any more."""
    pinned = {pin.service for pin in pins}
    gone = [each for each in services if service_name(each) not in pinned and _is_told_by_us(each)]
    return [_service(each["metadata"]["namespace"], each["metadata"]["name"]) for each in gone]


def taken_findings(pins: Sequence[Pin], services: Sequence[Object]) -> Iterator[Finding]:
    """Yield pinned addresses that another Service has, and keeps: MetalLB would leave the pinned one without any."""
    # What two pins want is judged without a cluster.
    others = [each for each in in_use(services) if each.service not in {pin.service for pin in pins}]
    for pin in pins:
        for span in filter(None, map(address_span, pin.addresses)):
            for other in others:
                is_shared = bool(pin.sharing_key) and pin.sharing_key == other.sharing_key
                if other.span.meets(span) and not is_shared:
                    yield Finding(
                        f"{PINS} gives {pin.service} {span.text}, which {other.service} has. Set another address, or "
                        f"give {other.service} one of its own in {PINS}."
                    )


def _is_told_by_us(service: Object) -> bool:
    entries = service["metadata"].get("managedFields") or ()
    return any(each.get("manager") == MANAGER and each.get("operation") == "Apply" for each in entries)


def _service(namespace: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace, **metadata}}


__all__ = ["MANAGER", "Used", "in_use", "released", "service_name", "taken_findings", "told"]
