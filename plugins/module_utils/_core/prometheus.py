# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus' query API answers, and what of it may be believed.

https://prometheus.io/docs/prometheus/latest/querying/api/ describes the answers. No data is never no events: an empty
answer, a sample that is no number or too old, and a target that is down are problems, each in words.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from .counters import Seen, growth, remembered
from .errors import ServingError
from .excerpts import brief
from .gates import CountedGate
from .prometheus_dialects import Dialect
from .prometheus_samples import Sample
from .sequential import Pair
from .traffic import Arms, Counts

# Prometheus answers for a target that it cannot scrape; those that are up are not of interest.
DOWN = "up == 0"


@dataclass(frozen=True)
class Answers:
    """The samples of one look: of the counters, of their ages in seconds, and of the targets that are down."""

    values: tuple[Sample, ...]
    ages: tuple[Sample, ...] = ()
    down: tuple[Sample, ...] = ()


def read_samples(status: int, body: bytes) -> tuple[Sample, ...]:
    """Return the samples of an answer to an instant query: one for each series, or a scalar as one without labels."""
    data = _data(status, body)
    kind: Any = data.get("resultType")
    result: Any = data.get("result")
    try:
        if kind == "scalar":
            return (Sample({}, float(result[1])),)
        if kind == "vector":
            return tuple(Sample(_labels(row["metric"]), float(row["value"][1])) for row in result)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ServingError(f"its answer cannot be read: {brief(json.dumps(result))}") from error
    raise ServingError(f"the query gives a {kind}; write one that gives a number now")


def _labels(metric: Mapping[Any, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in metric.items()}


def _data(status: int, body: bytes) -> Mapping[str, Any]:
    """Return the data of an answer; what went wrong otherwise, in Prometheus' own words where it has some."""
    try:
        answer = json.loads(body)
        outcome, data = answer["status"], answer.get("data")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        said = brief(body.decode("utf-8", "replace")) or "nothing"
        raise ServingError(f"it does not answer as Prometheus does: HTTP status {status}, {said}") from error
    if outcome != "success" or not isinstance(data, dict):
        raise ServingError(f"it refused the query: {brief(str(answer.get('error') or answer))}")
    # With a warning, part of the data may be missing.
    if answer.get("warnings"):
        raise ServingError(f"it warns: {brief('; '.join(map(str, answer['warnings'])))}")
    return data


def one_number(samples: Sequence[Sample]) -> float:
    """Return the number that a query was asked for."""
    if not samples:
        raise ServingError("no data: the query gives no series")
    if len(samples) > 1:
        raise ServingError(
            f"the query gives {len(samples)} series, and one is needed: aggregate it, as in sum(...) or max(...)"
        )
    value = samples[0].value
    if math.isnan(value):
        raise ServingError("no data: the query gives NaN")
    if math.isinf(value):
        raise ServingError(f"no data: the query gives {value}; does it divide by zero?")
    return value


@dataclass(frozen=True)
class Looker:
    """Reads the answers of one look: in a dialect, for two arms, believing samples up to an age."""

    dialect: Dialect
    arms: Arms
    stale_after: float

    def read(self, gates: Sequence[CountedGate], answers: Answers, cursor: Mapping[str, Any]) -> Counts:
        """Return what was counted since the cursor, which goes on only where something could be read."""
        problem = self._distrust(answers, cursor)
        if problem:
            return unread(gates, problem, cursor)
        pairs: dict[str, Pair] = {}
        problems: dict[str, str] = {}
        onward = dict(cursor)
        for gate in gates:
            try:
                reading = self.dialect.reading(gate, self.arms, answers.values)
            except ServingError as error:
                problems[gate.name] = str(error)
                continue
            seen: Seen = cursor.get(reading.kind, {})
            pair = growth(reading, seen)
            if pair is not None:
                pairs[gate.name] = pair
            onward[reading.kind] = remembered(reading, seen)
        return Counts(pairs, problems, onward)

    def _distrust(self, answers: Answers, cursor: Mapping[str, Any]) -> str:
        """Return why none of it can be believed, or nothing."""
        known = {sample.target for sample in answers.values}.union(*cursor.values())
        down = sorted({sample.target for sample in answers.down} & known)
        if down:
            return f"no data: Prometheus cannot scrape {_listed(down)}"
        old = {sample.target: sample.value for sample in answers.ages if not sample.value <= self.stale_after}
        if old:
            oldest = max(old.values())
            return (
                f"no data: the samples of {_listed(sorted(old))} are {oldest:.0f} s old, "
                f"and {self.stale_after:g} s are allowed"
            )
        return ""


def unread(gates: Sequence[CountedGate], problem: str, cursor: Mapping[str, Any] | None) -> Counts:
    """Return that nothing could be counted, and why; the next look goes on from the same cursor."""
    return Counts(problems={gate.name: problem for gate in gates}, cursor=dict(cursor or {}))


def _listed(names: Iterable[str]) -> str:
    first, *others = names
    return f"{first} and {len(others)} more" if others else first


__all__ = ["DOWN", "Answers", "Looker", "one_number", "read_samples", "unread"]
