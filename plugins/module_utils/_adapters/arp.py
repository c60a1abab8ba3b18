# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a network who has an IPv4 address, and hear everybody who answers (RFC 826)."""

from __future__ import annotations

import socket
import struct
import time

from .._core.errors import ServingError

ROUTES = "/proc/net/route"
ARP, IPV4, ETHERNET = 0x0806, 0x0800, 1
REQUEST, REPLY = 1, 2
FRAME = struct.Struct("!6s6sH HHBBH 6s4s6s4s")
BROADCAST, NOBODY = b"\xff" * 6, b"\0" * 6
ATTEMPTS = 3


def answering(address: str, *, seconds: float = 1.0) -> list[str]:
    """Return the hardware addresses that answer for an address; refuses where that cannot be asked."""
    try:
        wanted = socket.inet_aton(address)
    except OSError as error:
        raise ServingError(f"{address} is no IPv4 address, and ARP knows no other") from error
    interface = _interface(wanted)
    try:
        # It exists on Linux alone, and for root alone.
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP)) as wire:
            wire.bind((interface, ARP))
            return sorted(_heard(wire, wanted, seconds))
    except (OSError, AttributeError) as error:
        raise ServingError(f"ARP cannot be asked on {interface} from here: {error}") from error


def _heard(wire: socket.socket, wanted: bytes, seconds: float) -> set[str]:
    own = wire.getsockname()[4]
    # A question without an address of the asker's changes nobody's table (RFC 5227).
    question = FRAME.pack(BROADCAST, own, ARP, ETHERNET, IPV4, 6, 4, REQUEST, own, b"\0" * 4, NOBODY, wanted)
    found: set[str] = set()
    for _attempt in range(ATTEMPTS):
        wire.send(question)
        deadline = time.monotonic() + seconds / ATTEMPTS
        while time.monotonic() < deadline:
            wire.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                frame = wire.recv(2048)
            except socket.timeout:
                break
            if len(frame) >= FRAME.size:
                *_start, kind, sender, place, _target, _asked = FRAME.unpack(frame[: FRAME.size])
                if kind == REPLY and place == wanted:
                    found.add(":".join(f"{each:02x}" for each in sender))
    return found


def _interface(wanted: bytes) -> str:
    """Return the interface on whose network an address is."""
    number = int.from_bytes(wanted, "big")
    best = (-1, "", 0)
    try:
        with open(ROUTES, encoding="ascii") as source:
            rows = [line.split() for line in source.read().splitlines()[1:]]
    except OSError as error:
        raise ServingError(f"the routes of this host cannot be read: {error}") from error
    for name, target, gateway, *_rest, mask in (row[:8] for row in rows):
        network, bits = (socket.ntohl(int(each, 16)) for each in (target, mask))
        if number & bits == network and bits > best[0]:
            best = (bits, name, int(gateway, 16))
    if best[0] < 0 or best[2]:
        raise ServingError("the address is not on a network of this host, and ARP goes no further")
    return best[1]


__all__ = ["answering"]
