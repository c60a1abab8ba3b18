# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a rollout: its steps, its gates, how it is judged, and what it does when things go wrong."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Mapping, Sequence

from .durations import seconds
from .errors import ServingError
from .experiment import bad_name
from .gates import CONSECUTIVE_ERROR_LIMIT, CountedGate, Gate, MeasuredGate, counted, measured, read_gate
from .weights import is_percent

MANUAL = "manual"

_STEP_KEYS = {"weight", "mirror", "min_duration", "hold", "hold_timeout", "on_hold_timeout"}
_PLAN_KEYS = {
    "name",
    "baseline",
    "candidate",
    "steps",
    "step_weight",
    "max_weight",
    "interval",
    "gates",
    "analysis",
    "policy",
}


@dataclass(frozen=True)
class Step:
    """One stage of the walk: the candidate's percent, or a mirror's, for at least some seconds.

    ``hold`` waits for a person before the next step; after ``hold_timeout`` seconds ``on_hold_timeout`` decides.
    ``dry_hold``: the manual gate in dry run that would hold it.
    """

    weight: float
    mirror: int = 0
    min_seconds: float = 0.0
    hold: bool = False
    hold_timeout: float | None = None
    on_hold_timeout: str = "rollback"
    dry_hold: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data; without a dry run as before there was one, so that a walk keeps its fingerprint."""
        return {key: value for key, value in asdict(self).items() if key != "dry_hold" or value}


@dataclass(frozen=True)
class Judging:
    """How it is judged. Durations are in seconds; the alphas are the errors of a whole walk."""

    interval: float = 15.0
    alpha_harm: float = 0.05
    alpha_promote: float = 0.05
    min_requests: int = 300
    min_windows: int = 2
    settle_windows: int = 2
    baseline_windows: int = 20
    baseline_max: float = 600.0
    post_check_windows: int = 4
    max_step_duration: float = 1800.0
    max_duration: float = 14400.0
    consecutive_error_limit: int = CONSECUTIVE_ERROR_LIMIT
    preflight_timeout: float = 120.0
    ready_timeout: float = 60.0
    verify_timeout: float = 60.0


@dataclass(frozen=True)
class Policy:
    """What to do when the walk cannot just go on. Durations are in seconds."""

    on_harm: str = "rollback"
    on_inconclusive: str = "pause"
    on_no_data: str = "pause"
    on_no_traffic: str = "pause"
    on_interrupt: str = "rollback"
    on_stale_resume: str = "rollback"
    stale_after: float = 900.0
    rollback_style: str = "weight_zero"
    rollback_confirm: float = 60.0
    rollback_timeout: float = 300.0
    infrastructure_windows: int = 3
    pause_timeout: float = 3600.0


_CHOICES = {
    "on_harm": ("rollback", "pause"),
    "on_inconclusive": ("pause", "rollback"),
    "on_no_data": ("pause", "rollback"),
    "on_no_traffic": ("pause", "rollback"),
    "on_interrupt": ("rollback", "hold"),
    "on_stale_resume": ("rollback", "resume"),
    "rollback_style": ("weight_zero", "remove"),
    "on_hold_timeout": ("rollback", "promote", "pause"),
}
_LEAST = {
    "baseline_windows": 0,
    "infrastructure_windows": 0,
    "settle_windows": 0,
    "min_requests": 1,
    "consecutive_error_limit": 0,
}


@dataclass(frozen=True)
class Plan:
    """How a candidate gets from its first percent to all of the traffic."""

    name: str
    baseline: str
    candidate: str
    steps: tuple[Step, ...]
    gates: tuple[Gate, ...]
    judging: Judging
    policy: Policy

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Plan:
        """Read a plan as a task or an inventory gives it; all that is wrong with it is said at once."""
        problems = [f"it knows no {key}" for key in sorted(set(values) - _PLAN_KEYS)]
        names = {key: str(values.get(key) or "") for key in ("name", "baseline", "candidate")}
        for key, name in names.items():
            problems += bad_name("experiment" if key == "name" else key, name)
        if names["baseline"] and names["baseline"] == names["candidate"]:
            problems.append(f"baseline and candidate are both {names['baseline']!r}; set two different models")
        analysis = values.get("analysis") or {}
        judging = _settings(Judging(), "analysis", analysis, problems)
        policy = _settings(Policy(), "policy", values.get("policy") or {}, problems)
        steps = _steps(values, problems)
        gates, steps = _gates(values.get("gates") or [], steps, judging, problems)
        problems += _range_problems(judging)
        if problems:
            text = "; ".join(problems)
            raise ServingError(f"The plan of {names['name']!r} is refused: {text}.", problems=problems)
        return cls(names["name"], names["baseline"], names["candidate"], steps, gates, judging, policy)

    @property
    def counted(self) -> tuple[CountedGate, ...]:
        """The gates that count requests."""
        return counted(self.gates)

    @property
    def measured(self) -> tuple[MeasuredGate, ...]:
        """The gates that measure something during the walk."""
        return measured(self.gates, before=False)

    @property
    def before(self) -> tuple[MeasuredGate, ...]:
        """The gates that are asked before the first percent."""
        return measured(self.gates, before=True)

    @property
    def harm_alpha(self) -> float:
        """The error of one test that can blame the candidate: all of them share alpha_harm (Bonferroni)."""
        tests = sum(gate.tests for gate in self.counted if not gate.dry_run)
        return self.judging.alpha_harm / max(1, tests)

    def next_share(self, step: int) -> float:
        """Return the share of the traffic that a candidate gets after a step; 1 after the last."""
        return self.steps[step + 1].weight / 100.0 if step + 1 < len(self.steps) else 1.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, every default written out."""
        return {
            "name": self.name,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "steps": [step.as_dict() for step in self.steps],
            "gates": [gate.as_dict() for gate in self.gates],
            "analysis": asdict(self.judging),
            "policy": asdict(self.policy),
        }

    @property
    def digest(self) -> str:
        """A fingerprint: a walk goes on with the plan that it began with."""
        text = json.dumps(self.as_dict(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _settings(defaults: Any, where: str, values: Mapping[str, Any], problems: list[str]) -> Any:
    """Return settings with what is given in place of the defaults, each read as its default is typed."""
    known = {each.name: getattr(defaults, each.name) for each in fields(defaults)}
    found = {}
    for key, value in values.items():
        if key not in known:
            problems.append(f"{where} knows no {key}; set any of: {', '.join(known)}")
        elif value is not None:
            found[key] = _setting(f"{where}.{key}", known[key], value, problems)
    return replace(defaults, **found)


def _setting(path: str, default: Any, value: Any, problems: list[str]) -> Any:
    key = path.rpartition(".")[2]
    if key in _CHOICES:
        return _choice(path, value, problems)
    if isinstance(default, int):
        least = _LEAST.get(key, 1)
        if isinstance(value, bool) or not str(value).isdigit() or int(value) < least:
            problems.append(f"{path} is {value!r}; set a whole number from {least} up")
            return default
        return int(value)
    if key.startswith("alpha_"):
        return _alpha(path, value, default, problems)
    return _duration(path, value, default, problems)


def _alpha(path: str, value: Any, default: float, problems: list[str]) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        problems.append(f"{path} is {value!r}; set a number above 0, below 0.5")
        return default


def _choice(path: str, value: object, problems: list[str]) -> str:
    choices = _CHOICES[path.rpartition(".")[2]]
    if value not in choices:
        problems.append(f"{path} is {value!r}; set one of: {', '.join(choices)}")
    return str(value)


def _duration(path: str, value: object, default: float, problems: list[str]) -> float:
    found = seconds(value)
    if found is None:
        problems.append(f"{path} is {value!r}; set a duration such as 90, 30s or 1m30s")
        return default
    return found


def _range_problems(judging: Judging) -> list[str]:
    problems = [
        f"analysis.{key} is {value}; set a number above 0, below 0.5"
        for key, value in (("alpha_harm", judging.alpha_harm), ("alpha_promote", judging.alpha_promote))
        if not 0.0 < value < 0.5
    ]
    if judging.interval <= 0:
        problems.append("analysis.interval is 0; set a duration above 0")
    if judging.max_step_duration < judging.min_windows * judging.interval:
        problems.append(
            f"analysis.max_step_duration is {judging.max_step_duration:g} s, and {judging.min_windows} windows of "
            f"{judging.interval:g} s do not fit; set a longer one"
        )
    return problems


def _steps(values: Mapping[str, Any], problems: list[str]) -> tuple[Step, ...]:
    if values.get("steps") is not None:
        if values.get("step_weight") is not None or values.get("max_weight") is not None:
            problems.append("it has both steps and step_weight or max_weight; set one of them")
        listed = values["steps"]
        if not isinstance(listed, (list, tuple)) or not listed:
            problems.append(f"steps is {listed!r}; set a list of percents, the last of them 100")
            return ()
        found = tuple(_step(number, each, problems) for number, each in enumerate(listed, start=1))
    else:
        found = _even_steps(values, problems)
    _check_order(found, problems)
    return found


def _even_steps(values: Mapping[str, Any], problems: list[str]) -> tuple[Step, ...]:
    """Return the steps of the shorthand: step_weight by step_weight up to max_weight, then all."""
    each, most = values.get("step_weight"), values.get("max_weight", 50)
    if each is None:
        problems.append("it has no steps; set steps, for instance [5, 10, 25, 50, 100], or step_weight and max_weight")
        return ()
    wrong = [
        f"{key} is {value!r}; set a percent"
        for key, value in (("step_weight", each), ("max_weight", most))
        if not is_percent(value)
    ]
    if wrong:
        problems += wrong
        return ()
    stay = 0.0 if values.get("interval") is None else _duration("interval", values["interval"], 0.0, problems)
    each, most = float(each), float(most)
    if each > most:
        problems.append(f"step_weight {each:g} is above max_weight {most:g}; set a smaller one")
    count = int(most / each + 1e-9)
    weights = [round(each * number, 2) for number in range(1, count + 1)]
    if not weights or weights[-1] < most:
        weights.append(most)
    return (*(Step(weight, min_seconds=stay) for weight in weights if weight < 100), Step(100.0))


def _step(number: int, value: Any, problems: list[str]) -> Step:
    values = value if isinstance(value, Mapping) else {"weight": value}
    known = ", ".join(sorted(_STEP_KEYS))
    problems += [f"step {number} knows no {key}; set any of: {known}" for key in sorted(set(values) - _STEP_KEYS)]
    weight, mirror = values.get("weight"), values.get("mirror")
    if mirror is not None:
        if weight is not None or isinstance(mirror, bool) or not str(mirror).isdigit() or not 1 <= int(mirror) <= 100:
            problems.append(
                f"step {number} has the mirror {mirror!r}; set a whole percent from 1 to 100, and no weight"
            )
            mirror = 1
    elif not is_percent(weight):
        problems.append(f"step {number} has the weight {weight!r}; set a percent above 0, at most 100")
        weight = 100
    hold, timeout = values.get("hold"), values.get("hold_timeout")
    if hold not in (None, False, MANUAL):
        problems.append(f"hold of step {number} is {hold!r}; set manual")
    return Step(
        weight=0.0 if mirror is not None else float(str(weight)),
        mirror=0 if mirror is None else int(mirror),
        min_seconds=_duration(f"min_duration of step {number}", values.get("min_duration") or 0, 0.0, problems),
        hold=hold == MANUAL,
        hold_timeout=None if timeout is None else _duration(f"hold_timeout of step {number}", timeout, 0.0, problems),
        on_hold_timeout=_choice("on_hold_timeout", values.get("on_hold_timeout", "rollback"), problems),
    )


def _check_order(steps: Sequence[Step], problems: list[str]) -> None:
    if not steps or problems:
        return
    if any(step.mirror for step in steps[1:]):
        problems.append("a mirror comes after a weight; set it as the first step")
    weights = [step.weight for step in steps]
    for before, after in zip(weights, weights[1:]):
        if after <= before:
            problems.append(f"step weight {after:g} follows {before:g}; set weights that rise")
    if weights[-1] != 100:
        problems.append(f"the last step has the weight {weights[-1]:g}; set 100")


def _gates(
    listed: Any, steps: tuple[Step, ...], judging: Judging, problems: list[str]
) -> tuple[tuple[Gate, ...], tuple[Step, ...]]:
    """Return the gates, and the steps with the holds that manual gates ask for."""
    found: list[Gate] = []
    for values in listed:
        if not isinstance(values, Mapping):
            problems.append(f"gate {values!r} is no mapping; set name and kind")
        elif values.get("kind") == MANUAL:
            steps = _held(values, steps, problems)
        else:
            limit = {"consecutive_error_limit": judging.consecutive_error_limit}
            gate = read_gate({**limit, **values}, problems)
            found += [gate] if gate else []
    names = [gate.name for gate in found]
    problems += [
        f"gate {name!r} is listed {names.count(name)} times; set other names"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if not counted([gate for gate in found if not gate.dry_run]) and not problems:
        problems.append("no enforced gate counts requests; set at least one of the kind error_rate")
    return tuple(found), steps


def _held(values: Mapping[str, Any], steps: tuple[Step, ...], problems: list[str]) -> tuple[Step, ...]:
    """Return the steps, held by a manual gate: those that it lists, or all but the last."""
    name = values.get("name") or MANUAL
    strange = sorted(set(values) - {"name", "kind", "dry_run", "steps", "timeout", "on_timeout"})
    problems += [f"gate {name!r} knows no {key}; set any of: dry_run, steps, timeout, on_timeout" for key in strange]
    weights = [step.weight for step in steps[:-1]]
    listed = values.get("steps")
    wanted = weights if listed is None else [float(each) for each in listed if is_percent(each)]
    if listed is not None and (len(wanted) != len(listed) or set(wanted) - set(weights)):
        known = ", ".join(f"{weight:g}" for weight in weights)
        problems.append(f"steps of gate {name!r} is {listed!r}; set weights of steps before the last: {known}")
    timeout = values.get("timeout")
    limit = None if timeout is None else _duration(f"timeout of gate {name!r}", timeout, 0.0, problems)
    choice = _choice("on_hold_timeout", values.get("on_timeout", "rollback"), problems)
    held: dict[str, Any] = {"hold": True, "hold_timeout": limit, "on_hold_timeout": choice}
    changes = {"dry_hold": str(name)} if values.get("dry_run") else held
    return tuple(replace(step, **changes) if step.weight in wanted else step for step in steps)


__all__ = ["Judging", "Plan", "Policy", "Step"]
