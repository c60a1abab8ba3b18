# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout says on a terminal, apart from its ticks: the plan before it begins, where it stands, how it ended."""

from __future__ import annotations

from typing import Any, Mapping

from ..module_utils._core.durations import spoken
from ..module_utils._core.rollout_state import ABORTED, FAILED, PAUSED, ROLLED_BACK, STUCK, SUCCEEDED

COLUMNS = "  {:<5} {:<11} {:>22}  {:>8}  {}"


def plan_text(found: Mapping[str, Any]) -> str:
    """Return what each step takes, as a table, and what keeps the plan from success."""
    plan, estimate = found["plan"], found["estimate"]
    lines = [
        f"Plan of {plan['name']}: {plan['candidate']} against {plan['baseline']}, at "
        f"{found['rate']:.3g} requests per second",
    ]
    has = found["weights"].get(plan["candidate"], 0)
    if has:
        lines.append(f"  It begins by taking back what {plan['candidate']} has now, the weight {has}.")
    lines.append(COLUMNS.format("step", "weight", "candidate's requests", "time", "slowest gate"))
    for number, (step, expected) in enumerate(zip(plan["steps"], estimate["steps"]), start=1):
        share = f"mirror {step['mirror']} %" if step["mirror"] else f"{step['weight']:g} %"
        requests = "no number is enough" if expected["requests"] is None else f"{expected['requests']}"
        time = "never" if expected["seconds"] is None else spoken(expected["seconds"])
        lines.append(COLUMNS.format(number, share, requests, time, expected["gate"]).rstrip())
    if estimate["seconds"] is not None:
        lines.append(f"  About {spoken(estimate['seconds'])} in all, if the candidate is as good as the baseline.")
    for name, answer in found["before"].items():
        said = answer["error"] or answer["note"] or f"the value is {answer['value']}"
        lines.append(f"  {name}, before the first percent: {said}")
    lines += [f"  gates: {', '.join(_gate(gate) for gate in plan['gates'])}"]
    return "\n".join(lines)


def _gate(gate: Mapping[str, Any]) -> str:
    return f"{gate['name']} ({gate['kind']}{', dry run' if gate['dry_run'] else ''})"


def status_text(name: str, found: Mapping[str, Any]) -> str:
    """Return where a rollout stands, in a few lines."""
    state = found["state"]
    if state is None:
        return f"{name} was never rolled out."
    lines = [found["line"] or f"[rollout {name}] {state['phase']}"]
    if state["reason"] and state["reason"] not in lines[0]:
        lines.append(f"  {state['reason']}")
    if found["holder"]:
        lines.append(f"  carried out by {found['holder']}")
    elif found["orphaned"]:
        lines.append("  nobody carries it out any more: run it again to go on, or abort it")
    elif state["phase"] == PAUSED:
        lines.append("  it waits for somebody: resume, promote or abort it")
    lines += [f"  asked for by {each['by']}, not honoured yet: {each['action']}" for each in found["requests"]]
    lines += [f"  {event['name']}: {event['text']}" for event in found.get("events", ())]
    return "\n".join(lines)


def outcome_text(name: str, state: Mapping[str, Any]) -> str:
    """Return how a rollout ended, and what to do next, in a sentence or two."""
    phase, reason = state["phase"], state["reason"]
    declared = ", ".join(f"{model} {weight}" for model, weight in state["weights"].items())
    if phase == SUCCEEDED:
        return f"{name}: {reason}. Set the inventory's weights to {declared}, or the next `make up` takes them back."
    if phase == ROLLED_BACK:
        return f"{name}: the baseline has everything again ({declared}), because {reason}."
    if phase in (FAILED, ABORTED):
        return f"{name}: the rollout did not take place, because {reason}."
    if phase == STUCK:
        return f"{name}: {reason}."
    if phase == PAUSED:
        return (
            f"{name}: paused at weight {state['weight']:g}, because {reason}. Set action to resume, promote or abort."
        )
    return (
        f"{name}: nobody carries it out any more; it is {phase.replace('_', ' ')} at weight {state['weight']:g} "
        f"({declared}). Run it again to go on, or abort it."
    )


__all__ = ["outcome_text", "plan_text", "status_text"]
