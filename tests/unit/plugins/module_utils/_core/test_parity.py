# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever differs between two answers is found and named, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from plugins.module_utils._core.analysis import Measurement
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.parity import (
    Comparison,
    Golden,
    Reply,
    Tolerance,
    agreement,
    ks_distance,
)
from plugins.module_utils._core.request_path import Answer

EXACT = Tolerance()
LABEL: dict[str, Any] = {"name": "predict", "shape": [1], "datatype": "INT64", "data": [1]}
SCORE: dict[str, Any] = {"name": "score", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]}


def reply(*outputs: dict[str, Any], status: int = 200, **more: Any) -> Reply:
    body = {"model_name": "m_1", "outputs": list(outputs), **more}
    return Reply.of(Answer(status, {}, json.dumps(body).encode(), 0.01), "m_1")


def compared(candidate: Reply, golden: tuple[Any, ...] | None = None) -> list[Comparison]:
    """Two requests: the models agree on the first one."""
    right = reply(LABEL, SCORE)
    return [Comparison(1, right, right), Comparison(2, right, candidate, golden)]


ALIKE = {
    "the same": reply(LABEL, SCORE),
    "in another order": reply(SCORE, LABEL),
    "nested": reply(LABEL, {**SCORE, "data": [[0.25, 0.75]]}),
    "in the last digits": reply(LABEL, {**SCORE, "data": [0.2501, 0.7499]}),
}


@pytest.mark.parametrize("candidate", ALIKE.values(), ids=ALIKE.keys())
def test_alike(candidate: Reply) -> None:
    assert agreement(compared(candidate), EXACT) == Measurement(1.0, note="2 of 2 answers agree")


DIFFERENT = {
    "a label": (reply({**LABEL, "data": [0]}, SCORE), "output predict: 1 and 0"),
    "a score": (reply(LABEL, {**SCORE, "data": [0.25, 0.7]}), "output score[1]: 0.75 and 0.7"),
    "a text": (reply({**LABEL, "datatype": "BYTES", "data": ["1"]}, SCORE), "output predict: the datatype INT64 and B"),
    "a shape": (reply(LABEL, {**SCORE, "shape": [2]}), "output score: the shape [1, 2] and [2]"),
    "one output less": (reply(LABEL), "output score is missing in the candidate's answer"),
    "one output more": (reply(LABEL, SCORE, {**LABEL, "name": "x"}), "output x is the candidate's alone"),
    "a name twice": (reply(LABEL, SCORE, SCORE), "the candidate: two of its outputs have the same name"),
    "not finite": (
        reply(LABEL, {**SCORE, "data": [None, 1.0]}),
        "the candidate: outputs[1] has the element null, which is no finite FP32",
    ),
    "too few elements": (
        reply(LABEL, {**SCORE, "data": [1.0]}),
        "the candidate: outputs[1] has the shape [1, 2] and 1 elements",
    ),
    "another model": (reply(LABEL, SCORE, model_name="n_1"), 'the candidate: model_name is "n_1" and not m_1'),
    "an error": (reply(status=500), "the candidate: it answers 500: "),
    "silence": (Reply(fault="192.0.2.10:80 refuses connections"), "the candidate: 192.0.2.10:80 refuses connections"),
}


@pytest.mark.parametrize(("candidate", "difference"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_different(candidate: Reply, difference: str) -> None:
    found = agreement(compared(candidate), EXACT)
    assert found.value == 0.5
    assert found.note.startswith("1 of 2 answers agree")
    assert f", the first that differs: request 2, {difference}" in found.note


TOLERANCES = {
    "within the relative one": (Tolerance(0.01, 0.0), 100.0, 100.9, True),
    "outside the relative one": (Tolerance(0.01, 0.0), 100.0, 101.1, False),
    "within the absolute one": (Tolerance(0.0, 0.5), 0.1, 0.5, True),
    "outside the absolute one": (Tolerance(0.0, 0.5), 0.0, 0.6, False),
    "none": (Tolerance(0.0, 0.0), 0.1, 0.1000001, False),
    "whole numbers among floats": (EXACT, 1, 1.0000001, True),
}


@pytest.mark.parametrize(("tolerance", "one", "other", "agrees"), TOLERANCES.values(), ids=TOLERANCES.keys())
def test_tolerance(tolerance: Tolerance, one: float, other: float, agrees: bool) -> None:
    assert tolerance.allows(one, other, "FP64") is agrees
    assert tolerance.allows(other, one, "FP64") is agrees


def test_integers_have_no_tolerance() -> None:
    assert not Tolerance(0.5, 5.0).allows(1, 2, "INT64")
    assert Tolerance().allows("a", "a", "BYTES")


GOLDEN = {
    "kept": (LABEL, (1, 0.25, 0.75), 1.0, "2 of 2 answers agree (the candidate gives 1 of its own 1 golden answers)"),
    "kept within the tolerance": (LABEL, (1, 0.2501, 0.75), 1.0, "2 of 2 answers agree (the candidate gives 1 of"),
    "broken": (
        LABEL,
        (0, 0.25, 0.75),
        0.5,
        "1 of 2 answers agree (the candidate gives 0 of its own 1 golden answers), the first that differs: request 2, "
        "the candidate's own golden answer: [0, 0.25, 0.75], and it answers [1, 0.25, 0.75]",
    ),
    "of another length": (LABEL, (1,), 0.5, "1 of 2 answers agree (the candidate gives 0 of its own 1 golden answers)"),
    "kept, and still not the baseline's": (
        {**LABEL, "data": [0]},
        (0, 0.25, 0.75),
        0.5,
        "1 of 2 answers agree (the candidate gives 1 of its own 1 golden answers), the first that differs: request 2, "
        "output predict: 1 and 0",
    ),
}


@pytest.mark.parametrize(("label", "golden", "share", "note"), GOLDEN.values(), ids=GOLDEN.keys())
def test_the_candidate_is_held_to_its_own_answers(
    label: dict[str, Any], golden: tuple[Any, ...], share: float, note: str
) -> None:
    found = agreement(compared(reply(label, SCORE), golden), EXACT)
    assert found.value == share
    assert found.note.startswith(note)


SILENT = Reply(fault="it answers 503")


def test_a_baseline_that_does_not_answer_blames_nobody() -> None:
    blind = Comparison(2, SILENT, reply(LABEL))
    assert agreement([Comparison(1, reply(LABEL), reply(LABEL)), blind], EXACT) == Measurement(
        error="the baseline does not give a proper answer to request 2: it answers 503"
    )
    assert agreement([replace(blind, candidate=SILENT)], EXACT) == Measurement(
        error="neither model gives a proper answer to request 2: it answers 503"
    )


def test_what_was_left_out_is_said() -> None:
    assert agreement(compared(reply(LABEL, SCORE)), EXACT, left_out="2 of 9 were compared") == Measurement(
        1.0, note="2 of 2 answers agree (2 of 9 were compared)"
    )
    assert agreement([], EXACT, left_out="0 of 9 were compared") == Measurement(error="0 of 9 were compared")
    assert agreement([], EXACT) == Measurement(error="there are no golden requests")


def test_drift_is_said_of_outputs_that_moved() -> None:
    moved = reply(LABEL, {**SCORE, "data": [0.5, 1.0]})
    assert agreement(compared(moved), EXACT).note == (
        "1 of 2 answers agree (KS distance of output score 0.25), the first that differs: request 2, output "
        "score[0]: 0.25 and 0.5"
    )


def test_ks_distance_is_the_statistic_of_scipy() -> None:
    rng = np.random.default_rng(5)
    for one, other in ((1, 1), (2, 7), (20, 20), (50, 31)):
        # Rounded, so that some elements are in both samples.
        first, second = rng.normal(size=one).round(1), rng.normal(0.3, size=other).round(1)
        assert ks_distance(first.tolist(), second.tolist()) == pytest.approx(stats.ks_2samp(first, second).statistic)


def test_ks_distance_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a sample is empty$"):
        ks_distance([], [1.0])


def one_of(values: Sequence[float]) -> dict[str, Any]:
    return {"name": "y", "shape": [len(values)], "datatype": "FP64", "data": list(values)}


SAMPLES = st.lists(st.floats(-10, 10), min_size=1, max_size=30)
ANSWERS = st.lists(SAMPLES, min_size=1, max_size=10)


@settings(max_examples=200, deadline=None)
@given(ANSWERS, st.floats(0, 1), st.floats(0, 1))
def test_a_model_agrees_with_itself(answers: list[list[float]], relative: float, absolute: float) -> None:
    same = [Comparison(number, reply(one_of(each)), reply(one_of(each))) for number, each in enumerate(answers, 1)]
    assert agreement(same, Tolerance(relative, absolute)).value == 1.0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(SAMPLES, SAMPLES), min_size=1, max_size=10), st.floats(0, 1), st.floats(0, 1))
def test_it_makes_no_difference_which_model_is_the_baseline(
    answers: list[tuple[list[float], list[float]]], relative: float, absolute: float
) -> None:
    pairs = [(reply(one_of(one)), reply(one_of(other))) for one, other in answers]
    there = [Comparison(number, *pair) for number, pair in enumerate(pairs, 1)]
    back = [Comparison(number, candidate, baseline) for number, (baseline, candidate) in enumerate(pairs, 1)]
    tolerance = Tolerance(relative, absolute)
    assert agreement(there, tolerance).value == agreement(back, tolerance).value


REQUEST = {"inputs": [{"name": "x"}]}


def golden(**values: Any) -> Golden:
    return Golden.parse(json.dumps(values).encode())


def test_golden_requests() -> None:
    assert golden(requests=[REQUEST]) == Golden((REQUEST,))
    assert golden(requests=[REQUEST], models={"a": {"answers": [1]}, "b": {"accuracy": 0.9}}) == Golden(
        (REQUEST,), {"a": (1,)}
    )


NOT_GOLDEN = {
    "no JSON": (b"<html>", "it holds no golden requests (JSONDecodeError("),
    "no text": (b"\xff", "it holds no golden requests (UnicodeDecodeError("),
    "a list": (b"[]", "it holds no golden requests (TypeError("),
    "something else": (b'{"inputs": []}', "it holds no golden requests (KeyError('requests')); set golden to a file"),
    "texts": (b'{"requests": ["a"]}', "it holds no golden requests (ValueError("),
    "nothing": (b'{"requests": []}', "it holds no requests; set golden to a file whose requests each have a list of"),
    "no inputs": (b'{"requests": [{"inputs": [1]}, {}]}', "request 2 has no inputs; set golden to"),
    "no models": (b'{"requests": [{"inputs": [1]}], "models": ["a"]}', "it holds no golden requests (AttributeError("),
    "too few answers": (
        b'{"requests": [{"inputs": [1]}], "models": {"a": {"answers": []}}}',
        "it has no answer to each request for a; record one for each of its 1 requests, or take the answers out",
    ),
}


@pytest.mark.parametrize(("content", "wanted"), NOT_GOLDEN.values(), ids=NOT_GOLDEN.keys())
def test_what_holds_no_golden_requests_is_refused(content: bytes, wanted: str) -> None:
    with pytest.raises(ServingError) as refused:
        Golden.parse(content)
    assert str(refused.value).startswith(wanted)
