# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a line of the access log says of an experiment, and what a window of lines adds up to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.module_utils._core.access_log import Entry, LogWindow, entry_of, window_of
from plugins.module_utils._core.gates import CountedGate
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.routing import Routed
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.traffic import Arms

PLACE = Endpoint("127.0.0.1", 9000)
OLD, NEW = Model("old", 1, PLACE, PLACE), Model("new", 2, PLACE, PLACE)
ARMS = Arms("ab", NEW, OLD, is_default=True)
NO_DEFAULT = Arms("ab", NEW, OLD, is_default=False)


def line(**changes: Any) -> bytes:
    values = {
        "path": "/v2/models/old/infer",
        "status": 200,
        "upstream_time": "0.012",
        "model": "ab.experiment",
        "pinned": "",
        "route": ":new_2:",
        "id": "abc",
        **changes,
    }
    return json.dumps(values).encode()


GOOD = Entry("abc", "candidate", pinned=False, failed=False, milliseconds=12.0)
LINES: dict[str, tuple[bytes, Arms, Entry | None]] = {
    "the candidate answered": (line(), ARMS, GOOD),
    "the baseline answered": (
        line(route=":old_1:"),
        ARMS,
        Entry("abc", "baseline", pinned=False, failed=False, milliseconds=12.0),
    ),
    "another version of the candidate": (
        line(route=":new_1:"),
        ARMS,
        Entry("abc", "", pinned=False, failed=False, milliseconds=12.0),
    ),
    "a pinned client": (
        line(pinned=":new_2:"),
        ARMS,
        Entry("abc", "candidate", pinned=True, failed=False, milliseconds=12.0),
    ),
    "a failure": (line(status=503), ARMS, Entry("abc", "candidate", pinned=False, failed=True, milliseconds=12.0)),
    "a caller's mistake": (line(status=400), ARMS, GOOD),
    "never reached": (
        line(upstream_time="-", status=502, route=""),
        ARMS,
        Entry("abc", "", pinned=False, failed=True, milliseconds=None),
    ),
    "two servers were tried": (
        line(upstream_time="0.010, 0.002"),
        ARMS,
        Entry("abc", "candidate", pinned=False, failed=False, milliseconds=12.0),
    ),
    "gRPC": (line(path="/inference.GRPCInferenceService/ModelInfer"), ARMS, GOOD),
    "a caller of the default": (line(model="old"), ARMS, GOOD),
    "a caller who names the default in the path": (line(model=""), ARMS, GOOD),
    "the same where it is no default": (line(model="old"), NO_DEFAULT, None),
    "a caller of the candidate": (line(model="new"), ARMS, None),
    "another experiment": (line(model="other.experiment"), ARMS, None),
    "no inference": (line(path="/v2/models/old/ready"), ARMS, None),
    "a line that was cut short": (line()[:40], ARMS, None),
    "a line of a log without the field": (b'{"path": "/v2/models/old/infer"}', ARMS, None),
    "no JSON object": (b"[1]", ARMS, None),
}


@pytest.mark.parametrize(("text", "arms", "wanted"), LINES.values(), ids=LINES.keys())
def test_a_line(text: bytes, arms: Arms, wanted: Entry | None) -> None:
    assert entry_of(text, arms) == wanted


def entry(arm: str, milliseconds: float | None = 1.0, *, pinned: bool = False, failed: bool = False) -> Entry:
    return Entry("x", arm, pinned, failed, milliseconds)


WINDOW = window_of(
    [
        entry("candidate", 5.0),
        entry("candidate", 30.0, failed=True),
        entry("candidate", 50.0, pinned=True),
        entry("baseline", 2.0),
        entry("baseline", None),
        entry("", 1.0),
    ]
)


def test_a_window_counts_requests_once_by_arm_and_leaves_pinned_ones_out() -> None:
    assert WINDOW.routed == Routed(2, 2)
    assert (WINDOW.pinned, WINDOW.unrouted) == (1, 1)
    assert WINDOW.client == Pair(Tally(3, 1), Tally(2, 0))


def test_a_window_counts_slow_requests_of_those_that_were_timed() -> None:
    assert WINDOW.counts(CountedGate("slow", "slower_than", threshold_ms=30.0)) == Pair(Tally(2, 0), Tally(1, 0))
    assert WINDOW.counts(CountedGate("slow", "slower_than", threshold_ms=29.9)) == Pair(Tally(2, 1), Tally(1, 0))
    assert WINDOW.counts(CountedGate("errors", "error_rate")) == WINDOW.client


def test_percentiles_are_those_of_each_arm() -> None:
    times = [entry("candidate", float(number)) for number in range(1, 102)]
    assert window_of(times).latency == {"candidate": {"n": 101, "p50": 51.0, "p95": 96.0, "p99": 100.0}}
    assert LogWindow().latency == {}
