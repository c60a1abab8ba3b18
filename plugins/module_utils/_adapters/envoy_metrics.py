# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CountSource on Envoy's own statistics, through its admin socket: every upstream attempt counts, hidden ones too.

Envoy tries a failed request again, on the candidate that it chose first, so callers may not see that a candidate
fails. An attempt has failed that was tried again, whatever it met, or whose answer was a 5xx, or whose caller gave up
waiting. A cluster is a version of a model: what calls the model directly is counted as well. gRPC is not: its failures
travel with status 200.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Mapping, Protocol, Sequence

from .._core.sequential import Pair, Tally
from .._core.traffic import Arms, Counts, grown

if TYPE_CHECKING:
    from .._core.gates import CountedGate

SERVER_ERRORS = "5xx"
# Answers that were tried again are counted apart; "retry" itself also counts attempts that met no answer.
NUMBERS = r"(retry\.)?upstream_rq_(total|active|completed|retry|\d(\d\d|xx))"
ACTIVE = "upstream_rq_active"
# Kept in the cursor: how many attempts seem to be given up, how many of them have been counted, and a counter of those.
OPEN, FLOOR, GIVEN_UP = "open", "floor", "given_up"


class Statistics(Protocol):
    """Whoever knows Envoy's numbers. All raise OSError while it is away."""

    def numbers(self, pattern: str) -> dict[str, int]:
        """Return the counters and gauges whose names match, as they are at one moment."""

    def buckets(self, pattern: str) -> dict[str, dict[float, int]]:
        """Return the histograms whose names match, cumulative by upper bound."""


class EnvoyMetrics:
    """Counts attempts by their status, and slow ones by the bounds of Envoy's histograms."""

    def __init__(self, admin: Statistics) -> None:
        self._admin = admin

    def counts(self, gates: Sequence[CountedGate], arms: Arms, cursor: Mapping[str, Any] | None) -> Counts:
        """Return what both clusters counted since the cursor."""
        try:
            numbers = self._admin.numbers(_pattern(arms, NUMBERS))
            slow = any(gate.threshold_ms is not None for gate in gates)
            buckets = self._admin.buckets(_pattern(arms, "upstream_rq_time")) if slow else {}
        except OSError as error:
            return Counts(problems={gate.name: f"Envoy could not be asked ({error})" for gate in gates})
        values: dict[str, float] = {name: count for name, count in numbers.items() if not name.endswith(ACTIVE)}
        for name, bounds in buckets.items():
            values.update({f"{name}.{bound:g}": count for bound, count in bounds.items()})
        for cluster in _clusters(arms):
            values.update(_given_up(cluster, numbers, cursor or {}))
        if not cursor:
            return Counts(cursor=values)
        since = grown(values, cursor)
        found = [(gate, _counted(gate, arms, since)) for gate in gates]
        return Counts(
            pairs={gate.name: pair for gate, (pair, _problem) in found if pair is not None},
            problems={gate.name: problem for gate, (pair, problem) in found if pair is None},
            cursor=values,
        )


def _clusters(arms: Arms) -> list[str]:
    return [f"cluster.{model.internal_name}_http" for model in (arms.candidate, arms.baseline)]


def _given_up(cluster: str, numbers: Mapping[str, int], before: Mapping[str, Any]) -> dict[str, float]:
    """Return how many attempts were neither answered, nor tried again, nor are under way: their callers hung up.

    One that ends while the numbers are read looks the same, so it counts when it still does a window later. One that
    was refused a connection is answered and never began, so the number may be too low.
    """
    begun, answered, retried, active = (
        numbers.get(f"{cluster}.upstream_rq_{name}", 0) for name in ("total", "completed", "retry", "active")
    )
    left = begun - answered - retried - active
    restarted = begun < before.get(f"{cluster}.upstream_rq_total", 0)
    known = left if restarted else before.get(f"{cluster}.{FLOOR}", left)
    floor = known if restarted else max(known, min(left, before.get(f"{cluster}.{OPEN}", left)))
    counted = before.get(f"{cluster}.{GIVEN_UP}", 0) + floor - known
    return {f"{cluster}.{OPEN}": left, f"{cluster}.{FLOOR}": floor, f"{cluster}.{GIVEN_UP}": counted}


def _counted(gate: CountedGate, arms: Arms, since: Mapping[str, float]) -> tuple[Pair | None, str]:
    clusters = _clusters(arms)
    if gate.threshold_ms is None:
        return Pair(*(_failures(each, gate, since) for each in clusters)), ""
    tallies = [_slow(each, gate.threshold_ms, since) for each in clusters]
    if None in tallies:
        bounds = sorted(
            float(name.rpartition("upstream_rq_time.")[2])
            for name in since
            if f"{clusters[1]}.upstream_rq_time." in name
        )
        known = ", ".join(f"{bound:g}" for bound in bounds)
        return (
            None,
            f"Envoy has no histogram with the bound {gate.threshold_ms:g} ms; set one of: {known or 'none yet'}",
        )
    return Pair(*(each for each in tallies if each is not None)), ""


def _failures(cluster: str, gate: CountedGate, since: Mapping[str, float]) -> Tally:
    codes = [str(code) for code in gate.source.get("codes", (SERVER_ERRORS,))]

    def grew(name: str) -> float:
        return since.get(f"{cluster}.{name}", 0.0)

    answered, retried, given_up = grew("upstream_rq_completed"), grew("upstream_rq_retry"), grew(GIVEN_UP)
    failed = given_up + sum(grew(f"upstream_rq_{code}") for code in codes)
    for code in codes:
        failed += retried if code == SERVER_ERRORS else grew(f"retry.upstream_rq_{code}")
    attempts = answered + retried + given_up
    return Tally(attempts, min(attempts, failed))


def _slow(cluster: str, threshold_ms: float, since: Mapping[str, float]) -> Tally | None:
    prefix = f"{cluster}.upstream_rq_time."
    counts = {name[len(prefix) :]: count for name, count in since.items() if name.startswith(prefix)}
    if f"{threshold_ms:g}" not in counts:
        return None
    total = max(counts.values())
    return Tally(total, max(0.0, total - counts[f"{threshold_ms:g}"]))


def _pattern(arms: Arms, stat: str) -> str:
    names = "|".join(re.escape(model.internal_name) for model in (arms.candidate, arms.baseline))
    return rf"^cluster\.({names})_http\.{stat}$"


__all__ = ["EnvoyMetrics"]
