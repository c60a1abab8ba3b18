# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency at fixed rates, each request counted from the moment it was planned for."""

from __future__ import annotations

from plugins.module_utils._adapters.http_load import HttpLoad
from plugins.module_utils._core.load import LoadResult, Pace
from tools.bench.figures import QUANTILES, NotMeasuredError, Row, Table
from tools.bench.section import Bench, Place, places
from tools.bench.weights import moving

WARM_UP = Pace(rate=50, count=25)
# A machine that halts for a moment says nothing about a rate.
ATTEMPTS = 3


def rates(bench: Bench) -> list[Table]:
    """Ask the model server with no hop, one and two hops before it, at each of the rates."""
    rows = []
    with moving(bench.plane, 100, 0):
        for place in places(bench.plane):
            HttpLoad(place.address, place.port).run([place.request], WARM_UP)
        for rate in bench.sizes.rates:
            for place in places(bench.plane):
                pace = Pace(rate=rate, count=round(rate * bench.sizes.rate_seconds))
                rows.append(
                    _row(f"{rate:g}/s {place.name}", HttpLoad(place.address, place.port).run([place.request], pace))
                )
    if all(not row.values[-1].isdigit() for row in rows):
        raise NotMeasuredError(rows[0].values[-1])
    text = (
        "An open loop: requests leave when they are due, whatever became of the ones before, and latency counts from "
        "that moment. The collection's own load generator asks, as the smoke test does."
    )
    return [Table("An open loop at fixed rates", text, ("P50 ms", "P95 ms", "P99 ms", "failed", "n"), tuple(rows))]


def _result(place: Place, pace: Pace) -> LoadResult:
    load = HttpLoad(place.address, place.port)
    result = load.run([place.request], pace)
    for _ in range(ATTEMPTS - 1):
        if result.invalid:
            result = load.run([place.request], pace)
    return result


def _row(name: str, result: LoadResult) -> Row:
    if result.invalid:
        # The generator says that its numbers mean nothing.
        return Row(name, ("", "", "", "", f"invalid: {' '.join(result.invalid)}"))
    times = [f"{result.latency.quantile(quantile) / 1000:.2f}" for quantile in QUANTILES]
    return Row(name, (*times, str(result.sent - result.successes), str(result.sent)))
