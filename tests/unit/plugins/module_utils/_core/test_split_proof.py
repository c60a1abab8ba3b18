# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new split is believed when answers prove it, and as many answers are asked for as that takes."""

from __future__ import annotations

import random
import statistics

import pytest

from plugins.module_utils._core.experiment import Experiment, Request
from plugins.module_utils._core.split_proof import FEWEST, MOST, Route, RouteProof, Shares, model_of, routes_of


def experiment(default: str | None = None, **weights: int) -> Experiment:
    made = Request.parse({"name": "split", "default": default, "weights": weights}).applied_to(None)
    assert made is not None
    return made


def needed(route: Route, truth: Shares, chance: random.Random, most: int = 3 * MOST) -> int | None:
    """Return how many answers a proof takes where callers get ``truth``; None when there is no proof."""
    proof = RouteProof(route)
    for number, model in enumerate(chance.choices(list(truth), list(truth.values()), k=most), start=1):
        proof = proof.add(model)
        if proof.is_proven:
            return number
    return None


# What the two splits alone take; the third one, the middle between them, comes on top.
EXPECTED = {
    "5 to 10 %": (0.05, 0.10, 223),
    "10 to 25 %": (0.10, 0.25, 50),
    "25 to 50 %": (0.25, 0.50, 33),
    "50 to 100 %": (0.50, 1.00, 7),
    "50 to 0 %": (0.50, 0.00, 7),
    "10 to 0 %": (0.10, 0.00, 44),
    "5 to 0 %": (0.05, 0.00, 90),
}


@pytest.mark.parametrize(("old", "new", "answers"), EXPECTED.values(), ids=EXPECTED.keys())
def test_proof_against_the_old_split_takes_what_it_has_to(old: float, new: float, answers: int) -> None:
    chance = random.Random(1)
    route = Route("split.experiment", "a", _split(new), (_split(old),))
    found = [needed(route, _split(new), chance) or MOST for _run in range(40)]
    assert max(FEWEST, 0.75 * answers) <= statistics.mean(found) <= max(FEWEST + 15, 1.6 * answers)


def _split(candidate: float) -> Shares:
    return {name: share for name, share in (("a", 1 - candidate), ("b", candidate)) if share > 0}


WRONG = {
    "the old one stays": (experiment(a=90, b=10), experiment(a=75, b=25), {"a": 0.9, "b": 0.1}),
    "new beside old": (experiment(a=50, b=50), experiment(a=0, b=100), {"a": 0.25, "b": 0.75}),
    "half of the Envoys": (experiment(a=70, b=30), experiment(a=50, b=50), {"a": 0.6, "b": 0.4}),
    "the baseline alone": (None, experiment(a=70, b=30), {"a": 1.0}),
    "none that was thought of": (experiment(a=70, b=30), experiment(a=50, b=50), {"a": 0.2, "b": 0.8}),
    "two exchanged": (experiment(a=60, b=35, c=5), experiment(a=50, b=35, c=15), {"a": 0.5, "b": 0.15, "c": 0.35}),
}


@pytest.mark.parametrize(("before", "after", "truth"), WRONG.values(), ids=WRONG.keys())
def test_other_split_is_next_to_never_taken_for_the_new_one(
    before: Experiment | None, after: Experiment, truth: Shares
) -> None:
    chance, route = random.Random(2), routes_of(before, after)[0]
    taken = [needed(route, truth, chance, most=600) is not None for _run in range(40)]
    assert sum(taken) <= 2


def test_right_split_is_found_by_all_that_is_asked() -> None:
    chance, route = random.Random(3), routes_of(experiment(a=90, b=10), experiment(a=75, b=25))[0]
    found = [needed(route, {"a": 0.75, "b": 0.25}, chance) for _run in range(20)]
    assert all(number is not None and number < MOST for number in found)


def test_change_that_comes_late_is_found_soon_after() -> None:
    proof, chance = RouteProof(Route("h", "a", _split(0.5), (_split(0.1),))), random.Random(4)
    for model in chance.choices("ab", (90, 10), k=2000):
        proof = proof.add(model)
    assert not proof.is_proven
    assert proof.beginning > 1
    late = next(
        number
        for number, model in enumerate(chance.choices("ab", (50, 50), k=500), start=1)
        if (proof := proof.add(model)).is_proven
    )
    assert late < 220


def test_change_after_a_split_that_nobody_thought_of_is_found_soon_after() -> None:
    proof, chance = RouteProof(Route("h", "a", _split(0.5), (_split(0.3),))), random.Random(5)
    for model in chance.choices("ab", (20, 80), k=1000):
        proof = proof.add(model)
    assert not proof.is_proven
    for model in chance.choices("ab", (50, 50), k=400):
        proof = proof.add(model)
        if proof.is_proven:
            break
    assert proof.is_proven


# Which routes a change touches

A, B = {"a": 1.0}, {"b": 1.0}
HALF = {"a": 0.5, "b": 0.5}
ROUTES = {
    "a new one": (None, experiment(a=50, b=50), {"split.experiment": HALF}),
    "a new one with a default": (None, experiment("a", a=50, b=50), {"split.experiment": HALF, "a": HALF}),
    "another default": (
        experiment("a", a=50, b=50),
        experiment("b", a=50, b=50),
        {"split.experiment": HALF, "a": A, "b": HALF},
    ),
    "the end": (experiment(a=50, b=50), None, {"split.experiment": None, "a": A}),
    "the end of a default": (experiment("b", a=50, b=50), None, {"split.experiment": None, "b": B}),
    "nothing at all": (None, None, {}),
}


@pytest.mark.parametrize(("before", "after", "wanted"), ROUTES.values(), ids=ROUTES.keys())
def test_every_route_that_a_change_touches_is_asked(
    before: Experiment | None, after: Experiment | None, wanted: dict[str, Shares | None]
) -> None:
    assert {route.header: route.new for route in routes_of(before, after)} == wanted


def test_default_that_is_split_no_longer_has_to_answer_alone() -> None:
    route = next(each for each in routes_of(experiment("a", a=50, b=50), None) if each.header == "a")
    assert route.others == (HALF,)


MOVED = {
    "weights": (experiment("a", a=70, b=30), experiment("a", a=50, b=50), {"split.experiment", "a"}),
    "the default alone": (experiment(a=50, b=50), experiment("a", a=50, b=50), {"a"}),
    "nothing that callers see": (experiment("a", a=50, b=50), experiment("a", a=1, b=1), set()),
    "a new one": (None, experiment(a=1), {"split.experiment"}),
    "the end": (experiment(a=1), None, {"split.experiment"}),
}


@pytest.mark.parametrize(("before", "after", "wanted"), MOVED.values(), ids=MOVED.keys())
def test_routes_that_move_are_told_from_those_that_stay(
    before: Experiment | None, after: Experiment | None, wanted: set[str]
) -> None:
    assert {route.header for route in routes_of(before, after) if route.is_moved} == wanted


# Answers that are none


def test_missing_route_is_proven_by_answers_that_find_none() -> None:
    proof = RouteProof(Route("split.experiment", "a", None))
    for _number in range(FEWEST - 1):
        proof = proof.add("", "404", is_absent=True)
    assert not proof.is_proven
    assert proof.add("", "404", is_absent=True).is_proven
    assert not proof.add("a").add("", "404", is_absent=True).is_proven


def test_gap_in_a_route_begins_the_count_anew_and_other_faults_are_not_counted() -> None:
    proof = RouteProof(Route("a", "a", A))
    for _number in range(FEWEST):
        proof = proof.add("a")
    assert proof.is_proven
    assert proof.add("", "502").is_proven
    gone = proof.add("", "no route answers (404)", is_absent=True)
    assert not gone.is_proven
    assert gone.last_fault == "no route answers (404)"
    assert gone.said == f"a 100 % of {FEWEST} answers"


NAMES = {":baseline_1:": "baseline", ":a_b_12:": "a_b", ":first_1::second_2:": "first", "": "", "baseline": ""}


@pytest.mark.parametrize(("route", "model"), NAMES.items())
def test_model_is_read_from_the_header_of_an_answer(route: str, model: str) -> None:
    assert model_of(route) == model
