# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors: what the core asks of the outside, and the values that pass through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from .experiment import Experiment, Request


@dataclass(frozen=True)
class Live:
    """What the data plane itself says it serves: a version, and the experiments in it."""

    version: str
    experiments: tuple[Experiment, ...]


@dataclass(frozen=True)
class Change:
    """A state before and after, as plain data, and what is live now (None: nobody could be asked)."""

    before: dict[str, Any]
    after: dict[str, Any]
    changed: bool
    live: Live | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """All experiments that are declared, and what is live now (None: nobody could be asked)."""

    experiments: tuple[Experiment, ...]
    version: str
    live: Live | None = None
    warnings: tuple[str, ...] = ()


class ExperimentStore(Protocol):
    """Where experiments are declared."""

    def read(self) -> Reading:
        """Return what is declared and what is live."""

    def declare(self, request: Request, *, dry_run: bool) -> Change:
        """Bring one experiment to the requested state, wait until the data plane confirms it, return the pair."""


def experiment_view(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment for people: its options, each candidate's share of the traffic, and the header to call."""
    total = sum(experiment.weights.values())
    candidates: list[dict[str, Any]] = [
        {"name": each.name, "weight": each.weight, "share": each.weight / total} for each in experiment.candidates
    ]
    return {**experiment.as_dict(), "candidates": candidates, "seldon_model": experiment.route}


__all__ = ["Change", "ExperimentStore", "Live", "Reading", "experiment_view"]
