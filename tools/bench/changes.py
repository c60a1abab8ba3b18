# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a change of weights is live, and what it does to the calls that are under way."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.live.data_plane import DataPlane
from tools.bench.figures import TIME_COLUMNS, Check, NotMeasuredError, Row, Table, times_row
from tools.bench.observer import Observer, Traffic, observing
from tools.bench.routing import Call, Move, first_answer, last_sent, misrouted
from tools.bench.section import BASELINE_ROUTE, ENHANCED_ROUTE, Bench, Place, places
from tools.bench.weights import moving

VERSION_P99_MS, TRAFFIC_P99_MS = 25.0, 100.0
# Each differs from the one before, also from the last to the first.
CYCLE = ((0, 100), (70, 30), (100, 0), (30, 70), (0, 100), (100, 0))
CONNECTIONS = 4
PROGRESS_EVERY = 250


def changes(bench: Bench) -> list[Table]:
    """Move all traffic from one candidate to the other and back, again and again, beside a caller that never rests."""
    _direct, _envoy, nginx = places(bench.plane)
    moves: list[Move] = []
    whole: list[float] = []
    with moving(bench.plane, 100, 0) as weights, observing(_traffic(nginx)) as (observer,):
        questions = len(weights.questions)
        for index in range(bench.sizes.flips):
            since, start = len(observer.calls), time.monotonic()
            moves.append(weights.move(*((0, 100) if index % 2 == 0 else (100, 0))))
            whole.append(time.monotonic() - start)
            _wait_until_moved(observer, moves[-1], since)
        calls = list(observer.end())
        asked = weights.questions[questions:]
    return [_changes_table(moves, calls, whole, asked)]


def _traffic(place: Place, *, rate: float = 0.0, connections: int = 1) -> Traffic:
    return Traffic(place.address, place.port, place.request, rate, connections)


def _wait_until_moved(observer: Observer, move: Move, since: int) -> None:
    new = _on(move)
    # A call that left after the confirmation, so that the next move starts from traffic that stays where it is.
    observer.wait_for(lambda call: call.route == new and call.sent > move.confirmed, since=since)


def _on(move: Move) -> str:
    return max(move.weights, key=lambda route: move.weights[route])


def _off(move: Move) -> str:
    return min(move.weights, key=lambda route: move.weights[route])


def _changes_table(
    moves: Sequence[Move], calls: Sequence[Call], whole: Sequence[float], asked: Sequence[float]
) -> Table:
    ends = [*(move.renamed for move in moves[1:]), float("inf")]
    first = [first_answer(move, _on(move), calls) for move in moves]
    seen = [each for each in first if each is not None]
    if len(seen) != len(moves):
        raise NotMeasuredError(f"{len(moves) - len(seen)} of {len(moves)} changes never reached the traffic")
    old = [last_sent(move, _off(move), calls, until=end) for move, end in zip(moves, ends, strict=True)]
    rows = (
        times_row("**live by version**", [move.confirmed - move.renamed for move in moves], P99=VERSION_P99_MS),
        times_row("of that: the folder is flushed to the disk", [move.flushed - move.renamed for move in moves]),
        times_row("of that: one question to Envoy's admin socket", asked),
        times_row("**live by traffic**, the first answer of the new candidate", seen, P99=TRAFFIC_P99_MS),
        times_row("the last call that the old candidate still answers leaves", old),
        times_row("one call, as the caller sees it", [call.over - call.sent for call in calls]),
        times_row("a whole change, as `experiment` waits for it", whole),
    )
    text = (
        "All weight goes from one candidate to the other and back, and one caller asks through NGINX without a pause. "
        "The first five rows count from the rename of `listener_0.json`. Versions are asked for by the store itself."
    )
    return Table("A change of weights is live", text, TIME_COLUMNS, rows)


def load(bench: Bench) -> list[Table]:
    """Change weights many times while callers keep a steady rate, half of them past NGINX to see Envoy's closings."""
    _direct, envoy, nginx = places(bench.plane)
    halves = [_traffic(each, rate=bench.sizes.load_rate / 2, connections=CONNECTIONS // 2) for each in (nginx, envoy)]
    retries = _retries(bench.plane)
    with moving(bench.plane, 100, 0) as weights, observing(*halves) as observers:
        moves = list(_cycle(bench, weights.move))
        calls = [call for observer in observers for call in observer.end()]
    return [_load_table(moves, calls, _retries(bench.plane) - retries)]


def _cycle(bench: Bench, move: Callable[[int, int], Move]) -> Iterator[Move]:
    for index, pair in enumerate(itertools.islice(itertools.cycle(CYCLE), bench.sizes.changes)):
        if index and index % PROGRESS_EVERY == 0:
            bench.say(f"{index} of {bench.sizes.changes} changes")
        yield move(*pair)


def _load_table(moves: Sequence[Move], calls: Sequence[Call], retries: int) -> Table:
    first: Mapping[str, int] = {BASELINE_ROUTE: 100, ENHANCED_ROUTE: 0}
    seconds = moves[-1].confirmed - moves[0].renamed
    counts = {
        "calls without a 200": sum(not call.is_good for call in calls),
        "misrouted: a candidate without weight in the old and the new table": len(misrouted(first, moves, calls)),
        "`model_name` and `x-seldon-route` disagree": sum(call.names_another for call in calls),
        "connections closed by the other side": sum(call.closed for call in calls),
    }
    rows = [
        Row("changes", (str(len(moves)),)),
        Row("calls meanwhile", (str(len(calls)),)),
        *(Row(name, (str(count),), (Check("count", count, 0),)) for name, count in counts.items()),
        Row("calls that Envoy tried again", (str(retries),)),
    ]
    live = times_row("live by version, ms", [move.confirmed - move.renamed for move in moves], P99=VERSION_P99_MS)
    p50, p95, p99, _count = live.values
    rows.append(Row(live.name, (f"P50 {p50}, P95 {p95}, P99 {p99}",), live.checks))
    text = (
        f"Weights move one change after the other, {len(moves) / seconds:.0f} a second, between 100/0, 70/30, 30/70 "
        f"and 0/100, while callers ask at a fixed rate over {CONNECTIONS} kept-alive connections, half of them through "
        "NGINX and half at Envoy itself. A table counts as possible from its rename until the next one is confirmed."
    )
    return Table("Changes of weights under load", text, ("Measured",), tuple(rows))


def _retries(plane: DataPlane) -> int:
    return sum(int(count) for count in re.findall(r"^envoy_cluster_upstream_rq_retry{.*} (\d+)$", plane.stats(), re.M))
