# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the addresses that hosts really have, and with pools that nobody on their networks would find."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Iterator, Sequence

from .address_spans import Span, address_span
from .preflight_facts import Look
from .preflight_networks import PODS, block_spans, pool_spans
from .preflight_report import Finding


def address_findings(look: Look) -> Iterator[Finding]:
    """Yield what is wrong on one host."""
    yield from _declared(look)
    yield from _overlaps(look)
    if not look.facts["default_route"] and not look.node.texts("k3s_node_ip"):
        yield look.warning(
            "there is no default route, by which K3s finds the host's own address. Set k3s_node_ip, or a route, if "
            "only to a dummy interface."
        )


def layer2_findings(looks: Sequence[Look]) -> Iterator[Finding]:
    """Yield pools that no node can announce; one that was not looked at might."""
    if not looks or len(looks) < len(looks[0].cluster.nodes) or not looks[0].settings["layer2"]:
        return
    networks = [each.network for look in looks for each in look.addresses() if each.has_neighbours]
    for name, span in pool_spans(looks[0].cluster):
        if not any(span.lies_in(network) for network in networks):
            known = sorted({_text(each) for each in networks if each.version == span.version})
            yield Finding(
                f"The pool '{name}' has {span.text}, which is not inside a network of any node: nobody there would "
                f"find its addresses. The nodes are in {', '.join(known) or 'no ' + span.family + ' network'}. Set "
                "addresses of such a network, or preflight_layer2 to false if routers know the way."
            )


def _declared(look: Look) -> Iterator[Finding]:
    """Yield what the inventory says of a host's network and the host does not have."""
    spans = [each.span for each in look.addresses()]
    own = ", ".join(span.text for span in spans) or "none"
    for text in look.node.texts("k3s_node_ip"):
        wanted = address_span(text)
        if wanted and not any(wanted.meets(span) for span in spans):
            yield look.problem(f"k3s_node_ip {text} is none of the host's addresses ({own}). Set one of these.")
    interface = look.node.config.get("flannel-iface")
    interfaces = look.facts["interfaces"]
    if interface and interface not in interfaces:
        yield look.problem(
            f"flannel-iface in k3s_config is {interface}, and the host's interfaces are {', '.join(interfaces)}. Set "
            "one of these."
        )
    for option, block in block_spans(look.cluster):
        if option == PODS and not any(span.version == block.version for span in spans):
            yield look.problem(
                f"{PODS} has {block.text}, and the host has no {block.family} address ({own}). Give it one, or take "
                "the block away."
            )


def _overlaps(look: Look) -> Iterator[Finding]:
    """Yield networks that the pods' or the services' addresses would hide, and addresses that a pool has as well."""
    for each in look.addresses():
        if each.is_of_cluster:
            continue
        for option, block in block_spans(look.cluster):
            if each.network.meets(block):
                yield look.problem(
                    f"{each.interface} is in {_text(each.network)}, which overlaps {option} {block.text}. Set {option} "
                    "to a block that no network of yours uses."
                )
        for name, span in pool_spans(look.cluster):
            if each.span.meets(span):
                yield look.problem(
                    f"{each.interface} has {each.span.text}, and the pool '{name}' has {span.text}. Take the address "
                    "out of the pool."
                )


def _text(network: Span) -> str:
    return str(ip_network(network.text, strict=False))


__all__ = ["address_findings", "layer2_findings"]
