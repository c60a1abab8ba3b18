# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of rollouts as they come out. The real core walks through the tests' small world, and keeps a journal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from plugins.module_utils._core.analysis import Measurement
from plugins.module_utils._core.rollout import Rollout
from plugins.module_utils._core.rollout_report import build_report
from plugins.module_utils._core.rollout_state import Effects, Observation, State
from plugins.module_utils._core.sequential import Pair, Tally
from tests.unit.rollout_world import World, plan_of

Report = dict[str, Any]

# When the world's clock shows 0: 2026-11-25T15:05:20Z.
EPOCH = 1795619120.0
RUN = "20261125T152200Z-ab12cd"
NAMES = {"old": "baseline-predictor", "new": "enhanced-predictor"}
EXPERIMENT = "financial-ab-test-experiment"
SLOW = {"name": "slow95", "kind": "slower_than", "threshold_ms": 18, "margin": 1.5}
ERRORS = {"name": "errors", "kind": "error_rate", "risk_budget": 0.005, "slo": 0.02}
PARITY = {"name": "parity", "kind": "prediction_parity", "golden": "golden.json", "min": 1}
SIX = [
    ERRORS,
    SLOW,
    {"name": "slow99", "kind": "slower_than", "threshold_ms": 25, "margin": 2},
    {"name": "answers", "kind": "accuracy", "url": "http://labels.example.com", "margin": 2},
    {"name": "auc", "kind": "metric", "query": "auc", "min": 0.9},
    PARITY,
]
# What a gate counts of what the world's models do.
SHARES = {"slow95": 4.0, "slow99": 1.0, "answers": 10.0}


@dataclass
class Journalled(World):
    """A world that writes down each of its ticks, as a runner does."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    synthetic: int = 0
    last: Observation = field(default_factory=Observation)

    def look(self) -> Observation:
        found = super().look()
        counts = {name: _scaled(pair, SHARES.get(name, 1.0)) for name, pair in found.counts.items()}
        self.last = replace(found, counts={name: each for name, each in counts.items() if name not in self.problems})
        return self.last

    def carry_out(self, state: State, effects: Effects) -> Effects:
        at, probes = self.now, self.effects.probes
        done = super().carry_out(state, effects)
        self.lines.append(self.line(at, probes))
        return done

    def line(self, at: float, probes: int) -> dict[str, Any]:
        """Return the line of the tick that has just been carried out."""
        state, seen = self.state, self.last
        errors = seen.counts.get("errors")
        return {
            "at": EPOCH + at,
            "run": RUN,
            "phase": state.phase,
            "step": state.step,
            "steps": len(self.plan.steps),
            "weight": state.percent,
            "mirror": state.mirror,
            "weights": named(state.weights),
            "routed": seen.routed.as_dict(),
            "observed_share": state.check.seen.share if state.check and state.check.seen.n else None,
            "observed_n": state.check.seen.n if state.check else 0,
            "counts": {name: pair.as_dict() for name, pair in seen.counts.items()},
            "problems": dict(seen.problems),
            "client": _after_retries(errors).as_dict() if errors else None,
            "latency": _latency(at, errors) if errors else None,
            "analysis": state.analysis,
            "synthetic": self.synthetic if errors and errors.baseline.n else 0,
            "probes": probes,
            "pinned": seen.pinned,
            "unrouted": 0,
            "events": [{"name": each.name, "text": each.text} for each in self.effects.events],
            "cause": state.cause,
            "reason": state.reason,
            "line": f"[rollout {self.plan.name}] {state.phase}",
        }

    def report(self, damaged: Sequence[Any] = (), **told: Any) -> Report:
        """Return the report of what was written down so far."""
        run = {
            "name": EXPERIMENT,
            "run": RUN,
            "phase": self.state.phase,
            "weight": self.state.percent,
            "weights": named(self.state.weights),
            "cause": self.state.cause,
            "reason": self.state.reason,
            "started": EPOCH + 1000.0,
            "ended": EPOCH + self.now,
            "target": "localhost",
            "store": "envoy",
            "versions": {"collection": "0.1.0", "ansible-core": "2.19.14", "python": "3.11.7", "envoy": "1.36.2"},
            "skipped": [dict(each) | {"at": EPOCH + each["at"]} for each in self.state.skipped],
            "models": dict.fromkeys(NAMES.values(), 1),
        }
        # As they come back from a file.
        lines = [json.loads(json.dumps(line)) for line in (*self.lines, *damaged)]
        return build_report(run | told, renamed(self), lines)


def renamed(found: World) -> dict[str, Any]:
    """Return the plan with names as people have them."""
    return found.plan.as_dict() | {"name": EXPERIMENT, "baseline": NAMES["old"], "candidate": NAMES["new"]}


def named(weights: Mapping[str, int]) -> dict[str, int]:
    return {NAMES[name]: weight for name, weight in weights.items()}


def _scaled(pair: Pair, factor: float) -> Pair:
    return Pair(*(Tally(each.n, min(each.n, round(each.events * factor))) for each in (pair.candidate, pair.baseline)))


def _after_retries(pair: Pair) -> Pair:
    """Return what callers saw: a second attempt hides four failures of five."""
    return Pair(*(Tally(each.n - each.events // 2, each.events // 5) for each in (pair.candidate, pair.baseline)))


def _latency(at: float, pair: Pair) -> dict[str, Any]:
    wave = 0.4 * math.sin(at / 47.0) + 0.2 * math.sin(at / 5.0)
    found = {}
    for arm, tally, slower in (("candidate", pair.candidate, 0.6), ("baseline", pair.baseline, 0.0)):
        middle = 4.2 + slower + wave * (1.2 if slower else 1.0)
        found[arm] = {"n": tally.n, "p50": middle, "p95": middle * 1.45 + 0.3, "p99": middle * 1.9 + 0.8}
    return {arm: each for arm, each in found.items() if each["n"]}


def world(*, steps: Any = (5, 10, 25, 50, 100), gates: Any = (ERRORS, SLOW), **changes: Any) -> Journalled:
    options = {key: changes.pop(key) for key in ("analysis", "policy") if key in changes}
    plan = plan_of(steps=list(steps), gates=list(gates), **options)
    values: dict[str, Any] = {"plan": plan, "rate": 40.0, "fails": {"old": 0.003, "new": 0.003}, **changes}
    return Journalled(**values)


def ended(found: Journalled) -> Report:
    """Return the report of a rollout, once it has nothing more to do."""
    found.run()
    return found.report()


def begun(phase: str, percent: float | None = None, **changes: Any) -> Journalled:
    """Return a rollout that came as far as a phase."""
    found = world(**changes)
    found.until(phase, percent)
    return found


def tick(found: Journalled, times: int) -> None:
    for _time in range(times):
        found.tick()


def succeeded() -> Report:
    """All goes well; one step is held, and alice promotes it. Most requests are the rollout's own."""
    found = begun("hold", steps=(5, 10, {"weight": 25, "hold": "manual"}, 50, 100), synthetic=300)
    tick(found, 4)
    found.ask("promote")
    return ended(found)


def harmful() -> Report:
    """The candidate fails more often from 25 % on, and is taken back."""
    found = begun("analyse", 25)
    found.fails = {"old": 0.003, "new": 0.03}
    found.pinned = 3
    return ended(found)


def parity() -> Report:
    """The answers differ from the golden ones, so nothing is changed."""
    measured = {"parity": Measurement(0.75, note="9 of 12 answers are the golden ones; row 4 differs by 0.31")}
    return ended(world(gates=(ERRORS, PARITY), values=measured))


def silent() -> Report:
    """Nobody calls the experiment any more after the second step."""
    found = begun("analyse", 10)
    found.rate = 0.0
    return ended(found)


def misrouted() -> Report:
    """More requests go to the candidate than the weights send there, and it is paused."""
    found = begun("analyse", 25)
    found.served = lambda share: share + 0.045 if share else 0.0
    return ended(found)


def stuck() -> Report:
    """The candidate is harmful, and still gets requests long after it was taken back."""
    found = begun("analyse", 50)
    found.fails = {"old": 0.003, "new": 0.2}
    found.until("rolling_back")
    found.served = lambda share: 0.5
    return ended(found)


def aborted() -> Report:
    """Alice stops it before anything was changed."""
    found = world(preflight=None)
    tick(found, 2)
    found.ask("abort")
    return ended(found)


def rehearsed() -> Report:
    """The log of a gate in dry run could not be read; alice paused it, resumed it, and skipped all steps but one."""
    found = begun("analyse", 5, gates=(ERRORS, {**SLOW, "dry_run": True}))
    found.problems = {"slow95": "the access log cannot be read: /var/log/envoy/access.log is gone"}
    tick(found, 6)
    found.problems = {}
    found.ask("pause").until("paused")
    tick(found, 5)
    found.ask("resume").until("analyse")
    found.ask("promote", full=True)
    return ended(found)


def mirrored() -> Report:
    """The candidate answers copies first; alice takes it back from 50 %."""
    found = begun("analyse", 50, steps=({"mirror": 20}, 10, 50, 100), rate=60.0)
    tick(found, 3)
    found.ask("abort")
    return ended(found)


def many_gates() -> Report:
    """Six gates, of every kind."""
    measured = {
        "auc": Measurement(0.943, note="the value is 0.943"),
        "parity": Measurement(1.0, note="12 of 12 answers are the golden ones"),
    }
    return ended(world(gates=SIX, values=measured, synthetic=20))


def long() -> Report:
    """A thousand ticks, a runner that died in between, and a damaged journal."""
    steps = [{"weight": weight, "min_duration": 240} for weight in (*range(4, 61, 4), 70, 80, 90, 100)]
    found = world(
        steps=steps,
        rate=100.0,
        fails={"old": 0.01, "new": 0.01},
        gates=(ERRORS, {**SLOW, "slo": 0.1}),
        analysis={"interval": 5, "post_check_windows": 90, "max_duration": 90000},
        policy={"on_stale_resume": "resume"},
    )
    found.run(lambda _world: len(found.lines) >= 500 and found.state.phase == "analyse")
    found.now += 1500.0
    found.carry_out(*Rollout(found.plan).adopt(found.state, found.now))
    found.run(lambda _world: len(found.lines) >= 1000)
    return found.report(["half a li", {"at": "yesterday", "phase": "analyse"}, {**found.lines[9], "run": "another"}])


def short() -> Report:
    """Five ticks, and no end yet."""
    found = world()
    tick(found, 5)
    return found.report()


def empty() -> Report:
    """There is no journal, and hardly a run."""
    return build_report({"name": EXPERIMENT, "phase": "aborted"}, renamed(world()), [])


def awkward() -> Report:
    """Texts that are long, have no space, or would break a page or an XML file; numbers that are none."""
    found = begun("analyse", 25)
    found.fails = {"old": 0.0, "new": 0.9}
    found.run()
    for line in found.lines[-8:]:
        line["events"] = [{"name": "paused", "text": "\x1b[31m<script>alert(1)</script> ]]> \ud800 " + "x" * 300}]
    for line in found.lines[-20:]:
        for verdict in (line["analysis"] or {}).get("verdicts", []):
            verdict["figures"] = {**verdict["figures"], "evidence": math.inf, "excess": math.nan}
            verdict["reason"] = f"{verdict['gate']}: " + "y" * 200
    return found.report(
        name="e" * 60,
        reason="z" * 400,
        target="a-host-with-a-very-long-name." * 5,
        versions={"v" * 70: "1" * 70},
        sticky="w" * 200,
    )


REPORTS: dict[str, Callable[[], Report]] = {
    "succeeded": succeeded,
    "harmful": harmful,
    "parity": parity,
    "silent": silent,
    "misrouted": misrouted,
    "stuck": stuck,
    "aborted": aborted,
    "rehearsed": rehearsed,
    "mirrored": mirrored,
    "many_gates": many_gates,
    "long": long,
    "short": short,
    "empty": empty,
    "awkward": awkward,
}
