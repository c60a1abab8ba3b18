# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask both models of a rollout the same golden requests, each at its own server."""

from __future__ import annotations

import time
from typing import Any, Mapping

from .._core.analysis import Measurement
from .._core.errors import ServingError
from .._core.gates import MeasuredGate
from .._core.inference import flat
from .._core.parity import ATOL, RTOL, Comparison, Golden, Reply, Tolerance, agreement
from .._core.request_path import infer
from .._core.route_table import Model
from .._core.traffic import Arms
from .http_probe import HttpProbe
from .named_files import read_files

# More say little more, and nothing else happens meanwhile.
MOST_REQUESTS = 200
SECONDS = 2.5
_SHORTEST = 0.001


def check(gate: MeasuredGate) -> str:
    """Say what is wrong with the file of golden requests; nothing when it can be used."""
    try:
        _golden(gate)
    except ServingError as error:
        return str(error)
    return ""


def measure_parity(gate: MeasuredGate, arms: Arms, *, timeout: float, seconds: float = SECONDS) -> Measurement:
    """Return the share of golden requests on which the arms agree; an error when the seconds leave that open."""
    try:
        golden = _golden(gate)
    except ServingError as error:
        return Measurement(error=str(error))
    known = golden.answers.get(arms.candidate.name)
    compared: list[Comparison] = []
    deadline = time.monotonic() + seconds
    for index, request in enumerate(golden.requests[:MOST_REQUESTS]):
        baseline = _reply(arms.baseline, request, min(timeout, deadline - time.monotonic()))
        candidate = _reply(arms.candidate, request, min(timeout, deadline - time.monotonic()))
        if time.monotonic() >= deadline and (baseline.fault or candidate.fault):
            # It had less time than it may take, so that it did not answer is nobody's fault.
            break
        expected = None if known is None else tuple(flat(known[index]))
        compared.append(Comparison(index + 1, baseline, candidate, expected))
        if baseline.fault or time.monotonic() >= deadline:
            break
    return _measured(gate, compared, len(golden.requests), seconds)


def _measured(gate: MeasuredGate, compared: list[Comparison], count: int, seconds: float) -> Measurement:
    """Return what the comparisons say; an error where those that were not made could change it."""
    asked, wanted = len(compared), min(count, MOST_REQUESTS)
    source = gate.source
    tolerance = Tolerance(float(source.get("rtol", RTOL)), float(source.get("atol", ATOL)))
    left_out = "" if asked == count else f"{asked} of {count} golden requests were compared"
    if asked < wanted:
        left_out += f" within {seconds:g} seconds"
    found = agreement(compared, tolerance, left_out=left_out)
    if asked == wanted or found.value is None:
        return found
    most = (round(found.value * asked) + wanted - asked) / wanted
    if most < gate.limits.failure_minimum:
        return found
    return Measurement(
        error=f"{found.note}: too few to tell; set golden of gate {gate.name!r} to a file with at most {asked} requests"
    )


def _golden(gate: MeasuredGate) -> Golden:
    path = str(gate.source["golden"])
    content = read_files([path], option=f"golden of gate {gate.name!r}")[path]
    try:
        return Golden.parse(content)
    except ServingError as error:
        raise ServingError(f"{path} cannot be used: {error}.") from error


def _reply(model: Model, request: Mapping[str, Any], timeout: float) -> Reply:
    question = infer(model.internal_name, request, host=str(model.http))
    try:
        answer = HttpProbe(timeout=max(timeout, _SHORTEST)).ask(model.http, question)
    except ServingError as error:
        return Reply(fault=str(error))
    return Reply.of(answer, model.internal_name)


__all__ = ["MOST_REQUESTS", "SECONDS", "check", "measure_parity"]
