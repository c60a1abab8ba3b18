# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the JSON of the Open Inference Protocol says, and what is wrong with it.

Facts: https://github.com/open-inference/open-inference-protocol, ``specification/protocol/inference_rest.md``.
"""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Iterator, Mapping, Sequence

Json = Mapping[str, Any]

BOOL, INTEGER, FLOAT, BYTES = "bool", "integer", "float", "bytes"
_NOTHING = object()


@dataclass(frozen=True)
class Datatype:
    """What the elements of a tensor are, and between which bounds; those of a float leave out what is not finite."""

    kind: str
    low: float = 0
    high: float = 0

    def holds(self, value: object) -> bool:
        """Say whether a value out of JSON can be an element."""
        if self.kind == BYTES:
            return isinstance(value, str)
        if isinstance(value, bool):
            return self.kind == BOOL
        if self.kind == FLOAT:
            return isinstance(value, (int, float)) and abs(value) <= self.high
        return isinstance(value, int) and self.low <= value <= self.high


DATATYPES: Mapping[str, Datatype] = {
    "BOOL": Datatype(BOOL, 0, 1),
    **{f"UINT{bits}": Datatype(INTEGER, 0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": Datatype(INTEGER, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    "FP16": Datatype(FLOAT, high=65504.0),
    "FP32": Datatype(FLOAT, high=(2 - 2**-23) * 2.0**127),
    "FP64": Datatype(FLOAT, high=sys.float_info.max),
    "BYTES": Datatype(BYTES),
}


def flat(data: object) -> Iterator[Any]:
    """Yield the elements of a tensor, which may be nested lists, in row-major order."""
    # A stack of its own: how deep an answer is nested is not ours to say.
    stack = [iter([data])]
    while stack:
        for item in stack[-1]:
            if isinstance(item, (list, tuple)):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()


def infer_faults(answer: Json | bytes, *, model: str) -> list[str]:
    """Return what is wrong with the answer to an inference that was routed to a model, or nothing.

    The model may answer under the name that is given or, when that has no version, under ``<model>_<version>``.
    """
    if isinstance(answer, bytes):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError) as error:
            return [f"the body is no JSON ({error})"]
    if not isinstance(answer, Mapping):
        return [f"the body is {_kind(answer)} and not an object"]
    if "error" in answer:
        return [f"the answer is an error: {_short(answer['error'])}"]
    outputs = answer.get("outputs")
    if not isinstance(outputs, list) or not outputs:
        return [*_name_faults(answer, model), f"outputs is {_kind(outputs)} and not a list of tensors"]
    return [
        *_name_faults(answer, model),
        *(fault for index, output in enumerate(outputs) for fault in _tensor_faults(output, f"outputs[{index}]")),
    ]


def request_faults(request: Json, metadata: Json) -> list[str]:
    """Return where the inputs of a request do not match a model's metadata, or nothing.

    A runtime that does not know its inputs names none. Then there is nothing to compare.
    """
    known = {str(each.get("name")): each for each in metadata.get("inputs") or []}
    if not known:
        return []
    given = {str(each.get("name")): each for each in request.get("inputs") or []}
    return [
        *(f"input {name} is missing" for name in known if name not in given),
        *(f"input {name} is not among the model's inputs ({', '.join(known)})" for name in given if name not in known),
        *(fault for name in given if name in known for fault in _input_faults(given[name], known[name])),
    ]


def values(answer: Json) -> list[Any]:
    """Return the elements of all outputs of an answer, one after the other."""
    return [value for output in answer.get("outputs") or [] for value in flat(output.get("data"))]


def same_values(found: Sequence[Any], expected: Sequence[Any], tolerance: float) -> bool:
    """Say whether all values agree; numbers may differ by the tolerance, times their size where that is above 1."""
    pairs = zip_longest(flat(found), flat(expected), fillvalue=_NOTHING)
    return all(_same(one, other, tolerance) for one, other in pairs)


def _same(found: Any, expected: Any, tolerance: float) -> bool:
    # Among the other values are those that are not finite: infinity is the same as itself alone, and NaN as nothing.
    if _is_finite(found) and _is_finite(expected):
        return bool(abs(found - expected) <= tolerance * max(1.0, abs(expected)))
    return type(found) is type(expected) and bool(found == expected)


def _is_finite(value: object) -> bool:
    return not isinstance(value, bool) and DATATYPES["FP64"].holds(value)


def _name_faults(answer: Json, model: str) -> list[str]:
    name = answer.get("model_name")
    # No name holds an underscore, so what does is a version's own name already.
    version = "" if "_" in model else r"(_\d+)?"
    if isinstance(name, str) and re.fullmatch(re.escape(model) + version, name):
        return []
    return [f"model_name is {_short(name)} and not {model}"]


def _tensor_faults(tensor: object, place: str) -> list[str]:
    if not isinstance(tensor, Mapping):
        return [f"{place} is {_kind(tensor)} and not a tensor"]
    missing = [key for key in ("name", "shape", "datatype", "data") if tensor.get(key) in (None, "")]
    if missing:
        return [f"{place} has no {', no '.join(missing)}"]
    return [*_shape_faults(tensor, place), *_data_faults(tensor, place)]


def _shape_faults(tensor: Json, place: str) -> list[str]:
    shape = tensor["shape"]
    if not isinstance(shape, list) or not all(Datatype(INTEGER, 0, 2**63 - 1).holds(size) for size in shape):
        return [f"{place} has the shape {_short(shape)}, which is no list of sizes"]
    if not isinstance(tensor["data"], list):
        return [f"{place} has {_kind(tensor['data'])} as data and not a list"]
    elements = sum(1 for _element in flat(tensor["data"]))
    if math.prod(shape) != elements:
        return [f"{place} has the shape {shape} and {elements} elements"]
    return []


def _data_faults(tensor: Json, place: str) -> list[str]:
    datatype = DATATYPES.get(tensor["datatype"]) if isinstance(tensor["datatype"], str) else None
    if datatype is None:
        return [f"{place} has the unknown datatype {_short(tensor['datatype'])}"]
    strays = [value for value in flat(tensor["data"]) if not datatype.holds(value)]
    if not strays:
        return []
    more = f" and {len(strays) - 1} more like it" if len(strays) > 1 else ""
    # MLServer writes a number that is not finite as null.
    kind = f"finite {tensor['datatype']}" if datatype.kind == FLOAT else tensor["datatype"]
    return [f"{place} has the element {_short(strays[0])}{more}, which is no {kind}"]


def _input_faults(given: Json, known: Json) -> list[str]:
    faults = []
    if given.get("datatype") != known.get("datatype"):
        faults.append(f"input {given['name']} is {given.get('datatype')}, and the model wants {known.get('datatype')}")
    found, wanted = list(given.get("shape") or []), list(known.get("shape") or [])
    if len(found) != len(wanted) or any(size not in (-1, found[axis]) for axis, size in enumerate(wanted)):
        faults.append(f"input {given['name']} has the shape {found}, and the model wants {wanted}")
    return faults


def _kind(value: object) -> str:
    if value is None:
        return "missing"
    return "empty" if value in ([], {}, "") else f"a {type(value).__name__}"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."


__all__ = ["DATATYPES", "flat", "infer_faults", "request_faults", "same_values", "values"]
