# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks on a wire who has an address, and hears everything that is said about it (ARP, RFC 826)."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass

from tests.live.metallb.wire import Space

ETHERTYPE, ETHERNET, IPV4, REQUEST, REPLY = 0x0806, 1, 0x0800, 1, 2
BROADCAST, NOBODY = "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"
FRAME = struct.Struct("!6s6sHHHBBH6s4s6s4s")


@dataclass(frozen=True)
class Heard:
    """One ARP frame, and when it came."""

    at: float
    to: str
    operation: int
    sender_mac: str
    sender: str
    target: str

    @property
    def is_gratuitous(self) -> bool:
        """Tell whether it tells everybody, unasked, who has an address (RFC 5227, 3)."""
        return self.sender == self.target and self.to == BROADCAST


class Ear:
    """Hears ARP on an interface from now on."""

    def __init__(self, space: Space, interface: str) -> None:
        self.heard: list[Heard] = []
        self._socket = space.make(lambda: listener(interface))
        self.mac = text(self._socket.getsockname()[4])
        threading.Thread(target=self._listen, daemon=True).start()

    def gratuitous(self, address: str, since: float = 0.0) -> list[Heard]:
        """Return who said unasked that the address is his."""
        return [each for each in self.heard if each.is_gratuitous and each.sender == address and each.at >= since]

    def who_has(self, address: str, own: str, seconds: float = 0.6) -> list[str]:
        """Ask, and return who says within some time that the address is his, each answer with its MAC address."""
        since = time.monotonic()
        mac = raw(self.mac)
        ask = (ETHERNET, IPV4, 6, 4, REQUEST, mac, socket.inet_aton(own), raw(NOBODY), socket.inet_aton(address))
        self._socket.send(FRAME.pack(raw(BROADCAST), mac, ETHERTYPE, *ask))
        time.sleep(seconds)
        return [
            each.sender_mac
            for each in list(self.heard)
            if (each.operation, each.to, each.sender) == (REPLY, self.mac, address) and each.at >= since
        ]

    def close(self) -> None:
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                data = self._socket.recv(2048)
            except OSError:
                return
            if len(data) >= FRAME.size:
                to, _, _, _, _, _, _, operation, mac, sender, _, target = FRAME.unpack(data[: FRAME.size])
                said = (text(to), operation, text(mac), socket.inet_ntoa(sender), socket.inet_ntoa(target))
                self.heard.append(Heard(time.monotonic(), *said))


def listener(interface: str) -> socket.socket:
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    found.bind((interface, ETHERTYPE))
    return found


def text(mac: bytes) -> str:
    return mac.hex(":")


def raw(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
