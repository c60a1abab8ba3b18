# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a rollout's own requests, and how much traffic there is."""

from __future__ import annotations

import json

import pytest

from plugins.module_utils._core.access_log import Entry, window_of
from plugins.module_utils._core.gates import CountedGate
from plugins.module_utils._core.load import Engine, Pace
from plugins.module_utils._core.load import Tally as LoadTally
from plugins.module_utils._core.observed_traffic import rate_of, seconds_of, traffic_of
from plugins.module_utils._core.probed import Probed
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.routing import Routed
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.traffic import Arms, grown

PLACE = Endpoint("127.0.0.1", 9000)
ARMS = Arms("ab", Model("new", 2, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=True)
ERRORS = CountedGate("errors", "error_rate")
SLOW = CountedGate("slow", "slower_than", threshold_ms=25)


def probed(*answers: tuple[str, str, float]) -> Probed:
    """Return what became of requests, each with a status, a route and seconds."""
    tally = LoadTally(Pace(1000, len(answers)), origin=0.0, timeout=1.0)
    for index, (status, route, seconds) in enumerate(answers):
        tally.start(index, tally.due(index))
        tally.finish(index, tally.due(index) + seconds, status, route)
    return Probed.of(tally.result(Engine(0.1, 1, 256)), ARMS)


SENT = probed(
    ("200", ":new_2:", 0.010),
    ("200", ":new_2:", 0.030),
    ("500", ":new_2:", 0.001),
    ("200", ":old_1:", 0.010),
    ("404", ":old_1:", 0.001),
    ("200", ":gone_9:", 0.010),
    ("timeout", "", 1.0),
)


def test_requests_are_an_arms_when_their_answers_say_so() -> None:
    assert (SENT.sent, SENT.routed) == (7, Routed(3, 2))
    assert SENT.counts(ERRORS) == Pair(Tally(3, 1), Tally(2, 1))
    assert SENT.counts(SLOW) == Pair(Tally(2, 1), Tally(1, 0))


def test_parts_add_up_and_survive_as_plain_data() -> None:
    again = Probed.from_dict(json.loads(json.dumps(SENT.as_dict())))
    both = Probed.sum([SENT, again])
    assert (both.sent, both.routed) == (14, Routed(6, 4))
    assert both.counts(ERRORS) == Pair(Tally(6, 2), Tally(4, 2))
    assert Probed.sum([]).counts(ERRORS) == Pair()


RATES: dict[str, tuple[list[float], float]] = {
    "nobody": ([], 0.0),
    "a minute of them": ([1000.0 - second for second in range(60)], 60 / 59),
    "too old": ([900.0], 0.0),
    "only just begun": ([999.0, 999.5, 1000.0], 0.3),
    "half a minute": ([1000.0 - tenth / 10 for tenth in range(301)], 301 / 30),
}


@pytest.mark.parametrize(("times", "wanted"), RATES.values(), ids=RATES.keys())
def test_the_rate_is_that_of_the_last_minute(times: list[float], wanted: float) -> None:
    assert rate_of(times, 1000.0) == pytest.approx(wanted)


def test_a_time_as_nginx_writes_it() -> None:
    assert seconds_of("2026-11-25T15:22:54+00:00") == seconds_of("2026-11-25T17:22:54+02:00") == 1795620174.0


def test_what_a_source_counted_itself_comes_before_the_log() -> None:
    entries = [Entry(str(number), "baseline", False, number < 2, 30.0 if number < 5 else 1.0) for number in range(10)]
    known = {"errors": Pair(Tally(), Tally(1000, 5))}
    traffic = traffic_of(12.0, [ERRORS, SLOW], window_of(entries), known)
    assert (traffic.rate, traffic.shares) == (12.0, {"errors": 0.005, "slow": 0.5})
    assert traffic_of(12.0, [ERRORS], window_of(entries), {}).shares == {"errors": 0.2}


def test_counters_grow_from_where_they_were_and_a_new_one_from_nothing() -> None:
    assert grown({"a": 5, "b": 3, "c": 2}, {"a": 2, "b": 7}) == {"a": 3, "b": 3, "c": 2}
