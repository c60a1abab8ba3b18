# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small world for the rollout: a store, two arms and a clock that only moves when a tick waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plugins.module_utils._core.analysis import Measurement
from plugins.module_utils._core.plan import Plan
from plugins.module_utils._core.rollout import Rollout
from plugins.module_utils._core.rollout_state import Effects, Observation, Request, State
from plugins.module_utils._core.routing import Routed
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.weights import share_of

PLAN: dict[str, Any] = {
    "name": "ab",
    "baseline": "old",
    "candidate": "new",
    "steps": [10, 50, 100],
    "gates": [{"name": "errors", "kind": "error_rate"}],
    "analysis": {"interval": 10, "baseline_windows": 12, "min_requests": 50},
}


def plan_of(**changes: Any) -> Plan:
    """Return the plan of the tests, changed; analysis and policy add to what is there."""
    merged = {**PLAN, **changes, "analysis": {**PLAN["analysis"], **changes.get("analysis", {})}}
    return Plan.parse(merged)


@dataclass
class World:
    """Carries out what ticks ask for. ``fails`` and ``slow`` are the arms' shares of events, by model.

    Requests are counted as expected, whole, so that nothing here is chance. Each state goes through JSON, as it does
    when a runner is killed and another one goes on.
    """

    plan: Plan = field(default_factory=plan_of)
    rate: float = 100.0
    fails: dict[str, float] = field(default_factory=lambda: {"old": 0.002, "new": 0.002})
    served: Callable[[float], float] = lambda share: share
    values: dict[str, Measurement] = field(default_factory=dict)
    preflight: tuple[str, ...] | None = ()
    ready: bool | None = True
    rejected: str = ""
    candidate_ready: bool | None = True
    exists: bool = True
    probed: bool = True
    pinned: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=lambda: {"old": 100, "new": 0})
    mirror: int = 0
    removed: bool = False
    now: float = 1000.0
    requests: list[Request] = field(default_factory=list)
    state: State = field(init=False)
    effects: Effects = field(init=False, default_factory=Effects)
    seen: list[str] = field(default_factory=list)
    writes: list[tuple[float, Mapping[str, int]]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    waited: float = 0.0
    deaf: bool = False

    def __post_init__(self) -> None:
        self.state = Rollout(self.plan).start("run-1", self.weights, self.now)

    def window(self) -> Pair:
        """Return what both arms did since the tick before."""
        n = round(self.rate * self.waited)
        to_new = round(n * self.served(share_of("new", self.weights))) if not self.mirror else n * self.mirror // 100
        to_old = n if self.mirror else n - to_new
        return Pair(self.tally("new", to_new), self.tally("old", to_old))

    def tally(self, model: str, n: int) -> Tally:
        """Return the requests of a model, and the events that are expected of them."""
        return Tally(n, round(n * self.fails[model]))

    def look(self) -> Observation:
        """Return what a runner would see now."""
        window = self.window()
        routed = Routed(int(window.candidate.n), int(window.baseline.n))
        if self.mirror:
            routed = Routed(0, int(window.baseline.n))
        if self.probed and self.effects.probes:
            hits = round(self.effects.probes * self.served(share_of("new", self.weights)))
            routed = routed + Routed(hits, self.effects.probes - hits)
        return Observation(
            exists=self.exists,
            weights=self.weights,
            preflight=self.preflight,
            ready=self.ready,
            rejected=self.rejected,
            candidate_ready=self.candidate_ready,
            routed=routed,
            pinned=self.pinned,
            counts={} if self.deaf else {gate.name: window for gate in self.plan.counted},
            problems=self.problems,
            measurements=self.values,
            requests=tuple(self.requests),
            cursors={"log": self.now},
        )

    def tick(self) -> Effects:
        """Look, decide, write, wait."""
        before = State.from_dict(json.loads(json.dumps(self.state.as_dict(), allow_nan=False)))
        assert before == self.state, "the state survives as plain data"
        return self.carry_out(*Rollout(self.plan).tick(before, self.look(), self.now))

    def carry_out(self, state: State, effects: Effects) -> Effects:
        """Do what a tick asked for."""
        self.state, self.effects = state, effects
        if effects.weights is not None:
            self.weights = dict(effects.weights)
            self.mirror = effects.mirror or 0
            self.removed = self.removed or effects.remove
            self.writes.append((self.now, self.weights))
        if not self.seen or self.seen[-1] != state.phase:
            self.seen.append(state.phase)
        self.told += [(event.name, event.text) for event in effects.events]
        self.waited = effects.wait
        self.now += effects.wait
        return effects

    def run(self, until: Callable[[World], bool] | None = None, ticks: int = 2000) -> World:
        """Tick until nobody has to wait any more, or something is the case."""
        for _tick in range(ticks):
            if until is not None and until(self):
                return self
            if self.tick().done:
                return self
        raise AssertionError(
            f"still {self.state.phase} after {ticks} ticks: {self.state.reason or self.state.analysis}"
        )

    def until(self, phase: str, percent: float | None = None) -> World:
        """Tick until a phase, perhaps of a certain step, begins."""
        found = self.run(
            lambda world: world.state.phase == phase and (percent is None or world.state.percent == percent)
        )
        assert self.state.phase == phase, (self.state.phase, self.state.reason)
        return found

    def ask(self, action: str, *, full: bool = False) -> World:
        """Leave a request, as a second terminal does."""
        self.requests.append(Request(f"r{len(self.requests)}", action, by="alice", full=full))
        return self
