# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool of IPv4 addresses in MetalLB's notation, written out."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network

from .errors import ServingError

# A pool names the few addresses that one machine answers on; more is a typing error in the prefix length.
LARGEST_POOL = 256

# Every address in 127.0.0.0/8 can be bound on Linux without any preparation, these as well. Each has another duty.
RESERVED = {
    IPv4Address("127.0.0.0"): "the network's own address",
    IPv4Address("127.255.255.255"): "the network's broadcast address",
    IPv4Address("127.0.0.1"): "localhost, which everything else on this machine uses",
    IPv4Address("127.0.0.53"): "the local DNS resolver's address",
    IPv4Address("127.0.0.54"): "the local DNS resolver's address",
}

EXAMPLE = "127.0.77.1-127.0.77.14 or 127.0.77.0/28"


def pool_addresses(pool: str) -> list[str]:
    """Return every address of a pool given as ``first-last`` or in CIDR notation, in order."""
    notation = str(pool).strip()
    if not notation:
        raise ServingError(f"The address pool is empty. Set it to a range or a CIDR block, such as {EXAMPLE}.")
    if ":" in notation:
        raise ServingError(
            f"The address pool {notation!r} is IPv6. Linux has one IPv6 loopback address only, which is no pool: "
            f"set IPv4 addresses, such as {EXAMPLE}."
        )
    first, last = _range(notation) if "-" in notation else _block(notation)
    size = int(last) - int(first) + 1
    if size > LARGEST_POOL:
        raise ServingError(
            f"The address pool {notation!r} has {size} addresses. "
            f"Set one with {LARGEST_POOL} at most, such as {EXAMPLE}."
        )
    addresses = [first + offset for offset in range(size)]
    for address in addresses:
        _refuse_unusable(address, notation)
    return [str(address) for address in addresses]


def _range(notation: str) -> tuple[IPv4Address, IPv4Address]:
    ends = [end.strip() for end in notation.split("-")]
    if len(ends) != 2:
        raise ServingError(f"The address pool {notation!r} is no range of two addresses. Write it as {EXAMPLE}.")
    first, last = (_address(end, notation) for end in ends)
    if first > last:
        raise ServingError(f"The address pool {notation!r} runs backwards. Write it as {last}-{first}.")
    return first, last


def _block(notation: str) -> tuple[IPv4Address, IPv4Address]:
    if "/" not in notation:
        address = _address(notation, notation)
        raise ServingError(f"The address pool {notation!r} has no prefix length. Write one address as {address}/32.")
    try:
        block = IPv4Network(notation, strict=False)
    except ValueError as error:
        raise ServingError(
            f"The address pool {notation!r} is no CIDR block: {error}. Write it as {EXAMPLE}."
        ) from error
    if notation.partition("/")[0] != str(block.network_address):
        raise ServingError(
            f"The address pool {notation!r} starts inside a CIDR block. Write the whole block as {block}, "
            "or a part of it as a range."
        )
    return block.network_address, block.broadcast_address


def _address(text: str, notation: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError as error:
        raise ServingError(
            f"The address pool {notation!r} names {text!r}, which is no IPv4 address. Write it as {EXAMPLE}."
        ) from error


def _refuse_unusable(address: IPv4Address, notation: str) -> None:
    reason = RESERVED.get(address)
    if reason is None and (address.is_multicast or address.is_reserved or address.is_unspecified):
        reason = "no address of a machine"
    if reason is not None:
        raise ServingError(f"The address pool {notation!r} contains {address}: {reason}. Set a pool without it.")


__all__ = ["LARGEST_POOL", "pool_addresses"]
