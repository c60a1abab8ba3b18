# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load says of callers, of shares and of models, and which hop it points at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plugins.module_utils._core.histogram import Histogram
from plugins.module_utils._core.load import LoadResult
from plugins.module_utils._core.request_path import RequestPath, parse_experiment, parse_model, parse_samples
from plugins.module_utils._core.route_table import Endpoint
from plugins.module_utils._core.smoke import ERROR, FAIL, PASS, SKIP, WARN, Result, examine
from plugins.module_utils._core.smoke_latency import Budgets, Rounds, worst_hop
from plugins.module_utils._core.smoke_load import Measured, latency_section, load_checks, shares, targets
from plugins.module_utils._core.smoke_report import build_report, summary

BUDGETS = Budgets(11, 18, 25, 99.8, (2, 3), (2, 3), (5, 7))
ROUTE = "e.experiment"
WEIGHTS = {ROUTE: {"a": 70, "b": 30}}


def histogram(milliseconds: Mapping[float, int]) -> Histogram:
    found = Histogram()
    for each, count in milliseconds.items():
        for _ in range(count):
            found.record(int(each * 1000))
    return found


def load(
    milliseconds: Mapping[float, int],
    statuses: Mapping[str, int] | None = None,
    routes: Mapping[str, int] | None = None,
    late: int = 0,
) -> LoadResult:
    latency = histogram(milliseconds)
    return LoadResult(
        rate=200.0,
        planned=latency.count,
        sent=latency.count,
        answered=latency.count,
        seconds=latency.count / 200,
        statuses=dict(statuses or {"200": latency.count}),
        latency=latency,
        service=latency,
        lateness=histogram({0: latency.count}),
        routes={name: histogram({2: count}) for name, count in (routes or {}).items()},
        late=late,
    )


SPLIT = {":a_1:": 350, ":b_1:": 150}


def measured(result: LoadResult, counted: Mapping[str, list[int]] | None = None) -> Measured:
    found = Measured(weights=WEIGHTS)
    found.add(ROUTE, result.as_dict(), counted or {"a": [350, 0], "b": [150, 0]})
    return found


def rounds(**upper: float) -> dict[str, Any]:
    """Return a model's rounds, every hop well within its budget but for those named."""
    hops = {hop: {"median_ms": upper.get(hop, 0.5), "upper_ms": upper.get(hop, 0.5)} for hop in ("nginx", "envoy")}
    own = upper.get("mlserver", 2.0)
    return {
        "model": "a",
        "rounds": 50,
        "first_ms": 3.0,
        "hops": {**hops, "mlserver": {"median_ms": own, "upper_ms": own}},
    }


def judge(found: Measured, *, enforce: bool = True, known: tuple[Result, ...] = ()) -> dict[str, Result]:
    checks = load_checks(found, BUDGETS, models=["a", "b"], enforce=enforce, why="no target")
    return {each.label: each for each in examine(checks, known, lambda: 0.0)}


def test_a_quiet_load_passes() -> None:
    found = judge(measured(load({2.0: 500}, routes=SPLIT)))
    assert {label: each.status for label, each in found.items()} == {
        "mlserver.errors[a]": PASS,
        "mlserver.errors[b]": PASS,
        "path.success": PASS,
        "path.latency": PASS,
        "envoy.split[e]": PASS,
    }


def test_without_a_load_the_reason_is_given() -> None:
    found = judge(Measured())
    assert {each.status for each in found.values()} == {SKIP}
    assert found["path.latency"].reason == "no target"


def test_an_invalid_load_has_no_numbers() -> None:
    invalid = measured(load({2.0: 500}, routes=SPLIT, late=6))
    found = judge(invalid)["path.latency"]
    assert (found.status, found.observed) == (ERROR, "INVALID")
    assert "6 of 500 requests left later than 1 ms" in found.reason
    section = latency_section(invalid, BUDGETS)
    assert section is not None
    assert (section["percentiles"], section["buckets"]) == ([], [])
    # Whether answers were good can still be told.
    assert section["success"]["failures"] == 0


@pytest.mark.parametrize("hop", ["nginx", "envoy", "mlserver"])
def test_slow_callers_point_at_the_hop_that_takes_the_time(hop: str) -> None:
    slow = measured(load({70.0: 500}, routes=SPLIT))
    slow.rounds = [rounds(**{hop: 60.0})]
    found = judge(slow)["path.latency"]
    assert (found.status, found.hop, found.evidence["missed"]) == (FAIL, hop, [0.5, 0.95, 0.99])


def test_budgets_that_are_not_enforced_warn() -> None:
    assert judge(measured(load({70.0: 500}, routes=SPLIT)), enforce=False)["path.latency"].status == WARN


@pytest.mark.parametrize(
    ("slow", "status"),
    # 31 of 2,000 are what chance brings once in a hundred runs when 1 % may be slower; more than that is a fault.
    [(31, PASS), (32, FAIL)],
)
def test_a_budget_is_missed_when_chance_does_not_explain_it(slow: int, status: str) -> None:
    found = judge(measured(load({2.0: 2000 - slow, 40.0: slow}, routes={":a_1:": 1400, ":b_1:": 600})))
    assert found["path.latency"].status == status


@pytest.mark.parametrize(
    ("bad", "hop"), [("502", "nginx"), ("503", "envoy"), ("500", "mlserver"), ("refused", "address"), ("404", "envoy")]
)
def test_bad_answers_point_at_the_hop_that_gives_them(bad: str, hop: str) -> None:
    found = judge(measured(load({2.0: 500}, {"200": 480, bad: 20}, routes=SPLIT)))["path.success"]
    assert (found.status, found.hop) == (FAIL, hop)
    assert found.observed == f"480 of 500, 20 of {bad}"


def test_errors_that_retries_hide_are_the_models() -> None:
    found = judge(measured(load({2.0: 500}, routes=SPLIT), {"a": [370, 20], "b": [150, 0]}))
    assert found["mlserver.errors[a]"].status == FAIL
    assert found["mlserver.errors[b]"].status == PASS
    # Callers waited for the retries, and that is nobody else's fault.
    assert found["path.latency"].reason == "MLServer is broken: mlserver.errors[a]"


@pytest.mark.parametrize(
    ("routes", "status"),
    [
        ({":a_1:": 350, ":b_1:": 150}, PASS),
        ({":a_1:": 330, ":b_1:": 170}, PASS),
        ({":a_1:": 250, ":b_1:": 250}, FAIL),
        ({":a_1:": 500}, FAIL),
        # A version that moves in the middle is the same model.
        ({":a_1:": 200, ":a_2:": 150, ":b_1:": 150}, PASS),
        # Nobody else may answer, ever.
        ({":a_1:": 350, ":b_1:": 149, ":c_1:": 1}, FAIL),
        ({}, ERROR),
    ],
)
def test_shares(routes: Mapping[str, int], status: str) -> None:
    assert judge(measured(load({2.0: 500}, routes=routes)))["envoy.split[e]"].status == status


def test_shares_have_intervals_and_say_what_would_have_shown() -> None:
    row = shares(measured(load({2.0: 500}, routes=SPLIT)), ROUTE)
    assert (row["experiment"], row["n"], row["verdict"]) == ("e", 500, PASS)
    first = row["candidates"][0]
    assert (first["name"], first["weight"], first["count"], first["share"]) == ("a", 70, 350, 0.7)
    assert first["low"] < 0.7 < first["high"]
    assert 0.09 < row["detectable"] < 0.11


def test_slices_add_up() -> None:
    found = Measured(weights=WEIGHTS)
    for _ in range(3):
        found.add(ROUTE, load({2.0: 100}, routes={":a_1:": 70, ":b_1:": 30}).as_dict(), {"a": [70, 1], "b": [30, 0]})
    assert found.whole is not None
    assert (found.whole.sent, found.counted["a"].total, found.counted["a"].bad) == (300, 210, 3)


@pytest.mark.parametrize(("quantile", "hop"), [(0.5, "mlserver"), (0.95, "envoy")])
def test_the_tail_has_a_cause_of_its_own(quantile: float, hop: str) -> None:
    """Half of the callers wait for the model, and a few wait for Envoy."""
    found = Rounds("a", (30.0,) * 20, (31.0,) * 18 + (500.0, 500.0), (32.0,) * 18 + (501.0, 501.0), 3.0)
    assert worst_hop([found.as_dict()], BUDGETS, quantile=quantile) == hop


# Whom the load calls


def path(*experiments: dict[str, Any]) -> RequestPath:
    samples = parse_samples({"s": b'{"requests": [{"inputs": []}], "models": {"a": {}, "b": {}}}'})
    models = [{"name": name, "namespace": "team", "version": 1} for name in ("x", "a", "b")]
    return RequestPath(
        host="ml-api.local",
        http=Endpoint("127.0.0.1", 3),
        models=tuple(parse_model(each, samples) for each in models),
        experiments=tuple(parse_experiment(each) for each in experiments),
    )


def split(name: str, *models: str) -> dict[str, Any]:
    return {"name": name, "candidates": [{"name": model, "weight": 1} for model in models]}


def test_the_load_calls_experiments_that_answer() -> None:
    known = [Result("nginx.route", "g.experiment", "nginx", FAIL)]
    found = targets(path(split("e", "a", "b"), split("f", "x", "a"), split("g", "b", "a")), known)
    # f has a candidate without a request, g does not answer.
    assert [(each.header, dict(each.weights)) for each in found] == [("e.experiment", {"a": 1, "b": 1})]


def test_without_an_experiment_the_load_calls_a_model() -> None:
    assert [each.header for each in targets(path(), ())] == ["a"]
    assert targets(path(), [Result("nginx.route", name, "nginx", SKIP) for name in ("a", "b")]) == []


# The report


def test_report_adds_up() -> None:
    found = measured(load({2.0: 500}, routes=SPLIT))
    times = {("nginx", ""): 4.0, ("envoy", ""): -0.1, ("mlserver", "a"): 2.0, ("mlserver", "b"): 3.0}
    hops_found = [
        Result(f"{hop}.latency", target, hop, PASS, evidence={"median_ms": time})
        for (hop, target), time in times.items()
    ]
    results = [*judge(found).values(), *hops_found]
    report = build_report({"id": "1"}, results, found, BUDGETS)
    assert (report["verdict"], report["first_broken"], report["counts"][PASS]) == ("passed", None, 9)
    hops = {each["name"]: each for each in report["hops"]}
    assert {name: each["median_ms"] for name, each in hops.items() if each["budget_ms"]} == {
        "nginx": 4.0,
        # Two medians may differ by noise; no hop takes less than nothing.
        "envoy": 0.0,
        # The slowest model stands for MLServer.
        "mlserver": 3.0,
    }
    assert [name for name, each in hops.items() if each["over"]] == ["nginx"]
    assert (hops["address"]["median_ms"], hops["address"]["budget_ms"]) == (None, None)
    assert summary(report) == "9 checks: 9 passed. Callers waited P50 2.0 of 11 ms, P95 2.0 of 18 ms, P99 2.0 of 25 ms."
