# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done, in which order, so that a cluster has the pools that are wanted, and what would be lost."""

from __future__ import annotations

from typing import AbstractSet, Any, Iterable, Mapping, Sequence

from .address_spans import Span
from .metallb_addresses import parse_pins
from .metallb_objects import LABELS, POOL, VERSIONS, pool_spans, wanted_objects
from .metallb_services import in_use, released, service_name, taken_findings, told
from .preflight_report import Finding, report, spoken

CONFIRM = "metallb_removed_pools"

Object = Mapping[str, Any]


def plan(settings: Mapping[str, Any], live: Sequence[Object], services: Sequence[Object]) -> dict[str, Any]:
    """Return what is removed and made, each in order, what Services are told, and what is wrong.

    Args:
        settings: What the inventory wants; ``removed_pools`` names pools that may lose addresses.
        live: MetalLB's objects in the cluster.
        services: All Services of the cluster.
    """
    wanted = wanted_objects(settings)
    stale = _stale(wanted, live)
    pins = parse_pins(settings["service_addresses"])
    existing = {service_name(each) for each in services}
    findings = [*_losses(settings["removed_pools"], wanted, live, services), *taken_findings(pins, services)]
    return {
        "problems": report(findings)["problems"],
        "remove": stale,
        "replaces": _replaces(wanted, live, {_key(each) for each in stale}),
        "apply": _ordered(wanted, [each for each in live if _key(each) not in {_key(one) for one in stale}]),
        "services": [told(pin) for pin in pins if pin.service in existing],
        "released_services": released(pins, services),
        "missing_services": [pin.service for pin in pins if pin.service not in existing],
    }


def _stale(wanted: Sequence[Object], live: Sequence[Object]) -> list[dict[str, Any]]:
    """Return what we made and nobody wants any more: announcements go before what they announce."""
    keys = {_key(each) for each in wanted}
    kinds = list(VERSIONS)
    gone = [each for each in live if _is_ours(each) and _key(each) not in keys]
    gone.sort(key=lambda each: (-kinds.index(each["kind"]), each["metadata"]["name"]))
    return [
        {
            "apiVersion": VERSIONS[each["kind"]],
            "kind": each["kind"],
            "metadata": {name: each["metadata"][name] for name in ("name", "namespace")},
        }
        for each in gone
    ]


def _replaces(wanted: Sequence[Object], live: Sequence[Object], stale: AbstractSet[tuple[str, str]]) -> bool:
    """Say whether a wanted pool takes addresses of one that has to go first."""
    gone = [span for _name, span in pool_spans([each for each in live if _key(each) in stale])]
    return any(span.meets(other) for _name, span in pool_spans(wanted) for other in gone)


def _losses(
    confirmed: Sequence[str], wanted: Sequence[Object], live: Sequence[Object], services: Sequence[Object]
) -> Iterable[Finding]:
    """Yield pools that would go, and addresses in use that would not be in any pool any more."""
    kept = [span for _name, span in pool_spans(wanted)]
    names = {str(each["metadata"]["name"]) for each in wanted if each["kind"] == POOL}
    changed = [each for each in live if each["kind"] == POOL and (_is_ours(each) or each["metadata"]["name"] in names)]
    for pool in changed:
        name = str(pool["metadata"]["name"])
        lost = [
            used
            for used in in_use(services)
            if any(used.span.lies_in(span) for _name, span in pool_spans([pool]))
            and not any(used.span.lies_in(span) for span in kept)
        ]
        if name in confirmed or (name in names and not lost):
            continue
        used = spoken([f"{each.span.text} of {each.service}" for each in lost])
        what = f"loses {used}" if name in names else f"is removed{f', with {used}' if lost else ''}"
        yield Finding(
            f"The pool '{name}' {what}. Put it back into metallb_address_pools, or confirm with {CONFIRM}: [{name}]."
        )


def _ordered(wanted: Sequence[Object], live: Sequence[Object]) -> list[Object]:
    """Return what is wanted, a pool that gives an address away before the one that gets it.

    MetalLB refuses a pool that overlaps another one, also for the moment between two changes.
    """
    pools = [each for each in wanted if each["kind"] == POOL]
    rest = [each for each in wanted if each["kind"] != POOL]
    current = {str(each["metadata"]["name"]): pool_spans([each]) for each in live if each["kind"] == POOL}
    ordered: list[Object] = []
    while pools:
        # Where two swap addresses nothing fits, and MetalLB says so.
        chosen = next((each for each in pools if _fits(each, current)), pools[0])
        pools.remove(chosen)
        ordered.append(chosen)
        current[str(chosen["metadata"]["name"])] = pool_spans([chosen])
    return ordered + rest


def _fits(pool: Object, current: Mapping[str, Sequence[tuple[str, Span]]]) -> bool:
    own = [span for _name, span in pool_spans([pool])]
    others = [span for name, spans in current.items() if name != pool["metadata"]["name"] for _name, span in spans]
    return not any(span.meets(other) for span in own for other in others)


def _key(each: Object) -> tuple[str, str]:
    return str(each["kind"]), str(each["metadata"]["name"])


def _is_ours(each: Object) -> bool:
    labels = each["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in LABELS.items())


__all__ = ["plan"]
