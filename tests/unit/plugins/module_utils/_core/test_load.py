# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency counts from the planned time, and a run that could not keep its plan says why it means nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.histogram import Histogram
from plugins.module_utils._core.load import Engine, LoadResult, Pace, Tally, merged, self_check

ORIGIN = 1_000.0
CALM = Engine(cpu_share=0.1, connections=1, limit=8)


@pytest.mark.parametrize(
    ("rate", "count", "refusal"),
    [
        pytest.param(0, 1, "A rate of 0 requests a second. Set rate above 0, and to 100000 at most.", id="no rate"),
        pytest.param(-1, 1, "A rate of -1 requests a second. Set rate above 0, and to 100000 at most.", id="backwards"),
        pytest.param(
            float("nan"), 1, "A rate of nan requests a second. Set rate above 0, and to 100000 at most.", id="no number"
        ),
        pytest.param(
            100_001, 1, "A rate of 100001 requests a second. Set rate above 0, and to 100000 at most.", id="too fast"
        ),
        pytest.param(10, 0, "0 requests in one run. Set requests from 1 to 600000.", id="no request"),
        pytest.param(50_000, 600_001, "600001 requests in one run. Set requests from 1 to 600000.", id="too many"),
        pytest.param(
            1,
            601,
            "601 requests at 1 a second take 601 seconds, more than 600. Set a higher rate, or fewer requests.",
            id="too long",
        ),
    ],
)
def test_a_plan_without_an_end_is_refused(rate: float, count: int, refusal: str) -> None:
    with pytest.raises(ServingError) as caught:
        Pace(rate, count)
    assert str(caught.value) == refusal


def test_requests_are_planned_evenly() -> None:
    pace = Pace(50, 2_000)
    assert [pace.planned(index) for index in (0, 1, 1_999)] == [0, 0.02, 39.98]
    assert pace.seconds == 40


@dataclass(frozen=True)
class Fate:
    """What becomes of a request, in seconds after its planned time; None: it is never sent."""

    start: float | None = 0.0
    end: float | None = 0.01
    status: str = "200"
    route: str = ""
    held: bool = False


def tally(*fates: Fate, engine: Engine = CALM) -> LoadResult:
    found = Tally(Pace(100, len(fates)), origin=ORIGIN, timeout=5)
    for index, fate in enumerate(fates):
        if fate.held:
            found.hold(index)
        if fate.start is None:
            continue
        found.start(index, ORIGIN + index / 100 + fate.start)
        if fate.end is None:
            found.expire(index)
        else:
            found.finish(index, ORIGIN + index / 100 + fate.end, fate.status, fate.route)
    return found.result(engine)


def only(histogram: Histogram) -> float:
    assert histogram.count == 1
    return histogram.minimum


def test_latency_counts_from_the_planned_time() -> None:
    result = tally(Fate(start=0.4, end=0.5))
    assert (only(result.latency), only(result.service), only(result.lateness)) == (500_000, 100_000, 400_000)


def test_a_timeout_counts_at_its_value() -> None:
    result = tally(Fate(end=None))
    assert (result.statuses, result.sent, result.answered) == ({"timeout": 1}, 1, 0)
    assert only(result.latency) == 5_000_000


def test_failures_are_sent_but_not_answered() -> None:
    result = tally(Fate(), Fate(status="503"), Fate(status="reset"), Fate(start=None), Fate(status="UNAVAILABLE"))
    assert (result.planned, result.sent, result.answered, result.successes) == (5, 4, 3, 1)
    assert result.statuses == {"200": 1, "503": 1, "UNAVAILABLE": 1, "reset": 1}
    assert result.latency.count == result.service.count == result.lateness.count == 4


def test_routes_hold_good_answers_only() -> None:
    result = tally(
        Fate(route=":a_1:"), Fate(route=":b_1:", end=0.03), Fate(route=":a_1:", status="500"), Fate(status="OK")
    )
    assert {route: each.count for route, each in result.routes.items()} == {":a_1:": 1, ":b_1:": 1}
    assert result.routes[":b_1:"].minimum == 30_000
    assert result.successes == 3


def test_a_run_lasts_until_its_last_answer() -> None:
    assert tally(Fate(end=0.5), Fate()).seconds == pytest.approx(0.5)


@dataclass(frozen=True)
class Check:
    """A hundred requests that went well, and what was different."""

    odd: list[Fate] = field(default_factory=list)
    engine: Engine = CALM
    late: int = 0
    starved: int = 0
    invalid: tuple[str, ...] = ()


LATE = (
    "The generator could not keep the rate: 2 of 102 requests left later than 1 ms or not at all. "
    "Set a lower rate, or run it on a machine that has less to do."
)
STARVED = (
    "The load needs more than the 8 connections that it may open: 2 of 102 requests left later than 1 ms or not at all,"
    " as all of these waited for answers. Set a lower rate, or allow more of them."
)
BUSY = (
    "The generator was busy for 91% of the time, more than 90%, so its own delays are in the numbers. Set a lower rate."
)

CHECKS = {
    "all went well": Check(),
    "a slow server is no fault of the generator": Check([Fate(end=4.9)] * 50),
    "a server that fails is no fault of the generator": Check([Fate(status="reset")] * 50),
    "a server that does not answer is no fault of the generator": Check([Fate(end=None)] * 50),
    "late by a millisecond is not late": Check([Fate(start=0.001)] * 2),
    "one in a hundred may be late": Check([Fate(start=0.0011)], late=1),
    "two in a hundred may not": Check([Fate(start=0.0011)] * 2, late=2, invalid=(LATE,)),
    "what was never sent is late": Check([Fate(start=None)] * 2, late=2, invalid=(LATE,)),
    "no connection was free": Check([Fate(start=0.2, end=0.3, held=True)] * 2, starved=2, invalid=(STARVED,)),
    "no connection was ever free": Check([Fate(start=None, held=True)] * 2, starved=2, invalid=(STARVED,)),
    "a connection became free at once": Check([Fate(start=0.0005, held=True)] * 2),
    "the generator was busy": Check(engine=replace(CALM, cpu_share=0.91), invalid=(BUSY,)),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_self_check(check: Check) -> None:
    result = tally(*[Fate()] * 100, *check.odd, engine=check.engine)
    assert (result.late, result.starved, result.invalid) == (check.late, check.starved, check.invalid)


def test_every_reason_is_named() -> None:
    reasons = self_check(planned=102, late=2, starved=2, engine=Engine(cpu_share=0.91, connections=8, limit=8))
    assert reasons == (LATE, STARVED, BUSY)


def sample() -> LoadResult:
    return tally(Fate(route=":a_1:"), Fate(status="503"), Fate(end=None), Fate(start=0.2, end=0.3))


def test_plain_data_bring_a_result_back() -> None:
    result = sample()
    assert result.invalid
    assert LoadResult.from_dict(json.loads(json.dumps(result.as_dict()))) == result


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        pytest.param(
            {**sample().as_dict(), "latency": {}},
            "This is no histogram: KeyError('minimum'). Hand over what as_dict() returned.",
            id="a broken histogram",
        ),
        pytest.param(
            {key: value for key, value in sample().as_dict().items() if key not in ("sent", "routes")},
            "This is no result of a load: it lacks sent, routes. Hand over what as_dict() returned.",
            id="keys that are missing",
        ),
    ],
)
def test_data_that_are_no_result_are_refused(data: dict[str, Any], refusal: str) -> None:
    with pytest.raises(ServingError) as caught:
        LoadResult.from_dict(data)
    assert str(caught.value) == refusal


def test_runs_add_up() -> None:
    first = tally(*[Fate(route=":a_1:")] * 100, engine=Engine(cpu_share=0.2, connections=3, limit=8, closed=1))
    second = tally(*[Fate(route=":b_1:", status="201", end=0.51)] * 100)
    both = first.merge(second)
    assert (both.rate, both.planned, both.sent, both.answered, both.successes) == (100, 200, 200, 200, 200)
    assert (both.connections, both.closed, both.invalid) == (4, 1, ())
    assert both.seconds == pytest.approx(1.0 + 1.5)
    assert both.cpu_share == pytest.approx((0.2 * 1.0 + 0.1 * 1.5) / 2.5)
    assert both.statuses == {"200": 100, "201": 100}
    assert {route: each.count for route, each in both.routes.items()} == {":a_1:": 100, ":b_1:": 100}
    assert (both.latency.minimum, both.latency.maximum, both.latency.count) == (10_000, 510_000, 200)
    assert first.latency.count == 100


def test_a_sum_is_judged_as_a_whole() -> None:
    late, calm = tally(*[Fate(start=0.2, end=0.3)] * 2, *[Fate()] * 100), tally(*[Fate()] * 100)
    assert late.invalid == (LATE,)
    # Two in a hundred are too many, also of three hundred when all parts are like that. Two in three hundred are not.
    assert merged([late, late, late]).late == 6
    assert merged([late, late, late]).invalid
    assert merged([calm, late, calm]).invalid == ()
    assert merged([calm, late]).limit == calm.limit


def test_nothing_adds_up_to_nothing() -> None:
    with pytest.raises(ServingError, match=r"^There are no results to merge\. Run the load at least once\.$"):
        merged([])
