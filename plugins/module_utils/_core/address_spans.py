# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of IP addresses, in the notations of inventories, and whether two of them meet."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Sequence

from .errors import ServingError

EXAMPLE = "192.0.2.200-192.0.2.219 or 192.0.2.192/27"


@dataclass(frozen=True)
class Span:
    """All addresses of one family from a first to a last, and how somebody wrote that."""

    version: int
    first: int
    last: int
    text: str

    def meets(self, other: Span) -> bool:
        """Say whether an address belongs to both."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def lies_in(self, other: Span) -> bool:
        """Say whether all of its addresses belong to the other one, too."""
        return self.version == other.version and other.first <= self.first and self.last <= other.last

    @property
    def family(self) -> str:
        return f"IPv{self.version}"


def address_span(text: str) -> Span | None:
    """Return one address, or None for what is none, such as a name."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return Span(address.version, int(address), int(address), text)


def block_span(text: str) -> Span | None:
    """Return a CIDR block, or None for what is none."""
    try:
        block = ip_network(text, strict=False)
    except ValueError:
        return None
    if "/" not in text:
        return None
    return Span(block.version, int(block.network_address), int(block.broadcast_address), text)


def pool_span(text: str, *, pool: str) -> Span:
    """Return what a pool of MetalLB's has in one line, ``first-last`` or a whole CIDR block; refuse anything else."""
    notation = text.strip()
    found = _range(notation) if "-" in notation else _whole_block(notation)
    if isinstance(found, Span):
        return found
    raise ServingError(f"The pool '{pool}' has '{notation}', which {found}.")


def families(spans: Sequence[Span]) -> str:
    """Return the families of some spans, in their order, as people say it."""
    return " and ".join(span.family for span in spans) or "nothing"


def _range(notation: str) -> Span | str:
    """Return a range, or what is wrong with it."""
    ends = [address_span(end.strip()) for end in notation.split("-")]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return f"is no range of two addresses. Write it as {EXAMPLE}"
    first, last = ends[0], ends[1]
    if first.version != last.version:
        return "mixes IPv4 and IPv6. Write a range of each"
    if first.first > last.first:
        return f"runs backwards. Write it as {last.text}-{first.text}"
    return Span(first.version, first.first, last.first, notation)


def _whole_block(notation: str) -> Span | str:
    """Return a block that is written with its first address, or what is wrong with it."""
    address = address_span(notation)
    if address is not None:
        return f"has no prefix length. Write one address as {notation}/{32 if address.version == 4 else 128}"
    span = block_span(notation)
    if span is None:
        return f"is neither a range nor a CIDR block. Write it as {EXAMPLE}"
    # MetalLB would take the whole block without a word.
    block = ip_network(notation, strict=False)
    if ip_address(notation.partition("/")[0]) != block.network_address:
        return f"starts inside a CIDR block. Write the whole block as {block}, or a part of it as a range"
    return span


__all__ = ["Span", "address_span", "block_span", "families", "pool_span"]
