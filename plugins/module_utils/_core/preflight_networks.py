# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the addresses of an inventory: blocks for pods and services, nodes, pools."""

from __future__ import annotations

from typing import Iterator

from .address_spans import Span, address_span, block_span, families, pool_span
from .errors import ServingError
from .metallb_addresses import DHCP, EDGE, PINS, dhcp_findings, parse_pins, pin_findings
from .preflight_cluster import POOLS, Cluster, Node, listed
from .preflight_report import Finding

PODS, SERVICES = "k3s_cluster_cidr", "k3s_service_cidr"


def network_findings(cluster: Cluster) -> Iterator[Finding]:
    """Yield everything that is wrong with addresses."""
    blocks = {option: _spans(cluster, option) for option in (PODS, SERVICES)}
    yield from _blocks(cluster, blocks)
    yield from _nodes(cluster, blocks)
    yield from _api(cluster, blocks)
    yield from _pools(cluster)
    yield from dhcp_findings(cluster.texts(DHCP), pool_spans(cluster))
    yield from pin_findings(
        parse_pins(cluster.shared.get(PINS)), pool_spans(cluster), str(cluster.shared.get(EDGE) or "")
    )


def pool_spans(cluster: Cluster) -> list[tuple[str, Span]]:
    """Return the ranges of all pools that can be read, each with the name of its pool."""
    found = []
    for name, text in _pool_lines(cluster):
        try:
            found.append((name, pool_span(text, pool=name)))
        except ServingError:
            continue
    return found


def block_spans(cluster: Cluster) -> list[tuple[str, Span]]:
    """Return the blocks of pods and services, each with the option that sets it."""
    return [(option, span) for option in (PODS, SERVICES) for span in _spans(cluster, option)]


def _spans(cluster: Cluster, option: str) -> list[Span]:
    return [span for span in map(block_span, cluster.texts(option)) if span]


def _blocks(cluster: Cluster, blocks: dict[str, list[Span]]) -> Iterator[Finding]:
    for option in blocks:
        for text in cluster.texts(option):
            if block_span(text) is None:
                yield Finding(f"{option} has '{text}', which is no CIDR block. Write it as 10.42.0.0/16.")
    pods, services = blocks[PODS], blocks[SERVICES]
    for option, spans in blocks.items():
        versions = [span.version for span in spans]
        if len(versions) != len(set(versions)):
            yield Finding(f"{option} has {families(spans)}. Set one block of each family at most.")
            return
    if pods and services and [span.version for span in pods] != [span.version for span in services]:
        yield Finding(
            f"{PODS} is {families(pods)}, and {SERVICES} is {families(services)}. Give both the same families, in the "
            "same order."
        )
    for one in pods:
        for other in services:
            if one.meets(other):
                yield Finding(
                    f"{PODS} {one.text} and {SERVICES} {other.text} overlap. Set one of them to a block of its own."
                )


def _nodes(cluster: Cluster, blocks: dict[str, list[Span]]) -> Iterator[Finding]:
    for node in cluster.nodes:
        for option in ("k3s_node_ip", "k3s_node_external_ip"):
            for text in node.texts(option):
                if address_span(text) is None:
                    yield Finding(f"{option} has '{text}', which is no IP address. Set one of the host's.", node.host)
        for span in node.addresses():
            yield from _inside(f"the address {span.text}", span, blocks, host=node.host)
        yield from _node_families(node, blocks[PODS])


def _node_families(node: Node, pods: list[Span]) -> Iterator[Finding]:
    """Yield a node whose own addresses are not of the families that its pods have."""
    own = [span for span in map(address_span, node.texts("k3s_node_ip")) if span]
    lacking = [span for span in pods if span.version not in [each.version for each in own]]
    if own and lacking:
        yield Finding(
            f"k3s_node_ip is {families(own)}, and {PODS} has {families(lacking)}. Add an address of that family to "
            "k3s_node_ip, or leave it empty.",
            node.host,
        )


def _api(cluster: Cluster, blocks: dict[str, list[Span]]) -> Iterator[Finding]:
    span = address_span(str(cluster.shared.get("k3s_api_address")))
    if span:
        yield from _inside(f"k3s_api_address {span.text}", span, blocks)


def _inside(what: str, span: Span, blocks: dict[str, list[Span]], *, host: str = "") -> Iterator[Finding]:
    for option, spans in blocks.items():
        for block in spans:
            if span.meets(block):
                yield Finding(
                    f"{what} lies in {option} {block.text}. Set {option} to a block that no network of yours uses.",
                    host,
                )


def _pools(cluster: Cluster) -> Iterator[Finding]:
    names = [str(pool.get("name") or "") for pool in cluster.pools]
    if "" in names:
        yield Finding(f"A pool of {POOLS} has no name. Set its name.")
    for name in sorted({each for each in names if each and names.count(each) > 1}):
        yield Finding(f"{POOLS} has {names.count(name)} pools '{name}'. Give each its own name.")
    for pool in cluster.pools:
        if not listed(pool.get("addresses")):
            yield Finding(f"The pool '{pool.get('name') or ''}' has no addresses. Set a range or a CIDR block.")
    for name, text in _pool_lines(cluster):
        try:
            pool_span(text, pool=name)
        except ServingError as error:
            yield Finding(str(error))
    if cluster.pools and "servicelb" not in cluster.texts("k3s_disable"):
        yield Finding(f"{POOLS} has pools, and K3s's own servicelb would take part, too. Add servicelb to k3s_disable.")
    yield from _meetings(cluster)


def _meetings(cluster: Cluster) -> Iterator[Finding]:
    """Yield the ranges of pools that meet something else."""
    spans = pool_spans(cluster)
    api = address_span(str(cluster.shared.get("k3s_api_address")))
    for index, (name, span) in enumerate(spans):
        for option, block in block_spans(cluster):
            if span.meets(block):
                yield Finding(
                    f"The pool '{name}' has {span.text}, which overlaps {option} {block.text}. Set addresses of the "
                    "nodes' network that nothing else has."
                )
        for node in cluster.nodes:
            for own in node.addresses():
                if span.meets(own):
                    yield Finding(
                        f"The pool '{name}' has {span.text}, and {own.text} in it is {node.host}. Take it out of the "
                        "pool."
                    )
        if api and span.meets(api):
            yield Finding(
                f"The pool '{name}' has {span.text}, and {api.text} in it is k3s_api_address. Take it out of the pool."
            )
        for other_name, other in spans[:index]:
            if span.meets(other):
                yield Finding(
                    f"The pool '{name}' has {span.text}, which overlaps {other.text} of the pool '{other_name}'. Every "
                    "address belongs in one pool, once."
                )


def _pool_lines(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Yield every line of every pool's addresses, with the name of the pool."""
    for pool in cluster.pools:
        for text in listed(pool.get("addresses")):
            yield str(pool.get("name") or ""), text


__all__ = ["PODS", "block_spans", "network_findings", "pool_spans"]
