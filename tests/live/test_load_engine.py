# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load engine shows a stall that other generators miss, gives no number it cannot vouch for, and is fast."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plugins.module_utils._adapters.http_load import HttpLoad
from plugins.module_utils._core.http_message import http_request
from plugins.module_utils._core.load import LoadResult, Pace, merged
from tests.live.load_programs import HOST, coming_first, frozen, hey, nginx, plain_server, wrk

ASK = http_request("GET", "/", {"Host": "load.example.com"})
# On a machine that does something else meanwhile, a run may be invalid, and rightly so.
ROUNDS = 6


def load(port: int, pace: Pace, *, connections: int = 400, timeout: float = 10) -> LoadResult:
    with coming_first():
        return HttpLoad(HOST, port, connections=connections, timeout=timeout).run([ASK], pace)


def first_valid(measure: Callable[[], LoadResult]) -> LoadResult:
    """Measure until the engine vouches for the result."""
    results: list[LoadResult] = []
    while len(results) < ROUNDS:
        results.append(measure())
        if not results[-1].invalid:
            return results[-1]
    raise AssertionError(f"no valid run in {ROUNDS}: {[each.invalid for each in results]}")


def milliseconds(result: LoadResult, percent: int) -> float:
    return result.latency.quantile(percent / 100) / 1000


def test_a_stall_is_shown_as_long_as_callers_would_wait() -> None:
    # Frozen for 0.4 of 2 seconds: of 400 requests, 80 wait, evenly from 400 ms to 0.
    with plain_server() as (port, pid):
        result = first_valid(lambda: frozen(pid, after=0.8, seconds=0.4, meanwhile=lambda: load(port, Pace(200, 400))))
        other = frozen(pid, after=0.8, seconds=0.4, meanwhile=lambda: hey(port, seconds=2, rate=400))
    assert result.statuses == {"200": 400}
    assert milliseconds(result, 50) < 20
    assert milliseconds(result, 95) == pytest.approx(300, abs=40)
    assert milliseconds(result, 99) == pytest.approx(380, abs=40)
    # hey met the stall, with one request, and then went on as if nobody had come meanwhile.
    assert other.slowest > 350
    assert max(other.percentiles[95], other.percentiles[99]) < 100, other.output


def test_a_stall_beyond_the_timeout_is_shown_and_not_dropped() -> None:
    # wrk corrects its percentiles afterwards, from its own mean rate (stats_correct in its stats.c), so it shows short
    # stalls. What took longer than its timeout it leaves out of them.
    with plain_server() as (port, pid):
        result = first_valid(
            lambda: frozen(pid, after=0.4, seconds=1.3, meanwhile=lambda: load(port, Pace(200, 400), timeout=1))
        )
        other = frozen(pid, after=0.4, seconds=1.3, meanwhile=lambda: wrk(port, seconds=2, connections=4, timeout=1))
    # Of 400 requests, 260 wait, and 60 of them for longer than a second.
    assert result.statuses["timeout"] == pytest.approx(60, abs=12)
    assert milliseconds(result, 95) == pytest.approx(1_000, rel=0.01)
    assert milliseconds(result, 99) == pytest.approx(1_000, rel=0.01)
    assert "timeout 4" in other.output, other.output
    assert max(other.percentiles[90], other.percentiles[99]) < 100, other.output


def test_a_stall_that_needs_more_connections_than_allowed_is_no_number() -> None:
    with plain_server() as (port, pid):
        result = frozen(pid, after=0.3, seconds=0.4, meanwhile=lambda: load(port, Pace(200, 200), connections=16))
    assert result.connections == 16
    # Of the 80 that become due meanwhile, 64 find no connection, and no other is late.
    assert result.starved == pytest.approx(64, abs=8)
    assert result.late <= 2
    assert any("needs more than the 16 connections" in reason for reason in result.invalid)


GENERATOR = """
import sys
from plugins.module_utils._adapters.http_load import HttpLoad
from plugins.module_utils._core.load import Pace
load = HttpLoad("127.0.0.1", int(sys.argv[1]), timeout=float(sys.argv[2]))
print("begins", flush=True)
result = load.run([b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"], Pace(200, 200))
print(result.planned, result.sent, result.late, result.starved, *result.invalid)
"""


@pytest.mark.parametrize(
    ("timeout", "sent"),
    [pytest.param(10, range(200, 201), id="it catches up"), pytest.param(0.1, range(140, 190), id="too late to send")],
)
def test_a_generator_that_was_held_up_gives_no_number(root: Path, timeout: float, sent: range) -> None:
    with plain_server() as (port, _pid):
        command = [sys.executable, "-c", GENERATOR, str(port), str(timeout)]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "begins\n"
            output = frozen(process.pid, after=0.3, seconds=0.3, meanwhile=process.stdout.read)
    counts, reason = output.split(" ", 4)[:4], output.split(" ", 4)[4]
    assert int(counts[0]) == 200
    assert int(counts[1]) in sent
    assert int(counts[2]) >= 50
    assert counts[3] == "0"
    assert reason.startswith("The generator could not keep the rate: ")


@contextmanager
def one_core(*, rivals: int) -> Iterator[None]:
    """Leave this process, and what it starts, one core, which others want as well."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    others = [subprocess.Popen([sys.executable, "-I", "-S", "-c", "while True: pass"]) for _ in range(rivals)]
    try:
        yield
    finally:
        for each in others:
            each.kill()
            each.wait()
        os.sched_setaffinity(0, before)


def test_a_generator_without_a_core_of_its_own_gives_no_number() -> None:
    with plain_server() as (port, _pid), one_core(rivals=3):
        result = HttpLoad(HOST, port).run([ASK], Pace(2_000, 2_000))
    assert result.late > 20
    assert any(reason.startswith("The generator could not keep the rate: ") for reason in result.invalid)


def test_a_rate_that_nobody_keeps_is_no_number_and_has_an_end() -> None:
    # A server and a generator on one core, at a rate that either alone would hardly reach.
    with one_core(rivals=0), plain_server() as (port, _pid):
        result = load(port, Pace(100_000, 40_000), timeout=1)
    assert result.planned == 40_000
    assert result.connections <= 400
    assert result.seconds < 2
    assert result.late + result.starved > 20_000
    assert result.invalid


def test_parts_of_a_run_add_up() -> None:
    with plain_server() as (port, _pid):
        parts = [load(port, Pace(500, 100)) for _ in range(3)]
    whole = merged(parts)
    assert (whole.rate, whole.planned, whole.statuses) == (500, 300, {"200": 300})
    assert whole.latency.count == 300
    assert whole.latency.maximum == max(each.latency.maximum for each in parts)
    quantiles = [each.latency.quantile(0.5) for each in parts]
    assert min(quantiles) <= whole.latency.quantile(0.5) <= max(quantiles)


def test_a_low_rate_costs_little_and_leaves_on_time() -> None:
    with plain_server() as (port, _pid):
        result = first_valid(lambda: load(port, Pace(100, 100)))
    assert result.connections <= 3
    assert result.cpu_share < 0.2
    assert result.lateness.quantile(0.5) < 200


def test_its_rate_is_half_of_what_wrk_reaches_at_least(tmp_path: Path) -> None:
    # Each round asks wrk what one core reaches now, and then wants half of it, every answer in order and on time.
    tried = []
    with nginx(tmp_path) as port:
        for _ in range(ROUNDS):
            most = wrk(port, seconds=1, connections=64).rate
            result = load(port, Pace(most / 2, int(most * 0.25)))
            assert result.statuses == {"200": result.planned}
            if not result.invalid:
                return
            tried.append((round(most), result.late, result.starved, result.cpu_share))
    raise AssertionError(f"wrk's rate, and what half of it did to the engine: {tried}")
