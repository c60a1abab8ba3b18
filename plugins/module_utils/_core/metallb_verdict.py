# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Services have the addresses that they were promised, and who answers for them."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .address_spans import address_span
from .metallb_services import ADDRESSES, in_use, service_name
from .preflight_report import spoken

Object = Mapping[str, Any]
# Every slice of endpoints says by this label whose they are.
OWNER = "kubernetes.io/service-name"
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
SILENT = (
    "Nobody answers for {addresses} of {service}, although pods of it are ready. Only nodes do that match "
    "node_selectors of metallb_l2_advertisements, have its interfaces, and no label {label}. With "
    "externalTrafficPolicy Local such a pod has to be on one of them."
)


def verdict(
    promised: Sequence[Object],
    services: Sequence[Object] = (),
    statuses: Sequence[Object] = (),
    slices: Sequence[Object] = (),
    events: Sequence[Object] = (),
) -> dict[str, list[str]]:
    """Return, in sentences, who is without an address, for whom nobody answers, and who answers.

    Args:
        promised: What Services were told.
        services: Services as they are now.
        statuses: MetalLB's ServiceL2Status objects, each of which names a node.
        slices: EndpointSlices of these Services.
        events: What was said of Services.
    """
    found: dict[str, list[str]] = {"without": [], "silent": [], "resting": [], "answered": []}
    for each in promised:
        service, wanted = service_name(each), each["metadata"]["annotations"][ADDRESSES].split(",")
        nodes = sorted({str(one["status"]["node"]) for one in statuses if _is_about(one, service)})
        has = [used.span for used in in_use(services) if used.service == service]
        if not all(any(span.meets(own) for own in has) for span in filter(None, map(address_span, wanted))):
            own = spoken([span.text for span in has]) or "no address"
            found["without"].append(f"{service} has {own}, and not {spoken(wanted)}.{_said(events, service)}")
        elif nodes:
            found["answered"].append(f"{spoken(nodes)} answers for {spoken(wanted)} of {service}.")
        elif any(_is_ready(one, service) for one in slices):
            found["silent"].append(
                SILENT.format(addresses=spoken(wanted), service=service, label=EXCLUDED) + _said(events, service)
            )
        else:
            found["resting"].append(f"No pod of {service} is ready, so nobody answers for {spoken(wanted)} yet.")
    return found


def _is_about(status: Object, service: str) -> bool:
    said = status.get("status") or {}
    return bool(said.get("node")) and f"{said.get('serviceNamespace')}/{said.get('serviceName')}" == service


def _is_ready(endpoints: Object, service: str) -> bool:
    """Say whether somebody behind a Service takes requests. Who says nothing about it is ready."""
    metadata = endpoints["metadata"]
    if f"{metadata['namespace']}/{(metadata.get('labels') or {}).get(OWNER)}" != service:
        return False
    conditions = [each.get("conditions") or {} for each in endpoints.get("endpoints") or ()]
    return any(each.get("ready") is not False for each in conditions)


def _said(events: Sequence[Object], service: str) -> str:
    """Return what was said last of a Service, with a space before it."""
    own = [each for each in events if _involved(each) == service]
    if not own:
        return ""
    last = max(own, key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
    return f" MetalLB says: {str(last.get('message')).strip()}"


def _involved(event: Object) -> str:
    about = event.get("involvedObject") or {}
    return f"{about.get('namespace')}/{about.get('name')}"


__all__ = ["verdict"]
