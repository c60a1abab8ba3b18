# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout in one line, for people who watch it."""

from __future__ import annotations

from typing import Any, Mapping

from .plan import Plan
from .rollout_state import ANALYSE, BASELINE, HOLD, POST_CHECK, WAIT_READY, State

# More evidence than this tells a reader nothing more.
_MOST_EVIDENCE = 9999.0


def progress_line(plan: Plan, state: State) -> str:
    """Return where the rollout stands: step, weight, observed share, each gate's evidence against its threshold."""
    parts = [f"[rollout {plan.name}]", _where(plan, state)]
    if state.check and state.check.seen.n:
        parts.append(f"observed {100.0 * state.check.seen.share:.1f} % of {state.check.seen.n}")
    analysis = state.analysis or {}
    if state.phase in (ANALYSE, HOLD, POST_CHECK):
        parts += [_gate(verdict) for verdict in analysis.get("verdicts", ())]
        parts.append(_next(analysis))
    elif state.phase == BASELINE or (state.phase == WAIT_READY and state.then == BASELINE):
        # What was asked before the first percent, or what keeps the baseline from being learnt.
        parts += [verdict["reason"] + _dry(verdict) for verdict in analysis.get("verdicts", ())]
    if state.reason:
        parts.append(state.reason)
    return "  ".join(part for part in parts if part)


def _where(plan: Plan, state: State) -> str:
    share = f"mirror {state.mirror} %" if state.mirror else f"weight {state.percent:g}"
    return (
        f"{max(state.step, -1) + 1}/{len(plan.steps)} {share}  {state.phase.replace('_', ' ')}{_windows(plan, state)}"
    )


def _windows(plan: Plan, state: State) -> str:
    """Return how far a phase is that takes a number of windows."""
    wanted = {BASELINE: plan.judging.baseline_windows, POST_CHECK: plan.judging.post_check_windows}
    return f" {state.windows}/{wanted[state.phase]}" if state.phase in wanted else ""


def _gate(verdict: Mapping[str, Any]) -> str:
    figures, name = verdict["figures"], verdict["gate"] + _dry(verdict)
    if "candidate_n" not in figures:
        return f"{name} {verdict['phase']}"
    text = (
        f"{name} {_share(figures['candidate_events'], figures['candidate_n'])} vs "
        f"{_share(figures['baseline_events'], figures['baseline_n'])} "
        f"e={_evidence(figures['evidence'], figures['evidence_needed'])}"
    )
    if "excess" in figures:
        return f"{text} U-L={_short(100.0 * figures['excess'])}/{_short(100.0 * figures['excess_allowed'])} pp"
    return f"{text} same={_evidence(figures['no_harm'], figures['no_harm_needed'])}"


def _dry(verdict: Mapping[str, Any]) -> str:
    return " (dry run)" if verdict["dry_run"] else ""


def _evidence(found: float, needed: float) -> str:
    return f"{_short(min(found, _MOST_EVIDENCE))}/{needed:.3g}"


def _share(events: float, n: float) -> str:
    return f"{_short(100.0 * events / n)} %" if n else "none"


def _short(value: float) -> str:
    """Return two digits, and those before the point in any case: 100, where two digits alone were 1e+02."""
    return f"{value:.2g}" if abs(value) < 99.5 else f"{value:.0f}"


def _next(analysis: Mapping[str, Any]) -> str:
    if analysis.get("phase") == "successful":
        return "-> passes"
    if not analysis.get("missing"):
        return ""
    time = f" (~{analysis['eta']})" if analysis.get("eta") else ""
    return f"-> needs {analysis['missing']} more requests of the candidate{time}"


__all__ = ["progress_line"]
