# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one window says about the candidate: the evidence grows, and all gates are judged together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .analysis import (
    ERROR,
    INCONCLUSIVE,
    INFRASTRUCTURE,
    Analysis,
    Measurement,
    Measurements,
    Verdict,
    combine,
    judge_measurements,
)
from .durations import spoken
from .evidence import Evidence, Stake, judge_evidence
from .gates import CountedGate, MeasuredGate
from .plan import Plan
from .rollout_state import Observation, State
from .sequential import Pair, Tally, lower_bound


def stake(plan: Plan, state: State) -> Stake:
    """Return what hangs on the verdict of the present step."""
    share = max(state.percent, float(state.mirror)) / 100.0
    mix = 0.0 if not share else (100.0 / state.mirror if state.mirror else (1.0 - share) / share)
    ahead = plan.next_share(max(state.step, 0))
    return Stake(ahead, mix, plan.harm_alpha, plan.judging.alpha_promote, plan.judging.min_requests)


def with_window(plan: Plan, state: State, seen: Observation, *, baseline_only: bool = False) -> State:
    """Return the state with one more window. A gate without an answer has an error, and the window does not count.

    An accuracy gate without new labels stays as it is, and has no error.
    """
    evidence, most = {}, 0.0
    for gate in plan.counted:
        known = state.evidence.get(gate.name) or Evidence.of(gate)
        window = seen.counts.get(gate.name)
        if window is None or seen.problems.get(gate.name):
            evidence[gate.name] = known.without_data(seen.problems.get(gate.name) or "there is no data")
            continue
        if baseline_only:
            # A model may be called directly, too; before the walk that says nothing about the experiment.
            window = Pair(Tally(), window.baseline)
        if gate.kind == "accuracy" and not window.candidate.n + window.baseline.n:
            # Labels come late, so that there is no new one says nothing of the traffic.
            evidence[gate.name] = known.unchanged()
            continue
        most = max(most, window.candidate.n)
        evidence[gate.name] = known.add(window, errors_count=gate.kind == "error_rate")
    answered = all(evidence[gate.name].errors_in_a_row == 0 for gate in plan.counted if not gate.dry_run)
    return replace(
        state,
        evidence=evidence,
        measurements=dict(state.measurements) if baseline_only else _measured(plan, state, seen),
        windows=state.windows + answered,
        requests_in_step=state.requests_in_step + most,
    )


def _measured(plan: Plan, state: State, seen: Observation) -> dict[str, Measurements]:
    found = {}
    for gate in plan.measured:
        problem = seen.problems.get(gate.name) or "it was not measured"
        answer = seen.measurements.get(gate.name) or Measurement(error=problem)
        found[gate.name] = state.measurements.get(gate.name, Measurements()).add(answer, gate.limits)
    return found


def judge(plan: Plan, state: State) -> Analysis:
    """Return what all gates say of what was gathered so far."""
    at_stake = stake(plan, state)
    verdicts: list[Verdict] = []
    for gate in plan.gates:
        if isinstance(gate, CountedGate):
            verdicts.append(judge_evidence(gate, state.evidence.get(gate.name) or Evidence.of(gate), at_stake))
        elif isinstance(gate, MeasuredGate) and not gate.is_before:
            verdicts.append(judge_measurements(gate, state.measurements.get(gate.name, Measurements())))
    return combine(verdicts)


def judge_before(plan: Plan, state: State, seen: Observation) -> tuple[State, Analysis]:
    """Return what the gates say that are asked before the first percent; one that was not asked yet waits."""
    measurements = dict(state.measurements)
    for gate in plan.before:
        answer = seen.measurements.get(gate.name)
        if seen.problems.get(gate.name):
            answer = Measurement(error=seen.problems[gate.name])
        if answer is not None:
            measurements[gate.name] = measurements.get(gate.name, Measurements()).add(answer, gate.limits)
    verdicts = [judge_measurements(gate, measurements.get(gate.name, Measurements())) for gate in plan.before]
    return replace(state, measurements=measurements), combine(verdicts)


def judge_baseline(plan: Plan, state: State) -> Analysis:
    """Return what speaks against a start: no data, a broken baseline, or one that misses its own limit."""
    at_stake, verdicts = stake(plan, state), []
    for gate in plan.counted:
        evidence = state.evidence[gate.name]
        verdict = judge_evidence(gate, evidence, at_stake)
        learnt = evidence.dispersion
        tally = Tally(learnt.n, learnt.events).discounted(learnt.discount)
        if verdict.phase == ERROR:
            verdicts.append(verdict)
        elif gate.slo is not None and lower_bound(tally, plan.harm_alpha) > gate.slo:
            text = (
                f"{gate.name}: the baseline misses the limit of {100.0 * gate.slo:.3g} % by itself: "
                f"{100.0 * tally.share:.3g} % of its requests {gate.event}"
            )
            verdicts.append(Verdict(gate.name, INCONCLUSIVE, text, cause=INFRASTRUCTURE, dry_run=gate.dry_run))
    return combine(verdicts)


def described(analysis: Analysis, state: State, now: float) -> dict[str, Any]:
    """Return an analysis as plain data, with the time that the missing requests will take at the present rate."""
    elapsed = now - state.step_since
    eta = None
    if analysis.missing and state.requests_in_step and elapsed > 0:
        eta = analysis.missing * elapsed / state.requests_in_step
    return {**analysis.as_dict(), "eta_seconds": eta, "eta": None if eta is None else spoken(eta)}


__all__ = ["described", "judge", "judge_baseline", "judge_before", "stake", "with_window"]
