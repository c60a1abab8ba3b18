# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency at fixed rates, each request counted from the moment it was planned for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from plugins.module_utils._adapters.grpc_inference import GrpcInference
from plugins.module_utils._adapters.http_load import HttpLoad
from plugins.module_utils._core.load import LoadResult, Pace
from plugins.module_utils._core.oip_messages import MODEL_INFER, infer_request
from tests.live.data_plane import ADDRESS, BASELINE, EXPERIMENT, HOST, DataPlane
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
                rows.append(_row(f"{rate:g}/s {place.name}", _until_valid(partial(_rest, place, pace))))
            rows.append(
                _row(f"{rate:g}/s gRPC over TLS, {place.name}", _until_valid(partial(_grpc, bench.plane, pace)))
            )
    if all(not row.values[-1].isdigit() for row in rows):
        raise NotMeasuredError(rows[0].values[-1])
    text = (
        "An open loop: requests leave when they are due, whatever became of the ones before, and latency counts from "
        "that moment. The collection's own load generator asks, as the smoke test does; an invalid run is repeated, "
        "twice at most."
    )
    return [Table("An open loop at fixed rates", text, ("P50 ms", "P95 ms", "P99 ms", "failed", "n"), tuple(rows))]


def _rest(place: Place, pace: Pace) -> LoadResult:
    return HttpLoad(place.address, place.port).run([place.request], pace)


def _grpc(plane: DataPlane, pace: Pace) -> LoadResult:
    """Ask through all hops; the first call opens the connection and is not counted."""
    target = f"{ADDRESS}:{plane.variables['data_plane_grpc_port']}"
    roots = (plane.directory / "nginx" / "tls.crt").read_bytes()
    message = infer_request(BASELINE, plane.golden()["requests"][0])
    metadata = {"seldon-model": f"{EXPERIMENT}.experiment"}
    with GrpcInference(target, authority=HOST, root_certificates=roots) as client:
        client.call(MODEL_INFER, message, metadata)
        return client.load(MODEL_INFER, [message], pace, metadata)


def _until_valid(measure: Callable[[], LoadResult]) -> LoadResult:
    """Measure again when the generator distrusts its numbers; return the last result."""
    result = measure()
    for _attempt in range(ATTEMPTS - 1):
        if result.invalid:
            result = measure()
    return result


def _row(name: str, result: LoadResult) -> Row:
    if result.invalid:
        # The generator says that its numbers mean nothing.
        return Row(name, ("", "", "", "", f"invalid: {' '.join(result.invalid)}"))
    times = [f"{result.latency.quantile(quantile) / 1000:.2f}" for quantile in QUANTILES]
    return Row(name, (*times, str(result.sent - result.successes), str(result.sent)))
