# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a server sends, breaks off or keeps back, each request has one fate, and nothing is sent twice."""

from __future__ import annotations

import gc
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from plugins.module_utils._adapters.http_load import HttpLoad
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.http_message import http_request
from plugins.module_utils._core.load import LoadResult, Pace

HOST = "127.0.0.1"
ASK = http_request("GET", "/", {"Host": "a"})
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Answer:
    """What a server does with one request."""

    pieces: tuple[bytes, ...] = (HELLO,)
    # After the answer: keep the connection, close it, reset it, or keep it and never answer.
    then: str = "keep"
    pause: float = 0.002


@dataclass
class Server:
    """A server that answers in turn as it is told, and remembers what it was asked."""

    script: Sequence[Answer]
    asked: list[bytes] = field(default_factory=list)
    accepted: int = 0
    open: int = 0
    most_open: int = 0
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listener: socket.socket) -> None:
        threads = []
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                break
            with self._lock:
                self.accepted += 1
                self.open += 1
                self.most_open = max(self.most_open, self.open)
            threads.append(threading.Thread(target=self._talk, args=(connection,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _talk(self, connection: socket.socket) -> None:
        # The generator may be gone at any time.
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self._answer(connection):
                    pass
        except OSError:
            pass
        with self._lock:
            self.open -= 1

    def _answer(self, connection: socket.socket) -> bool:
        """Answer one request; return whether the connection stays."""
        request = whole_request(connection)
        if not request:
            return False
        with self._lock:
            answer = self.script[len(self.asked) % len(self.script)]
            self.asked.append(request)
        for place, piece in enumerate(answer.pieces):
            if place:
                time.sleep(answer.pause)
            connection.sendall(piece)
        if answer.then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        if answer.then == "silence":
            connection.recv(1)
        return answer.then == "keep"


def whole_request(connection: socket.socket) -> bytes:
    """Return a request with its body; nothing when the connection is closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
    while len(body) < length:
        more = connection.recv(1_048_576)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(*script: Answer) -> Iterator[Server]:
    """Run a server in the background."""
    server = Server(script)
    with socket.create_server((HOST, 0), backlog=512) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@dataclass(frozen=True)
class Case:
    """A server that always does the same, and what comes of some requests."""

    answer: Answer
    status: str
    request: bytes = ASK
    connections: int | None = None
    closed: int = 0
    count: int = 20


def pieces(data: bytes, *places: int) -> tuple[bytes, ...]:
    """Return data cut at these places."""
    ends = [0, *places, len(data)]
    return tuple(data[low:high] for low, high in pairwise(ends))


CASES = {
    "a length": Case(Answer(), "200"),
    "chunks": Case(Answer((CHUNKS,)), "200"),
    "packets split in the head": Case(Answer(pieces(HELLO, 3, 30)), "200"),
    "packets split at its end": Case(Answer(pieces(HELLO, 36, 37)), "200"),
    "packets split in the body": Case(Answer(pieces(HELLO, 40)), "200"),
    "packets split in the chunks": Case(Answer(pieces(CHUNKS, 48, 52, 59)), "200"),
    "a large body": Case(Answer((b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000),)), "200"),
    "a large request": Case(
        Answer(), "200", request=http_request("POST", "/", {"Host": "a"}, bytes(16_000_000)), count=4
    ),
    "no length, closed": Case(Answer((b"HTTP/1.1 200 OK\r\n\r\nhello",), then="close"), "200", connections=20),
    "no content": Case(Answer((b"HTTP/1.1 204 No Content\r\n\r\n",)), "204"),
    "no body after HEAD": Case(
        Answer((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",)), "200", request=ASK.replace(b"GET", b"HEAD")
    ),
    "an error": Case(Answer((HELLO.replace(b"200 OK", b"503 No"),)), "503"),
    "the end announced": Case(
        Answer((HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),), then="close"), "200", connections=20
    ),
    "closed without an answer": Case(Answer((), then="close"), "closed", connections=20, closed=20),
    "closed within an answer": Case(Answer((HELLO[:-1],), then="close"), "closed", connections=20, closed=20),
    "reset without an answer": Case(Answer((), then="reset"), "reset", connections=20, closed=20),
    "garbage": Case(Answer((b"SSH-2.0-OpenSSH_9.2\r\n",)), "malformed", connections=20),
    "more than the answer": Case(Answer((HELLO + b"!",)), "malformed", connections=20),
    "two lengths": Case(
        Answer((HELLO.replace(b"\r\n\r\n", b"\r\nContent-Length: 6\r\n\r\n"),)), "malformed", connections=20
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_server_answers_with(case: Case) -> None:
    with serving(case.answer) as server:
        result = HttpLoad(HOST, server.port, timeout=20).run([case.request], Pace(100, case.count))
    assert result.statuses == {case.status: case.count}
    assert result.sent == result.latency.count == result.service.count == case.count
    assert result.answered == (case.count if case.status.isdigit() else 0)
    assert result.closed == case.closed
    assert server.asked == [case.request] * case.count
    if case.connections:
        assert result.connections == server.accepted == case.connections


def test_answers_differ_from_one_to_the_next() -> None:
    other = HELLO.replace(b"hello", b"there").replace(b"\r\n\r\n", b"\r\nx-seldon-route: :b_1:\r\n\r\n")
    first = HELLO.replace(b"\r\n\r\n", b"\r\nx-seldon-route: :a_1:\r\n\r\n")
    with serving(Answer((first,)), Answer((other,)), Answer((first,)), Answer((CHUNKS,))) as server:
        result = HttpLoad(HOST, server.port, timeout=20).run([ASK], Pace(100, 40))
    assert result.statuses == {"200": 40}
    assert {route: each.count for route, each in result.routes.items()} == {":a_1:": 20, ":b_1:": 10}


def test_requests_go_in_turn() -> None:
    requests = [http_request("GET", f"/{number}", {}) for number in range(3)]
    with serving(Answer()) as server:
        HttpLoad(HOST, server.port, timeout=20).run(requests, Pace(20, 7))
    assert server.asked == [*requests, *requests, requests[0]]


def test_head_and_get_with_the_same_answer_are_told_apart() -> None:
    # After HEAD these bytes are an answer; after GET they are half of one.
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    with serving(Answer((head,)), Answer((head, b"hello"))) as server:
        result = HttpLoad(HOST, server.port, timeout=20).run([ASK.replace(b"GET", b"HEAD"), ASK], Pace(20, 6))
    assert (result.statuses, result.connections) == ({"200": 6}, 1)


def test_a_connection_that_closes_while_it_is_free_is_counted_and_replaced() -> None:
    with serving(Answer(then="close")) as server:
        result = HttpLoad(HOST, server.port, timeout=20).run([ASK], Pace(20, 5))
    assert result.statuses == {"200": 5}
    # The last one may still be open when the run ends.
    assert result.closed in (4, 5)
    assert result.connections == server.accepted == 5


def test_words_on_a_free_connection_end_it_and_answer_nothing() -> None:
    # Some servers say 408 before they close a connection that nobody used.
    with serving(Answer((HELLO, HELLO.replace(b"200 OK", b"408 No")), pause=0.03)) as server:
        result = HttpLoad(HOST, server.port, timeout=20).run([ASK], Pace(10, 4))
    assert result.statuses == {"200": 4}
    assert result.latency.maximum < 1_000_000
    assert result.closed in (3, 4)
    assert result.connections == server.accepted == 4


def test_a_body_that_equals_the_answer_before_is_no_answer() -> None:
    head = b"HTTP/1.1 201 OK\r\nContent-Length: %d\r\n\r\n" % (len(HELLO) + 1)
    with serving(Answer(), Answer((head, HELLO, b"!"), pause=0.02)) as server:
        result = HttpLoad(HOST, server.port, timeout=20).run([ASK], Pace(5, 4))
    assert (result.statuses, result.connections) == ({"200": 2, "201": 2}, 1)


def test_a_refused_connection_is_a_status() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    begun = time.monotonic()
    result = HttpLoad(HOST, port).run([ASK], Pace(100, 20))
    assert time.monotonic() - begun < 5
    assert (result.statuses, result.sent, result.answered) == ({"refused": 20}, 20, 0)
    assert (result.connections, result.closed) == (0, 0)


def test_a_request_that_is_not_answered_counts_at_the_timeout_and_is_over_then() -> None:
    with serving(Answer((), then="silence")) as server:
        begun = time.monotonic()
        result = HttpLoad(HOST, server.port, timeout=0.3).run([ASK], Pace(100, 20))
        took = time.monotonic() - begun
    assert result.statuses == {"timeout": 20}
    assert (result.latency.minimum, result.latency.maximum, result.closed) == (300_000, 300_000, 0)
    assert 0.48 < took < 2
    assert result.seconds == pytest.approx(0.19 + 0.3)
    assert len(server.asked) == 20


def test_one_request_that_is_not_answered_holds_up_no_other() -> None:
    with serving(Answer((), then="silence"), *[Answer()] * 9) as server:
        result = HttpLoad(HOST, server.port, timeout=0.4).run([ASK], Pace(50, 30))
    assert result.statuses == {"200": 27, "timeout": 3}
    assert result.latency.quantile(0.5) < 100_000


def test_half_an_answer_is_over_at_the_timeout() -> None:
    with serving(Answer(pieces(HELLO, 40)[:1], then="silence")) as server:
        result = HttpLoad(HOST, server.port, timeout=0.2).run([ASK], Pace(100, 5))
    assert result.statuses == {"timeout": 5}


def test_a_request_that_is_answered_before_it_is_sent_ends_its_connection() -> None:
    large = http_request("POST", "/", {"Host": "a"}, bytes(16_000_000))
    kept: list[socket.socket] = []

    def refuse() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            kept.append(connection)
            connection.recv(1_000)
            connection.sendall(HELLO.replace(b"200 OK", b"413 Too Large"))

    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=refuse)
        thread.start()
        result = HttpLoad(HOST, listener.getsockname()[1], timeout=5).run([large], Pace(5, 2))
        thread.join()
    for connection in kept:
        connection.close()
    assert (result.statuses, result.connections, result.closed) == ({"413": 2}, 2, 0)


def slow(count: int, *, connections: int, timeout: float) -> tuple[LoadResult, Server]:
    """Send 100 requests a second to a server that answers none in less than a tenth of a second."""
    with serving(Answer(pieces(HELLO, 1), pause=0.1)) as server:
        result = HttpLoad(HOST, server.port, connections=connections, timeout=timeout).run([ASK], Pace(100, count))
    return result, server


def test_no_more_connections_are_open_than_allowed_and_the_result_says_that_it_needs_them() -> None:
    result, server = slow(40, connections=3, timeout=20)
    assert server.most_open == server.accepted == result.connections == 3
    assert result.statuses == {"200": 40}
    # The last of them waited for thirteen rounds of 0.1 seconds, but for the 0.39 seconds before it was due.
    assert result.latency.maximum > 900_000
    assert result.service.quantile(0.5) < 400_000
    assert result.starved > 30
    assert result.late <= 3
    assert any("needs more than the 3 connections" in reason for reason in result.invalid)


def test_time_spent_in_the_queue_counts_towards_the_timeout() -> None:
    result, _server = slow(60, connections=1, timeout=0.3)
    # A round takes 0.1 seconds: the first ones are answered, the rest has run out of time before.
    assert 1 <= result.answered <= 6
    assert result.statuses["timeout"] == result.sent - result.answered
    assert result.latency.maximum <= 300_000
    assert result.seconds <= 0.59 + 0.3 + 0.001
    assert any("needs more than the 1 connections" in reason for reason in result.invalid)


@pytest.mark.parametrize(
    ("make", "refusal"),
    [
        pytest.param(
            lambda: HttpLoad(HOST, 1, connections=0),
            "0 connections and a timeout of 10 seconds. Set both above 0.",
            id="no connection",
        ),
        pytest.param(
            lambda: HttpLoad(HOST, 1, timeout=0),
            "256 connections and a timeout of 0 seconds. Set both above 0.",
            id="no time",
        ),
        pytest.param(
            lambda: HttpLoad(HOST, 1).run([], Pace(1, 1)),
            "There is no request to send. Hand over one at least.",
            id="no request",
        ),
    ],
)
def test_a_load_that_makes_no_sense_is_refused(make: Callable[[], object], refusal: str) -> None:
    with pytest.raises(ServingError) as caught:
        make()
    assert str(caught.value) == refusal


def test_an_address_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ServingError, match=r"^There is no address '127\.0\.0\.999': .*\. Set one that exists\.$"):
        HttpLoad("127.0.0.999", 1).run([ASK], Pace(1, 1))


def test_a_machine_without_room_for_connections_says_so_and_leaves_nothing_behind() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving(Answer((), then="silence")) as server:
        before = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 10, hard))
        try:
            with pytest.raises(ServingError, match=r"^This machine could not open connection .*\(ulimit -n\), or set"):
                HttpLoad(HOST, server.port).run([ASK], Pace(1_000, 100))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert gc.isenabled()
