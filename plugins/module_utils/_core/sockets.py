# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux's tables of sockets, and which listener stands in whose way."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Union

from .errors import ServingError

Address = Union[IPv4Address, IPv6Address]

ANY_IPV4 = IPv4Address("0.0.0.0")
ANY_IPV6 = IPv6Address("::")

# The kernel's numbers for TCP_LISTEN and TCP_CLOSE (include/net/tcp_states.h); a UDP socket without a peer is closed.
LISTENING = "0A"
UNCONNECTED = "07"


@dataclass(frozen=True)
class Listener:
    """A listening socket."""

    address: Address
    port: int
    inode: int

    def overlaps(self, address: Address) -> bool:
        """Say whether this listener may get connections that are meant for an address, on its port."""
        if self.address == address or ANY_IPV6 in (self.address, address):
            return True
        return ANY_IPV4 in (self.address, address) and self.address.version == address.version

    def is_certain(self, address: Address) -> bool:
        """Say whether the overlap is sure: a listener on :: takes IPv4 as well, unless it was told not to."""
        return self.address != ANY_IPV6 or address.version == 6


def parse_socket_table(text: str, *, byteorder: str, state: str = LISTENING) -> list[Listener]:
    """Return the listeners in the text of /proc/net/tcp, or with the state UNCONNECTED of /proc/net/udp."""
    return [
        _listener(fields, byteorder)
        for fields in (line.split() for line in text.splitlines()[1:])
        if len(fields) > 9 and fields[3] == state
    ]


def parse_address(text: str) -> Address:
    """Read an address as people write it."""
    try:
        return _plain(ip_address(text))
    except ValueError as error:
        raise ServingError(f"{text!r} is no IP address") from error


def _listener(fields: list[str], byteorder: str) -> Listener:
    address, port = fields[1].split(":")
    packed = bytes.fromhex(address)
    if byteorder == "little":
        # Each word of four bytes is printed as a number in the machine's own byte order.
        packed = b"".join(packed[start : start + 4][::-1] for start in range(0, len(packed), 4))
    return Listener(address=_plain(ip_address(packed)), port=int(port, 16), inode=int(fields[9]))


def _plain(address: Address) -> Address:
    """Return ::ffff:127.0.0.1 as 127.0.0.1: gRPC's servers listen that way."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


__all__ = ["LISTENING", "UNCONNECTED", "Address", "Listener", "parse_address", "parse_socket_table"]
