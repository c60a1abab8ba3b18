# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gate's judgement is, and how measurements become one: successful, failed, inconclusive or error."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Sequence

from .gates import Limits, MeasuredGate

SUCCESSFUL = "successful"
FAILED = "failed"
INCONCLUSIVE = "inconclusive"
ERROR = "error"

# Why it ended so; what the walk does about it hangs on this.
HARM = "harm"
SLO = "slo"
LIMIT = "limit"
INFRASTRUCTURE = "infrastructure"
NO_DATA = "no_data"
NO_TRAFFIC = "no_traffic"
MORE_REQUESTS = "more_requests"


@dataclass(frozen=True)
class Verdict:
    """What one gate says at one tick.

    ``decided`` tells an answer from "not yet": an inconclusive or error verdict that is decided stops the walk, one
    that is not goes on measuring. ``missing`` is the number of requests of the candidate that are expected to be
    needed still; None when that is not known, or when no number would do.
    """

    gate: str
    phase: str
    reason: str
    decided: bool = True
    cause: str = ""
    missing: int | None = None
    dry_run: bool = False
    figures: Mapping[str, float | None] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "gate": self.gate,
            "phase": self.phase,
            "decided": self.decided,
            "cause": self.cause,
            "reason": self.reason,
            "missing": self.missing,
            "dry_run": self.dry_run,
            "figures": dict(self.figures),
        }


@dataclass(frozen=True)
class Analysis:
    """What all gates say together."""

    phase: str
    decided: bool
    cause: str = ""
    reasons: tuple[str, ...] = ()
    missing: int | None = None
    verdicts: tuple[Verdict, ...] = ()

    @property
    def reason(self) -> str:
        """The reasons as one text."""
        return "; ".join(self.reasons)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "phase": self.phase,
            "decided": self.decided,
            "cause": self.cause,
            "reasons": list(self.reasons),
            "missing": self.missing,
            "verdicts": [verdict.as_dict() for verdict in self.verdicts],
        }


@dataclass(frozen=True)
class Measurement:
    """One answer to one question: a number, or why there is none."""

    value: float | None = None
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class Measurements:
    """How often a measured gate was successful, failed and so on, in the present step."""

    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    errors_in_a_row: int = 0
    last: str = ""

    def add(self, measurement: Measurement, limits: Limits) -> Measurements:
        """Return the count with one more measurement."""
        phase, text = measure(measurement, limits)
        if phase == ERROR:
            return replace(self, errors_in_a_row=self.errors_in_a_row + 1, last=text)
        counted = replace(self, errors_in_a_row=0, last=text)
        if phase == SUCCESSFUL:
            return replace(counted, successful=self.successful + 1)
        if phase == FAILED:
            return replace(counted, failed=self.failed + 1)
        return replace(counted, inconclusive=self.inconclusive + 1)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dict(self.__dict__)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measurements:
        """Read what ``as_dict`` gave."""
        return cls(**data)


def measure(measurement: Measurement, limits: Limits) -> tuple[str, str]:
    """Return the phase of one measurement, and why. No number is an error, never good news."""
    value = measurement.value
    if measurement.error:
        return ERROR, measurement.error
    if value is None or math.isnan(value):
        return ERROR, "there is no data"
    said = measurement.note or f"the value is {value:g}"
    if limits.minimum <= value <= limits.maximum:
        return SUCCESSFUL, said
    if value < limits.failure_minimum:
        return FAILED, f"{said}, and at least {limits.failure_minimum:g} is needed"
    if value > limits.failure_maximum:
        return FAILED, f"{said}, and at most {limits.failure_maximum:g} is allowed"
    return INCONCLUSIVE, f"{said}, between the limits of success and of failure"


def judge_measurements(gate: MeasuredGate, seen: Measurements) -> Verdict:
    """Return the verdict of a measured gate."""
    phase, decided, cause, text = _judged(gate, seen)
    figures = {
        "successful": float(seen.successful),
        "failed": float(seen.failed),
        "inconclusive": float(seen.inconclusive),
        "errors_in_a_row": float(seen.errors_in_a_row),
    }
    reason = f"{gate.name}: {text}"
    return Verdict(gate.name, phase, reason, decided, cause, dry_run=gate.dry_run, figures=figures)


def _judged(gate: MeasuredGate, seen: Measurements) -> tuple[str, bool, str, str]:
    if seen.failed > gate.failure_limit:
        return FAILED, True, LIMIT, _too_many(seen.failed, "failed", gate.failure_limit, seen)
    if seen.errors_in_a_row > gate.consecutive_error_limit:
        text = f"{seen.errors_in_a_row} measurements in a row gave no number ({seen.last})"
        return ERROR, True, NO_DATA, text
    if seen.inconclusive > gate.inconclusive_limit:
        text = _too_many(seen.inconclusive, "inconclusive", gate.inconclusive_limit, seen)
        return INCONCLUSIVE, True, LIMIT, text
    if seen.errors_in_a_row:
        return ERROR, False, NO_DATA, seen.last
    if seen.successful >= gate.count:
        return SUCCESSFUL, True, "", seen.last
    return INCONCLUSIVE, False, "", f"{gate.count - seen.successful} more successful measurements are needed"


def _too_many(count: int, phase: str, limit: int, seen: Measurements) -> str:
    allowed = f", {limit} are allowed" if limit else ""
    return f"{count} measurement{'s' if count > 1 else ''} {phase}{allowed} ({seen.last})"


def combine(verdicts: Sequence[Verdict]) -> Analysis:
    """Return what the enforced gates say together; a gate in dry run is shown, and decides nothing.

    A fault of both arms comes first, because it blames nobody. Then harm, for it must not wait for a gate that has no
    data. Then what stops the walk; then what is missing still.
    """
    enforced = [verdict for verdict in verdicts if not verdict.dry_run]
    for phase, cause, decided in (
        (INCONCLUSIVE, INFRASTRUCTURE, True),
        (FAILED, "", True),
        (ERROR, "", True),
        (INCONCLUSIVE, "", True),
        (ERROR, "", False),
        (INCONCLUSIVE, "", False),
    ):
        found = [
            each
            for each in enforced
            if each.phase == phase and each.decided is decided and (not cause or each.cause == cause)
        ]
        if found:
            missing = [each.missing for each in enforced if each.missing is not None]
            reasons = tuple(each.reason for each in found)
            return Analysis(phase, decided, found[0].cause, reasons, max(missing, default=None), tuple(verdicts))
    reasons = tuple(each.reason for each in enforced)
    return Analysis(SUCCESSFUL, True, "", reasons or ("there is no gate to pass",), None, tuple(verdicts))


__all__ = [
    "ERROR",
    "FAILED",
    "HARM",
    "INCONCLUSIVE",
    "INFRASTRUCTURE",
    "LIMIT",
    "MORE_REQUESTS",
    "NO_DATA",
    "NO_TRAFFIC",
    "SLO",
    "SUCCESSFUL",
    "Analysis",
    "Measurement",
    "Measurements",
    "Verdict",
    "combine",
    "judge_measurements",
    "measure",
]
