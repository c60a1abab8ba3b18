# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose requests are counted, and what a source of counts says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Protocol, Sequence

from .gates import CountedGate
from .route_table import Model
from .sequential import Pair


@dataclass(frozen=True)
class Arms:
    """The two models of a rollout. ``is_default``: the baseline's own callers are split as well."""

    experiment: str
    candidate: Model
    baseline: Model
    is_default: bool

    @property
    def route(self) -> str:
        """The value of the ``seldon-model`` header that calls the experiment."""
        return f"{self.experiment}.experiment"


@dataclass(frozen=True)
class Counts:
    """What both arms did since a cursor: a pair for each gate, or why it has none, and where to read on.

    A gate without a problem and without a pair was not measured yet: the cursor has only just been set.
    """

    pairs: Mapping[str, Pair] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    cursor: Mapping[str, Any] = field(default_factory=dict)


def grown(now: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Return by how much each counter grew. One that fell began anew, and what it shows now came since then."""
    return {name: value - before.get(name, 0) if value >= before.get(name, 0) else value for name, value in now.items()}


class CountSource(Protocol):
    """Whoever counts requests and events of both arms. It says what kept it from counting, and never raises for it."""

    def counts(self, gates: Sequence[CountedGate], arms: Arms, cursor: Mapping[str, Any] | None) -> Counts:
        """Return what was counted since the cursor; None begins."""


__all__ = ["Arms", "CountSource", "Counts", "grown"]
