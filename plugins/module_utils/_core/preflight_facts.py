# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host showed, beside what the inventory says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping

from .address_spans import Span, address_span, block_span
from .preflight_cluster import Cluster, Node
from .preflight_report import Finding

# Interfaces that a cluster makes on its nodes, and those of other virtual networks, which no neighbour is on.
CLUSTER_INTERFACE = re.compile(r"cni\d+|flannel.*|kube-.*|veth.*|cali.*|cilium.*|lxc.*|nodelocaldns")
VIRTUAL_INTERFACE = re.compile(r"docker.*|br-[0-9a-f]{12}|virbr.*|podman.*|cni-.*")


@dataclass(frozen=True)
class Address:
    """An address of a host: on which interface, and in which network."""

    interface: str
    span: Span
    network: Span

    @property
    def is_of_cluster(self) -> bool:
        return bool(CLUSTER_INTERFACE.fullmatch(self.interface))

    @property
    def has_neighbours(self) -> bool:
        """Whether other machines may be on its network."""
        return not VIRTUAL_INTERFACE.fullmatch(self.interface)


@dataclass(frozen=True)
class Look:
    """A node, its cluster, what preflight_info returned of it, and how strict the preflight is."""

    node: Node
    cluster: Cluster
    facts: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return "a server" if self.node.is_server else "an agent"

    @property
    def backend(self) -> str:
        return str(self.cluster.shared.get("k3s_flannel_backend"))

    @property
    def version(self) -> str:
        """The version that is wanted here."""
        return str(self.node.variables.get("k3s_version") or self.settings["version"])

    def addresses(self) -> list[Address]:
        """Return its addresses, but for those of loopback and of one link alone."""
        found = []
        for each in self.facts["addresses"]:
            span = address_span(each["address"])
            network = block_span(f"{each['address']}/{each['prefix']}")
            if span and network:
                found.append(Address(each["interface"], span, network))
        return found

    def problem(self, text: str) -> Finding:
        """Return what K3s would fail with here."""
        return Finding(text, self.node.host)

    def warning(self, text: str) -> Finding:
        """Return what K3s can live with here."""
        return Finding(text, self.node.host, is_warning=True)


Rule = Callable[[Look], Iterator[Finding]]

__all__ = ["Address", "Look", "Rule"]
