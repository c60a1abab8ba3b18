# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our bytes are the ones that protobuf writes and reads, with the real messages as oracle."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import mlserver.grpc.dataplane_pb2 as real
import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.oip_messages import (
    empty,
    infer_request,
    infer_response,
    live,
    metadata_response,
    model_name,
    ready,
)

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
FLOATS = {"FP16": 16, "FP32": 32, "FP64": 64}
# Texts out of JSON may hold half of a surrogate pair, and protobuf refuses those.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PARAMETERS = st.dictionaries(TEXTS, st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS, max_size=3)
SHAPES = st.lists(st.integers(-1, 2**63 - 1), max_size=4)


def elements(datatype: str) -> st.SearchStrategy[Any]:
    """Return what a tensor of this type may hold."""
    if datatype in FLOATS:
        return st.floats(width=FLOATS[datatype], allow_nan=False)  # type: ignore[arg-type]  # one of the three there are
    if datatype == "BOOL":
        return st.booleans()
    if datatype == "BYTES":
        return TEXTS
    bits = int(datatype.lstrip("UINT"))
    return st.integers(0, 2**bits - 1) if datatype[0] == "U" else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def tensors(datatypes: list[str]) -> st.SearchStrategy[Any]:
    return st.sampled_from(datatypes).flatmap(
        lambda datatype: st.fixed_dictionaries(
            {
                "name": TEXTS,
                "datatype": st.just(datatype),
                "shape": SHAPES,
                "data": st.lists(elements(datatype), max_size=5),
                "parameters": PARAMETERS,
            }
        )
    )


def requests(datatypes: list[str]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            "id": TEXTS,
            "parameters": PARAMETERS,
            "inputs": st.lists(tensors(datatypes), max_size=3),
            "outputs": st.lists(st.fixed_dictionaries({"name": TEXTS, "parameters": PARAMETERS}), max_size=2),
        }
    )


def set_parameters(message: Any, given: dict[str, Any]) -> None:
    for key, value in given.items():
        field = {bool: "bool_param", int: "int64_param", str: "string_param"}[type(value)]
        setattr(message.parameters[key], field, value)


def set_tensor(message: Any, tensor: dict[str, Any], *, contents: bool = True) -> None:
    message.name, message.datatype = tensor["name"], tensor["datatype"]
    message.shape.extend(tensor["shape"])
    set_parameters(message, tensor["parameters"])
    if contents:
        data = [value.encode() if isinstance(value, str) else value for value in tensor["data"]]
        getattr(message.contents, CONTENTS[tensor["datatype"]]).extend(data)


def real_request(model: str, request: dict[str, Any], *, raw: list[bytes]) -> Any:
    message = real.ModelInferRequest(model_name=model, id=request["id"], raw_input_contents=raw)
    set_parameters(message, request["parameters"])
    for tensor in request["inputs"]:
        set_tensor(message.inputs.add(), tensor, contents=not raw)
        if not raw:
            # Ours says that the contents are there, also when they are empty.
            message.inputs[-1].contents.SetInParent()
    for output in request["outputs"]:
        set_parameters(message.outputs.add(name=output["name"]), output["parameters"])
    return message


@given(TEXTS, requests(list(CONTENTS)))
def test_request_is_what_protobuf_reads(model: str, request: dict[str, Any]) -> None:
    found = real.ModelInferRequest.FromString(infer_request(model, request))
    assert found == real_request(model, request, raw=[])


@given(st.lists(st.floats(width=16, allow_nan=False), min_size=1, max_size=4), st.lists(TEXTS, max_size=3))
def test_half_floats_make_all_tensors_raw(halves: list[float], texts: list[str]) -> None:
    inputs = [
        {"name": "h", "datatype": "FP16", "shape": [len(halves)], "data": halves},
        {"name": "t", "datatype": "BYTES", "shape": [len(texts)], "data": texts},
    ]
    found = real.ModelInferRequest.FromString(infer_request("m", {"inputs": inputs}))
    assert not any(each.HasField("contents") for each in found.inputs)
    # The answer has the same fields under the same numbers, so what we write we can read.
    again = infer_response(
        real.ModelInferResponse(
            outputs=[{"name": each.name, "datatype": each.datatype, "shape": each.shape} for each in found.inputs],
            raw_output_contents=found.raw_input_contents,
        ).SerializeToString()
    )
    assert [each["data"] for each in again["outputs"]] == [halves, texts]


@given(TEXTS, TEXTS, requests(list(CONTENTS)))
def test_answer_is_read_as_protobuf_wrote_it(model: str, version: str, given_answer: dict[str, Any]) -> None:
    message = real.ModelInferResponse(model_name=model, model_version=version, id=given_answer["id"])
    set_parameters(message, given_answer["parameters"])
    for tensor in given_answer["inputs"]:
        set_tensor(message.outputs.add(), tensor)
    found = infer_response(message.SerializeToString())
    assert (found["model_name"], found["model_version"], found["id"]) == (model, version, given_answer["id"])
    assert found.get("parameters", {}) == given_answer["parameters"]
    assert [{"parameters": {}, **each} for each in found["outputs"]] == given_answer["inputs"]


RAW = [
    pytest.param("FP32", b"\0\0\x80\x3f\0\0\0\xc0", [1.0, -2.0], id="floats"),
    pytest.param("FP16", b"\0\x3c", [1.0], id="half floats"),
    pytest.param("INT64", b"\xff" * 8, [-1], id="signed"),
    pytest.param("UINT64", b"\xff" * 8, [2**64 - 1], id="unsigned"),
    pytest.param("BOOL", b"\1\0", [True, False], id="truth values"),
    pytest.param("BYTES", b"\2\0\0\0ab\0\0\0\0\1\0\0\0\xff", ["ab", "", "\\xff"], id="bytes"),
]


@pytest.mark.parametrize(("datatype", "raw", "data"), RAW)
def test_raw_contents_go_to_the_outputs_without_data(datatype: str, raw: bytes, data: list[Any]) -> None:
    message = real.ModelInferResponse(raw_output_contents=[raw])
    message.outputs.add(name="with", datatype="FP64").contents.fp64_contents.append(0.5)
    message.outputs.add(name="raw", datatype=datatype, shape=[len(data)])
    found = infer_response(message.SerializeToString())
    assert [each["data"] for each in found["outputs"]] == [[0.5], data]


@given(st.lists(tensors(["FP64"]), max_size=3), st.lists(TEXTS, max_size=3), PARAMETERS)
def test_metadata_is_read(inputs: list[dict[str, Any]], versions: list[str], parameters: dict[str, Any]) -> None:
    message = real.ModelMetadataResponse(name="m", platform="p", versions=versions)
    set_parameters(message, parameters)
    for tensor in inputs:
        set_tensor(message.inputs.add(), tensor, contents=False)
    message.outputs.add(name="o", datatype="INT8", shape=[-1])
    found = metadata_response(message.SerializeToString())
    assert (found["name"], found["platform"], found["versions"]) == ("m", "p", versions)
    assert found.get("parameters", {}) == parameters
    expected = [{key: value for key, value in tensor.items() if key != "data"} for tensor in inputs]
    assert [{"parameters": {}, **each} for each in found["inputs"]] == expected
    assert found["outputs"] == [{"name": "o", "datatype": "INT8", "shape": [-1]}]


@given(TEXTS, TEXTS)
def test_names(name: str, version: str) -> None:
    for kind in (real.ModelReadyRequest, real.ModelMetadataRequest):
        assert kind.FromString(model_name(name, version)) == kind(name=name, version=version)
    assert real.ServerLiveRequest.FromString(empty()) == real.ServerLiveRequest()


@pytest.mark.parametrize("said", [True, False])
def test_ready_and_live(said: bool) -> None:
    assert ready(real.ModelReadyResponse(ready=said).SerializeToString()) is said
    assert ready(real.ServerReadyResponse(ready=said).SerializeToString()) is said
    assert live(real.ServerLiveResponse(live=said).SerializeToString()) is said


def test_last_one_of_several_counts() -> None:
    parts = [real.ModelInferResponse(model_name=name, id=name) for name in ("first", "last")]
    assert infer_response(b"".join(part.SerializeToString() for part in parts))["model_name"] == "last"
    # A parameter of two kinds at once, which only a hand writes.
    parameter = b"".join(
        real.InferParameter(**each).SerializeToString() for each in ({"string_param": "s"}, {"int64_param": 7})
    )
    entry = b"\x0a\x01p\x12" + bytes([len(parameter)]) + parameter
    message = b"\x22" + bytes([len(entry)]) + entry
    assert real.ModelInferResponse.FromString(message).parameters["p"].int64_param == 7
    assert infer_response(message)["parameters"] == {"p": 7}


def test_contents_in_parts_belong_together() -> None:
    parts = [real.InferTensorContents(fp64_contents=[value]).SerializeToString() for value in (0.5, 2.0)]
    output = b"".join(b"\x2a" + bytes([len(part)]) + part for part in parts)
    message = b"\x2a" + bytes([len(output)]) + output
    assert list(real.ModelInferResponse.FromString(message).outputs[0].contents.fp64_contents) == [0.5, 2.0]
    assert infer_response(message)["outputs"][0]["data"] == [0.5, 2.0]


@pytest.mark.parametrize("last", [b"\x01", b"\x02", b"\x7f"])
def test_bits_beyond_the_64th_are_cut_off(last: bytes) -> None:
    contents = b"\x2a\x0c\x2a\x0a" + b"\xff" * 9 + last
    message = b"\x2a" + bytes([len(contents)]) + contents
    (expected,) = real.ModelInferResponse.FromString(message).outputs[0].contents.uint64_contents
    assert infer_response(message)["outputs"][0]["data"] == [expected]


# --- bytes that nobody wrote on purpose -------------------------------------------------------------------------


def sample_answer() -> bytes:
    message = real.ModelInferResponse(model_name="m_1", id="7", raw_output_contents=[b"\0" * 8])
    message.parameters["p"].string_param = "s"
    message.outputs.add(name="o", datatype="FP64", shape=[1, 1]).contents.fp64_contents.append(0.25)
    message.outputs.add(name="i", datatype="INT32", shape=[2]).contents.int_contents.extend([-1, 300])
    message.outputs.add(name="r", datatype="FP64", shape=[1])
    return bytes(message.SerializeToString())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(sample_answer())
    for place in draw(st.lists(st.integers(0, len(data) - 1), max_size=3)):
        data[place] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@given(st.binary(max_size=40) | damaged())
@example(b"\x08")
def test_damaged_answer_is_refused_or_read_as_protobuf_reads_it(data: bytes) -> None:
    try:
        found = infer_response(data)
    except ServingError:
        return
    message = real.ModelInferResponse.FromString(data)
    assert (found["model_name"], found["id"]) == (message.model_name, message.id)
    assert [each["name"] for each in found["outputs"]] == [each.name for each in message.outputs]
    assert [each["shape"] for each in found["outputs"]] == [list(each.shape) for each in message.outputs]


DAMAGED = [
    pytest.param(b"\x08", "an integer is cut off", id="half a varint"),
    pytest.param(b"\x0a\x05ab", "it is cut off", id="half a text"),
    pytest.param(b"\x0a\x01\xff", "a text is no UTF-8 ('utf-8' codec can't decode byte 0xff", id="no text"),
    pytest.param(b"\x02\x00", "a field has the number 0", id="field 0"),
    pytest.param(b"\x0b", "the wire type 3 is not used", id="a group"),
    pytest.param(b"\x08" + b"\xff" * 10 + b"\x01", "an integer is longer than 64 bits", id="a long varint"),
    pytest.param(b"\x2a\x05\x2a\x03\x3a\x01\0", "packed numbers are cut off", id="half a number"),
]


@pytest.mark.parametrize(("data", "reason"), DAMAGED)
def test_damage_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError):
        real.ModelInferResponse.FromString(data)
    with pytest.raises(ServingError, match=f"^The ModelInferResponse cannot be read: {re.escape(reason)}"):
        infer_response(data)


@pytest.mark.parametrize(
    ("datatype", "raw", "said"),
    [
        pytest.param("FP64", [b"123"], "The ModelInferResponse carries 3 raw bytes for FP64 ", id="half a number"),
        pytest.param("BYTES", [b"\5\0\0\0ab"], "The ModelInferResponse carries 6 raw bytes for B", id="half a text"),
        pytest.param("FP7", [b"1"], "The ModelInferResponse carries a raw tensor of the unknown ", id="?"),
        pytest.param("FP64", [b"", b""], "The ModelInferResponse carries 1 raw tensors more than it ", id="too many"),
    ],
)
def test_raw_contents_that_do_not_fit_are_refused(datatype: str, raw: list[bytes], said: str) -> None:
    message = real.ModelInferResponse(raw_output_contents=raw)
    message.outputs.add(datatype=datatype)
    with pytest.raises(ServingError, match=f"^{re.escape(said)}"):
        infer_response(message.SerializeToString())


TENSOR = {"name": "x", "datatype": "FP64", "shape": [1], "data": [1]}
REFUSED: list[Any] = [
    pytest.param({"datatype": "FP7"}, "inputs[0] has the datatype 'FP7'. Set one of BOOL, UINT8,", id="datatype"),
    pytest.param({"shape": 3}, "inputs[0] has the shape 3. Set a list of sizes.", id="shape"),
    pytest.param({"shape": ["a"]}, "inputs[0].shape holds 'a', which is no INT64.", id="sizes"),
    pytest.param({"data": ["a"]}, "inputs[0] holds an element that is no FP64 (", id="text for a number"),
    pytest.param({"datatype": "FP32", "data": [1e39]}, "inputs[0] holds an element that is no FP32 (", id="too large"),
    pytest.param({"datatype": "INT8", "data": [128]}, "inputs[0] holds 128, which is no INT8.", id="out of bounds"),
    pytest.param({"datatype": "INT8", "data": [1.0]}, "inputs[0] holds 1.0, which is no INT8.", id="no integer"),
    pytest.param({"datatype": "BYTES", "data": [1]}, "inputs[0] holds 1, which is no BYTES.", id="no text"),
    pytest.param({"parameters": {"p": 0.5}}, "The parameter p is 0.5. gRPC carries booleans, ", id="parameter"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_request_that_cannot_be_sent_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ServingError, match=f"^{re.escape(said)}"):
        infer_request("m", {"inputs": [{**TENSOR, **change}]})


@pytest.mark.parametrize("encode", [lambda data: data, lambda data: [[value] for value in data]], ids=["flat", "rows"])
def test_nested_data_is_flattened(encode: Callable[[list[float]], Any]) -> None:
    request = {"inputs": [{**TENSOR, "shape": [2, 1], "data": encode([0.5, 2.0])}]}
    found = real.ModelInferRequest.FromString(infer_request("m", request))
    assert list(found.inputs[0].contents.fp64_contents) == [0.5, 2.0]
