# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two models answer the same golden requests alike, asked before one of them gets any traffic.

An answer is HTTP 200 as well when a model was trained with its columns in another order, so what is inside is compared:
names, datatypes and shapes of the outputs, and each of their elements. Floats agree within a tolerance, everything else
agrees when it is equal.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from .analysis import Measurement
from .errors import ServingError
from .inference import DATATYPES, FLOAT, flat, infer_faults
from .request_path import Answer

if TYPE_CHECKING:
    from typing import TypeGuard

# FP32 has about seven digits, and sums in another order cost some of them. What PyTorch grants an exported model, too.
RTOL = 1e-3
ATOL = 1e-6

_LONGEST = 60

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Tolerance:
    """How far two floats may be apart: |a - b| <= max(relative * max(|a|, |b|), absolute).

    Which of them is the baseline's makes no difference. Source: Python's ``math.isclose`` (PEP 485).
    """

    relative: float = RTOL
    absolute: float = ATOL

    def allows(self, one: object, other: object, datatype: str) -> bool:
        """Say whether two elements of a datatype agree."""
        if DATATYPES[datatype].kind == FLOAT and _is_number(one) and _is_number(other):
            return math.isclose(one, other, rel_tol=self.relative, abs_tol=self.absolute)
        return one == other


@dataclass(frozen=True)
class Golden:
    """Requests to compare answers with, and the answers that models are known to give to them, by model."""

    requests: tuple[Json, ...]
    answers: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes) -> Golden:
        """Read a file of samples. Here ``models``, with their answers, may be missing."""
        try:
            values = json.loads(content)
            requests = tuple(dict(each) for each in values["requests"])
            models = values.get("models") or {}
            answers = {name: tuple(each["answers"]) for name, each in models.items() if each.get("answers") is not None}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ServingError(
                f"it holds no golden requests ({error!r}); set golden to a file with requests, a list of inference "
                'requests, and, if the answers are known, models, such as {"NAME": {"answers": [0, 1]}}'
            ) from error
        bad = [number for number, each in enumerate(requests, 1) if not _has_inputs(each)]
        if bad or not requests:
            found = f"request {bad[0]} has no inputs" if bad else "it holds no requests"
            raise ServingError(f"{found}; set golden to a file whose requests each have a list of inputs")
        short = sorted(name for name, each in answers.items() if len(each) != len(requests))
        if short:
            raise ServingError(
                f"it has no answer to each request for {', '.join(short)}; record one for each of its {len(requests)} "
                "requests, or take the answers out"
            )
        return cls(requests, answers)


@dataclass(frozen=True)
class Reply:
    """What a model said to one request: its outputs by name, or what is wrong with its answer."""

    outputs: Mapping[str, Json] = field(default_factory=dict)
    fault: str = ""

    @classmethod
    def of(cls, answer: Answer, model: str) -> Reply:
        """Read what came back from a model's own server."""
        if answer.status != 200:
            return cls(fault=f"it answers {answer.brief}")
        faults = infer_faults(answer.body, model=model)
        if faults:
            return cls(fault=faults[0])
        outputs = json.loads(answer.body)["outputs"]
        named = {str(each["name"]): each for each in outputs}
        return cls(named) if len(named) == len(outputs) else cls(fault="two of its outputs have the same name")

    @property
    def values(self) -> list[tuple[Any, str]]:
        """All elements one after the other, each with its datatype."""
        return [(value, each["datatype"]) for each in self.outputs.values() for value in flat(each["data"])]


@dataclass(frozen=True)
class Comparison:
    """What both models said to a golden request. ``golden``: what the candidate is known to say, None if unknown."""

    number: int
    baseline: Reply
    candidate: Reply
    golden: tuple[Any, ...] | None = None

    def keeps_golden(self, tolerance: Tolerance) -> bool:
        """Say whether the candidate answers as it is known to."""
        found, known = self.candidate.values, self.golden or ()
        return len(found) == len(known) and all(
            tolerance.allows(value, wanted, datatype) for (value, datatype), wanted in zip(found, known)
        )

    def difference(self, tolerance: Tolerance) -> str:
        """Say where the candidate's answer differs first; nothing when it agrees."""
        if self.candidate.fault:
            return f"request {self.number}, the candidate: {self.candidate.fault}"
        for name in dict.fromkeys((*self.baseline.outputs, *self.candidate.outputs)):
            found = _output_difference(self.baseline.outputs.get(name), self.candidate.outputs.get(name), tolerance)
            if found:
                return f"request {self.number}, output {name}{found}"
        if self.golden is not None and not self.keeps_golden(tolerance):
            found_values = [value for value, _datatype in self.candidate.values]
            return (
                f"request {self.number}, the candidate's own golden answer: {_short(list(self.golden))}, and it "
                f"answers {_short(found_values)}"
            )
        return ""


def agreement(compared: Sequence[Comparison], tolerance: Tolerance, *, left_out: str = "") -> Measurement:
    """Return the share of requests on which the models agree, and in its note where they first do not.

    A candidate that does not answer, or breaks its own golden answer, does not agree. A baseline that does not answer
    is an error: there is nothing to compare with, and that is not the candidate's fault. ``left_out``: which requests
    were not asked.
    """
    blind = next((each for each in compared if each.baseline.fault), None)
    if blind:
        who = "neither model gives" if blind.candidate.fault else "the baseline does not give"
        return Measurement(error=f"{who} a proper answer to request {blind.number}: {blind.baseline.fault}")
    if not compared:
        return Measurement(error=left_out or "there are no golden requests")
    differences = [found for found in (each.difference(tolerance) for each in compared) if found]
    agreeing = len(compared) - len(differences)
    remarks = [text for text in (left_out, _golden_text(compared, tolerance), _drift_text(compared, tolerance)) if text]
    note = f"{agreeing} of {len(compared)} answers agree" + (f" ({'; '.join(remarks)})" if remarks else "")
    first = f", the first that differs: {differences[0]}" if differences else ""
    return Measurement(agreeing / len(compared), note=note + first)


def ks_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the distance of two samples by Kolmogorov and Smirnov: the largest |F_1(x) - F_2(x)| over all x.

    F is the share of a sample that is x or less. 0: both are spread alike; 1: one lies wholly above the other. Error:
    none is promised, for this is a description and no test. Source: Smirnov, Table for estimating the goodness of fit
    of empirical distributions, 1948.
    """
    first, second = sorted(one), sorted(other)
    if not first or not second:
        raise ValueError("a sample is empty")
    places = (*first, *second)
    return max(abs(bisect_right(first, x) / len(first) - bisect_right(second, x) / len(second)) for x in places)


def _output_difference(baseline: Json | None, candidate: Json | None, tolerance: Tolerance) -> str:
    if baseline is None or candidate is None:
        return " is the candidate's alone" if baseline is None else " is missing in the candidate's answer"
    for key in ("datatype", "shape"):
        if baseline[key] != candidate[key]:
            return f": the {key} {baseline[key]} and {candidate[key]}"
    pairs = list(zip(flat(baseline["data"]), flat(candidate["data"])))
    for index, (one, other) in enumerate(pairs):
        if not tolerance.allows(one, other, baseline["datatype"]):
            return f"{f'[{index}]' if len(pairs) > 1 else ''}: {_short(one)} and {_short(other)}"
    return ""


def _golden_text(compared: Sequence[Comparison], tolerance: Tolerance) -> str:
    known = [each for each in compared if each.golden is not None]
    if not known:
        return ""
    kept = sum(not each.candidate.fault and each.keeps_golden(tolerance) for each in known)
    return f"the candidate gives {kept} of its own {len(known)} golden answers"


def _drift_text(compared: Sequence[Comparison], tolerance: Tolerance) -> str:
    """Say how far the float outputs moved as a whole, of those that moved at all.

    The distance knows no tolerance: of outputs that agree but for their last digit it may well be 1.
    """
    samples: dict[str, tuple[list[float], list[float]]] = {}
    moved: list[str] = []
    for each in compared:
        for name, output in each.baseline.outputs.items():
            other = each.candidate.outputs.get(name)
            if other is None or any(DATATYPES[kind["datatype"]].kind != FLOAT for kind in (output, other)):
                continue
            sample = samples.setdefault(name, ([], []))
            sample[0].extend(flat(output["data"]))
            sample[1].extend(flat(other["data"]))
            moved += [name] if _output_difference(output, other, tolerance) else []
    far = {name: ks_distance(*samples[name]) for name in moved if all(samples[name])}
    return ", ".join(f"KS distance of output {name} {far[name]:.3g}" for name in far)


def _has_inputs(request: Json) -> bool:
    return isinstance(request.get("inputs"), list) and bool(request["inputs"])


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


__all__ = ["ATOL", "RTOL", "Comparison", "Golden", "Reply", "Tolerance", "agreement", "ks_distance"]
