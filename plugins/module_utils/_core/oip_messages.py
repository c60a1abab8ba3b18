# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gRPC messages of the Open Inference Protocol as bytes, made and read without protobuf.

Callers have the JSON form of the protocol in hand. Field numbers:
https://github.com/open-inference/open-inference-protocol, ``specification/protocol/open_inference_grpc.proto``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Sequence

from .errors import ServingError
from .inference import DATATYPES, flat
from .protobuf import FIXED32, FIXED64, LENGTH, VARINT, Message, delimited, signed, tag, text, varint

Json = Dict[str, Any]

SERVICE = "/inference.GRPCInferenceService/"
SERVER_LIVE, SERVER_READY = SERVICE + "ServerLive", SERVICE + "ServerReady"
MODEL_READY, MODEL_METADATA, MODEL_INFER = SERVICE + "ModelReady", SERVICE + "ModelMetadata", SERVICE + "ModelInfer"


# --- requests ---------------------------------------------------------------------------------------------------


def empty() -> bytes:
    """Return the message of calls that take no argument: ServerLive and ServerReady."""
    return b""


def model_name(name: str, version: str = "") -> bytes:
    """Return the message of calls that only name a model: ModelReady and ModelMetadata."""
    return text(1, name) + text(2, version)


def infer_request(model: str, request: Mapping[str, Any]) -> bytes:
    """Return a ModelInferRequest, made from the JSON form of a request."""
    inputs = [_Input.parse(given, f"inputs[{index}]") for index, given in enumerate(request.get("inputs") or [])]
    # FP16 has no field of its own. Where one tensor is raw, all are.
    raw = any(each.datatype == "FP16" for each in inputs)
    return b"".join(
        [
            text(1, model),
            text(2, str(request.get("model_version") or "")),
            text(3, str(request.get("id") or "")),
            _parameters(4, request.get("parameters")),
            *(delimited(5, each.encode(raw=raw)) for each in inputs),
            *(
                delimited(6, text(1, str(each.get("name") or "")) + _parameters(2, each.get("parameters")))
                for each in request.get("outputs") or []
            ),
            *(delimited(7, _raw(each.datatype, each.data, each.place)) for each in inputs if raw),
        ]
    )


@dataclass(frozen=True)
class _Input:
    """One tensor of a request."""

    place: str
    name: str
    datatype: str
    shape: Sequence[int]
    parameters: Mapping[str, Any]
    data: Sequence[Any]

    @classmethod
    def parse(cls, given: Mapping[str, Any], place: str) -> _Input:
        datatype = given.get("datatype")
        if datatype not in DATATYPES:
            raise ServingError(f"{place} has the datatype {datatype!r}. Set one of {', '.join(DATATYPES)}.")
        shape = given.get("shape")
        if not isinstance(shape, (list, tuple)):
            raise ServingError(f"{place} has the shape {shape!r}. Set a list of sizes.")
        data = tuple(flat(given["data"])) if given.get("data") is not None else ()
        return cls(place, str(given.get("name") or ""), str(datatype), shape, given.get("parameters") or {}, data)

    def encode(self, *, raw: bool) -> bytes:
        found = text(1, self.name) + text(2, self.datatype)
        if self.shape:
            found += delimited(3, _integers(self.shape, "INT64", f"{self.place}.shape"))
        found += _parameters(4, self.parameters)
        return found if raw else found + delimited(5, _contents(self.datatype, self.data, self.place))


# --- answers ----------------------------------------------------------------------------------------------------


def live(message: bytes) -> bool:
    """Say what a ServerLiveResponse says."""
    return Message("ServerLiveResponse", message).flag(1)


def ready(message: bytes) -> bool:
    """Say what a ServerReadyResponse or a ModelReadyResponse says."""
    return Message("ReadyResponse", message).flag(1)


def metadata_response(message: bytes) -> Json:
    """Return a ModelMetadataResponse in its JSON form."""
    found = Message("ModelMetadataResponse", message)
    return {
        "name": found.text(1),
        "versions": found.texts(2),
        "platform": found.text(3),
        "inputs": [_tensor(each) for each in found.messages(4)],
        "outputs": [_tensor(each) for each in found.messages(5)],
        **_read_parameters(found, 6),
    }


def infer_response(message: bytes) -> Json:
    """Return a ModelInferResponse in its JSON form; bytes that are no UTF-8 are written with backslashes."""
    found = Message("ModelInferResponse", message)
    raw = found.blobs(6)
    outputs = []
    for each in found.messages(5):
        output = _tensor(each)
        data = _read_contents(each.merged(5))
        # Some tensors may be raw and others not; the raw ones stand in their order.
        output["data"] = data or (_read_raw(output["datatype"], raw.pop(0)) if raw else [])
        outputs.append(output)
    if raw:
        raise ServingError(
            f"The ModelInferResponse carries {len(raw)} raw tensors more than it has outputs without data."
        )
    return {
        "model_name": found.text(1),
        "model_version": found.text(2),
        "id": found.text(3),
        **_read_parameters(found, 4),
        "outputs": outputs,
    }


def _tensor(found: Message) -> Json:
    return {
        "name": found.text(1),
        "datatype": found.text(2),
        "shape": [signed(value, 64) for value in found.varints(3)],
        **_read_parameters(found, 4),
    }


# --- tensors ----------------------------------------------------------------------------------------------------

# The field of InferTensorContents for each datatype, and the code of module struct for a raw element.
_FIELDS = {
    "BOOL": (1, "?"),
    "INT8": (2, "b"),
    "INT16": (2, "h"),
    "INT32": (2, "i"),
    "INT64": (3, "q"),
    "UINT8": (4, "B"),
    "UINT16": (4, "H"),
    "UINT32": (4, "I"),
    "UINT64": (5, "Q"),
    "FP16": (0, "e"),
    "FP32": (6, "f"),
    "FP64": (7, "d"),
    "BYTES": (8, ""),
}


def _contents(datatype: str, data: Sequence[Any], place: str) -> bytes:
    field, code = _FIELDS[datatype]
    if datatype == "BYTES":
        return b"".join(delimited(field, _as_bytes(value, place)) for value in data)
    if not data:
        return b""
    if code in "fd":
        return delimited(field, _packed(datatype, data, place))
    return delimited(field, _integers(data, datatype, place))


def _raw(datatype: str, data: Sequence[Any], place: str) -> bytes:
    if datatype != "BYTES":
        return _packed(datatype, data, place)
    elements = [_as_bytes(value, place) for value in data]
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def _packed(datatype: str, data: Sequence[Any], place: str) -> bytes:
    code = _FIELDS[datatype][1]
    try:
        return struct.pack(f"<{len(data)}{code}", *data)
    except (struct.error, OverflowError) as error:
        raise ServingError(f"{place} holds an element that is no {datatype} ({error}).") from error


def _integers(data: Sequence[Any], datatype: str, place: str) -> bytes:
    known = DATATYPES[datatype]
    for value in data:
        if not known.holds(value):
            raise ServingError(f"{place} holds {value!r}, which is no {datatype}.")
    return b"".join(map(varint, data))


def _as_bytes(value: object, place: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise ServingError(f"{place} holds {value!r}, which is no BYTES.")


def _read_contents(found: Message) -> list[Any]:
    kinds: Sequence[list[Any]] = (
        [bool(value) for value in found.varints(1)],
        [signed(value, 32) for value in found.varints(2)],
        [signed(value, 64) for value in found.varints(3)],
        [value & 0xFFFFFFFF for value in found.varints(4)],
        found.varints(5),
        found.floats(6, FIXED32),
        found.floats(7, FIXED64),
        [_readable(value) for value in found.blobs(8)],
    )
    # A tensor has one kind of contents.
    return next(filter(None, kinds), [])


def _read_raw(datatype: str, raw: bytes) -> list[Any]:
    if datatype not in _FIELDS:
        raise ServingError(f"The ModelInferResponse carries a raw tensor of the unknown datatype {datatype!r}.")
    code = _FIELDS[datatype][1]
    try:
        if datatype == "BYTES":
            return [_readable(value) for value in _split(raw)]
        return [value for (value,) in struct.iter_unpack("<" + code, raw)]
    except struct.error as error:
        raise ServingError(f"The ModelInferResponse carries {len(raw)} raw bytes for {datatype} ({error}).") from error


def _split(raw: bytes) -> list[bytes]:
    """Return the elements of a raw BYTES tensor; each has its length before it."""
    found, offset = [], 0
    while offset < len(raw):
        (length,) = struct.unpack_from("<I", raw, offset)
        found.append(struct.unpack_from(f"{length}s", raw, offset + 4)[0])
        offset += 4 + length
    return found


def _readable(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


# --- parameters -------------------------------------------------------------------------------------------------


def _parameters(field: int, given: Mapping[str, Any] | None) -> bytes:
    entries = [
        delimited(1, str(key).encode()) + delimited(2, _parameter(str(key), value))
        for key, value in (given or {}).items()
        if value is not None
    ]
    return b"".join(delimited(field, entry) for entry in entries)


def _parameter(key: str, value: object) -> bytes:
    # Also a value that is its type's default is written, or else it would be none.
    if isinstance(value, bool):
        return tag(1, VARINT) + varint(value)
    if isinstance(value, int):
        return tag(2, VARINT) + _integers([value], "INT64", f"parameters.{key}")
    if isinstance(value, str):
        return delimited(3, value.encode())
    raise ServingError(f"The parameter {key} is {value!r}. gRPC carries booleans, integers and strings.")


def _read_parameters(found: Message, field: int) -> Json:
    entries = {entry.text(1): _read_parameter(entry.merged(2)) for entry in found.messages(field)}
    known = {key: value for key, value in entries.items() if value is not None}
    return {"parameters": known} if known else {}


def _read_parameter(found: Message) -> bool | int | str | None:
    number, value = found.last((1, VARINT), (2, VARINT), (3, LENGTH)) or (0, 0)
    if isinstance(value, bytes):
        return found.decoded(value)
    return {1: bool(value), 2: signed(value, 64)}.get(number)


__all__ = [
    "MODEL_INFER",
    "MODEL_METADATA",
    "MODEL_READY",
    "SERVER_LIVE",
    "SERVER_READY",
    "empty",
    "infer_request",
    "infer_response",
    "live",
    "metadata_response",
    "model_name",
    "ready",
]
