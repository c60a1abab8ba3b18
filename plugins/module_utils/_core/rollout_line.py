# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout in one line, for people who watch it."""

from __future__ import annotations

from typing import Any, Mapping

from .plan import Plan
from .rollout_state import ANALYSE, HOLD, POST_CHECK, State


def progress_line(plan: Plan, state: State) -> str:
    """Return where the rollout stands: step, weight, observed share, each gate's evidence against its threshold."""
    parts = [f"[rollout {plan.name}]", _where(plan, state)]
    if state.check and state.check.seen.n:
        parts.append(f"observed {100.0 * state.check.seen.share:.1f} % of {state.check.seen.n}")
    analysis = state.analysis or {}
    if state.phase in (ANALYSE, HOLD, POST_CHECK):
        parts += [_gate(verdict) for verdict in analysis.get("verdicts", ())]
        parts.append(_next(analysis))
    if state.reason:
        parts.append(state.reason)
    return "  ".join(part for part in parts if part)


def _where(plan: Plan, state: State) -> str:
    share = f"mirror {state.mirror} %" if state.mirror else f"weight {state.percent:g}"
    return f"{max(state.step, -1) + 1}/{len(plan.steps)} {share}  {state.phase.replace('_', ' ')}"


def _gate(verdict: Mapping[str, Any]) -> str:
    figures, name = verdict["figures"], verdict["gate"] + (" (dry run)" if verdict["dry_run"] else "")
    if "candidate_n" not in figures:
        return f"{name} {verdict['phase']}"
    text = (
        f"{name} {_share(figures['candidate_events'], figures['candidate_n'])} vs "
        f"{_share(figures['baseline_events'], figures['baseline_n'])} "
        f"e={min(figures['evidence'], 1e6):.2g}/{figures['evidence_needed']:.3g}"
    )
    if "excess" in figures:
        return f"{text} U-L={100.0 * figures['excess']:.2g}/{100.0 * figures['excess_allowed']:.2g} pp"
    return f"{text} same={min(figures['no_harm'], 1e6):.2g}/{figures['no_harm_needed']:.3g}"


def _share(events: float, n: float) -> str:
    return f"{100.0 * events / n:.2g} %" if n else "none"


def _next(analysis: Mapping[str, Any]) -> str:
    if analysis.get("phase") == "successful":
        return "-> passes"
    if not analysis.get("missing"):
        return ""
    time = f" (~{analysis['eta']})" if analysis.get("eta") else ""
    return f"-> needs {analysis['missing']} more requests of the candidate{time}"


__all__ = ["progress_line"]
