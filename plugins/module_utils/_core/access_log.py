# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the access log of the edge says of an experiment: where each request went, and what its caller got.

One line is one request of a caller, whatever was tried again behind the edge. That is right for the share of an arm
and for what callers had to wait; failures that a second attempt hid are not in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Sequence

from .gates import CountedGate
from .routing import Routed
from .sequential import Pair, Tally
from .traffic import Arms

CANDIDATE, BASELINE = "candidate", "baseline"
ARMS = (CANDIDATE, BASELINE)
# From this status on an answer is a failure of the server; below it, the caller may be to blame.
_FIRST_FAILURE = 500
_INFERENCE = ("/infer", "/inference.GRPCInferenceService/ModelInfer")
_PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class Entry:
    """A request of the experiment. ``arm`` is empty when no candidate answered; ``milliseconds`` when it was timed."""

    id: str
    arm: str
    pinned: bool
    failed: bool
    milliseconds: float | None


def entry_of(line: bytes, arms: Arms) -> Entry | None:
    """Read a line; None when it is no inference of this experiment, or was cut short."""
    try:
        values = json.loads(line)
        if not _belongs(values, arms):
            return None
        route = str(values["route"])
        return Entry(
            id=str(values["id"]),
            arm=_arm(route, arms),
            pinned=bool(values.get("pinned")),
            failed=int(values["status"]) >= _FIRST_FAILURE,
            milliseconds=_milliseconds(values.get("upstream_time")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _belongs(values: Mapping[str, Any], arms: Arms) -> bool:
    path, model = str(values["path"]), str(values["model"])
    if not path.endswith(_INFERENCE):
        return False
    if model == arms.route:
        return True
    # A caller who names the model in the path need not name it in the header.
    own = model == arms.baseline.name or (not model and path.startswith(f"/v2/models/{arms.baseline.name}/"))
    return arms.is_default and own


def _arm(route: str, arms: Arms) -> str:
    if f":{arms.candidate.internal_name}:" in route:
        return CANDIDATE
    return BASELINE if f":{arms.baseline.internal_name}:" in route else ""


def _milliseconds(text: object) -> float | None:
    # NGINX lists one time for each server that it tried, and "-" for one that it never reached.
    found = [each for each in str(text).replace(":", ",").split(",") if each.strip() not in ("", "-")]
    return 1000.0 * sum(float(each) for each in found) if found else None


@dataclass(frozen=True)
class LogWindow:
    """The requests of one window.

    ``routed``: by the arm they went to, without those that a client pinned. ``pinned``: pinned to the candidate.
    ``client``: requests and failures as callers saw them. ``unrouted``: requests that no candidate answered.
    ``times``: milliseconds that each arm took, for requests that nobody pinned.
    """

    routed: Routed = field(default_factory=Routed)
    pinned: int = 0
    client: Pair = field(default_factory=Pair)
    unrouted: int = 0
    times: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def slower_than(self, threshold_ms: float) -> Pair:
        """Return the timed requests of each arm, and how many took longer. Unit: milliseconds; NGINX counts whole."""
        tallies = {arm: Tally(len(each), sum(one > threshold_ms for one in each)) for arm, each in self.times.items()}
        return Pair(tallies.get(CANDIDATE, Tally()), tallies.get(BASELINE, Tally()))

    def counts(self, gate: CountedGate) -> Pair:
        """Return what a gate counts: slow requests, or failures as callers saw them."""
        return self.client if gate.threshold_ms is None else self.slower_than(gate.threshold_ms)

    @property
    def latency(self) -> dict[str, Any]:
        """The number of timed requests of each arm, and percentiles in milliseconds."""
        return {arm: _percentiles(sorted(each)) for arm, each in self.times.items() if each}


def window_of(entries: Iterable[Entry]) -> LogWindow:
    """Add requests up."""
    routed, failed = dict.fromkeys(ARMS, 0), dict.fromkeys(ARMS, 0)
    total: dict[str, int] = dict.fromkeys(ARMS, 0)
    times: dict[str, list[float]] = {arm: [] for arm in ARMS}
    pinned = unrouted = 0
    for entry in entries:
        if not entry.arm:
            unrouted += 1
            continue
        total[entry.arm] += 1
        failed[entry.arm] += entry.failed
        if entry.pinned:
            pinned += entry.arm == CANDIDATE
            continue
        routed[entry.arm] += 1
        if entry.milliseconds is not None:
            times[entry.arm].append(entry.milliseconds)
    client = Pair(*(Tally(total[arm], failed[arm]) for arm in ARMS))
    return LogWindow(Routed(routed[CANDIDATE], routed[BASELINE]), pinned, client, unrouted, times)


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    last = len(times) - 1
    return {"n": len(times), **{name: times[round(part * last)] for name, part in _PERCENTILES.items()}}


__all__ = ["ARMS", "BASELINE", "CANDIDATE", "Entry", "LogWindow", "entry_of", "window_of"]
