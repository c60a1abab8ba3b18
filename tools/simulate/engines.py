# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines that promote or take back a candidate: thresholds as Argo and Flagger have them, a z-test, and ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from plugins.module_utils._core.analysis import FAILED, SUCCESSFUL
from plugins.module_utils._core.evidence import Evidence, Stake, judge_evidence
from plugins.module_utils._core.plan import Plan
from plugins.module_utils._core.sequential import Pair, Tally

from .looks import z_test
from .traffic import INTERVAL, Traffic, World

PROMOTED, ROLLED_BACK, UNDECIDED = "promoted", "rolled back", "undecided"

STEPS = (0.05, 0.10, 0.25, 0.50)
# Argo: spec.strategy.canary with steps and an inline analysis of 8 measurements, failureLimit 3. Its documentation
# measures every 5 minutes (docs/features/analysis.md); a window is much sooner.
ARGO_SUCCESS, ARGO_WINDOWS, ARGO_FAILURE_LIMIT = 0.99, 8, 3
ARGO_INTERVAL = 300.0
# Flagger: interval 1m, threshold 5, stepWeight 10, maxWeight 50, request-success-rate of at least 99.
FLAGGER_SUCCESS, FLAGGER_WINDOWS, FLAGGER_THRESHOLD = 0.99, 4, 5
FLAGGER_INTERVAL = 60.0
FLAGGER_STEPS = (0.10, 0.20, 0.30, 0.40, 0.50)
Z = 1.959963984540054

PLAN = Plan.parse(
    {
        "name": "simulated",
        "baseline": "baseline",
        "candidate": "candidate",
        "steps": [5, 10, 25, 50, 100],
        "gates": [{"name": "errors", "kind": "error_rate", "risk_budget": 0.005}],
    }
)


@dataclass(frozen=True)
class Outcome:
    """How a walk ended, and what it took: windows of traffic, all requests, the candidate's requests."""

    verdict: str
    windows: int
    requests: int
    candidate: int


class Windows(Protocol):
    """Whoever knows what both arms do in the next window."""

    def window(self, share: float) -> Pair:
        """Return the next window, in which the candidate has a share of the traffic."""

    def learning(self) -> Windows:
        """Return the windows from before the first percent."""


class _Count:
    """Counts what a walk takes."""

    def __init__(self, traffic: Windows) -> None:
        self.traffic, self.windows, self.requests, self.candidate = traffic, 0, 0, 0

    def window(self, share: float) -> Pair:
        window = self.traffic.window(share)
        self.windows += 1
        self.requests += round(window.candidate.n + window.baseline.n)
        self.candidate += round(window.candidate.n)
        return window

    def outcome(self, verdict: str) -> Outcome:
        return Outcome(verdict, self.windows, self.requests, self.candidate)


def argo(traffic: Windows) -> Outcome:
    """Thresholds: at each step 8 windows; more than 3 of them below 99 % take the candidate back."""
    count = _Count(traffic)
    for share in STEPS:
        failed = 0
        for _window in range(ARGO_WINDOWS):
            candidate = count.window(share).candidate
            failed += candidate.n > 0 and 1.0 - candidate.share < ARGO_SUCCESS
            if failed > ARGO_FAILURE_LIMIT:
                return count.outcome(ROLLED_BACK)
    return count.outcome(PROMOTED)


def flagger(traffic: Windows) -> Outcome:
    """Thresholds: one check a minute; a good one goes on, the fifth bad one of the walk takes the candidate back."""
    count, step, failed = _Count(traffic), 0, 0
    while step < len(FLAGGER_STEPS):
        minute = Tally()
        for _window in range(FLAGGER_WINDOWS):
            minute += count.window(FLAGGER_STEPS[step]).candidate
        if minute.n and 1.0 - minute.share >= FLAGGER_SUCCESS:
            step += 1
            continue
        failed += 1
        if failed >= FLAGGER_THRESHOLD:
            return count.outcome(ROLLED_BACK)
    return count.outcome(PROMOTED)


def z_at_every_look(traffic: Windows) -> Outcome:
    """A z-test at 5 % after every window; 8 windows without a finding go on."""
    count, seen = _Count(traffic), Pair()
    for share in STEPS:
        for _window in range(ARGO_WINDOWS):
            seen += count.window(share)
            if seen.is_comparison and z_test(seen) >= Z:
                return count.outcome(ROLLED_BACK)
    return count.outcome(PROMOTED)


def ours(traffic: Windows) -> Outcome:
    """The core's own gate, with the plan's defaults: learn, then harm test and advance test at every window."""
    judging, gate = PLAN.judging, PLAN.counted[0]
    evidence = Evidence.of(gate)
    learning = traffic.learning()
    for _window in range(judging.baseline_windows):
        evidence = evidence.add(learning.window(0.0), errors_count=True)
    evidence, count = evidence.taught(), _Count(traffic)
    for number, step in enumerate(PLAN.steps[:-1]):
        share = step.weight / 100.0
        stake = Stake(
            PLAN.next_share(number),
            (1.0 - share) / share,
            PLAN.harm_alpha,
            judging.alpha_promote,
            judging.min_requests,
        )
        for window in range(1, int(judging.max_step_duration / INTERVAL) + 1):
            evidence = evidence.add(count.window(share), errors_count=True)
            verdict = judge_evidence(gate, evidence, stake, explain=False)
            if verdict.phase == FAILED:
                return count.outcome(ROLLED_BACK)
            if verdict.phase == SUCCESSFUL and window >= judging.min_windows:
                break
        else:
            return count.outcome(UNDECIDED)
    return count.outcome(PROMOTED)


ENGINES: dict[str, Callable[[Windows], Outcome]] = {
    "z-test": z_at_every_look,
    "Argo": argo,
    "Flagger": flagger,
    "ours": ours,
}


def walk(engine: str, world: World, seed: tuple[int, ...]) -> Outcome:
    """Return how one walk ends."""
    return ENGINES[engine](Traffic(world, seed))


__all__ = [
    "ARGO_INTERVAL",
    "ENGINES",
    "FLAGGER_INTERVAL",
    "FLAGGER_STEPS",
    "FLAGGER_WINDOWS",
    "PLAN",
    "PROMOTED",
    "ROLLED_BACK",
    "UNDECIDED",
    "Outcome",
    "Windows",
    "walk",
]
