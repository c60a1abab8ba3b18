# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 messages as bytes: a request to send, and an answer that comes in pieces (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import ServingError

MAX_HEAD = 65_536
# The length of a chunk in hexadecimal, with extensions that nobody here reads.
MAX_CHUNK_LINE = 1_024

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
# The header fields that say where an answer ends, and who gave it.
FIELDS = re.compile(
    rb"\n(content-length|transfer-encoding|connection|x-seldon-route)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*(?=\r?\n)",
    re.IGNORECASE,
)
HEAD_END = re.compile(rb"\r?\n\r?\n")
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\Z")
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
# What ends a line, or a word of the request line, may stand in no part of it.
BROKEN_VALUE = re.compile(r"[\r\n\0]")
BROKEN_PATH = re.compile(r"[^\x21-\x7e]")

# How the end of a body is known when it is not by its length.
CHUNKED = -1
UNTIL_CLOSE = -2


class MalformedAnswer(Exception):  # noqa: N818 - it names what was read
    """What came is no HTTP answer."""


@dataclass(frozen=True)
class Head:
    """What the head of an answer says: status, where the body ends, whether the connection stays, who answered."""

    status: int
    length: int
    keeps: bool
    route: str


def http_request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire; the body's length is added."""
    broken = [
        f"{name}: {value}" for name, value in headers.items() if not TOKEN.match(name) or BROKEN_VALUE.search(value)
    ]
    if not TOKEN.match(method) or BROKEN_PATH.search(path) or not path or broken:
        raise ServingError(
            f"The request {method!r} {path!r} with the headers {broken or list(headers)!r} cannot be sent. "
            "Set a method, a path and headers without spaces and line ends where they do not belong."
        )
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if (body or method in ("POST", "PUT", "PATCH")) and "content-length" not in {name.lower() for name in headers}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", errors="replace") + body


def parse_head(block: bytes, *, bodiless: bool) -> Head:
    """Return what the head of an answer says, given up to the empty line; bodiless: the request was a HEAD."""
    start = STATUS_LINE.match(block)
    if not start:
        raise MalformedAnswer(f"no status line: {block[:60]!r}")
    fields: dict[bytes, list[bytes]] = {}
    for name, value in FIELDS.findall(block):
        fields.setdefault(name.lower(), []).append(value)
    status = int(start.group(2))
    coding = b",".join(fields.get(b"transfer-encoding", [])).lower()
    length = body_length(fields.get(b"content-length", []), coding)
    if bodiless or status < 200 or status in (204, 304):
        length = 0
    tokens = {token.strip().lower() for value in fields.get(b"connection", []) for token in value.split(b",")}
    keeps = b"close" not in tokens and (start.group(1) == b"1" or b"keep-alive" in tokens)
    # A body that ends with the connection ends it; one with two lengths may hide another answer.
    keeps = keeps and status != 101 and length != UNTIL_CLOSE and not (coding and b"content-length" in fields)
    route = fields.get(b"x-seldon-route", [b""])[0].decode("latin-1")
    return Head(status, length, keeps, route)


def body_length(lengths: list[bytes], coding: bytes) -> int:
    """Return the length of a body in bytes, or how else its end is known."""
    if coding:
        return CHUNKED if coding.rpartition(b",")[2].strip() == b"chunked" else UNTIL_CLOSE
    values = {part.strip() for value in lengths for part in value.split(b",")}
    if not values:
        return UNTIL_CLOSE
    if len(values) > 1 or not all(re.match(rb"[0-9]{1,15}\Z", value) for value in values):
        raise MalformedAnswer(f"content-length {lengths!r}")
    return int(values.pop())


class AnswerReader:
    """Reads one answer in whatever pieces it comes; the body is counted, not kept."""

    def __init__(self, *, bodiless: bool = False) -> None:
        self.head: Head | None = None
        self._bodiless = bodiless
        self._buffer = b""
        self._left = 0
        self._next_line = "size"

    def feed(self, data: bytes) -> bool:
        """Take bytes that came; return whether the answer is whole. Raise MalformedAnswer when it cannot be one."""
        if self.head is None:
            data = self._read_head(self._buffer + data)
        if self.head is None:
            self._buffer = data
            return False
        if self.head.length == UNTIL_CLOSE:
            return False
        if self.head.length == CHUNKED:
            return self._read_chunks(self._buffer + data)
        return self._end_of(data)

    def end(self) -> bool:
        """Return whether the answer is whole, now that the connection is closed."""
        return self.head is not None and self.head.length == UNTIL_CLOSE

    def _read_head(self, data: bytes) -> bytes:
        """Read the head, if all of it is there, and return what follows; interim answers are skipped."""
        while True:
            end = HEAD_END.search(data)
            if not end:
                if len(data) > MAX_HEAD or not b"HTTP/1.".startswith(data[:7]):
                    raise MalformedAnswer(f"no head: {data[:60]!r}")
                return data
            # Up to the end of the last line, which the fields are found by.
            head = parse_head(data[: end.start()] + b"\r\n", bodiless=self._bodiless)
            data = data[end.end() :]
            if head.status >= 200 or head.status == 101:
                self._buffer = b""
                self.head = head
                self._left = max(head.length, 0)
                return data

    def _end_of(self, data: bytes) -> bool:
        self._left -= len(data)
        if self._left < 0:
            raise MalformedAnswer(f"{-self._left} bytes after the answer")
        return self._left == 0

    def _read_chunks(self, data: bytes) -> bool:
        """Read chunks as far as they are there; return whether the last one and the trailer were."""
        while True:
            taken = min(self._left, len(data))
            self._left -= taken
            line, found, rest = data[taken:].partition(b"\n")
            if not found:
                return self._wait_for(line)
            data = rest
            if self._next_line == "size":
                self._begin_chunk(line)
            elif self._next_line == "end":
                self._next_line = "size"
                if line not in (b"", b"\r"):
                    raise MalformedAnswer(f"{line[:60]!r} after a chunk")
            elif line in (b"", b"\r"):
                return self._end_of(data)

    def _begin_chunk(self, line: bytes) -> None:
        """Read the line with a chunk's size; the one of size 0 begins the trailer."""
        size = CHUNK_SIZE.match(line)
        if not size:
            raise MalformedAnswer(f"chunk {line[:60]!r}")
        self._left = int(size.group(1), 16)
        self._next_line = "end" if self._left else "trailer"

    def _wait_for(self, data: bytes) -> bool:
        if len(data) > MAX_CHUNK_LINE:
            raise MalformedAnswer(f"chunk {data[:60]!r}")
        self._buffer = data
        return False


__all__ = ["AnswerReader", "Head", "MalformedAnswer", "http_request", "parse_head"]
