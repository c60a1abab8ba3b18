# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be so before a rollout changes anything: all that is wrong, in one list."""

from __future__ import annotations

from typing import Mapping

from .errors import ServingError
from .gates import CountedGate
from .plan import Plan
from .ports import RolloutView
from .traffic import Arms

ENVOY, LOG, PROBE, PROMETHEUS, LABELS = "envoy", "log", "probe", "prometheus", "labels"
# Which source counts for a gate that names none, by the source of the whole rollout.
DEFAULT_SOURCES: Mapping[str, Mapping[str, str]] = {
    "data_plane": {"error_rate": ENVOY, "slower_than": LOG, "accuracy": LABELS},
    "probe": {"error_rate": PROBE, "slower_than": PROBE, "accuracy": LABELS},
    "prometheus": {"error_rate": PROMETHEUS, "slower_than": PROMETHEUS, "accuracy": LABELS},
}
# Envoy adds up its histograms this often, so shorter windows would see nothing, and then all at once.
ENVOY_HISTOGRAM_SECONDS = 5.0


def source_of(gate: CountedGate, default: str) -> str:
    """Return who counts for a gate; ``default`` is the source of the whole rollout."""
    return str(gate.source.get("source") or DEFAULT_SOURCES[default][gate.kind])


def arms_of(view: RolloutView, plan: Plan) -> Arms:
    """Return the two models of a plan; refuse a plan whose models the data plane does not have."""
    missing = [name for name in (plan.baseline, plan.candidate) if name not in view.models]
    if missing:
        known = ", ".join(sorted(view.models)) or "none"
        raise ServingError(f"There is no model {' and no model '.join(missing)}; declare it (known: {known}).")
    default = view.experiment.default if view.experiment else None
    return Arms(plan.name, view.models[plan.candidate], view.models[plan.baseline], default == plan.baseline)


def store_problems(view: RolloutView, plan: Plan) -> list[str]:
    """Return what is wrong with the experiment as the store has it."""
    experiment = view.experiment
    if experiment is None:
        return [f"there is no experiment {plan.name}; declare it first"]
    problems = []
    try:
        arms_of(view, plan)
    except ServingError as error:
        problems.append(str(error).rstrip("."))
    if plan.baseline not in experiment.weights:
        names = ", ".join(experiment.weights)
        problems.append(f"the baseline {plan.baseline} is no candidate of {plan.name}; set one of: {names}")
    if experiment.default == plan.candidate:
        problems.append(
            f"the candidate {plan.candidate} is the default of {plan.name}; set the baseline as its default"
        )
    if plan.steps[0].mirror and experiment.mirror and experiment.mirror.name != plan.candidate:
        problems.append(f"{plan.name} has the mirror {experiment.mirror.name} already; end that one first")
    if not view.is_reachable:
        problems.append("the data plane does not say what it serves; see its log, and start it")
    elif not view.is_live:
        problems.append(f"the data plane does not serve {plan.name} as it is declared; declare it again")
    return problems


def source_problems(plan: Plan, default: str) -> list[str]:
    """Return which gates cannot be counted as the plan has them."""
    problems = []
    for gate in plan.counted:
        source = source_of(gate, default)
        if plan.steps[0].mirror and source in (LOG, PROBE):
            problems.append(
                f"gate {gate.name!r} counts what callers got, and callers get nothing of a mirror; set its source to "
                "envoy or prometheus, or take the mirror out of the steps"
            )
        if source == ENVOY and gate.threshold_ms is not None and plan.judging.interval < ENVOY_HISTOGRAM_SECONDS:
            problems.append(
                f"gate {gate.name!r} reads Envoy's histograms, which grow every {ENVOY_HISTOGRAM_SECONDS:g} s, and "
                f"analysis.interval is {plan.judging.interval:g} s; set a longer one, or its source to log"
            )
    return problems


__all__ = [
    "ENVOY",
    "LABELS",
    "LOG",
    "PROBE",
    "PROMETHEUS",
    "arms_of",
    "source_of",
    "source_problems",
    "store_problems",
]
