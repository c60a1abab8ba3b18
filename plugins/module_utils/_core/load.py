# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open-loop load: when requests leave, what became of each, and whether the numbers can be trusted."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import ServingError
from .histogram import Histogram

MAX_RATE = 100_000
MAX_COUNT = 600_000
MAX_SECONDS = 600

# The self-check: a result is invalid when more than this share of the requests left later than this,
LATE_SECONDS = 0.001
LATE_SHARE = 0.01
# or when the generator was at work, and not waiting, for more than this share of the time. A single worker that is
# busy for nine tenths of its time already keeps its work waiting for several times as long as the work takes.
BUSY_LIMIT = 0.9

MICROSECONDS = 1_000_000
# Marks a time that has not come.
NEVER = -1.0


@dataclass(frozen=True)
class Pace:
    """When requests leave: evenly, at a rate per second, whatever the server does."""

    rate: float
    count: int

    def __post_init__(self) -> None:
        if not 0 < self.rate <= MAX_RATE:
            raise ServingError(
                f"A rate of {self.rate:g} requests a second. Set rate above 0, and to {MAX_RATE} at most."
            )
        if not 0 < self.count <= MAX_COUNT:
            raise ServingError(f"{self.count} requests in one run. Set requests from 1 to {MAX_COUNT}.")
        if self.seconds > MAX_SECONDS:
            raise ServingError(
                f"{self.count} requests at {self.rate:g} a second take {self.seconds:.0f} seconds, more than "
                f"{MAX_SECONDS}. Set a higher rate, or fewer requests."
            )

    def planned(self, index: int) -> float:
        """Return when a request leaves, in seconds after the start."""
        return index / self.rate

    @property
    def seconds(self) -> float:
        """Return how long the plan takes: each request has its share of the time, also the last."""
        return self.count / self.rate


@dataclass(frozen=True)
class Engine:
    """What a generator knows of itself after a run.

    The share is that of the run in which it was at work, and not waiting for the next send or answer.
    """

    cpu_share: float
    connections: int
    limit: int
    closed: int = 0


@dataclass(frozen=True)
class LoadResult:
    """What became of the planned requests.

    Latency counts from the moment for which a request was planned, service from the moment it was sent, and lateness is
    what lies between. All three hold every request that was sent, also the failed ones. A failure's status is a
    word: timeout, refused, reset, closed, malformed. Good answers are in ``routes`` by the route that they name, the
    others that name one are counted in ``failed_routes``. Invalid says why the numbers mean nothing.
    """

    rate: float
    planned: int
    sent: int
    answered: int
    seconds: float
    statuses: dict[str, int]
    latency: Histogram
    service: Histogram
    lateness: Histogram
    routes: dict[str, Histogram] = field(default_factory=dict)
    failed_routes: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    closed: int = 0
    cpu_share: float = 0.0
    late: int = 0
    starved: int = 0
    limit: int = 0
    invalid: tuple[str, ...] = ()

    @property
    def successes(self) -> int:
        """Return how many answers had a status from 200 to 299, or the gRPC status OK."""
        return sum(count for status, count in self.statuses.items() if is_success(status))

    def merge(self, other: LoadResult) -> LoadResult:
        """Return this run and another, which came before or after it, as one; neither is changed."""
        return merged([self, other])

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            **{name: getattr(self, name) for name in PLAIN},
            **{name: getattr(self, name).as_dict() for name in HISTOGRAMS},
            "statuses": dict(self.statuses),
            "failed_routes": dict(self.failed_routes),
            "routes": {route: histogram.as_dict() for route, histogram in self.routes.items()},
            "invalid": list(self.invalid),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LoadResult:
        """Return the result that such data describes."""
        missing = [
            name for name in (*PLAIN, *HISTOGRAMS, "statuses", "routes", "failed_routes", "invalid") if name not in data
        ]
        if missing:
            raise ServingError(
                f"This is no result of a load: it lacks {', '.join(missing)}. Hand over what as_dict() returned."
            )
        histograms: dict[str, Any] = {name: Histogram.from_dict(data[name]) for name in HISTOGRAMS}
        return cls(
            **{name: data[name] for name in PLAIN},
            **histograms,
            statuses=dict(data["statuses"]),
            failed_routes=dict(data["failed_routes"]),
            routes={route: Histogram.from_dict(each) for route, each in data["routes"].items()},
            invalid=tuple(data["invalid"]),
        )


HISTOGRAMS = ("latency", "service", "lateness")
SUMS = ("planned", "sent", "answered", "seconds", "connections", "closed", "late", "starved")
PLAIN = ("rate", *SUMS, "limit", "cpu_share")


def is_success(status: str) -> bool:
    """Return whether a status is one of HTTP's 2xx, or gRPC's OK."""
    return status == "OK" or (len(status) == 3 and status.startswith("2"))


def merged(results: Sequence[LoadResult]) -> LoadResult:
    """Return several runs, which took place one after the other, as one, which is judged as a whole.

    What a moment of noise did to a short run need not make a long one invalid.
    """
    if not results:
        raise ServingError("There are no results to merge. Run the load at least once.")
    sums: dict[str, Any] = {name: sum(getattr(each, name) for each in results) for name in SUMS}
    histograms: dict[str, Any] = {name: added([getattr(each, name) for each in results]) for name in HISTOGRAMS}
    rates = {each.rate for each in results}
    cpu_share = sum(each.cpu_share * each.seconds for each in results) / (sums["seconds"] or 1)
    engine = Engine(cpu_share, sums["connections"], max(each.limit for each in results), sums["closed"])
    mean = sums["planned"] / sum(each.planned / each.rate for each in results)
    return LoadResult(
        rate=rates.pop() if len(rates) == 1 else mean,
        cpu_share=cpu_share,
        limit=engine.limit,
        **sums,
        **histograms,
        statuses=summed([each.statuses for each in results]),
        failed_routes=summed([each.failed_routes for each in results]),
        routes={
            route: added([each.routes[route] for each in results if route in each.routes])
            for route in sorted({route for each in results for route in each.routes})
        },
        invalid=self_check(planned=sums["planned"], late=sums["late"], starved=sums["starved"], engine=engine),
    )


def added(histograms: Sequence[Histogram]) -> Histogram:
    """Return the sum of histograms."""
    total = Histogram()
    for each in histograms:
        total.merge(each)
    return total


def summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of counts, by key."""
    total: dict[str, int] = {}
    for each in counts:
        for key, count in each.items():
            total[key] = total.get(key, 0) + count
    return total


def self_check(*, planned: int, late: int, starved: int, engine: Engine) -> tuple[str, ...]:
    """Return why a result means nothing; nothing when it can be trusted."""
    reasons = []
    lateness = f"later than {LATE_SECONDS * 1000:g} ms or not at all"
    if late > planned * LATE_SHARE:
        reasons.append(
            f"The generator could not keep the rate: {late} of {planned} requests left {lateness}. "
            "Set a lower rate, or run it on a machine that has less to do."
        )
    if starved > planned * LATE_SHARE:
        reasons.append(
            f"The load needs more than the {engine.limit} connections that it may open: {starved} of {planned} "
            f"requests left {lateness}, as all of these waited for answers. Set a lower rate, or allow more of them."
        )
    if engine.cpu_share > BUSY_LIMIT:
        reasons.append(
            f"The generator was busy for {engine.cpu_share:.0%} of the time, more than {BUSY_LIMIT:.0%}, so its own "
            "delays are in the numbers. Set a lower rate."
        )
    return tuple(reasons)


class Tally:
    """What became of each planned request, written down while the load runs.

    The times are those of any one clock that never goes back, and origin is the start on it.
    """

    def __init__(self, pace: Pace, *, origin: float, timeout: float) -> None:
        self.pace = pace
        self.origin = origin
        self.timeout = timeout
        # Plain arrays, because a generator in a hurry writes to them itself.
        self.starts = array("d", [NEVER]) * pace.count
        self.ends = array("d", [NEVER]) * pace.count
        self.outcomes: list[tuple[str, str]] = [("", "")] * pace.count
        # 1: no connection was free for it, and no more could be opened.
        self.held = bytearray(pace.count)

    def start(self, index: int, at: float) -> None:
        """Note that a request was sent."""
        self.starts[index] = at

    def hold(self, index: int) -> None:
        """Note that a request is due, and that neither is a connection free for it nor may another be opened."""
        self.held[index] = 1

    def finish(self, index: int, at: float, status: str, route: str = "") -> None:
        """Note what came back, and when: an HTTP status, the name of a gRPC status, or the word for a failure."""
        self.ends[index] = at
        self.outcomes[index] = (status, route)

    def expire(self, index: int) -> None:
        """Note that a request got no answer in time; time begins when it was planned."""
        self.finish(index, self.due(index) + self.timeout, "timeout")

    def due(self, index: int) -> float:
        """Return when a request is planned, on the clock."""
        return self.origin + self.pace.planned(index)

    def result(self, engine: Engine) -> LoadResult:
        """Return the numbers, after the last answer came or was given up."""
        sent = [index for index in range(self.pace.count) if self.starts[index] != NEVER]
        # To a microsecond, which is what the clock is worth.
        delays = {index: round(self.starts[index] - self.due(index), 6) for index in sent}
        behind = [index for index in range(self.pace.count) if delays.get(index, LATE_SECONDS * 2) > LATE_SECONDS]
        starved = sum(self.held[index] for index in behind)
        statuses: dict[str, int] = {}
        for index in sent:
            status = self.outcomes[index][0]
            statuses[status] = statuses.get(status, 0) + 1
        late = len(behind) - starved
        return LoadResult(
            rate=self.pace.rate,
            planned=self.pace.count,
            sent=len(sent),
            answered=sum(count for status, count in statuses.items() if not is_failure(status)),
            seconds=max([self.ends[index] - self.origin for index in sent], default=0.0),
            statuses=dict(sorted(statuses.items())),
            latency=self._latency(sent),
            service=histogram_of([self.ends[index] - self.starts[index] for index in sent]),
            lateness=histogram_of(list(delays.values())),
            routes=self._routes(sent),
            failed_routes=self._failed_routes(sent),
            connections=engine.connections,
            closed=engine.closed,
            cpu_share=engine.cpu_share,
            late=late,
            starved=starved,
            limit=engine.limit,
            invalid=self_check(planned=self.pace.count, late=late, starved=starved, engine=engine),
        )

    def _latency(self, indexes: Sequence[int]) -> Histogram:
        return histogram_of([self.ends[index] - self.due(index) for index in indexes])

    def _routes(self, sent: Sequence[int]) -> dict[str, Histogram]:
        """Return the latency of the good answers, by the route that they name."""
        routes: dict[str, list[int]] = {}
        for index in sent:
            status, route = self.outcomes[index]
            if route and is_success(status):
                routes.setdefault(route, []).append(index)
        return {route: self._latency(indexes) for route, indexes in sorted(routes.items())}

    def _failed_routes(self, sent: Sequence[int]) -> dict[str, int]:
        """Return how many answers that were not good named which route."""
        outcomes = (self.outcomes[index] for index in sent)
        return summed([{route: 1} for status, route in outcomes if route and not is_success(status)])


def is_failure(status: str) -> bool:
    """Return whether a status is the word for no answer at all: HTTP's are digits, gRPC's are capitals."""
    return status.islower()


def histogram_of(seconds: Sequence[float]) -> Histogram:
    """Return the histogram of durations in seconds."""
    found = Histogram()
    for each in seconds:
        found.record(round(each * MICROSECONDS))
    return found


__all__ = ["Engine", "LoadResult", "Pace", "Tally", "merged", "self_check"]
