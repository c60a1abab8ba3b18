# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a candidate has to pass: each gate as the plan names it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Mapping, Sequence, Union

# Requests are counted in both arms; the event is a failed, a slow or a wrong answer.
COUNTED = ("error_rate", "slower_than", "accuracy")
# A number is measured, or a yes or no.
MEASURED = ("metric", "webhook", "prediction_parity")

RISK_BUDGET = 0.005
MARGIN = 1.5
MIN_RATIO = 1.25
MIN_DIFFERENCE = 0.001
CONSECUTIVE_ERROR_LIMIT = 4
# The share of golden requests that both models have to answer alike.
AGREEMENT = 1.0
# An arm that fails more than this in one window is broken, whatever it did before.
OUTAGE_SHARE = 0.2

# What only the source of the numbers reads.
SOURCE_KEYS: dict[str, tuple[str, ...]] = {
    "error_rate": ("source", "codes"),
    "slower_than": ("source",),
    "accuracy": ("file", "url"),
    "metric": ("query",),
    "webhook": ("url", "method", "headers", "body", "timeout", "result_path"),
    "prediction_parity": ("golden", "rtol", "atol", "agreement"),
}
# Where requests can be counted: at each upstream attempt, as callers saw them, in requests of our own, or elsewhere.
SOURCES = ("envoy", "log", "probe", "prometheus")
_NEEDED = {"metric": "query", "webhook": "url", "prediction_parity": "golden"}
_COMMON = {"name", "kind", "dry_run", "consecutive_error_limit"}
_COUNTED_KEYS = {"threshold_ms", "percentile", "slo", "risk_budget", "margin", "min_ratio", "min_difference"}
_MEASURED_KEYS = {"min", "max", "failure_min", "failure_max", "count", "failure_limit", "inconclusive_limit"}


@dataclass(frozen=True)
class CountedGate:
    """A gate that compares the arms' shares of events. Shares are of 1, not of 100.

    ``slo``: the share of events that is allowed at all. ``risk_budget``: the share of all requests that may become
    events because of the candidate. ``margin``: how many times as many events are too many. One of the last two lets
    the candidate advance. Harm matters from ``min_ratio`` times as many events and ``min_difference`` on.
    """

    name: str
    kind: str
    threshold_ms: float | None = None
    slo: float | None = None
    risk_budget: float | None = None
    margin: float | None = None
    min_ratio: float = MIN_RATIO
    min_difference: float = MIN_DIFFERENCE
    consecutive_error_limit: int = CONSECUTIVE_ERROR_LIMIT
    dry_run: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def event(self) -> str:
        """What happened to a request, for sentences."""
        if self.kind == "slower_than":
            return f"were slower than {self.threshold_ms:g} ms"
        return "were answered wrongly" if self.kind == "accuracy" else "failed"

    @property
    def tests(self) -> int:
        """How many tests of this gate can blame the candidate."""
        return 1 + (self.slo is not None)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Limits:
    """What a measured number may be. Between the limits of success and of failure it is inconclusive."""

    minimum: float = -math.inf
    maximum: float = math.inf
    failure_minimum: float = -math.inf
    failure_maximum: float = math.inf


@dataclass(frozen=True)
class MeasuredGate:
    """A gate that asks for a number, or for a yes or no, once a window.

    ``count`` successful measurements make a step successful; more than ``failure_limit`` failed ones make it failed,
    more than ``inconclusive_limit`` inconclusive ones or more than ``consecutive_error_limit`` errors in a row stop
    the walk. ``prediction_parity`` is asked once, before the first percent.
    """

    name: str
    kind: str
    limits: Limits = Limits()
    count: int = 1
    failure_limit: int = 0
    inconclusive_limit: int = 0
    consecutive_error_limit: int = CONSECUTIVE_ERROR_LIMIT
    dry_run: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_before(self) -> bool:
        """Whether it is asked before the candidate gets any traffic."""
        return self.kind == "prediction_parity"

    def as_dict(self) -> dict[str, Any]:
        """Return plain data; a limit that is none is None, since JSON knows no infinity."""
        limits = {key: value if math.isfinite(value) else None for key, value in asdict(self.limits).items()}
        return {**asdict(self), "limits": limits}


Gate = Union[CountedGate, MeasuredGate]


def read_gate(values: Mapping[str, Any], problems: list[str]) -> Gate | None:
    """Read one gate as a task gives it; what is wrong is added to the problems."""
    kind, name = str(values.get("kind") or ""), str(values.get("name") or values.get("kind") or "")
    if kind not in (*COUNTED, *MEASURED):
        problems.append(f"gate {name!r} has the kind {kind!r}; set one of: {', '.join((*COUNTED, *MEASURED))}, manual")
        return None
    known = _COMMON | (_COUNTED_KEYS if kind in COUNTED else _MEASURED_KEYS) | set(SOURCE_KEYS[kind])
    strange = sorted(set(values) - known)
    problems += [f"gate {name!r} knows no {key}; set any of: {', '.join(sorted(known))}" for key in strange]
    needed = _NEEDED.get(kind)
    if needed and not values.get(needed):
        problems.append(f"gate {name!r} needs {needed}")
    reader = _Reader(name, values, problems)
    return _counted(kind, reader) if kind in COUNTED else _measured(kind, reader)


@dataclass(frozen=True)
class _Reader:
    """Reads options of one gate, each with its bounds."""

    name: str
    values: Mapping[str, Any]
    problems: list[str]

    def number(
        self, key: str, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf
    ) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        try:
            found = float(value)
        except (TypeError, ValueError):
            found = math.nan
        if isinstance(value, bool) or not (above < found <= most and least <= found < math.inf):
            allowed = f"from {least:g} up" if least > -math.inf else f"above {above:g}"
            allowed += f", at most {most:g}" if most < math.inf else ""
            allowed = allowed if max(above, least) > -math.inf else "of any size"
            self.problems.append(f"{key} of gate {self.name!r} is {value!r}; set a number {allowed}")
            return None
        return found

    def whole(self, key: str, default: int, *, least: int = 0) -> int:
        value = self.values.get(key, default)
        text = str(value)
        if isinstance(value, bool) or not text.isdigit() or int(text) < least:
            self.problems.append(f"{key} of gate {self.name!r} is {value!r}; set a whole number from {least} up")
            return default
        return int(text)

    @property
    def source(self) -> dict[str, Any]:
        keys = SOURCE_KEYS[str(self.values["kind"])]
        return {key: self.values[key] for key in keys if self.values.get(key) is not None}


def _counted(kind: str, reader: _Reader) -> CountedGate:
    threshold = reader.number("threshold_ms", above=0.0)
    if kind == "slower_than" and threshold is None:
        reader.problems.append(f"gate {reader.name!r} needs threshold_ms, in milliseconds")
    budget, margin = reader.number("risk_budget", above=0.0, most=1.0), reader.number("margin", above=1.0)
    if budget is not None and margin is not None:
        reader.problems.append(f"gate {reader.name!r} has both risk_budget and margin; set one of them")
    if budget is None and margin is None:
        budget, margin = (None, MARGIN) if kind == "slower_than" else (RISK_BUDGET, None)
    if kind == "accuracy":
        _check_labels(reader)
    elif reader.values.get("source") not in (None, *SOURCES):
        found = reader.values["source"]
        reader.problems.append(f"source of gate {reader.name!r} is {found!r}; set one of: {', '.join(SOURCES)}")
    least = reader.number("min_difference", least=0.0, most=1.0)
    return CountedGate(
        name=reader.name,
        kind=kind,
        threshold_ms=threshold,
        slo=_slo(reader),
        risk_budget=budget,
        margin=margin,
        min_ratio=reader.number("min_ratio", above=0.0) or MIN_RATIO,
        min_difference=MIN_DIFFERENCE if least is None else least,
        consecutive_error_limit=reader.whole("consecutive_error_limit", CONSECUTIVE_ERROR_LIMIT),
        dry_run=bool(reader.values.get("dry_run", False)),
        source=reader.source,
    )


def _slo(reader: _Reader) -> float | None:
    """Return the share of events that is allowed; a percentile p allows 1 - p / 100."""
    percentile, slo = reader.number("percentile", above=0.0, most=99.999), reader.number("slo", above=0.0, most=0.999)
    if percentile is not None and slo is not None:
        reader.problems.append(f"gate {reader.name!r} has both percentile and slo; set one of them")
    return slo if percentile is None else round(1.0 - percentile / 100.0, 9)


def _check_labels(reader: _Reader) -> None:
    file, url = reader.values.get("file"), reader.values.get("url")
    if bool(file) is bool(url):
        found = "both file and url" if file else "neither file nor url"
        reader.problems.append(f"gate {reader.name!r} has {found}; set one of them")
    elif url and not str(url).startswith(("http://", "https://")):
        reader.problems.append(f"url of gate {reader.name!r} is {url!r}; set one that begins with http:// or https://")


def _agreement(reader: _Reader, minimum: float | None) -> float:
    """Return the least agreement; the tolerances are for whoever compares."""
    for key in ("rtol", "atol"):
        reader.number(key, least=0.0)
    agreement = reader.number("agreement", least=0.0, most=1.0)
    if agreement is not None and minimum is not None:
        reader.problems.append(f"gate {reader.name!r} has both agreement and min; set one of them")
    return _first(agreement, minimum, AGREEMENT)


def _measured(kind: str, reader: _Reader) -> MeasuredGate:
    minimum, maximum = reader.number("min"), reader.number("max")
    if kind == "prediction_parity":
        minimum = _agreement(reader, minimum)
    low, high = reader.number("failure_min"), reader.number("failure_max")
    if kind == "metric" and minimum is None and maximum is None:
        reader.problems.append(f"gate {reader.name!r} needs min, max or both")
    if kind == "webhook" and minimum is None and maximum is None:
        # Yes is 1 and no is 0; what lies near the middle is neither.
        minimum, maximum, low = 1.0, 1.0, 0.5 if low is None else low
    limits = Limits(
        -math.inf if minimum is None else minimum,
        math.inf if maximum is None else maximum,
        _first(low, minimum, -math.inf),
        _first(high, maximum, math.inf),
    )
    if not limits.failure_minimum <= limits.minimum <= limits.maximum <= limits.failure_maximum:
        reader.problems.append(
            f"gate {reader.name!r} has limits out of order; set failure_min <= min <= max <= failure_max"
        )
    return MeasuredGate(
        name=reader.name,
        kind=kind,
        limits=limits,
        count=reader.whole("count", 1, least=1),
        failure_limit=reader.whole("failure_limit", 0),
        inconclusive_limit=reader.whole("inconclusive_limit", 0),
        consecutive_error_limit=reader.whole("consecutive_error_limit", CONSECUTIVE_ERROR_LIMIT),
        dry_run=bool(reader.values.get("dry_run", False)),
        source=reader.source,
    )


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def counted(gates: Sequence[Gate]) -> tuple[CountedGate, ...]:
    """Return the gates that count requests."""
    return tuple(gate for gate in gates if isinstance(gate, CountedGate))


def measured(gates: Sequence[Gate], *, before: bool) -> tuple[MeasuredGate, ...]:
    """Return the gates that measure something before the first percent, or those that do so during the walk."""
    return tuple(gate for gate in gates if isinstance(gate, MeasuredGate) and gate.is_before is before)


__all__ = [
    "COUNTED",
    "MEASURED",
    "OUTAGE_SHARE",
    "SOURCES",
    "SOURCE_KEYS",
    "CountedGate",
    "Gate",
    "Limits",
    "MeasuredGate",
    "counted",
    "measured",
    "read_gate",
]
