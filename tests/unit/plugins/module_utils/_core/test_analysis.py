# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four phases, and only four: what measurements add up to, and what gates say together."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from plugins.module_utils._core.analysis import (
    ERROR,
    FAILED,
    HARM,
    INCONCLUSIVE,
    INFRASTRUCTURE,
    SUCCESSFUL,
    Measurement,
    Measurements,
    Verdict,
    combine,
    judge_measurements,
    measure,
)
from plugins.module_utils._core.gates import Limits, MeasuredGate

LIMITS = Limits(minimum=0.9, failure_minimum=0.8)

MEASURED = {
    "good": (Measurement(0.95), SUCCESSFUL, "the value is 0.95"),
    "on the limit": (Measurement(0.9), SUCCESSFUL, "the value is 0.9"),
    "bad": (Measurement(0.7), FAILED, "the value is 0.7, and at least 0.8 is needed"),
    "between": (Measurement(0.85), INCONCLUSIVE, "the value is 0.85, between the limits of success and of failure"),
    "nothing": (Measurement(), ERROR, "there is no data"),
    "not a number": (Measurement(math.nan), ERROR, "there is no data"),
    "an error": (Measurement(0.95, error="the query timed out"), ERROR, "the query timed out"),
    "endless": (Measurement(-math.inf), FAILED, "the value is -inf, and at least 0.8 is needed"),
    "in words": (Measurement(0.0, note="3 of 40 outputs differ"), FAILED, "3 of 40 outputs differ, and at least 0.8"),
}


@pytest.mark.parametrize(("measurement", "phase", "text"), MEASURED.values(), ids=MEASURED.keys())
def test_measure(measurement: Measurement, phase: str, text: str) -> None:
    found = measure(measurement, LIMITS)
    assert found[0] == phase
    assert found[1].startswith(text)


def test_a_value_above_the_most() -> None:
    assert measure(Measurement(2.0), Limits(maximum=1.0, failure_maximum=1.5)) == (
        FAILED,
        "the value is 2, and at most 1.5 is allowed",
    )


GOOD, BAD, BETWEEN, NONE = Measurement(1.0), Measurement(0.1), Measurement(0.85), Measurement()
GATE = MeasuredGate("auc", "metric", LIMITS, consecutive_error_limit=1)

JUDGED = {
    "nothing yet": (GATE, [], INCONCLUSIVE, False, "auc: 1 more successful measurements are needed"),
    "one is enough": (GATE, [GOOD], SUCCESSFUL, True, "auc: the value is 1"),
    "two are wanted": (
        replace(GATE, count=2),
        [GOOD],
        INCONCLUSIVE,
        False,
        "auc: 1 more successful measurements are needed",
    ),
    "one failure is too many": (
        GATE,
        [GOOD, BAD],
        FAILED,
        True,
        "auc: 1 measurement failed (the value is 0.1, and at least 0.8 is needed)",
    ),
    "two failures are allowed": (replace(GATE, failure_limit=2), [GOOD, BAD, BAD], SUCCESSFUL, True, "auc: the value"),
    "three are too many": (
        replace(GATE, failure_limit=2),
        [BAD, GOOD, BAD, BAD],
        FAILED,
        True,
        "auc: 3 measurements failed, 2 are allowed (",
    ),
    "one inconclusive is too many": (GATE, [BETWEEN], INCONCLUSIVE, True, "auc: 1 measurement inconclusive ("),
    "one inconclusive is allowed": (
        replace(GATE, inconclusive_limit=1),
        [BETWEEN],
        INCONCLUSIVE,
        False,
        "auc: 1 more successful measurements are needed",
    ),
    "no data is an error": (GATE, [GOOD, NONE], ERROR, False, "auc: there is no data"),
    "no data again stops": (
        GATE,
        [GOOD, NONE, NONE],
        ERROR,
        True,
        "auc: 2 measurements in a row gave no number (there is no data)",
    ),
    "data in between begin anew": (GATE, [NONE, GOOD, NONE], ERROR, False, "auc: there is no data"),
    "data again are good": (GATE, [NONE, GOOD], SUCCESSFUL, True, "auc: the value is 1"),
}


@pytest.mark.parametrize(("gate", "measurements", "phase", "decided", "reason"), JUDGED.values(), ids=JUDGED.keys())
def test_judge_measurements(
    gate: MeasuredGate, measurements: list[Measurement], phase: str, decided: bool, reason: str
) -> None:
    seen = Measurements()
    for each in measurements:
        # A restart in between changes nothing.
        seen = Measurements.from_dict(json.loads(json.dumps(seen.add(each, gate.limits).as_dict())))
    verdict = judge_measurements(gate, seen)
    assert (verdict.phase, verdict.decided) == (phase, decided)
    assert verdict.reason.startswith(reason)


FINE = Verdict("a", SUCCESSFUL, "a is fine")
HARMFUL = Verdict("b", FAILED, "b is harmful", cause=HARM)
BLIND = Verdict("c", ERROR, "c is blind", decided=True)
BLINKING = replace(BLIND, reason="c blinks", decided=False)
UNSURE = Verdict("d", INCONCLUSIVE, "d is unsure", decided=True)
WAITING = Verdict("e", INCONCLUSIVE, "e waits", decided=False, missing=40)
WAITING_LONGER = replace(WAITING, gate="f", reason="f waits", missing=90)
SHARED = Verdict("g", INCONCLUSIVE, "both are broken", cause=INFRASTRUCTURE)

COMBINED = {
    "all are fine": ([FINE, FINE], SUCCESSFUL, True, "a is fine; a is fine"),
    "no gate": ([], SUCCESSFUL, True, "there is no gate to pass"),
    "one waits": ([FINE, WAITING], INCONCLUSIVE, False, "e waits"),
    "the longest wait counts": ([WAITING_LONGER, WAITING], INCONCLUSIVE, False, "f waits; e waits"),
    "harm outweighs what is fine": ([FINE, HARMFUL, WAITING], FAILED, True, "b is harmful"),
    "harm does not wait for data": ([BLIND, HARMFUL], FAILED, True, "b is harmful"),
    "a shared fault blames nobody": ([HARMFUL, SHARED], INCONCLUSIVE, True, "both are broken"),
    "no data stops": ([FINE, BLIND, UNSURE], ERROR, True, "c is blind"),
    "no data once is waited out": ([FINE, BLINKING], ERROR, False, "c blinks"),
    "unsure stops": ([FINE, UNSURE, BLINKING], INCONCLUSIVE, True, "d is unsure"),
    "a dry run decides nothing": ([FINE, replace(HARMFUL, dry_run=True)], SUCCESSFUL, True, "a is fine"),
    "a dry run pauses nothing": ([FINE, replace(BLIND, dry_run=True)], SUCCESSFUL, True, "a is fine"),
}


@pytest.mark.parametrize(("verdicts", "phase", "decided", "reason"), COMBINED.values(), ids=COMBINED.keys())
def test_combine(verdicts: list[Verdict], phase: str, decided: bool, reason: str) -> None:
    found = combine(verdicts)
    assert (found.phase, found.decided, found.reason) == (phase, decided, reason)
    assert [each["gate"] for each in found.as_dict()["verdicts"]] == [verdict.gate for verdict in verdicts]
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_most_missing_requests_are_said() -> None:
    assert combine([WAITING, WAITING_LONGER]).missing == 90
    assert combine([FINE]).missing is None
