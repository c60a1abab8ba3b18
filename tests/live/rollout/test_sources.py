# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole rollouts whose counts come from elsewhere than the data plane: requests of their own, and Prometheus."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
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


TENANT = {"X-Scope-OrgID": "1"}


class Door(BaseHTTPRequestHandler):
    """Stands before Prometheus, takes events too, and lets one tenant in."""

    prometheus = ""
    events: list[dict[str, Any]]

    def do_GET(self) -> None:
        status, body = 401, b"{}"
        if self.headers["X-Scope-OrgID"] == TENANT["X-Scope-OrgID"]:
            with urllib.request.urlopen(type(self).prometheus + self.path) as response:
                status, body = response.status, response.read()
        self.reply(status, body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_tenant = self.headers["X-Scope-OrgID"] == TENANT["X-Scope-OrgID"]
        if is_tenant:
            type(self).events.append(json.loads(body))
        self.reply(200 if is_tenant else 401, b"{}")

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it has above
        pass


@pytest.fixture
def door(prometheus: PrometheusProcess) -> Iterator[str]:
    Door.prometheus, Door.events = prometheus.url, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_headers_are_sent_and_hide_no_number(busy: Rollouts, door: str) -> None:
    """A tenant is a header, and its digit is in about every number that a tick answers."""
    wanted = plan(
        {"weight": 10, "hold": "manual"},
        100,
        gates=[ERRORS],
        analysis={"interval": "3s"},
        traffic={"source": "prometheus", "prometheus": {"url": door, "headers": TENANT}},
        event_webhook={"url": f"{door}/events", "headers": TENANT},
    )
    with busy.running(wanted, at="hold") as run:
        run.kill_all()
    assert [(each["event"], each["weight"]) for each in Door.events[:2]] == [("start", 0), ("step", 10)]
    told = len(Door.events)
    # Whoever goes on with it needs its name alone, and is not handed the headers.
    promoted = busy.play(action="promote")
    assert promoted.status == 0, promoted.output
    assert (busy.ended().phase, busy.share()) == ("succeeded", (0, 100))
    assert "Events are not posted: event_webhook has headers, which stay on the target." in promoted.said
    assert len(Door.events) == told
