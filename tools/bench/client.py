# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kept-alive HTTP/1.1 connection that says when the other side ends it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

READ_SIZE = 65536


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


def post(host: str, path: str, body: bytes, **headers: str) -> bytes:
    """Return the bytes of a POST of JSON; underscores in the names of headers become dashes."""
    fields = {"Host": host, "Content-Type": "application/json", "Content-Length": str(len(body))}
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Connection:
    """One connection, one call at a time. Every failure is an OSError."""

    def __init__(self, address: str, port: int, *, timeout: float = 30.0) -> None:
        self._socket = socket.create_connection((address, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> Reply:
        """Send a request, and return when its answer is there to the last byte."""
        self._socket.sendall(request)
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            self._read(data)
        first, *lines = data[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "content-length" not in headers:
            raise OSError(f"an answer without Content-Length: {first}")
        length = end + 4 + int(headers["content-length"])
        while len(data) < length:
            self._read(data)
        return Reply(int(first.split(" ", 2)[1]), headers, bytes(data[end + 4 : length]))

    def _read(self, data: bytearray) -> None:
        received = self._socket.recv(READ_SIZE)
        if not received:
            raise ConnectionResetError("the other side closed the connection")
        data += received
