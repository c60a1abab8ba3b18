# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of Prometheus, and targets and samples that are not to be believed."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.gates import CountedGate
from plugins.module_utils._core.prometheus import Answers, Looker, one_number, read_samples, unread
from plugins.module_utils._core.prometheus_dialects import dialect_of
from plugins.module_utils._core.prometheus_samples import Sample
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.traffic import Arms, Counts


def answer(kind: str, result: Any, **more: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


def rows(*values: str) -> list[dict[str, Any]]:
    return [{"metric": {"instance": str(index)}, "value": [1.0, value]} for index, value in enumerate(values)]


SAMPLES = {
    "a scalar": (answer("scalar", [1.0, "2.5"]), [Sample({}, 2.5)]),
    "no series": (answer("vector", []), []),
    "two series": (
        answer("vector", rows("1", "+Inf")),
        [Sample({"instance": "0"}, 1), Sample({"instance": "1"}, math.inf)],
    ),
}


@pytest.mark.parametrize(("body", "samples"), SAMPLES.values(), ids=SAMPLES.keys())
def test_samples(body: bytes, samples: list[Sample]) -> None:
    assert list(read_samples(200, body)) == samples


NO_SAMPLES = {
    "a range": (200, answer("matrix", []), "the query gives a matrix; write one that gives a number now"),
    "a text": (200, answer("string", [1.0, "x"]), "the query gives a string; write one that gives a number now"),
    "a histogram": (
        200,
        answer("vector", [{"metric": {}, "histogram": [1.0, {}]}]),
        'its answer cannot be read: [{"metric": {}, "histogram": [1.0, {}]}]',
    ),
    "a value that is none": (200, answer("scalar", [1.0, "x"]), 'its answer cannot be read: [1.0, "x"]'),
    "labels that are none": (
        200,
        answer("vector", [{"metric": 1, "value": [1.0, "1"]}]),
        'its answer cannot be read: [{"metric": 1, "value": [1.0, "1"]}]',
    ),
    "no rows": (200, answer("vector", None), "its answer cannot be read: null"),
    "a wrong query": (
        400,
        json.dumps({"status": "error", "errorType": "bad_data", "error": "1:5: parse error: x"}).encode(),
        "it refused the query: 1:5: parse error: x",
    ),
    "a success without data": (200, b'{"status": "success"}', "it refused the query: {'status': 'success'}"),
    "part of the data": (
        200,
        answer("vector", rows("1"), warnings=["store-2 is away", "store-3 is away"]),
        "it warns: store-2 is away; store-3 is away",
    ),
    "a web page": (
        502,
        b"<html>\n<title>Bad gateway</title>",
        "it does not answer as Prometheus does: HTTP status 502, <html> <title>Bad gateway</title>",
    ),
    "nothing": (503, b"", "it does not answer as Prometheus does: HTTP status 503, nothing"),
    "another JSON": (200, b"[1]", "it does not answer as Prometheus does: HTTP status 200, [1]"),
    "far too deep": (
        200,
        b"[" * 100_000,
        f"it does not answer as Prometheus does: HTTP status 200, {'[' * 120}...",
    ),
}


@pytest.mark.parametrize(("status", "body", "said"), NO_SAMPLES.values(), ids=NO_SAMPLES.keys())
def test_no_samples(status: int, body: bytes, said: str) -> None:
    with pytest.raises(ServingError) as caught:
        read_samples(status, body)
    assert str(caught.value) == said


NO_NUMBER = {
    "no series": ([], "no data: the query gives no series"),
    "two": ([1.0, 2.0], "the query gives 2 series, and one is needed: aggregate it, as in sum(...) or max(...)"),
    "not a number": ([math.nan], "no data: the query gives NaN"),
    "endless": ([-math.inf], "no data: the query gives -inf; does it divide by zero?"),
}


@pytest.mark.parametrize(("values", "said"), NO_NUMBER.values(), ids=NO_NUMBER.keys())
def test_no_number(values: list[float], said: str) -> None:
    with pytest.raises(ServingError) as caught:
        one_number([Sample({}, value) for value in values])
    assert str(caught.value) == said


def test_one_number() -> None:
    assert one_number([Sample({"a": "b"}, 0.0)]) == 0.0


# --- one look ---------------------------------------------------------------------------------------------------

PLACE = Endpoint("192.0.2.1", 80)
ARMS = Arms("ab", Model("new", 2, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=True)
ERRORS, STRICT = CountedGate("errors", "error_rate"), CountedGate("strict", "error_rate", source={"codes": ["x"]})
SLOW = CountedGate("slow", "slower_than", threshold_ms=18)
LOOKER = Looker(dialect_of("envoy", {}), ARMS, stale_after=45)
KIND = "envoy_cluster_upstream_rq_xx"


def sample(metric: str, value: float, cluster: str = "", instance: str = "a", **labels: str) -> Sample:
    name = {"envoy_cluster_name": f"{cluster}_http"} if cluster else {}
    return Sample({"__name__": metric, "job": "envoy", "instance": instance, **name, **labels}, value)


def totals(instance: str = "a") -> list[Sample]:
    return [sample("envoy_cluster_upstream_rq_total", 0, cluster, instance) for cluster in ("new_2", "old_1")]


def classes(instance: str = "a", **values: float) -> list[Sample]:
    clusters = {"new": "new_2", "old": "old_1"}
    parts = [(key.split("_"), value) for key, value in values.items()]
    return [
        sample(KIND, value, clusters[model], instance, envoy_response_code_class=code) for (model, code), value in parts
    ]


def look(*values: Sample, cursor: dict[str, Any] | None = None, ages: float = 1, down: str = "") -> Counts:
    """Look once; the cursor is what JSON leaves of it."""
    old = [Sample({"job": "envoy", "instance": "a"}, ages)]
    away = [Sample({"__name__": "up", "job": "envoy", "instance": down}, 0)] if down else []
    found = LOOKER.read([ERRORS, STRICT, SLOW], Answers(values, tuple(old), tuple(away)), cursor or {})
    return json_of(found)


def json_of(counts: Counts) -> Counts:
    return Counts(counts.pairs, counts.problems, json.loads(json.dumps(counts.cursor, allow_nan=False)))


def test_the_first_look_sets_the_cursor_and_the_second_counts() -> None:
    first = look(*totals(), *classes(old_2=1000))
    assert first.pairs == {}
    assert set(first.problems) == {"strict"}
    second = look(*totals(), *classes(old_2=1030, new_2=7, new_5=2), cursor=dict(first.cursor))
    assert second.pairs["errors"] == Pair(Tally(9, 2), Tally(30, 0))
    third = look(*totals(), *classes(old_2=5, new_2=1), cursor=dict(second.cursor))
    assert third.pairs["errors"] == Pair(Tally(1, 0), Tally(5, 0))


def test_a_gate_with_a_problem_leaves_the_others_alone() -> None:
    found = look(*totals())
    assert found.problems == {"strict": "codes of gate 'strict' holds x; set classes like 5xx or statuses like 429"}
    assert set(found.cursor) == {KIND, "envoy_cluster_upstream_rq_time_bucket 18"}


CURSOR: dict[str, Any] = {KIND: {"envoy/a": {}, "envoy/b": {}}}

DISTRUSTED = {
    "a target that is down": ({"down": "a"}, "no data: Prometheus cannot scrape envoy/a"),
    "a target that was there": ({"down": "b"}, "no data: Prometheus cannot scrape envoy/b"),
    "old samples": ({"ages": 45.6}, "no data: the samples of envoy/a are 46 s old, and 45 s are allowed"),
    "samples of no age": ({"ages": math.nan}, "no data: the samples of envoy/a are nan s old, and 45 s are allowed"),
}


@pytest.mark.parametrize(("changes", "said"), DISTRUSTED.values(), ids=DISTRUSTED.keys())
def test_distrust(changes: dict[str, Any], said: str) -> None:
    found = look(*totals(), *classes(old_2=1000), cursor=CURSOR, **changes)
    assert found == Counts({}, dict.fromkeys(("errors", "strict", "slow"), said), CURSOR)


@pytest.mark.parametrize("changes", [{"down": "c"}, {"ages": 45}, {"ages": -1}], ids=["a stranger", "just so", "ahead"])
def test_trust(changes: dict[str, Any]) -> None:
    assert "errors" not in look(*totals(), cursor=CURSOR, **changes).problems


def test_several_targets_are_named_briefly() -> None:
    away = tuple(Sample({"job": "envoy", "instance": each}, 0) for each in "cba")
    cursor: dict[str, Any] = {KIND: {f"envoy/{each}": {} for each in "abc"}}
    found = LOOKER.read([ERRORS], Answers(tuple(totals()), (), away), cursor)
    assert found.problems == {"errors": "no data: Prometheus cannot scrape envoy/a and 2 more"}


def test_unread_keeps_the_cursor() -> None:
    assert unread([ERRORS], "away", None) == Counts({}, {"errors": "away"}, {})
    assert unread([ERRORS], "away", CURSOR) == Counts({}, {"errors": "away"}, CURSOR)
