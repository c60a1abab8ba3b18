# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inference is said, and what is right is not blamed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import mlserver.types as real
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils._core.inference import (
    DATATYPES,
    flat,
    infer_faults,
    request_faults,
    same_values,
    values,
)

OUTPUT: dict[str, Any] = {"name": "predict", "shape": [2, 1], "datatype": "FP64", "data": [0.25, 1]}


def answer(**changes: Any) -> dict[str, Any]:
    """Return an answer whose one output differs in something."""
    return {"model_name": "m_1", "model_version": "1", "id": "7", "outputs": [{**OUTPUT, **changes}]}


@dataclass(frozen=True)
class Good:
    """An answer that nothing is wrong with."""

    answer: Any
    model: str = "m_1"


GOOD = {
    "as it is routed": Good(answer()),
    "under a version of the model": Good(answer(), "m"),
    "under the model's own name": Good({**answer(), "model_name": "m"}, "m"),
    "as bytes": Good(json.dumps(answer()).encode()),
    "nested data": Good(answer(data=[[0.25], [1.0]])),
    "an empty tensor": Good(answer(shape=[0, 3], data=[])),
    "a single number": Good(answer(shape=[], data=[1.5])),
    "truth values": Good(answer(datatype="BOOL", data=[True, 0])),
    "the largest byte": Good(answer(datatype="UINT8", data=[0, 255])),
    "the smallest integer": Good(answer(datatype="INT64", data=[-(2**63), 0])),
    "texts": Good(answer(datatype="BYTES", data=["a", ""])),
    "two outputs": Good({**answer(), "outputs": [OUTPUT, {**OUTPUT, "name": "other"}]}),
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD.keys())
def test_good_answer(good: Good) -> None:
    assert infer_faults(good.answer, model=good.model) == []


@dataclass(frozen=True)
class Bad:
    """An answer, and all that is said about it."""

    answer: Any
    found: list[str]
    model: str = field(default="m_1")


BAD = {
    "no JSON": Bad(b"<html>", ["the body is no JSON (Expecting value: line 1 column 1 (char 0))"]),
    "no text": Bad(
        b"\xff{}", ["the body is no JSON ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte)"]
    ),
    "nothing": Bad(b"", ["the body is no JSON (Expecting value: line 1 column 1 (char 0))"]),
    "too deep": Bad(
        b"[" * 100_000,
        ["the body is no JSON (maximum recursion depth exceeded while decoding a JSON array from a unicode string)"],
    ),
    "a list": Bad(b"[1]", ["the body is a list and not an object"]),
    "null": Bad(b"null", ["the body is missing and not an object"]),
    "an error with 200": Bad({"error": "boom"}, ['the answer is an error: "boom"']),
    "another model": Bad({**answer(), "model_name": "n_1"}, ['model_name is "n_1" and not m_1']),
    "another version": Bad({**answer(), "model_name": "m_2"}, ['model_name is "m_2" and not m_1']),
    "a version of a version": Bad({**answer(), "model_name": "m_1_2"}, ['model_name is "m_1_2" and not m_1']),
    "a model that begins the same": Bad({**answer(), "model_name": "m-2_1"}, ['model_name is "m-2_1" and not m'], "m"),
    "a name with dots": Bad({**answer(), "model_name": "mx1"}, ['model_name is "mx1" and not m.1'], "m.1"),
    "no model": Bad({"outputs": [OUTPUT]}, ["model_name is null and not m_1"]),
    "no outputs": Bad({"model_name": "m_1"}, ["outputs is missing and not a list of tensors"]),
    "empty outputs": Bad({"model_name": "m_1", "outputs": []}, ["outputs is empty and not a list of tensors"]),
    "one output, no list": Bad(
        {"model_name": "m_1", "outputs": OUTPUT}, ["outputs is a dict and not a list of tensors"]
    ),
    "an output that is a number": Bad(
        {"model_name": "m_1", "outputs": [OUTPUT, 3]}, ["outputs[1] is a int and not a tensor"]
    ),
    "an empty output": Bad(
        {"model_name": "m_1", "outputs": [{}]}, ["outputs[0] has no name, no shape, no datatype, no data"]
    ),
    "too few elements": Bad(answer(data=[1.0]), ["outputs[0] has the shape [2, 1] and 1 elements"]),
    "too many elements": Bad(answer(data=[[1, 2], [3, 4]]), ["outputs[0] has the shape [2, 1] and 4 elements"]),
    "a negative size": Bad(answer(shape=[-2, -1]), ["outputs[0] has the shape [-2, -1], which is no list of sizes"]),
    "a shape that is a number": Bad(answer(shape=2), ["outputs[0] has the shape 2, which is no list of sizes"]),
    "a truth value for a size": Bad(
        answer(shape=[2, True]), ["outputs[0] has the shape [2, true], which is no list of sizes"]
    ),
    "data that is no list": Bad(answer(shape=[], data=1.5), ["outputs[0] has a float as data and not a list"]),
    "an unknown datatype": Bad(answer(datatype="FLOAT"), ['outputs[0] has the unknown datatype "FLOAT"']),
    "a datatype that is no text": Bad(answer(datatype=["FP64"]), ['outputs[0] has the unknown datatype ["FP64"]']),
    "null for a number": Bad(answer(data=[None, 1]), ["outputs[0] has the element null, which is no finite FP64"]),
    "not a number": Bad(
        b'{"model_name":"m_1","outputs":[{"name":"p","shape":[3],"datatype":"FP32","data":[NaN,Infinity,1]}]}',
        ["outputs[0] has the element NaN and 1 more like it, which is no finite FP32"],
    ),
    "too large": Bad(
        answer(datatype="FP32", data=[1e39, 1]), ["outputs[0] has the element 1e+39, which is no finite FP32"]
    ),
    "a fraction for an integer": Bad(
        answer(datatype="INT32", data=[1.5, 1]), ["outputs[0] has the element 1.5, which is no INT32"]
    ),
    "out of bounds": Bad(
        answer(datatype="UINT8", data=[256, 1]), ["outputs[0] has the element 256, which is no UINT8"]
    ),
    "too large for any number": Bad(
        answer(data=[10**400, 1]), [f"outputs[0] has the element 1{'0' * 116}..., which is no finite FP64"]
    ),
    "a truth value for a number": Bad(
        answer(data=[True, 1]), ["outputs[0] has the element true, which is no finite FP64"]
    ),
    "a text for a number": Bad(answer(data=["1", 1]), ['outputs[0] has the element "1", which is no finite FP64']),
    "two things": Bad(
        {**answer(data=[None]), "model_name": "x"},
        [
            'model_name is "x" and not m_1',
            "outputs[0] has the shape [2, 1] and 1 elements",
            "outputs[0] has the element null, which is no finite FP64",
        ],
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_answer(bad: Bad) -> None:
    assert infer_faults(bad.answer, model=bad.model) == bad.found


def test_datatypes_are_those_of_the_protocol() -> None:
    assert set(DATATYPES) == {each.value for each in real.Datatype}


def test_long_value_is_cut() -> None:
    (fault,) = infer_faults({"error": "x" * 1000}, model="m")
    assert len(fault) < 160


ROW = {"name": "x", "datatype": "FP32", "shape": [2, 4], "data": []}
KNOWN = {"name": "x", "datatype": "FP32", "shape": [-1, 4]}
REQUESTS: list[Any] = [
    pytest.param([ROW], [KNOWN], [], id="fits"),
    pytest.param([ROW], [], [], id="a runtime that does not know its inputs"),
    pytest.param([ROW], None, [], id="no inputs in the metadata"),
    pytest.param([ROW], [{**KNOWN, "shape": [2, 4]}], [], id="a fixed size"),
    pytest.param(
        [ROW], [{**KNOWN, "shape": [-1, 3]}], ["input x has the shape [2, 4], and the model wants [-1, 3]"], id="size"
    ),
    pytest.param(
        [{**ROW, "shape": [8]}], [KNOWN], ["input x has the shape [8], and the model wants [-1, 4]"], id="axes"
    ),
    pytest.param([ROW], [{**KNOWN, "datatype": "INT8"}], ["input x is FP32, and the model wants INT8"], id="datatype"),
    pytest.param(
        [{**ROW, "name": "y"}],
        [KNOWN],
        ["input x is missing", "input y is not among the model's inputs (x)"],
        id="name",
    ),
    pytest.param([], [KNOWN], ["input x is missing"], id="no inputs"),
]


@pytest.mark.parametrize(("inputs", "known", "faults"), REQUESTS)
def test_request_against_metadata(inputs: list[Any], known: list[Any] | None, faults: list[str]) -> None:
    assert request_faults({"inputs": inputs}, {"name": "m", "inputs": known}) == faults


def test_values_of_all_outputs_in_order() -> None:
    found = {"outputs": [{"data": [[1, 2], [3, 4]]}, {"data": []}, {"data": ["a"]}]}
    assert values(found) == [1, 2, 3, 4, "a"]
    assert values({"error": "boom"}) == []


NAN, INFINITY = float("nan"), float("inf")
SAME: list[Any] = [
    pytest.param([1, 0.5], [1.0, 0.5], 0, True, id="equal"),
    pytest.param([], [], 0, True, id="nothing"),
    pytest.param([1.05], [1.0], 0.1, True, id="within"),
    pytest.param([1.2], [1.0], 0.1, False, id="outside"),
    pytest.param([1050.0], [1000.0], 0.1, True, id="within a share of a large number"),
    pytest.param([0.001], [0.0], 0.1, True, id="near zero"),
    pytest.param([1, 2], [1], 0.1, False, id="one more"),
    pytest.param([NAN], [NAN], 0.1, False, id="not a number"),
    pytest.param([INFINITY], [1.0], 0.1, False, id="infinite"),
    pytest.param([1.0], [INFINITY], 0.1, False, id="infinity expected"),
    pytest.param([INFINITY], [INFINITY], 0, True, id="both infinite"),
    pytest.param([10**400], [1.0], 0.1, False, id="too large for any float"),
    pytest.param(["a"], ["a"], 0, True, id="texts"),
    pytest.param(["a"], ["b"], 0.1, False, id="other texts"),
    pytest.param([True], [1], 0.1, False, id="a truth value is no number"),
    pytest.param([None], [1], 0.1, False, id="null"),
    pytest.param([[1], [2]], [1, 2], 0, True, id="nested"),
    pytest.param([[1, 2]], [[1, 3]], 0, False, id="nested and different"),
    pytest.param([[1, 2]], [[1]], 0, False, id="nested and longer"),
]


@pytest.mark.parametrize(("found", "expected", "tolerance", "same"), SAME)
def test_same_values(found: list[Any], expected: list[Any], tolerance: float, same: bool) -> None:
    assert same_values(found, expected, tolerance) is same


NESTED = st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=20)


@given(st.lists(NESTED, max_size=4))
def test_flat_keeps_all_in_order(data: list[Any]) -> None:
    assert list(flat(data)) == [int(number) for number in re.findall(r"-?\d+", json.dumps(data))]
