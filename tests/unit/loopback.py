# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small HTTP server on the loopback for tests of who calls one, which says exactly what it is told to say."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
# Longer than any caller waits.
PATIENCE = 10.0


def said(body: bytes | str, status: str = "200 OK", *, length: int | None = None, **headers: str) -> bytes:
    """Return a whole answer; another length than the body's makes it half an answer."""
    text = body.encode() if isinstance(body, str) else body
    fields = {"Content-Length": str(len(text) if length is None else length), "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + text


def said_json(value: Any, status: str = "200 OK") -> bytes:
    """Return an answer with JSON in it."""
    return said(json.dumps(value), status)


SILENCE = b""


@dataclass
class Loopback:
    """Answers its callers in turn, the last answer again and again, and remembers what it was asked."""

    answers: Sequence[bytes]
    port: int
    # How long it waits before an answer, and between two bytes of it.
    delay: float = 0.0
    pause: float = 0.0
    asked: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
            with connection:
                connection.settimeout(PATIENCE)
                self.asked.append(_request(connection))
                self._answer(connection, answer)

    def _answer(self, connection: socket.socket, answer: bytes) -> None:
        try:
            if self.over.wait(PATIENCE if answer == SILENCE else self.delay):
                return
            if not self.pause:
                connection.sendall(answer)
            else:
                for byte in answer:
                    if self.over.wait(self.pause):
                        return
                    connection.sendall(bytes([byte]))
        except OSError:
            # The caller did not wait.
            pass


def _request(connection: socket.socket) -> bytes:
    """Return one whole request, or what there is of it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@contextmanager
def loopback(*answers: bytes, delay: float = 0.0, pause: float = 0.0) -> Iterator[Loopback]:
    """Lend a server that gives these answers."""
    with socket.create_server((HOST, 0)) as listener:
        server = Loopback(answers, listener.getsockname()[1], delay, pause)
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def refusing() -> str:
    """Return the address of a port where nobody listens."""
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://{HOST}:{port}"
