# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Address pools and their announcements, as an inventory has them, into MetalLB's own objects.

Fields: https://metallb.universe.tf/apis/
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from .address_spans import Span, pool_span
from .errors import ServingError
from .metallb_addresses import POOLS, dhcp_findings, parse_pins, pin_findings
from .preflight_report import Finding

LAYER2, BGP, PEERS, BACKEND = (
    "metallb_l2_advertisements",
    "metallb_bgp_advertisements",
    "metallb_bgp_peers",
    "metallb_bgp_backend",
)
NO_BACKEND, NATIVE = "none", "native"
IPV6 = 6
LABELS = {"app.kubernetes.io/managed-by": "modelops.serving"}
POOL = "IPAddressPool"
# In the order in which they are made; what announces comes after what is announced.
VERSIONS = {
    POOL: "metallb.io/v1beta1",
    "BGPPeer": "metallb.io/v1beta2",
    "L2Advertisement": "metallb.io/v1beta1",
    "BGPAdvertisement": "metallb.io/v1beta1",
}

Settings = Mapping[str, Any]


def wanted_objects(settings: Settings) -> list[dict[str, Any]]:
    """Return everything that an inventory wants, in the order in which it is made."""
    namespace = str(settings["namespace"])
    every = [str(pool["name"]) for pool in settings["pools"]]
    specs = {
        POOL: [(each["name"], _pool(each)) for each in settings["pools"]],
        "BGPPeer": [(each["name"], each["spec"]) for each in settings["bgp_peers"]],
        "L2Advertisement": [(each["name"], _layer2(each, every)) for each in settings["l2_advertisements"]],
        "BGPAdvertisement": [(each["name"], _bgp(each, every)) for each in settings["bgp_advertisements"]],
    }
    return [
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": str(name), "namespace": namespace, "labels": dict(LABELS)},
            "spec": spec,
        }
        for kind, version in VERSIONS.items()
        for name, spec in specs[kind]
    ]


def settings_findings(settings: Settings) -> Iterator[Finding]:
    """Yield everything that is wrong with what an inventory wants, before a cluster is asked."""
    pools = list(_spans(settings))
    yield from _pools(settings)
    for index, (name, span) in enumerate(pools):
        for other_name, other in pools[:index]:
            if span.meets(other):
                yield Finding(
                    f"The pool '{name}' has {span.text}, which overlaps {other.text} of the pool '{other_name}'. Every "
                    "address belongs in one pool, once."
                )
    yield from _advertisements(settings)
    yield from _routers(settings)
    yield from dhcp_findings([str(each) for each in settings["dhcp_ranges"]], pools)
    yield from pin_findings(parse_pins(settings["service_addresses"]), pools, str(settings.get("edge") or ""))


def pool_spans(objects: Sequence[Mapping[str, Any]]) -> list[tuple[str, Span]]:
    """Return the ranges of pools, wanted ones or live ones, each with the name of its pool."""
    found = []
    for each in objects:
        if each["kind"] == POOL:
            name = str(each["metadata"]["name"])
            for line in each["spec"].get("addresses") or ():
                try:
                    found.append((name, pool_span(str(line), pool=name)))
                except ServingError:
                    # MetalLB took it, in a notation that inventories may not have.
                    continue
    return found


def _pool(pool: Mapping[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "addresses": [str(each) for each in pool["addresses"]],
        "autoAssign": bool(pool.get("auto_assign", True)),
        "avoidBuggyIPs": bool(pool.get("avoid_buggy_ips", False)),
    }
    if pool.get("service_allocation"):
        spec["serviceAllocation"] = pool["service_allocation"]
    return spec


def _layer2(advertisement: Mapping[str, Any], every: list[str]) -> dict[str, Any]:
    names = {
        "interfaces": "interfaces",
        "node_selectors": "nodeSelectors",
        "service_selectors": "serviceSelectors",
    }
    # Never empty: an API server that takes the last field out of a spec may leave null, which it refuses itself.
    spec = {"ipAddressPools": list(advertisement.get("pools") or every)}
    return {
        **spec,
        **{field: list(advertisement[option]) for option, field in names.items() if advertisement.get(option)},
    }


def _bgp(advertisement: Mapping[str, Any], every: list[str]) -> dict[str, Any]:
    spec = dict(advertisement.get("spec") or {})
    return spec if "ipAddressPools" in spec or "ipAddressPoolSelectors" in spec else {"ipAddressPools": every, **spec}


def _spans(settings: Settings) -> Iterator[tuple[str, Span]]:
    """Yield the ranges that can be read."""
    for pool in settings["pools"]:
        for line in pool["addresses"]:
            try:
                yield str(pool["name"]), pool_span(str(line), pool=str(pool["name"]))
            except ServingError:
                continue


def _pools(settings: Settings) -> Iterator[Finding]:
    yield from _repeated(POOLS, settings["pools"])
    for pool in settings["pools"]:
        if not pool["addresses"]:
            yield Finding(f"The pool '{pool['name']}' has no addresses. Set a range or a CIDR block.")
        for line in pool["addresses"]:
            try:
                pool_span(str(line), pool=str(pool["name"]))
            except ServingError as error:
                yield Finding(str(error))


def _advertisements(settings: Settings) -> Iterator[Finding]:
    names = [str(pool["name"]) for pool in settings["pools"]]
    yield from _repeated(LAYER2, settings["l2_advertisements"])
    announced = [(LAYER2, each, each.get("pools") or []) for each in settings["l2_advertisements"]]
    announced += [
        (BGP, each, (each.get("spec") or {}).get("ipAddressPools") or []) for each in settings["bgp_advertisements"]
    ]
    for option, each, pools in announced:
        for name in pools:
            if str(name) not in names:
                yield Finding(
                    f"'{each['name']}' of {option} announces the pool '{name}', which is not in {POOLS}. The pools are "
                    f"{', '.join(names) or 'none'}."
                )
    if names and not announced:
        yield Finding(f"Nothing announces the pools {', '.join(names)}. Set {LAYER2}, or {BGP}.")


def _routers(settings: Settings) -> Iterator[Finding]:
    yield from _repeated(PEERS, settings["bgp_peers"])
    yield from _repeated(BGP, settings["bgp_advertisements"])
    if settings["bgp_backend"] == NO_BACKEND:
        for option, key in ((PEERS, "bgp_peers"), (BGP, "bgp_advertisements")):
            if settings[key]:
                yield Finding(f"{option} is set, and {BACKEND} is none: nothing would speak BGP. Set {BACKEND}.")
    elif settings["bgp_advertisements"] and not settings["bgp_peers"]:
        yield Finding(f"{BGP} is set, and there is nobody to tell. Set {PEERS}.")
    if settings["bgp_backend"] == NATIVE:
        yield from _beyond_native(settings)


def _beyond_native(settings: Settings) -> Iterator[Finding]:
    """Yield what MetalLB's own speaker of BGP cannot tell routers, and so denies."""
    every = [str(pool["name"]) for pool in settings["pools"]]
    specs = [_bgp(each, every) for each in settings["bgp_advertisements"]]
    told = {str(name) for spec in specs for name in spec.get("ipAddressPools") or ()}
    for name, span in _spans(settings):
        if name in told and span.version == IPV6:
            yield Finding(
                f"The pool '{name}' has {span.text}, and {BACKEND} is {NATIVE}, which knows no IPv6. Set {BACKEND} to "
                f"frr-k8s, or leave the pool out of {BGP}."
            )


def _repeated(option: str, entries: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    names = [str(each["name"]) for each in entries]
    for name in sorted({each for each in names if names.count(each) > 1}):
        yield Finding(f"{option} has {names.count(name)} entries '{name}'. Give each its own name.")


__all__ = ["LABELS", "POOL", "VERSIONS", "pool_spans", "settings_findings", "wanted_objects"]
