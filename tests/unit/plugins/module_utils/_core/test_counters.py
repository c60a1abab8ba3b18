# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters that only grow, processes that begin anew, targets out of reach: nothing is counted that did not happen."""

from __future__ import annotations

from collections import Counter as Total
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plugins.module_utils._core.counters import ARMS, BASELINE, CANDIDATE, Counter, Reading, Seen, growth, remembered
from plugins.module_utils._core.sequential import Pair, Tally


def reading(**targets: dict[str, int]) -> Reading:
    """Return a reading of targets, each with values by ``<arm> <series>``; the series bad holds the events."""
    counters = [
        Counter(key.split()[0], target, key.split()[1], value, key.endswith("bad"))
        for target, values in targets.items()
        for key, value in values.items()
    ]
    return Reading("requests", frozenset(targets), tuple(counters))


SEEN: Seen = {"a": {"candidate good": 100, "candidate bad": 10, "baseline good": 900}}
NOTHING = Tally()

GROWTH = {
    "nothing was known": ({}, reading(a={"candidate good": 5}), None),
    "nothing is there": (SEEN, reading(), None),
    "nothing happened": (SEEN, reading(a=dict(SEEN["a"])), Pair()),
    "both arms grew": (
        SEEN,
        reading(a={"candidate good": 103, "candidate bad": 12, "baseline good": 950}),
        Pair(Tally(5, 2), Tally(50, 0)),
    ),
    "the first failure of the baseline": (
        SEEN,
        reading(a={**SEEN["a"], "baseline bad": 1}),
        Pair(NOTHING, Tally(1, 1)),
    ),
    "the first request of an arm": (
        {"a": {"baseline good": 9}},
        reading(a={"baseline good": 9, "candidate bad": 2}),
        Pair(Tally(2, 2), NOTHING),
    ),
    "the first request at all": ({"a": {}}, reading(a={"candidate good": 2}), Pair(Tally(2, 0), NOTHING)),
    "the process began anew": (
        SEEN,
        reading(a={"candidate good": 7, "candidate bad": 1, "baseline good": 70}),
        Pair(Tally(8, 1), Tally(70, 0)),
    ),
    "one cluster was made anew": (
        SEEN,
        reading(a={"candidate good": 2, "candidate bad": 0, "baseline good": 905}),
        Pair(Tally(2, 0), Tally(5, 0)),
    ),
    "a second process that served for weeks": (
        SEEN,
        reading(a=dict(SEEN["a"]), b={"candidate good": 10**9, "candidate bad": 10**6}),
        Pair(),
    ),
    "only a process that nobody knew": (SEEN, reading(b={"candidate good": 5}), None),
    "a series that is missing": (SEEN, reading(a={"baseline good": 901}), Pair(NOTHING, Tally(1, 0))),
}


@pytest.mark.parametrize(("seen", "found", "pair"), GROWTH.values(), ids=GROWTH.keys())
def test_growth(seen: Seen, found: Reading, pair: Pair | None) -> None:
    assert growth(found, seen) == pair


def test_a_missing_target_keeps_its_values_and_a_missing_series_does_not() -> None:
    seen = remembered(reading(a={"candidate good": 5, "candidate bad": 3}, b={"baseline good": 7}), {})
    assert remembered(reading(a={"candidate good": 6}), seen) == {
        "a": {"candidate good": 6},
        "b": {"baseline good": 7},
    }
    later = remembered(reading(a={"candidate good": 6}), seen)
    assert growth(reading(a={"candidate good": 6, "candidate bad": 2}, b={"baseline good": 9}), later) == Pair(
        Tally(2, 2), Tally(2, 0)
    )


@dataclass
class World:
    """Two processes that count, and one who looks at them now and then; some are out of reach meanwhile."""

    counts: dict[str, Total[str]] = field(default_factory=lambda: {"a": Total(), "b": Total()})
    happened: Total[str] = field(default_factory=Total)
    counted: Total[str] = field(default_factory=Total)
    seen: Seen = field(default_factory=dict)

    def request(self, target: str, key: str) -> None:
        self.counts[target][key] += 1
        # What a process did before anybody knew it is not expected to be counted.
        if target in self.seen:
            self.happened[key] += 1

    def begin_anew(self, target: str) -> None:
        self.counts[target].clear()

    def look(self, away: str) -> None:
        found = reading(**{target: dict(values) for target, values in self.counts.items() if target not in away})
        pair = growth(found, self.seen)
        self.seen = remembered(found, self.seen)
        for arm, tally in zip(ARMS, (pair.candidate, pair.baseline) if pair else (), strict=False):
            assert 0 <= tally.events <= tally.n
            self.counted[f"{arm} bad"] += int(tally.events)
            self.counted[f"{arm} good"] += int(tally.n - tally.events)


KEYS = [f"{arm} {series}" for arm in (CANDIDATE, BASELINE) for series in ("good", "bad")]
REQUESTS = st.tuples(st.just("request"), st.sampled_from("ab"), st.sampled_from(KEYS))
LOOKS = st.tuples(st.just("look"), st.sampled_from(["", "", "a", "b", "ab"]))
BEGINNINGS = st.tuples(st.just("begin_anew"), st.sampled_from("ab"))


def played(story: list[tuple[str, ...]]) -> World:
    world = World()
    for name, *arguments in story:
        getattr(world, name)(*arguments)
    world.look("")
    return world


@settings(max_examples=300, deadline=None)
@given(st.lists(REQUESTS | LOOKS))
def test_everything_is_counted_while_nobody_begins_anew(story: list[tuple[str, ...]]) -> None:
    world = played(story)
    assert +world.counted == world.happened


@settings(max_examples=500, deadline=None)
@given(st.lists(REQUESTS | LOOKS | BEGINNINGS))
def test_nothing_is_counted_that_did_not_happen(story: list[tuple[str, ...]]) -> None:
    world = played(story)
    assert world.counted <= world.happened


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(REQUESTS, max_size=5), max_size=8))
@example([[("request", "a", KEYS[0])]])
def test_a_beginning_that_is_seen_loses_nothing(lives: list[list[tuple[str, ...]]]) -> None:
    """Each life is looked at as it begins, after each request, and so as it ends."""
    world = played([step for life in lives for each in [("begin_anew", "a"), *life] for step in (each, ("look", ""))])
    assert +world.counted == world.happened
