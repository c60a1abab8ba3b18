# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in the background, from a process of its own, and notes who answered when.

What it is to do comes as one line of JSON on its input; it goes on until that input ends, so it never outlives the
process that started it. Each call is a line of JSON on its output, with times of the machine's monotonic clock.
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from tools.bench.client import Connection
from tools.bench.figures import NotMeasuredError
from tools.bench.routing import NO_STATUS, Call

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Traffic:
    """One request again and again: at a rate over some connections, or as fast as one answer allows the next."""

    address: str
    port: int
    request: bytes
    rate: float = 0.0
    connections: int = 1


class Observer:
    """The calls made so far by one process in the background."""

    def __init__(self, traffic: Traffic) -> None:
        self.calls: list[Call] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.observer"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the one who reads; this one ends with its input.
            start_new_session=True,
        )
        plan = {**traffic.__dict__, "request": base64.b64encode(traffic.request).decode()}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(plan).encode() + b"\n")
        self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.calls.append(Call(*json.loads(line)))

    def wait_for(self, condition: Callable[[Call], bool], *, since: int) -> None:
        """Return when a call after the first ``since`` ones is as wanted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(condition(call) for call in self.calls[since:]):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NotMeasuredError(f"the call that was waited for did not come: {self.calls[-1:]}")
            time.sleep(0.002)

    def end(self) -> Sequence[Call]:
        """Let the calls under way end, and return all of them."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()
        return self.calls


@contextmanager
def observing(*traffic: Traffic) -> Iterator[list[Observer]]:
    """Observe all of this traffic, from the moment each has a good answer."""
    observers: list[Observer] = []
    try:
        for each in traffic:
            observers.append(Observer(each))
            observers[-1].wait_for(lambda call: call.is_good, since=0)
        yield observers
    finally:
        for observer in observers:
            observer.end()


def main() -> None:
    plan: dict[str, Any] = json.loads(sys.stdin.readline())
    traffic = Traffic(**{**plan, "request": base64.b64decode(plan["request"])})
    over = threading.Event()
    start = time.monotonic()
    threads = [
        threading.Thread(target=_calls, args=(traffic, over, start, index)) for index in range(traffic.connections)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()


def _calls(traffic: Traffic, over: threading.Event, start: float, index: int) -> None:
    interval = traffic.connections / traffic.rate if traffic.rate else 0.0
    planned = start + index * interval / traffic.connections
    connection: Connection | None = None
    while not over.wait(max(planned - time.monotonic(), 0.0)):
        planned += interval
        sent = time.monotonic()
        try:
            connection = connection or Connection(traffic.address, traffic.port)
            reply = connection.ask(traffic.request)
        except OSError:
            _note(Call(sent, time.monotonic(), NO_STATUS, "", "", closed=True))
            connection = None
            continue
        model = json.loads(reply.body)["model_name"] if reply.status == 200 else ""
        _note(Call(sent, time.monotonic(), reply.status, reply.headers.get("x-seldon-route", ""), model, reply.closes))
        if reply.closes:
            connection = None


def _note(call: Call) -> None:
    # One write for a line: the threads share the output.
    sys.stdout.write(json.dumps(astuple(call)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
