# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A day of two teams below one scheduler: their models and experiments, and what tests wait for."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.live.seldon.upstream.programs import SECONDS, Upstream

BASELINE, ENHANCED = "baseline-predictor", "enhanced-predictor"
SPLIT, SIBLING = "split", "sibling"
SEVENTY = [{"name": "base", "weight": 70}, {"name": "better", "weight": 30}]
DEFAULT: dict[str, Any] = {"default": "base", "candidates": SEVENTY}


def declare(upstream: Upstream) -> None:
    """Give the first team a model and the second one two, and each an experiment; wait until all of it answers."""
    first, second = upstream.teams
    upstream.model(first, "base", BASELINE)
    for name in ("better", "shadow"):
        upstream.model(second, name, ENHANCED)
    upstream.experiment(first, SPLIT, **DEFAULT)
    upstream.experiment(second, SIBLING, candidates=[{"name": "shadow", "weight": 1}, {"name": "better", "weight": 1}])
    served(upstream, "base", "better", "shadow", f"{SPLIT}.experiment", f"{SIBLING}.experiment")


def served(upstream: Upstream, *routes: str) -> None:
    """Wait until routes answer."""
    for route in routes:
        upstream.wait(partial(_answers, upstream, route), f"an answer of {route}")


def _answers(upstream: Upstream, route: str) -> bool:
    return upstream.call(route).status == 200


def status(upstream: Upstream, team: str, name: str, condition: str = "Ready") -> str:
    return str(upstream.conditions(team, "experiments", name).get(condition, {}).get("status"))


def shares(upstream: Upstream, route: str) -> dict[str, int]:
    """Return the weights that Envoy has for a route, by model and version."""
    found = [each for each in upstream.routes() if each["name"] == f"{route}_http"]
    parts = found[0]["route"]["weighted_clusters"]["clusters"] if found else []
    return {each["name"].removesuffix("_http"): each["weight"] for each in parts}


def becomes(upstream: Upstream, route: str, weights: dict[str, int], seconds: float = SECONDS) -> None:
    upstream.wait(lambda: shares(upstream, route) == weights, f"{weights} at {route}", seconds)
