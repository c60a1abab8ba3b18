# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Envoy's statistics become: attempts, failures that a retry hid, slow ones by the bounds of its histograms."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from plugins.module_utils._adapters.envoy_metrics import EnvoyMetrics
from plugins.module_utils._core.gates import CountedGate
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.traffic import Arms

PLACE = Endpoint("127.0.0.1", 9000)
ARMS = Arms("ab", Model("new", 2, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=True)
ERRORS = CountedGate("errors", "error_rate")
TOO_MANY = CountedGate("too_many", "error_rate", source={"codes": ["5xx", "429"]})
SLOW = CountedGate("slow", "slower_than", threshold_ms=25)
BETWEEN = CountedGate("between", "slower_than", threshold_ms=18)
BEGUN = {"begun": 1}


@dataclass
class Admin:
    """Envoy's admin interface, as far as it is asked here."""

    stats: dict[str, int] = field(default_factory=dict)
    histograms: dict[str, dict[float, int]] = field(default_factory=dict)
    is_away: bool = False

    def numbers(self, pattern: str) -> dict[str, int]:
        if self.is_away:
            raise OSError("no such file")
        return {name: value for name, value in self.stats.items() if re.search(pattern, name)}

    def buckets(self, pattern: str) -> dict[str, dict[float, int]]:
        return {name: value for name, value in self.histograms.items() if re.search(pattern, name)}


def stats(model: str, **counts: int) -> dict[str, int]:
    """Return counters of a model's cluster; ``retry_5xx`` is that of answers that were tried again."""
    return {
        f"cluster.{model}_http.{'retry.' * name.startswith('retry_')}upstream_rq_{name.removeprefix('retry_')}": value
        for name, value in counts.items()
    }


COUNTS = {
    "all is well": ({**stats("new_2", completed=10), **stats("old_1", completed=90)}, ERRORS, (10, 0, 90, 0)),
    "failures that callers saw": (
        {**stats("new_2", **{"completed": 10, "5xx": 2}), **stats("old_1", completed=90)},
        ERRORS,
        (10, 2, 90, 0),
    ),
    "failures that a retry hid": (
        {
            **stats("new_2", total=15, completed=10, retry=5, retry_completed=5, retry_5xx=5),
            **stats("old_1", completed=90),
        },
        ERRORS,
        (15, 5, 90, 0),
    ),
    "attempts that met no answer, and were tried again": (
        {**stats("new_2", **{"total": 12, "completed": 10, "retry": 4, "5xx": 1}), **stats("old_1", completed=90)},
        ERRORS,
        (14, 5, 90, 0),
    ),
    "a status by itself": (
        {**stats("new_2", **{"completed": 10, "429": 3, "4xx": 4, "5xx": 1}), **stats("old_1", completed=9)},
        TOO_MANY,
        (10, 4, 9, 0),
    ),
    "a model that was never asked": (stats("old_1", completed=90), ERRORS, (0, 0, 90, 0)),
    "another model, and gRPC": (
        {**stats("new_20", completed=7), "cluster.new_2_grpc.upstream_rq_completed": 8, **stats("old_1", completed=1)},
        ERRORS,
        (0, 0, 1, 0),
    ),
}


@pytest.mark.parametrize(("seen", "gate", "wanted"), COUNTS.values(), ids=COUNTS.keys())
def test_counts(seen: dict[str, int], gate: CountedGate, wanted: tuple[int, int, int, int]) -> None:
    found = EnvoyMetrics(Admin(seen)).counts([gate], ARMS, BEGUN)
    assert found.pairs == {gate.name: Pair(Tally(*wanted[:2]), Tally(*wanted[2:]))}
    assert found.problems == {}


def test_only_what_came_since_the_cursor_counts_and_a_restart_begins_anew() -> None:
    admin = Admin({**stats("new_2", **{"completed": 10, "5xx": 2}), **stats("old_1", completed=90)})
    source = EnvoyMetrics(admin)
    begun = source.counts([ERRORS], ARMS, None)
    assert (begun.pairs, begun.problems) == ({}, {})
    admin.stats.update({**stats("new_2", **{"completed": 14, "5xx": 3}), **stats("old_1", completed=100)})
    later = source.counts([ERRORS], ARMS, begun.cursor)
    assert later.pairs == {"errors": Pair(Tally(4, 1), Tally(10, 0))}
    admin.stats.update({**stats("new_2", **{"completed": 3, "5xx": 1}), **stats("old_1", completed=5)})
    assert source.counts([ERRORS], ARMS, later.cursor).pairs == {"errors": Pair(Tally(3, 1), Tally(5, 0))}


def test_attempts_that_callers_gave_up_count_when_they_still_look_so_a_window_later() -> None:
    admin = Admin({**stats("new_2", total=10, completed=10), **stats("old_1", total=1, completed=1)})
    source = EnvoyMetrics(admin)
    cursor = source.counts([ERRORS], ARMS, None).cursor
    found = []
    # Of three requests one is answered and one is under way; that one is answered; nothing; another one hangs up.
    for total, completed, active in ((13, 11, 1), (13, 12, 0), (13, 12, 0), (20, 15, 4), (20, 18, 0), (20, 18, 0)):
        admin.stats.update(stats("new_2", total=total, completed=completed, active=active))
        counts = source.counts([ERRORS], ARMS, cursor)
        cursor = counts.cursor
        found.append(counts.pairs["errors"].candidate)
    assert found == [Tally(1, 0), Tally(2, 1), Tally(0, 0), Tally(3, 0), Tally(3, 0), Tally(1, 1)]


def test_a_request_that_ends_while_the_numbers_are_read_was_not_given_up() -> None:
    admin = Admin({**stats("new_2", total=10, completed=10), **stats("old_1", total=1, completed=1)})
    source = EnvoyMetrics(admin)
    cursor = source.counts([ERRORS], ARMS, None).cursor
    found = []
    for total, completed, active in ((12, 11, 0), (14, 14, 0), (16, 15, 1)):
        admin.stats.update(stats("new_2", total=total, completed=completed, active=active))
        counts = source.counts([ERRORS], ARMS, cursor)
        cursor = counts.cursor
        found.append(counts.pairs["errors"].candidate)
    assert found == [Tally(1, 0), Tally(3, 0), Tally(1, 0)]


def test_slow_requests_are_those_above_a_bound_of_the_histograms() -> None:
    bounds = {f"cluster.{name}_http.upstream_rq_time": {10.0: 3, 25.0: 7, 50.0: 9} for name in ("new_2", "old_1")}
    found = EnvoyMetrics(Admin(histograms=bounds)).counts([SLOW, BETWEEN], ARMS, BEGUN)
    assert found.pairs == {"slow": Pair(Tally(9, 2), Tally(9, 2))}
    assert found.problems == {"between": "Envoy has no histogram with the bound 18 ms; set one of: 10, 25, 50"}


def test_an_envoy_that_is_away_is_no_data() -> None:
    found = EnvoyMetrics(Admin(is_away=True)).counts([ERRORS], ARMS, BEGUN)
    assert found.pairs == {}
    assert found.problems == {"errors": "Envoy could not be asked (no such file)"}
