# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a smoke test, as plain data; docs/smoke_test.schema.json describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from .smoke import counts, first_broken, hop_status, in_path_order
from .smoke_catalogue import HOPS, PATH
from .smoke_latency import Budgets
from .smoke_load import Measured, latency_section, shares

if TYPE_CHECKING:
    from .smoke import Result

SCHEMA = "modelops.serving/smoke_test/1"
BUDGETED = ("nginx", "envoy", "mlserver")


def build_report(
    run: Mapping[str, Any], results: Sequence[Result], measured: Measured, budgets: Budgets
) -> dict[str, Any]:
    """Return the report of all checks and measurements."""
    broken = first_broken(results)
    judged = {each.hop for each in results}
    return {
        "schema": SCHEMA,
        "run": dict(run),
        "verdict": "failed" if broken else "passed",
        "first_broken": {"id": broken.id, "hop": broken.hop, "target": broken.target} if broken else None,
        "counts": counts(results),
        "hops": [_hop(name, results, budgets) for name in HOPS if name in PATH or name in judged],
        "checks": [each.as_dict() for each in in_path_order(results)],
        "latency": latency_section(measured, budgets),
        "shares": [shares(measured, route) for route in measured.weights if route in measured.results],
    }


def _hop(name: str, results: Sequence[Result], budgets: Budgets) -> dict[str, Any]:
    found = [each.evidence["median_ms"] for each in results if each.id == f"{name}.latency" and each.evidence]
    budget = list(budgets.of_hop(name)) if name in BUDGETED else None
    # With several models, the one that takes most stands for MLServer.
    added = max(found, default=None)
    return {
        "name": name,
        "title": HOPS[name],
        "status": hop_status(name, results),
        "median_ms": None if added is None else round(max(added, 0.0), 3),
        "budget_ms": budget,
        "over": bool(budget and added is not None and added > budget[1]),
    }


def summary(report: Mapping[str, Any]) -> str:
    """Return a report in a sentence or two."""
    found = report["counts"]
    words = {"pass": "passed", "fail": "failed", "warn": "with a warning", "error": "undecided", "skip": "skipped"}
    parts = [f"{count} {words[status]}" for status, count in found.items() if count]
    text = f"{sum(found.values())} checks: {', '.join(parts)}."
    latency = report["latency"]
    if latency and latency["percentiles"]:
        rows = latency["percentiles"]
        times = [f"P{each['quantile'] * 100:g} {each['ms']:.1f} of {each['budget_ms']:g} ms" for each in rows]
        text += f" Callers waited {', '.join(times)}."
    return text


__all__ = ["SCHEMA", "build_report", "summary"]
