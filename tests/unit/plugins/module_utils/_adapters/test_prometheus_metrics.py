# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus over HTTP: three queries a look, in time, and every fault a problem in words."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from plugins.module_utils._adapters.prometheus_metrics import PrometheusMetrics
from plugins.module_utils._core.analysis import Measurement
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.gates import CountedGate, MeasuredGate
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.traffic import Arms, Counts
from tests.unit.loopback import Loopback, loopback, refusing, said, said_json

PLACE = Endpoint("192.0.2.1", 80)
ARMS = Arms("ab", Model("new", 2, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=True)
ERRORS = CountedGate("errors", "error_rate")
TOTAL, CLASSES = "envoy_cluster_upstream_rq_total", "envoy_cluster_upstream_rq_xx"
CURSOR = {CLASSES: {"envoy/a": {"baseline x": 5}}}
TIMEOUT = 5.0


def vector(*series: tuple[dict[str, str], str]) -> bytes:
    result = [{"metric": labels, "value": [1.0, value]} for labels, value in series]
    return said_json({"status": "success", "data": {"resultType": "vector", "result": result}})


def scalar(value: str) -> bytes:
    return said_json({"status": "success", "data": {"resultType": "scalar", "result": [1.0, value]}})


def values(*, old: int, new: int) -> bytes:
    """Return Envoy's counters: so many good answers of the old model, and failures of the new one."""
    place = {"job": "envoy", "instance": "a"}
    return vector(
        ({"__name__": TOTAL, "envoy_cluster_name": "old_1_http", **place}, str(old)),
        ({"__name__": TOTAL, "envoy_cluster_name": "new_2_http", **place}, str(new)),
        (
            {"__name__": CLASSES, "envoy_cluster_name": "old_1_http", "envoy_response_code_class": "2", **place},
            str(old),
        ),
        (
            {"__name__": CLASSES, "envoy_cluster_name": "new_2_http", "envoy_response_code_class": "5", **place},
            str(new),
        ),
    )


AGES, NONE = vector(({"job": "envoy", "instance": "a"}, "0.5")), vector()


def queries(server: Loopback) -> list[str]:
    targets = [urlsplit(request.split(b" ")[1].decode()) for request in server.asked]
    assert {target.path for target in targets} == {"/api/v1/query"}
    return [parse_qs(target.query)["query"][0] for target in targets]


def test_two_looks_count() -> None:
    with loopback(values(old=10, new=2), AGES, NONE, values(old=15, new=3), AGES, NONE) as server:
        metrics = PrometheusMetrics(f"{server.url}/", timeout=TIMEOUT)
        first = metrics.counts([ERRORS], ARMS, None)
        second = metrics.counts([ERRORS], ARMS, first.cursor)
    assert (first.pairs, first.problems) == ({}, {})
    assert (second.pairs, second.problems) == ({"errors": Pair(Tally(1, 1), Tally(5, 0))}, {})
    assert queries(server)[:3] == [
        f'{{__name__=~"envoy_cluster_retry_upstream_rq_xx|{TOTAL}|{CLASSES}",envoy_cluster_name=~"new_2_http|old_1_http"}}',
        f'max by (job,instance) (time() - timestamp({TOTAL}{{envoy_cluster_name=~"new_2_http|old_1_http"}}))',
        "up == 0",
    ]


def test_no_gate_asks_nothing() -> None:
    assert PrometheusMetrics(refusing()).counts([], ARMS, CURSOR) == Counts(cursor=CURSOR)


DOWN = vector(({"__name__": "up", "job": "envoy", "instance": "a"}, "0"))
OLD = vector(({"job": "envoy", "instance": "a"}, "46"))
REFUSED = said_json({"status": "error", "errorType": "execution", "error": "query timed out"}, "503 Unavailable")

PROBLEMS = {
    "an error": ([said("oops", "500 Error")], "{}: it does not answer as Prometheus does: HTTP status 500, oops"),
    "a refusal": ([REFUSED], "{}: it refused the query: query timed out"),
    "garbage": ([said("\x00\x01")], "{}: it does not answer as Prometheus does: HTTP status 200, \x00\x01"),
    "half an answer": ([said('{"status":', length=99)], "{}: it broke off in the middle of its answer"),
    "a redirect": (
        [said("", "302 Found", Location="https://login.example.com")],
        "{}: HTTP status 302: it points elsewhere, and nobody follows; set url to where it points",
    ),
    "no series": (
        [NONE, NONE, NONE],
        f'no data: Prometheus has no {TOTAL}{{{{envoy_cluster_name="new_2_http"}}}}',
    ),
    "a target that is down": ([values(old=1, new=1), AGES, DOWN], "no data: Prometheus cannot scrape envoy/a"),
    "old samples": (
        [values(old=1, new=1), OLD, NONE],
        "no data: the samples of envoy/a are 46 s old, and 45 s are allowed",
    ),
    "trouble half way": ([values(old=1, new=1), REFUSED], "{}: it refused the query: query timed out"),
}


@pytest.mark.parametrize(("answers", "text"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_problems_keep_the_cursor(answers: list[bytes], text: str) -> None:
    with loopback(*answers) as server:
        found = PrometheusMetrics(server.url, timeout=TIMEOUT).counts([ERRORS], ARMS, CURSOR)
    assert found == Counts({}, {"errors": text.format(f"Prometheus at {server.url}")}, CURSOR)


def test_nobody_listens() -> None:
    url = refusing()
    found = PrometheusMetrics(url).counts([ERRORS], ARMS, None)
    assert found.problems == {"errors": f"Prometheus at {url}: it refuses connections: nothing listens there"}


def test_one_look_has_one_time() -> None:
    """Each query alone would be answered in time."""
    with loopback(values(old=1, new=1), AGES, NONE, delay=0.3) as server:
        started = time.monotonic()
        found = PrometheusMetrics(server.url, timeout=0.7).counts([ERRORS], ARMS, None)
        assert time.monotonic() - started < 0.85
    assert found.problems["errors"].startswith(f"Prometheus at {server.url}: it did not answer within 0.")


# --- one number -------------------------------------------------------------------------------------------------

GATE = MeasuredGate("auc", "metric", source={"query": 'auc{model="$candidate_version"}'})
QUERY = 'auc{model="new_2"}'

MEASURED = {
    "one series": (vector(({"model": "new_2"}, "0.75")), Measurement(0.75, note=f"{QUERY} is 0.75")),
    "a scalar": (scalar("3"), Measurement(3.0, note=f"{QUERY} is 3")),
    "none": (vector(), Measurement(error=f"no data: the query gives no series ({QUERY})")),
    "not a number": (scalar("NaN"), Measurement(error=f"no data: the query gives NaN ({QUERY})")),
    "two series": (
        vector(({"a": "1"}, "1"), ({"a": "2"}, "1")),
        Measurement(
            error=f"the query gives 2 series, and one is needed: aggregate it, as in sum(...) or max(...) ({QUERY})"
        ),
    ),
    "a wrong query": (
        said_json({"status": "error", "error": "parse error"}, "400 Bad Request"),
        Measurement(error=f"{{}}: it refused the query: parse error ({QUERY})"),
    ),
}


@pytest.mark.parametrize(("answer", "wanted"), MEASURED.values(), ids=MEASURED.keys())
def test_measure(answer: bytes, wanted: Measurement) -> None:
    with loopback(answer) as server:
        found = PrometheusMetrics(server.url, timeout=TIMEOUT).measure(GATE, ARMS)
    place = f"Prometheus at {server.url}"
    assert found == replace(wanted, error=wanted.error.replace("{}", place, 1))
    assert queries(server) == [QUERY]


# --- can it be asked at all -------------------------------------------------------------------------------------


def test_check() -> None:
    with loopback(scalar("1"), said("who?", "401 Unauthorized")) as server:
        metrics = PrometheusMetrics(server.url, timeout=TIMEOUT)
        assert metrics.check() == ""
        assert metrics.check() == (
            f"Prometheus at {server.url}: it does not answer as Prometheus does: HTTP status 401, who?"
        )


def test_headers_are_sent_and_never_shown() -> None:
    secret = "Bearer 31415926"
    with loopback(said("no", "403 Forbidden")) as server:
        address = server.url.replace("http://", "http://me:pass@")
        metrics = PrometheusMetrics(f"{address}/base?dedup=1", headers={"X-Token": secret}, timeout=TIMEOUT)
        texts = [metrics.check(), repr(metrics), *metrics.counts([ERRORS], ARMS, None).problems.values()]
    head = server.asked[0].decode()
    assert head.startswith("GET /base/api/v1/query?dedup=1&query=1 HTTP/1.1\r\n")
    assert f"X-token: {secret}\r\n".lower() in head.lower()
    assert "Authorization: Basic" in head
    assert not any(each in text for each in (secret, "pass", "dedup") for text in texts)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a strange dialect": (
        {"url": "http://a", "dialect": "istio"},
        "Prometheus' metrics have the dialect 'istio'; set one of: envoy, seldon.",
    ),
    "a strange label": (
        {"url": "http://a", "labels": {'a"}': "b"}},
        "Prometheus has no label 'a\"}'; set labels that all series of the models have.",
    ),
    "no address": (
        {"url": "prometheus"},
        "Prometheus cannot be asked: url is no address; set one such as https://metrics.example.com:9090.",
    ),
    "a header of two lines": (
        {"url": "http://a", "headers": {"X": "a\nb"}},
        "Prometheus cannot be asked: header 'X' is no plain text of one line; set another value.",
    ),
}


@pytest.mark.parametrize(("options", "text"), BAD.values(), ids=BAD.keys())
def test_bad_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ServingError) as caught:
        PrometheusMetrics(**options)
    assert str(caught.value) == text
