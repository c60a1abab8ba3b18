# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callers in the background: the collection's own load generator, an open loop, in a process of its own.

What it is to do comes as one line of JSON on its input. It goes on until that input ends, for a limited time at the
most, and tells on its output what became of the requests.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from plugins.module_utils._adapters.http_load import HttpLoad
from plugins.module_utils._core.load import Pace
from tools.bench.figures import NotMeasuredError
from tools.bench.section import Place

ROOT = Path(__file__).resolve().parents[2]
# The generator runs to the end of what it was given, so it gets a second's worth at a time.
SLICE_SECONDS = 1.0
PATIENCE_SECONDS = 30
# Of a run with less than this share of its requests answered nothing can be said.
ANSWERED = 0.9


@dataclass(frozen=True)
class Called:
    """How many requests were due and how many were sent, and how many answers of each status came."""

    due: int
    sent: int
    statuses: dict[str, int]

    def require(self) -> None:
        """Refuse calls that hardly reached anybody: answers with a failure of the model count as answers."""
        answered = sum(count for status, count in self.statuses.items() if status.isdigit())
        if answered < ANSWERED * self.due or not answered:
            raise NotMeasuredError(f"of {self.due} calls {answered} were answered: {self.statuses}")


class Callers:
    """A process that calls one place at a steady rate."""

    def __init__(self, place: Place, rate: float, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.callers"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the one who reads; this one ends with its input.
            start_new_session=True,
        )
        request = base64.b64encode(place.request).decode()
        plan = {"address": place.address, "port": place.port, "request": request, "rate": rate, "seconds": seconds}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(plan).encode() + b"\n")
        self._process.stdin.flush()

    def end(self) -> Called:
        """Let the calls under way end, and say what became of all."""
        try:
            # Closes the input, too.
            output, _none = self._process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
        try:
            return Called(**json.loads(output))
        except (ValueError, TypeError) as error:
            raise NotMeasuredError(f"the callers ended with {self._process.returncode}") from error


@contextmanager
def calling(place: Place, rate: float, seconds: float) -> Iterator[None]:
    """Have a place called meanwhile, for so many seconds at the most; what hardly answers is no place to measure."""
    callers = Callers(place, rate, seconds)
    try:
        yield
    except BaseException:
        callers.end()
        raise
    callers.end().require()


def main() -> None:
    plan = json.loads(sys.stdin.readline())
    over = threading.Event()
    threading.Thread(target=_end_with_input, args=(over,), daemon=True).start()
    engine = HttpLoad(plan["address"], plan["port"], timeout=3.0)
    request, pace = base64.b64decode(plan["request"]), Pace(plan["rate"], max(1, round(plan["rate"] * SLICE_SECONDS)))
    deadline = time.monotonic() + plan["seconds"]
    due = sent = 0
    statuses: Counter[str] = Counter()
    while not over.is_set() and time.monotonic() < deadline:
        result = engine.run([request], pace)
        due, sent = due + result.planned, sent + result.sent
        statuses.update(result.statuses)
    print(json.dumps({"due": due, "sent": sent, "statuses": statuses}))


def _end_with_input(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


if __name__ == "__main__":
    main()
