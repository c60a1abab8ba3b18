# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Candidate, Experiment, Mirror, Request

AB = Experiment(
    name="ab",
    candidates=(Candidate("baseline", 70), Candidate("enhanced", 30)),
    default="baseline",
    mirror=Mirror("shadow", 20),
)

BECOMES: dict[str, tuple[dict[str, Any], Experiment | None, Experiment | None]] = {
    "candidates, default and mirror": (
        {
            "name": "ab",
            "candidates": [{"name": "baseline", "weight": 70}, {"name": "enhanced", "weight": 30}],
            "default": "baseline",
            "mirror": {"name": "shadow", "percent": 20},
        },
        None,
        AB,
    ),
    "weights are the short form": (
        {
            "name": "ab",
            "weights": {"baseline": 70, "enhanced": 30},
            "default": "baseline",
            "mirror": {"name": "shadow", "percent": 20},
        },
        None,
        AB,
    ),
    "the baseline comes first, however it was listed": (
        {"name": "ab", "weights": {"a": 1, "z": 2, "b": 3}, "default": "z"},
        None,
        Experiment("ab", (Candidate("z", 2), Candidate("a", 1), Candidate("b", 3)), "z"),
    ),
    "without a default, the first stays first": (
        {"name": "ab", "weights": {"z": 2, "b": 3, "a": 1}},
        None,
        Experiment("ab", (Candidate("z", 2), Candidate("a", 1), Candidate("b", 3))),
    ),
    "digits in text are whole numbers": (
        {"name": "ab", "weights": {"a": "7", "b": "3"}},
        None,
        Experiment("ab", (Candidate("a", 7), Candidate("b", 3))),
    ),
    "what is left out stays": (
        {"name": "ab", "weights": {"baseline": 1, "enhanced": 1}},
        AB,
        Experiment("ab", (Candidate("baseline", 1), Candidate("enhanced", 1)), "baseline", Mirror("shadow", 20)),
    ),
    "nothing but the name leaves all as it is": ({"name": "ab"}, AB, AB),
    "an empty default takes it away": (
        {"name": "ab", "default": ""},
        AB,
        Experiment("ab", AB.candidates, None, AB.mirror),
    ),
    "percent 0 takes the mirror away": (
        {"name": "ab", "mirror": {"name": "shadow", "percent": 0}},
        AB,
        Experiment("ab", AB.candidates, "baseline"),
    ),
    "a weight of 0 beside others": (
        {"name": "ab", "weights": {"a": 0, "b": 5}},
        None,
        Experiment("ab", (Candidate("a", 0), Candidate("b", 5))),
    ),
    "absent": ({"name": "ab", "state": "absent"}, AB, None),
    "absent and never there": ({"name": "ab", "state": "absent"}, None, None),
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a negative weight": ({"weights": {"a": -1, "b": 2}}, "the weight of 'a' is -1; set a whole number, 0 or more"),
    "a fraction": ({"weights": {"a": 0.7, "b": 1}}, "the weight of 'a' is 0.7; set a whole number, 0 or more"),
    "a truth value": ({"weights": {"a": True}}, "the weight of 'a' is True; set a whole number, 0 or more"),
    "words for a weight": ({"weights": {"a": "all"}}, "the weight of 'a' is 'all'; set a whole number, 0 or more"),
    "all weights zero": ({"weights": {"a": 0, "b": 0}}, "all weights are 0; set at least one above 0"),
    "more than Envoy can add up": ({"weights": {"a": 2**32 - 1, "b": 1}}, "the weights add up to 4294967296; at most"),
    "no candidates": ({}, "it has no candidates; set candidates or weights"),
    "an empty list of candidates": ({"candidates": []}, "it has no candidates; set candidates or weights"),
    "a candidate listed twice": (
        {"candidates": [{"name": "a", "weight": 1}, {"name": "a", "weight": 2}]},
        "candidate 'a' is listed 2 times; list it once",
    ),
    "a default that is no candidate": (
        {"weights": {"a": 1, "b": 1}, "default": "c"},
        "default 'c' is not a candidate; set one of: a, b",
    ),
    "a mirror among the candidates": (
        {"weights": {"a": 1}, "mirror": {"name": "a", "percent": 5}},
        "mirror 'a' is also a candidate; set another model",
    ),
    "a percent below 0": (
        {"weights": {"a": 1}, "mirror": {"name": "m", "percent": -1}},
        "the mirror's percent is -1; set a whole number from 0 to 100",
    ),
    "a percent above 100": (
        {"weights": {"a": 1}, "mirror": {"name": "m", "percent": 101}},
        "the mirror's percent is 101; set a whole number from 0 to 100",
    ),
    "a dot in the name": ({"name": "a.b", "weights": {"a": 1}}, "experiment 'a.b' is not a name"),
    "capitals in the name": ({"name": "AB", "weights": {"a": 1}}, "experiment 'AB' is not a name"),
    "a line break after the name": ({"name": "ab\n", "weights": {"a": 1}}, "experiment 'ab\\n' is not a name"),
    "an empty name": ({"name": "", "weights": {"a": 1}}, "experiment '' is not a name"),
    "a name too long": ({"name": "a" * 64, "weights": {"a": 1}}, "at most 63"),
    "a candidate with a dot": ({"weights": {"a.b": 1}}, "candidate 'a.b' is not a name"),
    "candidates and weights": (
        {"weights": {"a": 1}, "candidates": [{"name": "a", "weight": 1}]},
        "has both candidates and weights: set one of them",
    ),
    "a candidate without a weight": ({"candidates": [{"name": "a"}]}, "needs a name and a weight"),
}


@pytest.mark.parametrize(("values", "current", "expected"), BECOMES.values(), ids=BECOMES.keys())
def test_request_becomes(values: dict[str, Any], current: Experiment | None, expected: Experiment | None) -> None:
    assert Request.parse(values).applied_to(current) == expected


@pytest.mark.parametrize(("values", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ServingError, match=re.escape(message)):
        Request.parse({"name": "ab", **values}).applied_to(None)


def test_all_problems_come_in_one_refusal() -> None:
    request = Request.parse(
        {"name": "A", "weights": {"a": -1}, "default": "b", "mirror": {"name": "a", "percent": 200}}
    )
    with pytest.raises(ServingError) as caught:
        request.applied_to(None)
    assert len(list(caught.value.facts["problems"])) == 5  # type: ignore[call-overload]  # facts hold any object


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


@given(
    weights=st.dictionaries(NAMES, st.integers(0, 1000), min_size=1, max_size=6).filter(
        lambda found: sum(found.values()) > 0
    ),
    data=st.data(),
)
def test_what_is_declared_can_be_read_back(weights: dict[str, int], data: st.DataObject) -> None:
    default = data.draw(st.none() | st.sampled_from(sorted(weights)))
    declared = Request.parse({"name": "ab", "weights": weights, "default": default}).applied_to(None)
    assert declared is not None
    assert declared.weights == weights
    assert declared.candidates[0].name == (default or next(iter(weights)))
    assert Request.parse(declared.as_dict()).applied_to(None) == declared
    assert Request.parse(declared.as_dict()).applied_to(declared) == declared
