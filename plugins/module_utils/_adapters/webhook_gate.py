# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a service of the user's own for a number, or for a yes or no.

What it answers, or what the JMESPath expression ``result_path`` finds there (https://jmespath.org/specification.html),
is the value: a number, true for 1, false for 0, either of them as a text, or one of the four phases that a judgement
has. ``successful`` is 1 and ``failed`` is 0. ``inconclusive`` is the middle between the gate's limits of success and of
failure, so the gate counts it as it counts any number in between; a gate whose limits leave no room there cannot be
answered so. ``error`` is an error. Nothing is guessed: an object without ``result_path`` is no answer.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Mapping

from .._core.analysis import ERROR, FAILED, INCONCLUSIVE, SUCCESSFUL, Measurement
from .._core.durations import seconds
from .._core.errors import ServingError
from .._core.excerpts import brief
from .._core.gates import Limits, MeasuredGate
from .._core.placeholders import filled
from .._core.traffic import Arms
from .http_call import Call, call
from .optional import require_jmespath

MOST_SECONDS = 2.0
METHODS = ("GET", "POST", "PUT")
_WORDS = {"true": 1.0, "false": 0.0, SUCCESSFUL: 1.0, FAILED: 0.0}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def check_webhook(gate: MeasuredGate) -> str:
    """Return why a gate's webhook cannot be asked at all, or nothing; it is not called."""
    try:
        _call_of(gate.source)
        _limit(gate.source)
        _expression(gate.source)
    except ServingError as error:
        return f"gate {gate.name!r}: {error}"
    return ""


def measure_webhook(gate: MeasuredGate, arms: Arms, *, timeout: float = MOST_SECONDS) -> Measurement:
    """Return what a gate's webhook answers; it takes no longer than any of: its own time, this one, two seconds."""
    source = {**gate.source, "url": filled(gate.source["url"], arms), "body": filled(gate.source.get("body"), arms)}
    place = "the webhook"
    try:
        expression, request = _expression(source), _call_of(source)
        place = f"the webhook {request.place}"
        reply = call(request, timeout=min(_limit(source), timeout, MOST_SECONDS))
        if reply.refusal:
            raise ServingError(reply.refusal)
        found = _found(reply.body, expression)
        value = _value(found, gate.limits, f"at {expression.expression}" if expression else "as its answer")
    except ServingError as error:
        return Measurement(error=f"{place}: {error}")
    return Measurement(value, note=f"{place} says {_shown(found)}")


def _call_of(source: Mapping[str, Any]) -> Call:
    """Return the request that a gate's source describes."""
    body, headers = source.get("body"), source.get("headers") or {}
    method = str(source.get("method") or ("GET" if body is None else "POST")).upper()
    if method not in METHODS:
        raise ServingError(f"method is {method}; set one of: {', '.join(METHODS)}")
    if not isinstance(headers, Mapping):
        raise ServingError("headers is no mapping; set a name and a value for each")
    sent = {str(name): str(value) for name, value in headers.items()}
    if body is not None and "content-type" not in {name.lower() for name in sent}:
        sent["Content-Type"] = "application/json"
    return Call(str(source["url"]), method, sent, None if body is None else json.dumps(body).encode())


def _limit(source: Mapping[str, Any]) -> float:
    """Return the seconds that a gate gives its webhook."""
    given = source.get("timeout", MOST_SECONDS)
    limit = seconds(given)
    if not limit:
        raise ServingError(f"timeout is {given!r}; set seconds, at most {MOST_SECONDS:g}")
    return limit


def _expression(source: Mapping[str, Any]) -> Any:
    """Return the compiled ``result_path``, or None where there is none."""
    path = source.get("result_path")
    if not path:
        return None
    jmespath = require_jmespath()
    try:
        return jmespath.compile(str(path))
    except jmespath.exceptions.JMESPathError as error:
        raise ServingError(f"result_path {path!r} is no JMESPath expression ({brief(str(error))})") from error


def _found(body: bytes, expression: Any) -> Any:
    """Return the part of an answer that the gate asks for."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        said = brief(body.decode("utf-8", "replace")) or "nothing"
        raise ServingError(f"its answer is no JSON: {said}") from error
    if expression is None:
        return answer
    try:
        return expression.search(answer)
    except (require_jmespath().exceptions.JMESPathError, TypeError, ValueError, RecursionError) as error:
        raise ServingError(f"result_path {expression.expression} cannot be searched: {brief(str(error))}") from error


def _value(found: Any, limits: Limits, where: str) -> float:
    """Return the number that stands for what was found."""
    if isinstance(found, (bool, int, float)):
        value = _finite(found)
    else:
        word = found.strip().lower() if isinstance(found, str) else ""
        if word == ERROR:
            raise ServingError(f"it says {_shown(found)} {where}")
        if word == INCONCLUSIVE:
            return _between(limits)
        value = _WORDS.get(word, _finite(word) if _NUMBER.fullmatch(word) else math.nan)
    if math.isnan(value):
        phases = ", ".join((SUCCESSFUL, FAILED, INCONCLUSIVE, ERROR))
        raise ServingError(f"no data: {_shown(found)} {where}, which is no number, no yes or no, and none of {phases}")
    return value


def _finite(found: Any) -> float:
    """Return a number, or one that is none for what is too large or no number at all."""
    try:
        value = float(found)
    except OverflowError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _between(limits: Limits) -> float:
    """Return a number that is neither success nor failure."""
    for success, failure in ((limits.minimum, limits.failure_minimum), (limits.maximum, limits.failure_maximum)):
        if success != failure and math.isfinite(success) and math.isfinite(failure):
            return (success + failure) / 2.0
    raise ServingError(
        "it says inconclusive, and the gate's limits leave no room for that; set failure_min below min, "
        "or failure_max above max"
    )


def _shown(found: Any) -> str:
    return found if isinstance(found, str) and found.strip() else brief(json.dumps(found))


__all__ = ["METHODS", "MOST_SECONDS", "check_webhook", "measure_webhook"]
