# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call over HTTP ends in time, and says what happened but no secret."""

from __future__ import annotations

import socket
import time

import pytest

from plugins.module_utils._adapters.http_call import MOST_BYTES, Call, Reply, call
from plugins.module_utils._core.errors import ServingError
from tests.unit.loopback import SILENCE, loopback, refusing, said

SECRET = "Bearer 31415926"
CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


def asked(url: str, timeout: float = 5.0) -> Reply:
    return call(Call(url, headers={"Authorization": SECRET}), timeout=timeout)


ANSWERED = {
    "well": (said("hello"), Reply(200, b"hello"), ""),
    "in chunks": (f"{CHUNKED}5\r\nhello\r\n0\r\n\r\n".encode(), Reply(200, b"hello"), ""),
    "with nothing": (said("", "204 No Content"), Reply(204, b""), ""),
    "with an error": (said("oh", "500 Internal Server Error"), Reply(500, b"oh"), "HTTP status 500"),
    "with a refusal": (said("who?", "401 Unauthorized"), Reply(401, b"who?"), "HTTP status 401"),
}


@pytest.mark.parametrize(("answer", "reply", "refusal"), ANSWERED.values(), ids=ANSWERED.keys())
def test_answer(answer: bytes, reply: Reply, refusal: str) -> None:
    with loopback(answer) as server:
        found = asked(f"{server.url}/path?query=1")
    assert (found, found.refusal) == (reply, refusal)
    assert len(server.asked) == 1
    assert server.asked[0].startswith(b"GET /path?query=1 HTTP/1.1\r\n")
    assert f"Authorization: {SECRET}\r\n".encode() in server.asked[0]


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_nobody_follows_a_redirect(status: str) -> None:
    with loopback(said("elsewhere")) as other, loopback(said("", status, Location=f"{other.url}/steal")) as server:
        found = asked(server.url)
    assert found.refusal == (
        f"HTTP status {status[:3]}: it points elsewhere, and nobody follows; set url to where it points"
    )
    assert other.asked == []


UNANSWERED = {
    "half an answer": (said("hello", length=100), "it broke off in the middle of its answer"),
    "half a chunk": (f"{CHUNKED}5\r\nhel".encode(), "it broke off in the middle of its answer"),
    "nothing of HTTP": (b"220 mail.example.com ready\r\n", "it closed the connection without an answer"),
    "no end": (said("x" * (MOST_BYTES + 1)), f"its answer is longer than {MOST_BYTES} bytes"),
}


@pytest.mark.parametrize(("answer", "text"), UNANSWERED.values(), ids=UNANSWERED.keys())
def test_no_answer(answer: bytes, text: str) -> None:
    with loopback(answer) as server, pytest.raises(ServingError) as caught:
        asked(server.url)
    assert str(caught.value) == text


def test_nobody_listens() -> None:
    with pytest.raises(ServingError) as caught:
        asked(refusing())
    assert str(caught.value) == "it refuses connections: nothing listens there"


def test_nobody_has_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ServingError) as caught:
        asked("http://metrics.example.com")
    assert str(caught.value) == "it cannot be reached (Name or service not known)"


@pytest.mark.parametrize(
    ("answer", "pause"), [(SILENCE, 0.0), (said("hello"), 0.1)], ids=["it says nothing", "it speaks in drops"]
)
def test_the_time_holds_for_all_of_it(answer: bytes, pause: float) -> None:
    with loopback(answer, pause=pause) as server:
        started = time.monotonic()
        with pytest.raises(ServingError) as caught:
            asked(server.url, timeout=0.4)
        assert time.monotonic() - started < 1.0
    assert str(caught.value) == "it did not answer within 0.4 seconds"


def test_a_secret_shows_nowhere() -> None:
    request = Call("https://me:pass@metrics.example.com:9090/api/?token=1", headers={"Authorization": SECRET})
    assert request.place == "https://metrics.example.com:9090/api"
    assert not any(secret in repr(request) for secret in ("pass", "token", SECRET))


BAD_URL = "url is no address; set one such as https://metrics.example.com:9090"
BAD_CALLS = {
    "no address": ("metrics", {}, BAD_URL),
    "another scheme": ("file:///etc/passwd", {}, BAD_URL),
    "no host": ("http://", {}, BAD_URL),
    "no port": ("http://a:b/", {}, BAD_URL),
    "a port of none": ("http://a:0/", {}, BAD_URL),
    "two words": ("http://a/b c", {}, BAD_URL),
    "a header of two lines": (
        "http://a",
        {"X-Key": "a\r\nHost: b"},
        "header 'X-Key' is no plain text of one line; set another value",
    ),
    "a header of no letters": (
        "http://a",
        {"X-Key": "é"},
        "header 'X-Key' is no plain text of one line; set another value",
    ),
}


@pytest.mark.parametrize(("url", "headers", "text"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_bad_calls(url: str, headers: dict[str, str], text: str) -> None:
    with pytest.raises(ServingError) as caught:
        Call(url, headers=headers)
    assert str(caught.value) == text
