# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every section of the bench is given."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.data_plane import ADDRESS, BASELINE, ENHANCED, EXPERIMENT, HOST, PLAY_SECONDS, DataPlane, Play
from tests.support import run
from tools.bench.client import post

BASELINE_ROUTE, ENHANCED_ROUTE = f":{BASELINE}_1:", f":{ENHANCED}_1:"


@dataclass(frozen=True)
class Sizes:
    """How much of everything is measured."""

    calls: int = 2000
    rates: tuple[float, ...] = (50, 100, 200)
    rate_seconds: float = 5
    flips: int = 120
    changes: int = 1000
    load_rate: float = 100
    generator_seconds: float = 3
    detect_rate: float = 200
    window_seconds: float = 1
    healthy_windows: int = 60
    harm_windows: int = 90
    ticks: int = 150
    parts: int = 100
    starts: int = 15
    memory_every: int = 10
    promote_rate: float = 200
    # A plan's own options, but for the interval.
    promote_steps: tuple[float, ...] = (5, 10, 25, 50, 100)
    promote_risk_budget: float = 0.005
    promote_analysis: Mapping[str, int] = field(default_factory=dict)
    cluster_hosts: tuple[int, ...] = (1, 3, 12)


# Enough to see that every section works.
QUICK = Sizes(
    calls=200,
    rates=(50,),
    rate_seconds=1,
    flips=6,
    changes=12,
    generator_seconds=0.5,
    detect_rate=50,
    window_seconds=0.2,
    healthy_windows=5,
    harm_windows=10,
    ticks=10,
    parts=10,
    starts=2,
    memory_every=2,
    promote_rate=100,
    promote_steps=(50, 100),
    promote_risk_budget=0.2,
    promote_analysis={"baseline_windows": 1, "min_windows": 1, "post_check_windows": 1},
    cluster_hosts=(1,),
)


class Plane(DataPlane):
    """A data plane whose playbooks end, with all they started, when the bench is interrupted."""

    def play(self, playbook: str, *arguments: str, variables: object = None) -> Play:
        command, environment = self.command(playbook, *arguments)
        done = run(command, env=environment, timeout=PLAY_SECONDS)
        return Play(done.status, done.output)


@dataclass(frozen=True)
class Place:
    """Where one hop takes requests, and a request that it knows."""

    name: str
    address: str
    port: int
    request: bytes


@dataclass(frozen=True)
class Bench:
    """A data plane, if the section needs one, a folder for files, how much to measure, and where progress is told."""

    folder: Path
    sizes: Sizes
    say: Callable[[str], None]
    running: DataPlane | None = None

    @property
    def plane(self) -> DataPlane:
        assert self.running is not None
        return self.running


def places(plane: DataPlane) -> tuple[Place, Place, Place]:
    """Return MLServer, Envoy and NGINX; behind all three stands the baseline while it has all the weight."""
    body = plane.payload()
    variables = plane.variables
    own = post(HOST, f"/v2/models/{BASELINE}_1/infer", body)
    routed = post(HOST, f"/v2/models/{BASELINE}/infer", body, seldon_model=f"{EXPERIMENT}.experiment")
    return (
        Place("MLServer", "127.0.0.1", variables["data_plane_mlserver_http_port"], own),
        Place("Envoy + MLServer", "127.0.0.1", variables["data_plane_envoy_http_port"], routed),
        Place("NGINX + Envoy + MLServer", ADDRESS, variables["data_plane_http_port"], routed),
    )


@contextmanager
def undisturbed() -> Iterator[None]:
    """Do not let another Ctrl-C end the clearing up."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
