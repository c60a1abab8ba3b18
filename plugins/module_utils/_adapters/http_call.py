# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Call a service over HTTP within a time that holds for all of it, and say in words why it did not work."""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import Mapping
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from .._core.errors import ServingError

AGENT = "modelops.serving"
MOST_BYTES = 4 * 1024 * 1024
_HALF = "it broke off in the middle of its answer"


@dataclass(frozen=True)
class Reply:
    """What came back, whatever its status."""

    status: int
    body: bytes

    @property
    def refusal(self) -> str:
        """What its status says against it, or nothing."""
        if 200 <= self.status < 300:
            return ""
        if 300 <= self.status < 400:
            return f"HTTP status {self.status}: it points elsewhere, and nobody follows; set url to where it points"
        return f"HTTP status {self.status}"


@dataclass(frozen=True)
class Call:
    """A request. Its headers, and what in its address may be secret, are in no sentence."""

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None
    ca_path: str | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or any(character.isspace() for character in self.url):
            raise ServingError("url is no address; set one such as https://metrics.example.com:9090")
        for name, value in self.headers.items():
            if not _is_header(name) or not _is_header(value):
                raise ServingError(f"header {name!r} is no plain text of one line; set another value")

    @property
    def place(self) -> str:
        """The address without user, password and query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def call(request: Call, *, timeout: float) -> Reply:
    """Return the reply; raise a ServingError with the reason when there is none in time.

    The caller waits beside the call: a name server that keeps still, and a body that comes in drops, know no limit. No
    redirect is followed, so the headers go nowhere but to the address that was set.
    """
    outcome: queue.SimpleQueue[Reply | str] = queue.SimpleQueue()
    threading.Thread(target=_call, args=(request, timeout, outcome), daemon=True).start()
    try:
        found = outcome.get(timeout=timeout)
    except queue.Empty:
        found = _late(timeout)
    if isinstance(found, str):
        raise ServingError(found)
    return found


def _call(request: Call, timeout: float, outcome: queue.SimpleQueue[Reply | str]) -> None:
    try:
        outcome.put(_reply(request, timeout))
    except ServingError as error:
        outcome.put(str(error))
    except Exception as error:
        # The text of an error may hold a header; its name cannot.
        outcome.put(f"the call failed ({type(error).__name__})")


def _reply(request: Call, timeout: float) -> Reply:
    # It brings a tenth of a second of other imports along, and most calls of a module call nobody.
    from ansible.module_utils.urls import open_url  # noqa: PLC0415  # slow, and seldom needed

    try:
        response = open_url(
            request.url,
            data=request.body,
            headers=dict(request.headers),
            method=request.method,
            timeout=timeout,
            ca_path=request.ca_path,
            follow_redirects="none",
            http_agent=AGENT,
            # A user and a password in the address are sent at once; otherwise this changes nothing.
            force_basic_auth=True,
            use_netrc=False,
            decompress=False,
        )
    except HTTPError as error:
        response = error
    except (OSError, http.client.HTTPException) as error:
        raise ServingError(_reason(error, timeout)) from error
    try:
        with response:
            body = response.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise ServingError(_reason(error, timeout)) from error
    if len(body) > MOST_BYTES:
        raise ServingError(f"its answer is longer than {MOST_BYTES} bytes")
    # A read of so many bytes at most does not complain of fewer.
    announced = str(response.headers.get("Content-Length") or "")
    if announced.isdigit() and len(body) < int(announced):
        raise ServingError(_HALF)
    return Reply(response.getcode(), body)


def _reason(error: Exception, timeout: float) -> str:
    """Return in words what kept an answer from coming."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {reason.verify_message}"
    if isinstance(reason, ConnectionRefusedError):
        return "it refuses connections: nothing listens there"
    if isinstance(reason, (TimeoutError, socket.timeout)):
        return _late(timeout)
    if isinstance(reason, http.client.IncompleteRead):
        return _HALF
    if isinstance(reason, (ConnectionError, http.client.BadStatusLine)):
        return "it closed the connection without an answer"
    if isinstance(reason, OSError) and reason.strerror:
        return f"it cannot be reached ({reason.strerror})"
    return f"it cannot be reached ({type(reason).__name__})"


def _late(timeout: float) -> str:
    return f"it did not answer within {timeout:.2g} seconds"


def _is_header(text: object) -> bool:
    return isinstance(text, str) and text.isprintable() and text.isascii()


__all__ = ["Call", "Reply", "call"]
