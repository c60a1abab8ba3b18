# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a plan takes at an observed rate, or why it cannot succeed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Mapping

from .durations import spoken
from .evidence import Evidence, Stake, missing_requests
from .plan import Plan
from .sequential import Pair, Tally


@dataclass(frozen=True)
class Traffic:
    """What is known before the walk: requests per second, and each gate's share of events on the baseline."""

    rate: float
    shares: Mapping[str, float]


@dataclass(frozen=True)
class StepEstimate:
    """What one step is expected to take. ``requests`` are the candidate's, in this step; None: no number is enough."""

    weight: float
    requests: int | None
    seconds: float
    gate: str
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "weight": self.weight,
            "requests": self.requests,
            "seconds": self.seconds if math.isfinite(self.seconds) else None,
            "gate": self.gate,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Estimate:
    """What the whole plan is expected to take, when the candidate is as good as the baseline."""

    steps: tuple[StepEstimate, ...]
    seconds: float
    problems: tuple[str, ...]

    @property
    def is_feasible(self) -> bool:
        """Whether nothing is known that must keep the plan from success."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "steps": [step.as_dict() for step in self.steps],
            "seconds": self.seconds if math.isfinite(self.seconds) else None,
            "problems": list(self.problems),
        }


def estimate(plan: Plan, traffic: Traffic) -> Estimate:
    """Return the requests and the time that each step is expected to take.

    The candidate is taken to have the baseline's shares of events, and counts to be what is expected of them; about
    half of all walks take longer. Unit: requests of the candidate, seconds. Error: the gates' numbers are exact for the
    expected counts; the last step, at 100 %, only has its windows to wait for.
    """
    evidence = {gate.name: Evidence.of(gate) for gate in plan.counted if not gate.dry_run}
    found = []
    for number, step in enumerate(plan.steps[:-1]):
        share = (step.mirror or step.weight) / 100.0
        mix = (1.0 if step.mirror else 1.0 - share) / share
        requests, gate = _needed(plan, evidence, number, mix, traffic)
        found.append(_step(plan, number, requests, gate, rate=traffic.rate))
        if requests:
            ahead = {name: _window(requests, mix, traffic.shares.get(name, 0.0)) for name in evidence}
            evidence = {name: each.add(ahead[name], errors_count=False) for name, each in evidence.items()}
    last = plan.judging.post_check_windows + plan.judging.settle_windows
    found.append(StepEstimate(plan.steps[-1].weight, 0, last * plan.judging.interval, ""))
    begin = plan.judging.baseline_windows * plan.judging.interval
    whole = begin + sum(step.seconds for step in found)
    problems = [step.problem for step in found if step.problem]
    if not problems and whole > plan.judging.max_duration:
        problems.append(
            f"the walk takes {spoken(whole)} at {traffic.rate:g} requests per second, and max_duration is "
            f"{spoken(plan.judging.max_duration)}; set a longer one, or more traffic"
        )
    return Estimate(tuple(found), whole, tuple(problems))


def _window(requests: float, mix: float, share: float) -> Pair:
    return Pair(Tally(requests, requests * share), Tally(requests * mix, requests * mix * share))


def _needed(
    plan: Plan, evidence: Mapping[str, Evidence], number: int, mix: float, traffic: Traffic
) -> tuple[int | None, str]:
    """Return the requests that the slowest gate needs, and its name."""
    judging = plan.judging
    stake = Stake(plan.next_share(number), mix, plan.harm_alpha, judging.alpha_promote, judging.min_requests)
    most, slowest = 0, ""
    for gate in plan.counted:
        if gate.dry_run:
            continue
        known, share = evidence[gate.name], traffic.shares.get(gate.name, 0.0)
        begins = not known.seen.candidate.n
        if begins:
            # One request shows the shares to expect where nothing was seen yet; it is not to be had for nothing.
            one = _window(1.0, mix, share)
            known = replace(known, seen=one, weighed=one, seen_expected=share)
        needed = missing_requests(gate, known, stake)
        if needed is None:
            return None, gate.name
        if needed + begins > most:
            most, slowest = needed + begins, gate.name
    return most, slowest


def _step(plan: Plan, number: int, requests: int | None, gate: str, *, rate: float) -> StepEstimate:
    step, judging = plan.steps[number], plan.judging
    share = (step.mirror or step.weight) / 100.0
    least = max(step.min_seconds, (judging.settle_windows + judging.min_windows) * judging.interval)
    where = f"step {number + 1} ({'mirror ' if step.mirror else ''}{step.mirror or step.weight:g} %)"
    if requests is None:
        text = (
            f"{where} cannot succeed: the baseline's share of events leaves gate {gate!r} no room; "
            f"set a larger risk_budget or margin"
        )
        return StepEstimate(step.weight, None, math.inf, gate, text)
    if rate <= 0.0:
        text = f"{where} needs {requests} requests of the candidate, and there is no traffic; set traffic.rate"
        return StepEstimate(step.weight, requests, math.inf, gate, text)
    takes = requests / (rate * share)
    problem = ""
    if takes > judging.max_step_duration:
        enough = math.ceil(10.0 * requests / (share * judging.max_step_duration)) / 10.0
        problem = (
            f"{where} needs {requests} more requests of the candidate; at {rate:g} requests per second that takes "
            f"{spoken(takes)}, and max_step_duration is {spoken(judging.max_step_duration)}; set traffic.rate so "
            f"that there are {enough:g} per second, or a longer max_step_duration"
        )
    return StepEstimate(step.weight, requests, max(least, takes), gate, problem)


__all__ = ["Estimate", "StepEstimate", "Traffic", "estimate"]
