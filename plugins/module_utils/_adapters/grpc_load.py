# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send gRPC calls at their planned times, whatever the server does, and note how each ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event, Lock, Semaphore
from typing import Any

from .._core.load import Engine, LoadResult, Pace, Tally

# Calls have their own deadlines. So long after the last one, what has not ended is given up.
GRACE_SECONDS = 1.0
# What grpcio says of a call that no server ended, and the word for it.
FAILURES = (
    ("connection refused", "refused"),
    ("connection reset", "reset"),
    ("socket closed", "closed"),
    ("failed to connect", "unreachable"),
)


class GrpcLoad:
    """A channel to one server, and what may be spent on it: calls at once, and seconds for each."""

    def __init__(self, grpc: Any, channel: Any, *, calls: int, timeout: float) -> None:
        self._grpc = grpc
        self._channel = channel
        self._calls = calls
        self._timeout = timeout

    def run(
        self, method: str, messages: Sequence[bytes], pace: Pace, metadata: Sequence[tuple[str, str]]
    ) -> LoadResult:
        """Make the calls in turn, as often as the pace says, and return what became of them; nothing is repeated."""
        connections = _Connections(self._grpc.ChannelConnectivity)
        self._channel.subscribe(connections.note)
        try:
            call = partial(self._channel.unary_unary(method).future, metadata=metadata)
            tally, busy = _Run(call, messages, limit=self._calls).finished(pace, self._timeout)
        finally:
            self._channel.unsubscribe(connections.note)
        engine = Engine(cpu_share=busy, connections=connections.opened, limit=self._calls, closed=connections.closed)
        return tally.result(engine)


class _Run:
    """One run: this thread sends what is due, and grpcio's own thread notes what ended."""

    def __init__(self, call: Callable[..., Any], messages: Sequence[bytes], *, limit: int) -> None:
        self._call = call
        self._messages = list(messages)
        self._free = Semaphore(limit)
        self._open: dict[int, Any] = {}
        self._lock = Lock()
        self._all_sent = False
        self._all_ended = Event()
        self._blocked_until = 0.0

    def finished(self, pace: Pace, timeout: float) -> tuple[Tally, float]:
        """Run to the end, which is soon after the time limit of the last call at the latest."""
        begun, worked = time.monotonic(), time.process_time()
        self._timeout = timeout
        self._tally = Tally(pace, origin=begun, timeout=timeout)
        for index in range(pace.count):
            self._send(index)
        with self._lock:
            self._all_sent = True
            waiting = bool(self._open)
        if waiting:
            last = self._tally.due(pace.count - 1) + timeout + GRACE_SECONDS
            self._all_ended.wait(max(last - time.monotonic(), 0))
        with self._lock:
            left, self._open = self._open, {}
        for index, future in left.items():
            future.cancel()
            self._tally.expire(index)
        # All threads of grpcio count, also where they share no core with this one.
        return self._tally, (time.process_time() - worked) / (time.monotonic() - begun)

    def _send(self, index: int) -> None:
        """Wait until a call is due and may be made, and make it, unless its time is over by then."""
        due = self._tally.due(index)
        early = due - time.monotonic()
        if early > 0:
            time.sleep(early)
        if not self._free.acquire(blocking=False):
            free = self._free.acquire(timeout=max(due + self._timeout - time.monotonic(), 0))
            self._blocked_until = time.monotonic()
            if not free:
                self._tally.hold(index)
                return
        if due < self._blocked_until:
            self._tally.hold(index)
        now = time.monotonic()
        left = due + self._timeout - now
        if left <= 0:
            self._free.release()
            return
        self._tally.start(index, now)
        future = self._call(self._messages[index % len(self._messages)], timeout=left)
        with self._lock:
            self._open[index] = future
        # It is called at once when the call has ended already.
        future.add_done_callback(partial(self._end, index))

    def _end(self, index: int, future: Any) -> None:
        """Note how a call ended."""
        now = time.monotonic()
        status, route = outcome(future)
        with self._lock:
            # Whoever took it out of the open ones writes it down, and nobody after the run.
            if self._open.pop(index, None) is None:
                return
            if status == "DEADLINE_EXCEEDED" and now >= self._tally.due(index) + self._timeout - 0.01:
                self._tally.expire(index)
            else:
                self._tally.finish(index, now, status, route)
            if self._all_sent and not self._open:
                self._all_ended.set()
        self._free.release()


def outcome(future: Any) -> tuple[str, str]:
    """Return the status of a call that has ended, or the word for a failure on the way, and who answered."""
    status = str(future.code().name)
    if status == "OK":
        return status, str(dict(future.initial_metadata() or ()).get("x-seldon-route", ""))
    if status == "UNAVAILABLE" and not future.trailing_metadata():
        # A proxy uses the same words for what lies behind it, and headers of its own come along.
        details = (future.details() or "").lower()
        return next((word for said, word in FAILURES if said in details), status), ""
    return status, ""


class _Connections:
    """How often the channel was connected, and how often that was lost."""

    def __init__(self, states: Any) -> None:
        self._ready = states.READY
        self._was_ready = False
        self.opened = 0
        self.closed = 0

    def note(self, state: Any) -> None:
        is_ready = state is self._ready
        self.opened += is_ready and not self._was_ready
        self.closed += self._was_ready and not is_ready
        self._was_ready = is_ready


__all__ = ["GrpcLoad"]
