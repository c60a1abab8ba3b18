# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a rollout, read: one value a tick, whatever a power cut or another version left of a line."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from .analysis import ERROR, FAILED, INCONCLUSIVE, SUCCESSFUL
from .rollout_state import PHASES, Event
from .routing import Routed
from .sequential import Pair, Tally

ARMS = ("candidate", "baseline")
PERCENTILES = ("p50", "p95", "p99")
VERDICTS = (SUCCESSFUL, FAILED, INCONCLUSIVE, ERROR)
# Evidence grows without bound, and JSON knows no infinity. Nobody asks for more than this.
MOST_EVIDENCE = 1e12

_NOWHERE = Routed()


@dataclass(frozen=True)
class Window:
    """What was seen between two ticks.

    ``requests``: by the arm they went to first, copies of a mirror included; ``unrouted`` ones went to neither.
    ``counts``: by gate; a gate that could not be asked is in ``silent``.
    """

    requests: Routed = _NOWHERE
    counts: Mapping[str, Pair] = field(default_factory=dict)
    silent: Mapping[str, int] = field(default_factory=dict)
    client: Pair | None = None
    synthetic: int = 0
    probes: int = 0
    pinned: int = 0
    unrouted: int = 0

    def __add__(self, other: Window) -> Window:
        clients = [each for each in (self.client, other.client) if each is not None]
        return Window(
            self.requests + other.requests,
            _added(self.counts, other.counts, Pair()),
            _added(self.silent, other.silent, 0),
            sum(clients, Pair()) if clients else None,
            self.synthetic + other.synthetic,
            self.probes + other.probes,
            self.pinned + other.pinned,
            self.unrouted + other.unrouted,
        )


@dataclass(frozen=True)
class Tick:
    """One line. The window was before it; all else holds from there on. ``fresh``: the gates were judged just now."""

    at: float
    phase: str
    step: int = -1
    weight: float = 0.0
    mirror: int = 0
    window: Window = Window()
    share: float | None = None
    share_n: int = 0
    latency: Mapping[str, Mapping[str, float]] | None = None
    analysis: Mapping[str, Any] | None = None
    fresh: bool = False
    events: tuple[Event, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    cause: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Journal:
    """The ticks of one run, and how many lines were none: unreadable, or of another run."""

    ticks: tuple[Tick, ...] = ()
    unreadable: int = 0
    foreign: int = 0


def read_journal(lines: Iterable[Any], run: str = "") -> Journal:
    """Return the ticks of a run, in their order. A line is worth reading when it says when, and in which phase."""
    ticks: list[Tick] = []
    unreadable = foreign = 0
    for line in sorted(lines, key=_when):
        at = finite(line.get("at")) if isinstance(line, Mapping) else None
        if at is None or line.get("phase") not in PHASES:
            unreadable += 1
        elif run and line.get("run", run) != run:
            foreign += 1
        else:
            ticks.append(_tick(line, at, ticks[-1] if ticks else Tick(at, "")))
    return Journal(tuple(ticks), unreadable, foreign)


SUMMED = ("routed", "counts", "client", "synthetic", "probes", "pinned", "unrouted")


def thinned(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return every other tick in which nothing happened, and all the others.

    What was counted in the window of one that is left out is added to that of the next.
    """
    kept: list[dict[str, Any]] = []
    dropped: dict[str, Any] = {}
    quiet = 0
    for line in lines:
        whole = {**line, **{key: _sum(dropped.get(key), line.get(key)) for key in SUMMED if key in {*dropped, *line}}}
        quiet += not line.get("events")
        if not line.get("events") and quiet % 2 == 0:
            dropped = {key: whole[key] for key in SUMMED if key in whole}
            continue
        kept.append(whole)
        dropped = {}
    if dropped:
        # The last one says where it stands.
        kept.append(whole)
    return kept


def _sum(one: Any, other: Any) -> Any:
    """Add counts, however they are nested; what is missing on one side adds nothing."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {key: _sum(one.get(key), other.get(key)) for key in [*one, *(each for each in other if each not in one)]}
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one + other
    return other if one is None else one


def _when(line: Any) -> float:
    at = finite(line.get("at")) if isinstance(line, Mapping) else None
    return math.inf if at is None else at


def _tick(line: Mapping[str, Any], at: float, before: Tick) -> Tick:
    """Return a tick; what a line does not say stayed as it was."""
    analysis = _analysis(line.get("analysis"))
    step, weight, mirror = (finite(line.get(key)) for key in ("step", "weight", "mirror"))
    weights = {name: finite(each) for name, each in mapping(line.get("weights")).items()}
    share = finite(line.get("observed_share"))
    return Tick(
        at=at,
        phase=str(line["phase"]),
        step=before.step if step is None else max(-1, int(step)),
        weight=before.weight if weight is None else percent(weight),
        mirror=before.mirror if mirror is None else int(percent(mirror)),
        window=_window(line, mirrored=before.mirror > 0),
        share=None if share is None or not 0.0 <= share <= 1.0 else share,
        share_n=count(line.get("observed_n")),
        latency=_latency(line.get("latency")),
        analysis=before.analysis if analysis is None else analysis,
        fresh=analysis is not None and analysis != before.analysis,
        events=tuple(_events(line.get("events"))),
        weights={name: each for name, each in weights.items() if each is not None} or before.weights,
        cause=str(line.get("cause") or ""),
        reason=str(line.get("reason") or ""),
    )


def _window(line: Mapping[str, Any], *, mirrored: bool) -> Window:
    counts = {name: _pair(each) for name, each in mapping(line.get("counts")).items()}
    known = {name: each for name, each in counts.items() if each is not None}
    return Window(
        _requests(mapping(line.get("routed")), known, mirrored=mirrored),
        known,
        {name: 1 for name, text in mapping(line.get("problems")).items() if text},
        _pair(line.get("client")),
        count(line.get("synthetic")),
        count(line.get("probes")),
        count(line.get("pinned")),
        count(line.get("unrouted")),
    )


def _requests(routed: Mapping[str, Any], counts: Mapping[str, Pair], *, mirrored: bool) -> Routed:
    """Return requests by arm; copies, and what nobody saw on its way, as some gate counted them."""
    candidate, baseline = (count(routed.get(arm)) for arm in ARMS)
    counted = [int(max((pair_arm(each, arm).n for each in counts.values()), default=0)) for arm in ARMS]
    if not candidate + baseline:
        return Routed(*counted)
    return Routed(candidate or counted[0], baseline) if mirrored else Routed(candidate, baseline)


def _pair(value: Any) -> Pair | None:
    arms = mapping(value)
    return Pair(*(_tally(arms.get(arm)) for arm in ARMS)) if arms else None


def _tally(value: Any) -> Tally:
    """Return a tally; one that cannot be counts nothing."""
    n, events = (finite(mapping(value).get(key)) or 0.0 for key in ("n", "events"))
    return Tally(n, events) if 0.0 <= events <= n else Tally()


def pair_arm(pair: Pair, arm: str) -> Tally:
    """Return what one arm did."""
    return pair.candidate if arm == "candidate" else pair.baseline


def _latency(value: Any) -> Mapping[str, Mapping[str, float]] | None:
    found = {}
    for arm in ARMS:
        values = {key: finite(mapping(mapping(value).get(arm)).get(key)) for key in ("n", *PERCENTILES)}
        known = {key: each for key, each in values.items() if each is not None and each >= 0.0}
        if len(known) == len(values):
            found[arm] = known
    return found or None


def _analysis(value: Any) -> Mapping[str, Any] | None:
    """Return an analysis with the verdicts that can be read; None for none."""
    if not isinstance(value, Mapping):
        return None
    listed = value.get("verdicts")
    verdicts = [_verdict(each) for each in listed if _is_verdict(each)] if isinstance(listed, (list, tuple)) else []
    return {"phase": str(value.get("phase") or ""), "verdicts": verdicts}


def _is_verdict(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value.get("gate")) and value.get("phase") in VERDICTS


def _verdict(value: Mapping[str, Any]) -> dict[str, Any]:
    missing = finite(value.get("missing"))
    return {
        "gate": str(value["gate"]),
        "phase": str(value["phase"]),
        "decided": bool(value.get("decided")),
        "cause": str(value.get("cause") or ""),
        "reason": str(value.get("reason") or ""),
        "missing": None if missing is None else int(missing),
        "dry_run": bool(value.get("dry_run")),
        "figures": {str(name): _figure(each) for name, each in mapping(value.get("figures")).items()},
    }


def _figure(value: Any) -> float | None:
    if isinstance(value, (int, float)) and value > MOST_EVIDENCE:
        return MOST_EVIDENCE
    return finite(value)


def _events(value: Any) -> Iterable[Event]:
    for each in value if isinstance(value, (list, tuple)) else ():
        if isinstance(each, Mapping) and (each.get("name") or each.get("text")):
            yield Event(str(each.get("name") or ""), str(each.get("text") or ""))


def finite(value: Any) -> float | None:
    """Return a number, or None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def count(value: Any) -> int:
    """Return a count; what cannot be one is 0."""
    return int(max(0.0, finite(value) or 0.0))


def percent(value: float) -> float:
    """Return a percent; what is below nothing or above all is that."""
    return min(max(value, 0.0), 100.0)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping with names for keys; an empty one for what is none."""
    return {str(key): each for key, each in value.items()} if isinstance(value, Mapping) else {}


def _added(one: Mapping[str, Any], other: Mapping[str, Any], nothing: Any) -> dict[str, Any]:
    return {name: one.get(name, nothing) + other.get(name, nothing) for name in dict.fromkeys([*one, *other])}


__all__ = [
    "ARMS",
    "MOST_EVIDENCE",
    "PERCENTILES",
    "Journal",
    "Tick",
    "Window",
    "count",
    "finite",
    "mapping",
    "pair_arm",
    "percent",
    "read_journal",
    "thinned",
]
