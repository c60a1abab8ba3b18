# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests a second the collection's load generator makes, against wrk."""

from __future__ import annotations

import os
import re
import resource
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from plugins.module_utils._adapters.http_load import HttpLoad
from plugins.module_utils._core.load import MAX_COUNT, MAX_RATE, Pace
from tests.support import run
from tools.bench.figures import Check, NotMeasuredError, Row, Table
from tools.bench.section import Bench
from tools.bench.servers import Nginx

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CONNECTIONS = 16
ROUNDS = 3
SHARE_OF_WRK = 0.5
CALIBRATION = Pace(rate=MAX_RATE, count=20_000)
# Rates to vouch for, as shares of wrk's.
TRIED = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)


@dataclass(frozen=True)
class _Speed:
    """Requests for each second that passed, and for each second of the generator's own work."""

    rate: float
    by_processor: float


def generator(bench: Bench) -> list[Table]:
    """Ask a constant answer as fast as each can, in turn, with one core for the generator and one for the server."""
    with Nginx(bench.folder / "target") as server, _on_cores(server.pid) as where:
        url, seconds = f"http://127.0.0.1:{server.port}/", bench.sizes.generator_seconds
        load = HttpLoad("127.0.0.1", server.port, connections=CONNECTIONS)
        known = _ours(load, CALIBRATION)
        pace = Pace(rate=MAX_RATE, count=min(round(known.rate * seconds), MAX_COUNT))
        pairs = [(_wrk(url, seconds), _ours(load, pace)) for _ in range(ROUNDS)]
        wrk, ours = (_median(column) for column in zip(*pairs, strict=True))
        vouched = _vouched(HttpLoad("127.0.0.1", server.port), wrk.rate, min(seconds, 1.0))
    share = _Speed(ours.rate / wrk.rate, ours.by_processor / wrk.by_processor)
    checks = (_share("rate", share.rate), _share("by processor time", share.by_processor))
    rows = (
        Row("wrk, one thread", (f"{wrk.rate:.0f}", f"{wrk.by_processor:.0f}")),
        Row("the collection's", (f"{ours.rate:.0f}", f"{ours.by_processor:.0f}")),
        Row("**its share of wrk's**", (f"{share.rate:.2f}", f"{share.by_processor:.2f}"), checks),
        vouched,
    )
    text = (
        f"Both ask an NGINX that answers a constant, {where}, over {CONNECTIONS} connections, in turn, {ROUNDS} times "
        "each; the median counts. The collection's generator is told a rate that nobody reaches. The server may be the "
        "limit of both, so the second column divides by the processor time that the generator itself took. The last "
        "row is the highest of ten even steps of wrk's rate at which it finds its result valid, each request on time."
    )
    columns = ("Requests/s", "Requests per second of processor time")
    return [Table("The load generator against wrk", text, columns, rows)]


@contextmanager
def _on_cores(server: int) -> Iterator[str]:
    """Give this thread, and what it starts, the first core and the server the last; say how that was done."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(server, cores[-1:])
    os.sched_setaffinity(0, cores[:1])
    try:
        yield "on the one core that there is" if len(cores) == 1 else "on one core, from another one"
    finally:
        os.sched_setaffinity(0, cores)


def _median(speeds: Sequence[_Speed]) -> _Speed:
    return _Speed(
        statistics.median(each.rate for each in speeds), statistics.median(each.by_processor for each in speeds)
    )


def _processor_seconds(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _ours(load: HttpLoad, pace: Pace) -> _Speed:
    before = _processor_seconds(resource.RUSAGE_SELF)
    result = load.run([REQUEST], pace)
    worked = _processor_seconds(resource.RUSAGE_SELF) - before
    if result.successes < result.planned:
        raise NotMeasuredError(f"the server failed: {result.statuses}")
    return _Speed(result.answered / result.seconds, result.answered / worked)


def _share(name: str, value: float) -> Check:
    return Check(name, value, SHARE_OF_WRK, "of wrk's", at_least=True)


def _vouched(load: HttpLoad, wrk: float, seconds: float) -> Row:
    name, reasons = "**the rate that it vouches for**", ""
    # A machine that halts for a moment once says nothing about a rate, so each has another go.
    for share in (share for share in TRIED for _go in range(2)):
        rate = min(wrk * share, MAX_RATE)
        result = load.run([REQUEST], Pace(rate=rate, count=max(round(rate * seconds), 1)))
        if not result.invalid:
            return Row(name, (f"{rate:.0f}", ""), (_share("rate", rate / wrk),))
        reasons = " ".join(result.invalid)
    return Row(name, (f"none: {reasons}", ""), (_share("rate", 0.0),))


def _wrk(url: str, seconds: float) -> _Speed:
    # It takes whole seconds.
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{max(seconds, 1):.0f}s", url]
    before = _processor_seconds(resource.RUSAGE_CHILDREN)
    try:
        done = run(command)
    except FileNotFoundError as error:
        raise NotMeasuredError("there is no wrk here; `apt-get install wrk` brings it") from error
    worked = _processor_seconds(resource.RUSAGE_CHILDREN) - before
    rate = re.search(r"^Requests/sec:\s+([0-9.]+)$", done.output, re.MULTILINE)
    count = re.search(r"^\s+([0-9]+) requests in ", done.output, re.MULTILINE)
    if done.status != 0 or rate is None or count is None:
        raise NotMeasuredError(f"wrk ended with {done.status}: {done.output}")
    return _Speed(float(rate[1]), int(count[1]) / worked)
