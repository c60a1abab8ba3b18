# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load that a smoke test sends through the whole path, and what its answers say of callers, shares and models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Sequence

from .estimators import (
    budget_verdict,
    clopper_pearson,
    detectable_deviation,
    quantile_interval,
    sample_size,
    share_test,
    wilson,
)
from .load import LoadResult, is_success, merged
from .request_path import Question, infer
from .smoke import ERROR, FAIL, PASS, SKIP, WARN, Check, Finding, Key, judged, skipped
from .smoke_latency import Budgets, worst_hop

if TYPE_CHECKING:
    from .request_path import RequestPath
    from .smoke import Result

# A share that would come out this far off once in a thousand runs, and not sooner, is a fault.
SHARE_ALPHA = 0.001
# A deviation of a share that is worth more requests to see.
FINE = 0.05
MISSED = "missed"
# Which hop answers so: NGINX without an upstream, Envoy without a cluster or a route, the server itself.
HOP_OF_STATUS = {
    "refused": "address",
    "reset": "nginx",
    "timeout": "mlserver",
    "413": "nginx",
    "502": "nginx",
    "504": "nginx",
    "404": "envoy",
    "503": "envoy",
}


@dataclass(frozen=True)
class Target:
    """Whom the load calls: an experiment, or a model where there is none."""

    header: str
    question: Question
    weights: Mapping[str, int] = field(default_factory=dict)


def targets(path: RequestPath, known: Iterable[Result]) -> list[Target]:
    """Return whom to call: all experiments that answer, or else the first model that does."""
    broken = {each.target for each in known if each.id == "nginx.route" and each.status in (FAIL, SKIP)}
    found = []
    for experiment in path.experiments:
        request = path.request_for(experiment)
        if request is not None and experiment.route not in broken:
            baseline = experiment.candidates[0].name
            host = path.towards(baseline).host
            question = infer(baseline, request, host=host, seldon_model=experiment.route)
            found.append(Target(experiment.route, question, experiment.weights))
    models = [each for each in path.models if each.request is not None and each.name not in broken]
    if found or not models:
        return found
    model = models[0]
    host = path.towards(model.name).host
    return [Target(model.name, infer(model.name, model.request or {}, host=host, seldon_model=model.name))]


def needs_of_load(names: Sequence[str], weights: Mapping[str, Mapping[str, int]]) -> tuple[Key, ...]:
    """Return what must hold before the load's numbers mean anything: the routes that it takes, and their models."""
    models = sorted({model for name in names for model, weight in (weights.get(name) or {name: 1}).items() if weight})
    routes = tuple(("nginx.route", name) for name in names)
    return (*routes, *(("mlserver.success", each) for each in models), *(("mlserver.errors", each) for each in models))


@dataclass(frozen=True)
class Counted:
    """What Envoy counted of a model's cluster: requests, and those answered with 5xx or not at all."""

    total: int = 0
    bad: int = 0


@dataclass
class Measured:
    """The load of all targets, merged as it comes in."""

    weights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    results: dict[str, LoadResult] = field(default_factory=dict)
    counted: dict[str, Counted] = field(default_factory=dict)
    rounds: Sequence[Mapping[str, Any]] = ()

    def add(self, name: str, result: Mapping[str, Any], counted: Mapping[str, Sequence[int]]) -> None:
        """Take in one slice."""
        found = LoadResult.from_dict(result)
        self.results[name] = self.results[name].merge(found) if name in self.results else found
        for model, (total, bad) in counted.items():
            before = self.counted.get(model, Counted())
            self.counted[model] = Counted(before.total + total, before.bad + bad)

    @property
    def whole(self) -> LoadResult | None:
        """All targets together."""
        return merged(list(self.results.values())) if self.results else None


def load_checks(measured: Measured, budgets: Budgets, *, models: Sequence[str], enforce: bool, why: str) -> list[Check]:
    """Return the checks that the load answers; ``why`` says why there is none, where there is none."""
    needs = needs_of_load(list(measured.results), measured.weights)
    errors = [Check("mlserver.errors", _errors(measured, each, budgets), each) for each in models]
    split = [Check("envoy.split", _split(measured, each), _name(each), needs) for each in measured.weights]
    return [
        *errors,
        Check("path.success", _success(measured, budgets, why), needs=needs),
        Check("path.latency", _latency(measured, budgets, why, enforce=enforce), needs=needs),
        *split,
    ]


def _name(route: str) -> str:
    return route.rpartition(".experiment")[0] or route


def _errors(measured: Measured, model: str, budgets: Budgets) -> Callable[[], Finding]:
    def ask() -> Finding:
        counted = measured.counted.get(model, Counted())
        if not counted.total:
            return skipped("Envoy counted no call of it during the load")
        verdict = budget_verdict(counted.bad, counted.total, 1 - budgets.success_percent / 100)
        found = f"{counted.bad} of {counted.total} calls, retries among them"
        return judged(verdict != MISSED, found, f"{100 - budgets.success_percent:.3g} % at most", verdict=verdict)

    return ask


def _success(measured: Measured, budgets: Budgets, why: str) -> Callable[[], Finding]:
    def ask() -> Finding:
        whole = measured.whole
        if whole is None:
            return skipped(why)
        bad = {status: count for status, count in whole.statuses.items() if not is_success(status)}
        failures = whole.sent - whole.successes
        verdict = budget_verdict(failures, whole.sent, 1 - budgets.success_percent / 100)
        found = f"{whole.successes} of {whole.sent}" + "".join(f", {count} of {name}" for name, count in bad.items())
        expected = f"{budgets.success_percent:g} %"
        if verdict != MISSED:
            return judged(True, found, expected, verdict=verdict)
        most = max(bad, key=lambda status: bad[status]) if bad else ""
        return Finding(FAIL, found, expected, evidence={"verdict": verdict}, hop=HOP_OF_STATUS.get(most, "mlserver"))

    return ask


def _latency(measured: Measured, budgets: Budgets, why: str, *, enforce: bool) -> Callable[[], Finding]:
    def ask() -> Finding:
        whole = measured.whole
        if whole is None:
            return skipped(why)
        expected = ", ".join(f"P{q * 100:g} {ms:g} ms" for q, ms in budgets.quantiles.items())
        if whole.invalid:
            return Finding(ERROR, "INVALID", expected, reason="; ".join(whole.invalid))
        rows = percentiles(whole, budgets)
        found = ", ".join(f"P{row['quantile'] * 100:g} {row['ms']:.1f} ms" for row in rows)
        missed = [row["quantile"] for row in rows if row["verdict"] == MISSED]
        if not missed:
            return judged(True, found, expected)
        hop = worst_hop(measured.rounds, budgets, quantile=missed[0])
        status = FAIL if enforce else WARN
        return Finding(status, found, expected, evidence={"missed": missed}, hop=hop)

    return ask


def _split(measured: Measured, route: str) -> Callable[[], Finding]:
    def ask() -> Finding:
        if route not in measured.results:
            return skipped("no load was sent to it")
        row = shares(measured, route)
        found = ", ".join(f"{each['name']} {100 * each['observed']:.1f} %" for each in row["candidates"])
        expected = ", ".join(f"{each['name']} {100 * each['share']:.1f} %" for each in row["candidates"])
        if not row["n"]:
            return Finding(ERROR, "no good answer named its model", expected)
        fine = f"{found} of {row['n']}; {100 * row['detectable']:.0f} points off would have shown{_more(row)}"
        return Finding(PASS if row["verdict"] == PASS else FAIL, fine, expected, evidence={"p_value": row["p_value"]})

    return ask


def _more(row: Mapping[str, Any]) -> str:
    """Say what it takes to see a smaller fault."""
    between = [each["share"] for each in row["candidates"] if 0 < each["share"] < 1]
    if row["detectable"] <= FINE or not between:
        return ""
    return f", {100 * FINE:.0f} points take {max(sample_size(each, FINE) for each in between):,} requests"


def shares(measured: Measured, route: str) -> dict[str, Any]:
    """Return observed against declared shares, as a report has them."""
    weights = measured.weights[route]
    total = sum(weights.values())
    found = {name: histogram.count for name, histogram in measured.results[route].routes.items()}
    # A model's versions count as one.
    by_model = {
        name: sum(count for one, count in found.items() if one.strip(":").rpartition("_")[0] == name)
        for name in weights
    }
    n = sum(found.values())
    expected = [weight / total for weight in weights.values()]
    strays = n - sum(by_model.values())
    p_value = share_test([*by_model.values(), strays], [*expected, 0.0]) if n else 1.0
    candidates = []
    for (name, count), share in zip(by_model.items(), expected):
        low, high = wilson(count, n) if n else (0.0, 1.0)
        observed = count / n if n else 0.0
        candidates.append(
            {
                "name": name,
                "weight": weights[name],
                "share": share,
                "count": count,
                "observed": observed,
                "low": low,
                "high": high,
            }
        )
    between = [share for share in expected if 0 < share < 1]
    detectable = max((detectable_deviation(each, n) for each in between), default=0.0) if n else 1.0
    verdict = PASS if p_value >= SHARE_ALPHA else FAIL
    return {
        "experiment": _name(route),
        "n": n,
        "p_value": p_value,
        "detectable": detectable,
        "verdict": verdict,
        "candidates": candidates,
    }


def percentiles(whole: LoadResult, budgets: Budgets) -> list[dict[str, Any]]:
    """Return the percentiles with their intervals, against the budgets."""
    rows = []
    for quantile, budget in budgets.quantiles.items():
        low, high = quantile_interval(quantile, whole.latency.count)
        slower = whole.latency.slower_than(int(budget * 1000))
        rows.append(
            {
                "quantile": quantile,
                "ms": whole.latency.quantile(quantile) / 1000,
                "low_ms": whole.latency.quantile(low) / 1000,
                "high_ms": whole.latency.quantile(high) / 1000,
                "budget_ms": budget,
                "slower": slower,
                "verdict": budget_verdict(slower, whole.latency.count, 1 - quantile),
            }
        )
    return rows


def latency_section(measured: Measured, budgets: Budgets) -> dict[str, Any] | None:
    """Return what callers waited, as a report has it."""
    whole = measured.whole
    if whole is None:
        return None
    failures = whole.sent - whole.successes
    low, high = clopper_pearson(whole.successes, whole.sent)
    allowed = 1 - budgets.success_percent / 100
    return {
        "rate": whole.rate,
        "planned": whole.planned,
        "answered": whole.answered,
        "seconds": round(whole.seconds, 3),
        "invalid": list(whole.invalid),
        "first_request_ms": max((round(each["first_ms"], 3) for each in measured.rounds), default=None),
        "percentiles": [] if whole.invalid else percentiles(whole, budgets),
        "success": {
            "n": whole.sent,
            "failures": failures,
            "share": whole.successes / whole.sent if whole.sent else 0.0,
            "low": low,
            "high": high,
            "budget": budgets.success_percent / 100,
            "verdict": budget_verdict(failures, whole.sent, allowed) if whole.sent else "within",
        },
        "buckets": []
        if whole.invalid
        else [[low_us / 1000, high_us / 1000, count] for low_us, high_us, count in whole.latency.buckets()],
    }


__all__ = [
    "Counted",
    "Measured",
    "Target",
    "latency_section",
    "load_checks",
    "percentiles",
    "shares",
    "targets",
]
