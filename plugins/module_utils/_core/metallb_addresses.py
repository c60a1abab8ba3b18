# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with addresses that an inventory promises to Services, or leaves to a DHCP server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence, Tuple

from .address_spans import Span, address_span, pool_span
from .errors import ServingError
from .preflight_report import Finding, spoken

PINS, DHCP, EDGE, POOLS = "metallb_service_addresses", "metallb_dhcp_ranges", "ingress_address", "metallb_address_pools"
Named = Sequence[Tuple[str, Span]]


@dataclass(frozen=True)
class Pin:
    """A Service, the addresses that it is to have, and the key with which others may have them, too."""

    namespace: str
    name: str
    addresses: tuple[str, ...]
    sharing_key: str = ""

    @property
    def service(self) -> str:
        return f"{self.namespace}/{self.name}"


def parse_pins(entries: Any) -> list[Pin]:
    """Return the pins that can be read."""
    found = [each for each in entries or () if isinstance(each, Mapping)]
    return [
        Pin(
            str(each.get("namespace") or ""),
            str(each.get("name") or ""),
            tuple(str(address) for address in each.get("addresses") or ()),
            str(each.get("sharing_key") or ""),
        )
        for each in found
    ]


def pin_findings(pins: Sequence[Pin], pools: Named, edge: str = "") -> Iterator[Finding]:
    """Yield what is wrong with pins; ``edge`` is the address of the ingress controller."""
    services = [pin.service for pin in pins]
    for service in sorted({each for each in services if services.count(each) > 1}):
        yield Finding(f"{PINS} names {service} {services.count(service)} times. Name it once, with all its addresses.")
    for pin in pins:
        yield from _pin(pin, pools)
    yield from _shared(pins, edge)


def dhcp_findings(texts: Sequence[str], pools: Named) -> Iterator[Finding]:
    """Yield pools out of which a DHCP server hands addresses to others."""
    for text in texts:
        try:
            leased = pool_span(text, pool="")
        except ServingError:
            yield Finding(f"{DHCP} has '{text}', which is no range. Write it as 192.0.2.100-192.0.2.199.")
            continue
        for name, span in pools:
            if span.meets(leased):
                yield Finding(
                    f"The pool '{name}' has {span.text}, which overlaps {leased.text} of {DHCP}. Take it out of the "
                    "pool, or out of what the DHCP server hands out."
                )


def _pin(pin: Pin, pools: Named) -> Iterator[Finding]:
    spans = [(text, address_span(text)) for text in pin.addresses]
    for text, span in spans:
        if span is None:
            yield Finding(f"{PINS} gives {pin.service} '{text}', which is no IP address. Set one of a pool.")
        elif not any(span.lies_in(pool) for _name, pool in pools):
            known = ", ".join(pool.text for _name, pool in pools) or "none"
            yield Finding(
                f"{PINS} gives {pin.service} {text}, which lies in no pool ({known}). Set an address of a pool, or add "
                f"it to {POOLS}."
            )
    versions = [span.version for _name, span in spans if span]
    if len(versions) != len(set(versions)):
        yield Finding(f"{PINS} gives {pin.service} {spoken(pin.addresses)}. Set one address of each family at most.")


def _shared(pins: Sequence[Pin], edge: str) -> Iterator[Finding]:
    """Yield addresses that more than one Service would have."""
    users: dict[tuple[int, int], list[Pin]] = {}
    for pin in pins:
        for span in filter(None, map(address_span, pin.addresses)):
            users.setdefault((span.version, span.first), []).append(pin)
    for own in users.values():
        names = sorted({pin.service for pin in own})
        if len(names) > 1 and len({pin.sharing_key or pin.service for pin in own}) > 1:
            yield Finding(
                f"{PINS} gives {_common(own)} to {spoken(names)}. Give each an address of its own, or all of them one "
                "sharing_key."
            )
    taken = address_span(edge)
    for pin in users.get((taken.version, taken.first), []) if taken else []:
        yield Finding(
            f"{PINS} gives {pin.service} {edge}, which is {EDGE}. Give it an address of its own, or set another {EDGE}."
        )


def _common(pins: Sequence[Pin]) -> str:
    """Return an address that all of these have, as the first one writes it."""
    others = {(span.version, span.first) for span in filter(None, map(address_span, pins[1].addresses))}
    spans = filter(None, map(address_span, pins[0].addresses))
    return next(span.text for span in spans if (span.version, span.first) in others)


__all__ = ["DHCP", "EDGE", "PINS", "Pin", "dhcp_findings", "parse_pins", "pin_findings"]
