# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer is read alike in one piece and byte by byte, its end is found, and garbage is told from it."""

from __future__ import annotations

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.http_message import AnswerReader, Head, MalformedAnswer, http_request

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

WHOLE = {
    "with a length": (OK + LENGTH + b"\r\nhello", Head(200, 5, True, "")),
    "of length 0": (OK + b"content-length:0\r\n\r\n", Head(200, 0, True, "")),
    "with the same length twice": (OK + LENGTH * 2 + b"\r\nhello", Head(200, 5, True, "")),
    "without a reason": (b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", Head(404, 0, True, "")),
    "with line feeds alone": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", Head(200, 5, True, "")),
    "that names its route": (OK + LENGTH + b"X-Seldon-Route: :a_1: \r\n\r\nhello", Head(200, 5, True, ":a_1:")),
    "that announces its end": (OK + LENGTH + b"Connection: Close\r\n\r\nhello", Head(200, 5, False, "")),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", Head(200, 5, False, "")),
    "of HTTP/1.0 that stays": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        Head(200, 5, True, ""),
    ),
    "in one chunk": (OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r\n", Head(200, -1, True, "")),
    "in chunks with all that may stand there": (
        OK + CHUNKED + b"\r\n1;a=b\r\nh\r\n00A \r\n\r\n0\r\n\r\n234\r\n0\r\nTrailer: 1\r\nAnother: 2\r\n\r\n",
        Head(200, -1, True, ""),
    ),
    "in no chunk": (OK + CHUNKED + b"\r\n0\r\n\r\n", Head(200, -1, True, "")),
    "in chunks and with a length": (
        OK + CHUNKED + LENGTH + b"\r\n2\r\nhi\r\n0\r\n\r\n",
        Head(200, -1, False, ""),
    ),
    "without content": (b"HTTP/1.1 204 No Content\r\n\r\n", Head(204, 0, True, "")),
    "without content though a length is given": (b"HTTP/1.1 304 N\r\n" + LENGTH + b"\r\n", Head(304, 0, True, "")),
    "after interim ones": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + LENGTH + b"\r\nhello",
        Head(200, 5, True, ""),
    ),
    "that changes the protocol": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Head(101, 0, False, "")),
    "with a header that only looks like one": (
        OK + b"X: a\r\nMy-Content-Length: 9\r\nNote: content-length: 7\r\n" + LENGTH + b"\r\nhello",
        Head(200, 5, True, ""),
    ),
}


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(("data", "head"), WHOLE.values(), ids=WHOLE.keys())
def test_an_answer_is_read(data: bytes, head: Head, piece: int) -> None:
    reader = AnswerReader()
    whole = [reader.feed(data[place : place + piece]) for place in range(0, len(data), piece)]
    assert whole == [False] * (len(whole) - 1) + [True]
    assert reader.head == head


def test_the_answer_to_head_has_no_body() -> None:
    reader = AnswerReader(bodiless=True)
    assert reader.feed(OK + LENGTH + b"\r\n")
    assert reader.head == Head(200, 0, True, "")


@pytest.mark.parametrize("fields", [b"", b"Transfer-Encoding: gzip\r\n"])
def test_an_answer_without_an_end_ends_with_the_connection(fields: bytes) -> None:
    reader = AnswerReader()
    assert not reader.feed(OK + fields + b"\r\nhello")
    assert reader.end()
    assert reader.head == Head(200, -2, False, "")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(OK, id="half a head"),
        pytest.param(OK + LENGTH + b"\r\nhell", id="half a body"),
        pytest.param(OK + CHUNKED + b"\r\n5\r\nhello\r\n", id="no last chunk"),
        pytest.param(OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n", id="no end of the trailer"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="an interim one alone"),
    ],
)
def test_half_an_answer_is_none(data: bytes) -> None:
    reader = AnswerReader()
    assert not reader.feed(data)
    assert not reader.end()


GARBAGE = {
    "another protocol": b"\x15\x03\x01\x00\x02\x02\x46",
    "an error in words": b"out of memory\n",
    "another version": b"HTTP/2 200\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 OK\r\n\r\n",
    "a status line broken late": b"HTTP/1.1 x\r\nContent-Length: 0\r\n\r\n",
    "a head without an end": OK + b"X: " + b"x" * 70_000,
    "a length that is no number": OK + b"Content-Length: five\r\n\r\nhello",
    "a length below zero": OK + b"Content-Length: -5\r\n\r\n",
    "two lengths": OK + LENGTH + b"Content-Length: 6\r\n\r\nhello",
    "two lengths in one": OK + b"Content-Length: 5, 6\r\n\r\nhello",
    "more than the length": OK + LENGTH + b"\r\nhello!",
    "more than the last chunk": OK + CHUNKED + b"\r\n0\r\n\r\nHTTP/1.1 200 OK",
    "a chunk without a size": OK + CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "a chunk that is longer than it says": OK + CHUNKED + b"\r\n4\r\nhello\r\n0\r\n\r\n",
    "a size without an end": OK + CHUNKED + b"\r\n5;" + b"x" * 2_000,
    "content where none may be": b"HTTP/1.1 204 No Content\r\n\r\nhello",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_told_from_an_answer(data: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        AnswerReader().feed(data)


@pytest.mark.parametrize(
    ("method", "body", "wire"),
    [
        pytest.param("GET", b"", b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n", id="no body"),
        pytest.param("POST", b"{}", b"POST /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", id="a body"),
        pytest.param("POST", b"", b"POST /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", id="an empty body"),
    ],
)
def test_a_request_is_written(method: str, body: bytes, wire: bytes) -> None:
    assert http_request(method, "/v2", {"Host": "a"}, body) == wire


def test_a_length_that_is_given_stays() -> None:
    assert http_request("POST", "/", {"content-length": "9"}, b"x") == b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nx"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        pytest.param("GET", "/a b", {}, id="a space in the path"),
        pytest.param("GET", "", {}, id="no path"),
        pytest.param("GET /", "/", {}, id="a method of two words"),
        pytest.param("GET", "/", {"a": "b\r\nc: d"}, id="a header within a header"),
        pytest.param("GET", "/", {"a:": "b"}, id="a colon in a name"),
    ],
)
def test_a_request_that_would_be_another_is_refused(method: str, path: str, headers: dict[str, str]) -> None:
    with pytest.raises(ServingError, match=r"^The request .* cannot be sent\. Set a method, a path and headers"):
        http_request(method, path, headers)
