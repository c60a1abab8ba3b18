# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of rollouts in memory, and somebody who looks at nothing: for tests of who may do what."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Candidate, Experiment
from plugins.module_utils._core.ports import RolloutView, TrafficChange
from plugins.module_utils._core.rollout_record import Record, newest
from plugins.module_utils._core.rollout_runner import Look
from plugins.module_utils._core.rollout_state import Observation, Request, State
from plugins.module_utils._core.route_table import Endpoint, Model

PLACE = Endpoint("127.0.0.1", 9000)
MODELS = {name: Model(name, 1, PLACE, PLACE) for name in ("old", "new", "other")}


@dataclass
class MemoryStore:
    """Keeps what a store keeps. ``meanwhile`` runs just before each write, as another writer would."""

    experiment: Experiment | None = field(
        default_factory=lambda: Experiment("ab", (Candidate("old", 70), Candidate("new", 30)), default="old")
    )
    models: dict[str, Model] = field(default_factory=lambda: dict(MODELS))
    record: Record | None = None
    waiting: list[Request] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    ended: list[dict[str, Any]] = field(default_factory=list)
    writes: list[tuple[int, dict[str, int] | None]] = field(default_factory=list)
    refuses_weights: str = ""
    is_full: bool = False
    is_live: bool = True
    is_reachable: bool = True
    meanwhile: Callable[[TrafficChange | None], object] = lambda _change: None

    def view(self, name: str) -> RolloutView:
        assert name == "ab"
        return RolloutView(
            self.experiment, self.models, self.is_live, self.is_reachable, self.record, tuple(self.waiting)
        )

    def save(self, name: str, record: Record, *, expected: int, change: TrafficChange | None = None) -> bool:
        assert name == "ab"
        self.meanwhile(change)
        if (self.record.sequence if self.record else 0) != expected:
            return False
        if change is not None:
            if self.experiment is None or self.experiment.weights != change.found:
                return False
            if self.refuses_weights:
                raise ServingError(self.refuses_weights)
        if self.is_full:
            raise ServingError("Failed to write: No space left on device.")
        if self.record is None or self.record.state.id != record.state.id:
            self.lines, self.waiting = [], []
        if change is not None and self.experiment is not None:
            self.experiment = replace(self.experiment, candidates=change.candidates, mirror=change.mirror)
        kept = record.as_dict() if change is None else record.beside_weights
        # As a process that is killed and another one see it.
        fresh = Record.from_dict(json.loads(json.dumps(kept, allow_nan=False)))
        self.record = fresh if change is None else newest(fresh, self.record)
        weights = self.experiment.weights if change is not None and self.experiment else None
        self.writes.append((record.sequence, weights))
        return True

    def ask(self, name: str, request: Request) -> None:
        assert name == "ab"
        self.waiting.append(request)

    def forget(self, name: str, ids: tuple[str, ...]) -> None:
        assert name == "ab"
        self.waiting = [each for each in self.waiting if each.id not in ids]

    def note(self, name: str, line: Mapping[str, Any]) -> None:
        assert name == "ab"
        self.lines.append(json.loads(json.dumps(line, allow_nan=False)))

    def note_outcome(self, name: str, line: Mapping[str, Any]) -> None:
        assert name == "ab"
        self.ended.append(dict(line))

    def journal(self, name: str) -> list[dict[str, Any]]:
        assert name == "ab"
        return self.lines

    def outcomes(self, name: str) -> list[dict[str, Any]]:
        assert name == "ab"
        return self.ended

    @property
    def state(self) -> State:
        assert self.record is not None
        return self.record.state


@dataclass
class Glance:
    """Says what it is told, and remembers how many probes it was to send."""

    seen: Observation = field(default_factory=lambda: Observation(preflight=(), candidate_ready=True))
    facts: dict[str, Any] = field(default_factory=dict)
    probes: list[int] = field(default_factory=list)

    def look(self, view: RolloutView, state: State, probes: int) -> Look:
        assert view.record is not None
        assert view.record.state == state
        self.probes.append(probes)
        return Look(self.seen, self.facts)
