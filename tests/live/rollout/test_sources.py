# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole rollouts whose counts come from elsewhere than the data plane: requests of their own, and Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.data_plane import ENHANCED
from tests.live.prometheus_process import PrometheusProcess
from tests.live.rollouts import ERRORS, Rollouts, plan


@pytest.fixture
def prometheus(lent: Rollouts, tmp_path: Path) -> Iterator[PrometheusProcess]:
    envoy = [int(lent.plane.variables["data_plane_envoy_stats_port"])]
    process = PrometheusProcess(tmp_path / "prometheus", {"envoy": ("/stats/prometheus", envoy)})
    try:
        process.start()
        yield process
    finally:
        process.stop()


# How the rollout ends: its phase, its cause, and who has which share of the traffic.
Ends = tuple[str, str, tuple[int, int]]
GOOD_OR_BAD = pytest.mark.parametrize(
    ("failing", "ends"),
    [(0, ("succeeded", "", (0, 100))), (1, ("rolled_back", "harm", (100, 0)))],
    ids=["good", "bad"],
)


def walk(rollouts: Rollouts, traffic: dict[str, Any], failing: float, **analysis: Any) -> tuple[str, str, str]:
    """Walk to the end, and return its phase, its cause and everything that was said."""
    rollouts.misbehaving.switches[ENHANCED].fail(failing)
    play = rollouts.play(plan(50, 100, gates=[ERRORS], traffic=traffic, analysis=analysis))
    state = rollouts.ended()
    return state.phase, state.cause, play.said


@GOOD_OR_BAD
def test_by_requests_of_its_own(rollouts: Rollouts, failing: float, ends: Ends) -> None:
    """Nobody else calls, so all that the models are asked comes from the rollout."""
    before, _failed = rollouts.attempts()
    found, why, text = walk(rollouts, {"source": "probe", "rate": 60}, failing)
    assert (found, why, rollouts.share()) == ends, text
    after, _failed = rollouts.attempts()
    assert after - before >= 20
    totals = rollouts.report()["totals"]
    assert totals["client"]["candidate"]["n"] >= 20
    assert bool(totals["client"]["candidate"]["events"]) is bool(failing)


@GOOD_OR_BAD
def test_by_prometheus(busy: Rollouts, prometheus: PrometheusProcess, failing: float, ends: Ends) -> None:
    """Prometheus scrapes once a second, and a window has to hold two scrapes."""
    traffic = {"source": "prometheus", "prometheus": {"url": prometheus.url}}
    found, why, text = walk(busy, traffic, failing, interval="3s")
    assert (found, why, busy.share()) == ends, text
    prometheus.stop()
    again = busy.play(plan(20, 100, gates=[ERRORS], traffic=traffic))
    assert again.status != 0
    assert busy.share() == ends[2], "without Prometheus nothing begins"
    assert prometheus.url in again.said
