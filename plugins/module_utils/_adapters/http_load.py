# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send HTTP requests at their planned times, whatever the server does, and note when each was answered."""

from __future__ import annotations

import errno
import gc
import select
import socket
import time
from collections.abc import Sequence

from .._core.errors import ServingError
from .._core.http_message import AnswerReader, MalformedAnswer
from .._core.load import NEVER, Engine, LoadResult, Pace, Tally

# The kernel wakes a sleeper late, how late depends on the machine. So the last part of a wait is spent awake, asking
# again and again, and a wait that is shorter is no sleep at all: at high rates the generator has a core to itself.
AWAKE_SECONDS = 0.0001
AWAKE_LIMIT = 0.0005
# Answers are read after so many sends at the latest, also when more are due.
BURST = 16
EVENTS = 64
PIECE = 65_536

FAILURES = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.EPIPE: "reset"}
# What this machine lacks says nothing about the server.
SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


class HttpLoad:
    """One server, and what may be spent on it: connections, and seconds for each answer."""

    def __init__(self, address: str, port: int, *, connections: int = 256, timeout: float = 10.0) -> None:
        if connections < 1 or timeout <= 0:
            raise ServingError(f"{connections} connections and a timeout of {timeout:g} seconds. Set both above 0.")
        self._address = address
        self._port = port
        self._connections = connections
        self._timeout = timeout

    def run(self, requests: Sequence[bytes], pace: Pace) -> LoadResult:
        """Send the requests in turn, as often as the pace says, and return what became of them; nothing is repeated."""
        if not requests:
            raise ServingError("There is no request to send. Hand over one at least.")
        # Collecting garbage would hold the sends up. The run leaves none, and its end is known.
        collecting = gc.isenabled()
        gc.disable()
        try:
            with _Run(requests, self._resolved(), limit=self._connections) as run:
                return run.result(pace, self._timeout)
        finally:
            if collecting:
                gc.enable()

    def _resolved(self) -> tuple[int, tuple[object, ...]]:
        """Return the family of the address, and the address as sockets want it."""
        try:
            found = socket.getaddrinfo(self._address, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise ServingError(f"There is no address {self._address!r}: {error}. Set one that exists.") from error
        return int(found[0][0]), found[0][4]


class _Connection:
    """A connection, and the request that it carries: -1 is none."""

    __slots__ = ("fresh", "index", "reader", "receive", "rest", "send", "socket")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.send = opened.send
        self.receive = opened.recv
        self.index = -1
        # What of the request is not sent yet, and what of the answer came so far.
        self.rest = memoryview(b"")
        self.reader: AnswerReader | None = None
        self.fresh = True


class _Run:
    """One run: a single thread that sends what is due, then reads what came."""

    def __init__(self, requests: Sequence[bytes], where: tuple[int, tuple[object, ...]], *, limit: int) -> None:
        self._requests = list(requests)
        self._family, self._where = where
        self._limit = limit
        self._epoll = select.epoll()
        self._connections: dict[int, _Connection] = {}
        # The one used last is used next, so that no more are open than needed.
        self._idle: list[_Connection] = []
        self._bodiless = [request.startswith(b"HEAD ") for request in self._requests]
        # A whole answer as it came last, and what it says: most answers equal the one before.
        self._same: bytes | None = None
        self._same_outcome = ("", "")
        self._outcomes: dict[tuple[str, str], tuple[str, str]] = {}
        self._opened = 0
        self._closed = 0
        self._waited = 0.0
        self._awake = AWAKE_SECONDS
        # The next request to send, and the first one that may still wait for its answer.
        self._next = 0
        self._oldest = 0
        self._blocked = False
        self._blocked_at = NEVER

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_error: object) -> None:
        for connection in self._connections.values():
            connection.socket.close()
        self._epoll.close()

    def result(self, pace: Pace, timeout: float) -> LoadResult:
        """Run to the end, which is the time limit of the last request at the latest."""
        clock = self._clock = time.monotonic
        self._count = pace.count
        self._timeout = timeout
        begun = clock()
        self._tally = Tally(pace, origin=clock(), timeout=timeout)
        self._patience = self._tally.origin + timeout
        while self._is_busy():
            self._send_due()
            # What fails at once leaves nothing to wait for.
            events = self._wait() if self._is_busy() else []
            if events:
                self._receive(events)
            if clock() >= self._patience:
                self._expire(clock())
        busy = 1 - self._waited / (clock() - begun)
        return self._tally.result(
            Engine(cpu_share=busy, connections=self._opened, limit=self._limit, closed=self._closed)
        )

    def _is_busy(self) -> bool:
        """Return whether anything is left to send, or waits for an answer."""
        return self._next < self._count or len(self._connections) > len(self._idle)

    def _send_due(self) -> None:
        """Send what is due, on a connection that is free, or on a new one."""
        clock, tally, idle, requests = self._clock, self._tally, self._idle, self._requests
        if self._blocked:
            # Whatever became due until now did so without a connection.
            self._blocked_at = clock()
            self._blocked = False
        for index in range(self._next, min(self._next + BURST, self._count)):
            now = clock()
            due = tally.due(index)
            if now < due:
                return
            if now - due < self._timeout:
                if idle:
                    connection = idle.pop()
                elif len(self._connections) < self._limit:
                    connection = self._open()
                else:
                    self._blocked = True
                    return
                tally.starts[index] = now
                connection.index = index
                self._start(connection, requests[index % len(requests)])
            if due <= self._blocked_at:
                tally.hold(index)
            self._next = index + 1

    def _start(self, connection: _Connection, request: bytes) -> None:
        """Hand a request to the kernel, or as much of it as it takes."""
        try:
            if connection.fresh:
                self._connect(connection)
            sent = connection.send(request)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._fail(connection, error)
            return
        if sent < len(request):
            connection.rest = memoryview(request)[sent:]
            # An answer that comes before all is sent is none that a connection outlives; see _finish.
            connection.reader = self._new_reader(connection)
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
        if sent and connection.fresh:
            connection.fresh = False
            self._opened += 1

    def _push(self, connection: _Connection) -> None:
        """Send more of a request whose first part went, or whose connection is there now."""
        try:
            sent = connection.send(connection.rest)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(connection, error)
            return
        if connection.fresh:
            connection.fresh = False
            self._opened += 1
        connection.rest = connection.rest[sent:]
        if not connection.rest:
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)

    def _open(self) -> _Connection:
        try:
            opened = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:
            raise self._shortage(error) from error
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(opened)
        self._connections[opened.fileno()] = connection
        self._epoll.register(opened.fileno(), select.EPOLLIN)
        return connection

    def _connect(self, connection: _Connection) -> None:
        code = connection.socket.connect_ex(self._where)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, "connect")

    def _wait(self) -> list[tuple[int, int]]:
        """Wait for answers until the next request is due, or the oldest one has waited too long."""
        poll, clock = self._epoll.poll, self._clock
        until = self._patience
        if self._next < self._count and not self._blocked:
            until = min(until, self._tally.due(self._next))
        begun = clock()
        if until <= begun:
            return poll(0, EVENTS)
        if until - begun > self._awake * 2:
            self._sleep(until - self._awake)
        events = poll(0, EVENTS)
        while not events and clock() < until:
            events = poll(0, EVENTS)
        self._waited += clock() - begun
        return events

    def _sleep(self, until: float) -> None:
        """Sleep until then or the first answer, and learn how late this machine wakes up."""
        # The timeout of epoll itself is in whole milliseconds.
        came, _writable, _broken = select.select([self._epoll], (), (), max(until - self._clock(), 0))
        if not came:
            self._awake = min(max((self._clock() - until) * 1.25, self._awake * 0.98), AWAKE_LIMIT)

    def _receive(self, events: list[tuple[int, int]]) -> None:
        """Read what came."""
        clock, idle, ends, outcomes = self._clock, self._idle, self._tally.ends, self._tally.outcomes
        for file, mask in events:
            connection = self._connections[file]
            if mask & select.EPOLLOUT and not mask & (select.EPOLLERR | select.EPOLLHUP):
                self._push(connection)
                if mask == select.EPOLLOUT or connection.socket.fileno() < 0:
                    continue
            try:
                data = connection.receive(PIECE)
            except BlockingIOError:
                continue
            except OSError as error:
                self._fail(connection, error)
                continue
            index = connection.index
            if data == self._same and index >= 0 and connection.reader is None:
                ends[index] = clock()
                outcomes[index] = self._same_outcome
                connection.index = -1
                idle.append(connection)
            else:
                self._read(connection, data)

    def _read(self, connection: _Connection, data: bytes) -> None:
        """Take bytes of an answer that differs from the one before, or comes in pieces."""
        index = connection.index
        if index < 0:
            # The server closed a connection that was free, or talks without being asked.
            self._closed += 1
            self._drop(connection)
            return
        first = connection.reader is None
        reader = connection.reader = connection.reader or self._new_reader(connection)
        try:
            whole = reader.feed(data) if data else reader.end()
        except MalformedAnswer:
            self._lose(connection, "malformed")
            return
        if whole:
            self._finish(connection, reader, data if first else b"")
        elif not data:
            self._closed += 1
            self._lose(connection, "closed")

    def _finish(self, connection: _Connection, reader: AnswerReader, data: bytes) -> None:
        """Note a whole answer, and free its connection or close it."""
        head = reader.head
        outcome = (str(head.status), head.route) if head else ("malformed", "")
        outcome = self._outcomes.setdefault(outcome, outcome)
        self._tally.ends[connection.index] = self._clock()
        self._tally.outcomes[connection.index] = outcome
        connection.index = -1
        connection.reader = None
        if head is None or not head.keeps or connection.rest:
            self._drop(connection)
            return
        self._idle.append(connection)
        # The same bytes may be whole after a HEAD, and half an answer after a GET.
        if data and not any(self._bodiless):
            self._same, self._same_outcome = data, outcome

    def _expire(self, now: float) -> None:
        """Give up what has waited too long, and note how long the oldest one may still wait."""
        tally = self._tally
        while self._oldest < self._next:
            index = self._oldest
            if tally.starts[index] != NEVER and tally.ends[index] == NEVER:
                if tally.due(index) + self._timeout > now:
                    break
                (connection,) = (each for each in self._connections.values() if each.index == index)
                tally.expire(index)
                self._drop(connection)
            self._oldest += 1
        self._patience = tally.due(self._oldest) + self._timeout

    def _fail(self, connection: _Connection, error: OSError) -> None:
        """Note that a connection failed."""
        if error.errno in SHORTAGES:
            raise self._shortage(error) from error
        word = FAILURES.get(error.errno or 0, "unreachable")
        self._closed += word == "reset"
        self._lose(connection, word)

    def _lose(self, connection: _Connection, word: str) -> None:
        """Note that a request, if any, got no answer, and why."""
        if connection.index >= 0:
            self._tally.finish(connection.index, self._clock(), word)
        self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        del self._connections[connection.socket.fileno()]
        if connection in self._idle:
            self._idle.remove(connection)
        connection.socket.close()

    def _new_reader(self, connection: _Connection) -> AnswerReader:
        return AnswerReader(bodiless=self._bodiless[connection.index % len(self._requests)])

    def _shortage(self, error: OSError) -> ServingError:
        return ServingError(
            f"This machine could not open connection {len(self._connections)} of the {self._limit} that the load may "
            f"open: {error}. Allow more open files (ulimit -n), or set fewer connections or a lower rate."
        )


__all__ = ["HttpLoad"]
