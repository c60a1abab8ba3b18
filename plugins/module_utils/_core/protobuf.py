# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protobuf's wire format: fields as bytes, and bytes as fields.

Facts: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct

from .errors import ServingError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_MASK = 2**64 - 1


def varint(value: int) -> bytes:
    """Return an integer in groups of seven bits."""
    # A negative number is written as the 64 bits of its complement.
    rest, found = value & _MASK, bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


def tag(field: int, wire: int) -> bytes:
    """Return what stands before a value."""
    return varint(field << 3 | wire)


def delimited(field: int, content: bytes) -> bytes:
    """Return a field that holds bytes, a text or a message."""
    return tag(field, LENGTH) + varint(len(content)) + content


def text(field: int, value: str) -> bytes:
    """Return a text field, or nothing where the text is the default."""
    return delimited(field, value.encode()) if value else b""


def signed(value: int, bits: int) -> int:
    """Return the lowest bits of a value as a signed integer."""
    cut = value & (1 << bits) - 1
    return cut - (1 << bits) if cut >> (bits - 1) else cut


class Message:
    """An encoded message's fields; one that is not of the wanted wire type is not seen, as in protobuf."""

    def __init__(self, kind: str, data: bytes) -> None:
        self._kind = kind
        self._fields: list[tuple[int, int, int | bytes]] = []
        offset = 0
        while offset < len(data):
            head, offset = self._read_varint(data, offset)
            number, wire = head >> 3, head & 7
            if not number:
                raise self._fault("a field has the number 0")
            value, offset = self._read_value(data, offset, wire)
            self._fields.append((number, wire, value))

    def flag(self, field: int) -> bool:
        """Return a truth value; without it, it is false."""
        return any(self.varints(field)[-1:])

    def text(self, field: int) -> str:
        """Return a text; the last one counts."""
        return "".join(self.texts(field)[-1:])

    def texts(self, field: int) -> list[str]:
        """Return a list of texts."""
        return [self.decoded(value) for value in self.blobs(field)]

    def blobs(self, field: int) -> list[bytes]:
        """Return a list of byte strings."""
        return [
            value
            for number, wire, value in self._fields
            if number == field and wire == LENGTH and isinstance(value, bytes)
        ]

    def messages(self, field: int) -> list[Message]:
        """Return a list of messages."""
        return [Message(self._kind, value) for value in self.blobs(field)]

    def merged(self, field: int) -> Message:
        """Return a message that is no list; one that is written in parts is the parts behind each other."""
        return Message(self._kind, b"".join(self.blobs(field)))

    def varints(self, field: int) -> list[int]:
        """Return a list of integers, packed or not."""
        found = []
        for number, wire, value in self._fields:
            if number == field and isinstance(value, int):
                found.append(value)
            elif number == field and wire == LENGTH and isinstance(value, bytes):
                offset = 0
                while offset < len(value):
                    item, offset = self._read_varint(value, offset)
                    found.append(item)
        return found

    def floats(self, field: int, wire: int) -> list[float]:
        """Return a list of floating point numbers, packed or not."""
        code = "<f" if wire == FIXED32 else "<d"
        packed = b"".join(
            value
            for number, found, value in self._fields
            if number == field and found in (wire, LENGTH) and isinstance(value, bytes)
        )
        if len(packed) % struct.calcsize(code):
            raise self._fault("packed numbers are cut off")
        return [item for (item,) in struct.iter_unpack(code, packed)]

    def last(self, *alternatives: tuple[int, int]) -> tuple[int, int | bytes] | None:
        """Return number and value of the one that counts among alternatives, each a field and its wire type."""
        found = [(number, value) for number, wire, value in self._fields if (number, wire) in alternatives]
        return found[-1] if found else None

    def decoded(self, value: bytes) -> str:
        """Return a text, which is UTF-8."""
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise self._fault(f"a text is no UTF-8 ({error})") from error

    def _read_value(self, data: bytes, offset: int, wire: int) -> tuple[int | bytes, int]:
        if wire == VARINT:
            return self._read_varint(data, offset)
        if wire == LENGTH:
            length, offset = self._read_varint(data, offset)
        elif wire in _FIXED:
            length = _FIXED[wire]
        else:
            raise self._fault(f"the wire type {wire} is not used")
        if offset + length > len(data):
            raise self._fault("it is cut off")
        return data[offset : offset + length], offset + length

    def _read_varint(self, data: bytes, offset: int) -> tuple[int, int]:
        value = shift = 0
        while offset < len(data) and shift < 70:
            byte = data[offset]
            value |= (byte & 0x7F) << shift
            offset, shift = offset + 1, shift + 7
            if byte < 0x80:
                return value & _MASK, offset
        raise self._fault("an integer is cut off" if shift < 70 else "an integer is longer than 64 bits")

    def _fault(self, reason: str) -> ServingError:
        return ServingError(f"The {self._kind} cannot be read: {reason}.")


__all__ = ["FIXED32", "FIXED64", "LENGTH", "VARINT", "Message", "delimited", "signed", "tag", "text", "varint"]
