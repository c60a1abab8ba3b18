# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many runs of one scenario add up to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .engines import ENGINES, PROMOTED, ROLLED_BACK, UNDECIDED, Outcome, walk
from .looks import Detection, detections
from .traffic import INTERVAL, World


@dataclass(frozen=True)
class Scenario:
    """A world to look at, by a name that people know it by."""

    name: str
    world: World


TESTS = (
    Scenario("equal, 0.2 % fail", World(50, 0.002, 0.002)),
    Scenario("equal, 2 % fail", World(50, 0.02, 0.02)),
    Scenario("equal, 0.2 % fail in clumps of 5", World(50, 0.002, 0.002, clump=5)),
    Scenario("equal, both shaken x0.3 to x6", World(50, 0.002, 0.002, shocks=True)),
    Scenario("0.2 % and 0.4 %", World(50, 0.002, 0.004)),
    Scenario("0.2 % and 0.7 %", World(50, 0.002, 0.007)),
    Scenario("0.2 % and 1 %", World(50, 0.002, 0.01)),
    Scenario("0.2 % and 5 %", World(50, 0.002, 0.05)),
)

WALKS = (
    Scenario("50/s, healthy", World(50, 0.002, 0.002)),
    Scenario("50/s, healthy, clumps of 5", World(50, 0.002, 0.002, clump=5)),
    Scenario("50/s, 0.5 % fail", World(50, 0.002, 0.005)),
    Scenario("200/s, 0.5 % fail", World(200, 0.002, 0.005)),
    Scenario("50/s, 1 % fail", World(50, 0.002, 0.01)),
    Scenario("50/s, 5 % fail", World(50, 0.002, 0.05)),
    Scenario("50/s, 20 % fail", World(50, 0.002, 0.20)),
    Scenario("2/s, healthy", World(2, 0.002, 0.002)),
    Scenario("2/s, 5 % fail", World(2, 0.002, 0.05)),
)


@dataclass(frozen=True)
class TestResult:
    """How often a test called the candidate worse, and after how many requests (medians)."""

    found: float
    requests: float | None
    candidate: float | None


@dataclass(frozen=True)
class WalkResult:
    """How walks ended, as shares of all, and what they took (medians)."""

    promoted: float
    rolled_back: float
    undecided: float
    minutes: float
    requests: float
    candidate: float


def run_tests(scenario: Scenario, seed: int, runs: int) -> dict[str, TestResult]:
    """Return what each test did in a scenario."""
    found = [detections(scenario.world, (seed, number)) for number in range(runs)]
    return {name: _test(scenario, [each[name] for each in found]) for name in found[0]}


def _test(scenario: Scenario, found: Sequence[Detection]) -> TestResult:
    hits = [(each.requests, each.candidate) for each in found if each.requests is not None and each.candidate]
    # How long a false alarm takes is of no use to anybody.
    shown = hits if scenario.world.is_harmful else []
    return TestResult(
        sum(each.requests is not None for each in found) / len(found),
        statistics.median(each[0] for each in shown) if shown else None,
        statistics.median(each[1] for each in shown) if shown else None,
    )


def run_walks(scenario: Scenario, seed: int, runs: int) -> dict[str, WalkResult]:
    """Return how each engine's walks ended in a scenario."""
    return {
        engine: _walk([walk(engine, scenario.world, (seed, number)) for number in range(runs)]) for engine in ENGINES
    }


def _walk(found: Sequence[Outcome]) -> WalkResult:
    shares = {
        verdict: sum(each.verdict == verdict for each in found) / len(found)
        for verdict in (PROMOTED, ROLLED_BACK, UNDECIDED)
    }
    return WalkResult(
        shares[PROMOTED],
        shares[ROLLED_BACK],
        shares[UNDECIDED],
        statistics.median(each.windows for each in found) * INTERVAL / 60.0,
        statistics.median(each.requests for each in found),
        statistics.median(each.candidate for each in found),
    )


__all__ = ["TESTS", "WALKS", "Scenario", "TestResult", "WalkResult", "run_tests", "run_walks"]
