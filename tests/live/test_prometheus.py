# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real Prometheus over the real data plane: what was sent is what is counted, and no data is never zero."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from plugins.module_utils._adapters.prometheus_metrics import PrometheusMetrics
from plugins.module_utils._core.gates import CountedGate, MeasuredGate
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.traffic import Arms, Counts
from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, NAMESPACES, DataPlane, wait_for
from tests.live.envoy_process import EnvoyProcess, free_ports
from tests.live.prometheus_process import HOST, Exporter, PrometheusProcess
from tests.unit.loopback import loopback, said

PLACE = Endpoint(HOST, 80)
ARMS = Arms(EXPERIMENT, Model(ENHANCED, 1, PLACE, PLACE), Model(BASELINE, 1, PLACE, PLACE), is_default=True)
ROUTES = {f":{ENHANCED}_1:": "candidate", f":{BASELINE}_1:": "baseline"}
ERRORS = CountedGate("errors", "error_rate")
ALL_ERRORS = CountedGate("all", "error_rate", source={"codes": ["4xx", "5xx"]})
NOT_FOUND = CountedGate("404s", "error_rate", source={"codes": ["404"]})
# No answer of the samples takes that long.
SLOW = CountedGate("slow", "slower_than", threshold_ms=10_000)
# Envoy brings its histograms up to date every five seconds.
SETTLE_SECONDS = 20
# Two scrapes, and some time for each.
SCRAPED_SECONDS = 3.0


class Prepared:
    """Prometheus, and what it scrapes besides the data plane."""

    def __init__(self, prometheus: PrometheusProcess, exporter: Exporter, envoy: EnvoyProcess) -> None:
        self.prometheus = prometheus
        self.exporter = exporter
        self.envoy = envoy


@pytest.fixture(scope="module")
def prepared(data_plane: DataPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    folder = tmp_path_factory.mktemp("prometheus")
    exporter, envoy = Exporter(), EnvoyProcess(folder / "envoy")
    first = int(data_plane.variables["data_plane_mlserver_metrics_port"])
    jobs = {
        "envoy": ("/stats/prometheus", [int(data_plane.variables["data_plane_envoy_stats_port"])]),
        "mlserver": ("/metrics", [first + index for index in range(len(NAMESPACES))]),
        "made-up": ("/", [exporter.port]),
        "other-envoy": ("/stats/prometheus", [int(envoy.settings["stats"]["port"])]),
    }
    prometheus = PrometheusProcess(folder / "prometheus", jobs)
    try:
        exporter.start()
        prometheus.start()
        yield Prepared(prometheus, exporter, envoy)
    finally:
        prometheus.stop()
        exporter.stop()
        envoy.kill()


def begun(metrics: PrometheusMetrics, gates: Sequence[CountedGate], arms: Arms = ARMS) -> Mapping[str, Any]:
    """Return a cursor, as soon as one can be had."""
    found: list[Counts] = []

    def is_clear() -> bool:
        found.append(metrics.counts(gates, arms, None))
        return not found[-1].problems and bool(found[-1].cursor)

    wait_for(is_clear, f"a look without problems: {found[-1:]}", SETTLE_SECONDS)
    assert found[-1].pairs == {}
    return dict(json.loads(json.dumps(found[-1].cursor, allow_nan=False)))


def settled(
    metrics: PrometheusMetrics, gates: Sequence[CountedGate], cursor: Mapping[str, Any], wanted: Mapping[str, Pair]
) -> Mapping[str, Any]:
    """Look from the same cursor until everything is counted that was sent; demand that it is never more."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = metrics.counts(gates, ARMS, cursor)
        if found.pairs == wanted:
            return found.cursor
        assert found.problems == {}
        for name, pair in found.pairs.items():
            assert pair.candidate.n <= wanted[name].candidate.n
            assert pair.baseline.n <= wanted[name].baseline.n
        assert time.monotonic() < deadline, (found.pairs, wanted)
        time.sleep(0.3)


def test_what_was_sent_is_counted(data_plane: DataPlane, prepared: Prepared) -> None:
    metrics = prepared.prometheus.metrics()
    gates = [ERRORS, ALL_ERRORS, NOT_FOUND, SLOW]
    cursor = begun(metrics, gates)
    wanted: dict[str, Pair] = {gate.name: Pair() for gate in gates}
    for _window in range(2):
        good = Counter(ROUTES[str(data_plane.infer(ARMS.route).route)] for _ in range(60))
        bad = [data_plane.call(seldon_model=ENHANCED, body=b"{}") for _ in range(5)]
        assert {400 <= answer.status < 500 for answer in bad} == {True}
        to_new = good["candidate"] + len(bad)
        whole = Pair(Tally(to_new), Tally(good["baseline"]))
        wanted = {gate.name: whole for gate in gates}
        wanted["all"] = Pair(Tally(to_new, len(bad)), Tally(good["baseline"]))
        # The cursor goes on from window to window.
        cursor = settled(metrics, gates, cursor, wanted)
    assert metrics.counts(gates, ARMS, cursor).pairs == {gate.name: Pair() for gate in gates}


def test_a_threshold_must_be_an_edge(data_plane: DataPlane, prepared: Prepared) -> None:
    data_plane.infer(ARMS.route)
    metrics = prepared.prometheus.metrics()
    begun(metrics, [SLOW])
    gates = [CountedGate("slow", "slower_than", threshold_ms=18)]
    assert metrics.counts(gates, ARMS, None).problems == {
        "slow": "threshold_ms of gate 'slow' is 18, but Envoy's buckets end at 0.5, 1, 5, 10, 25, 50, 100, 250, 500, "
        "1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1.8e+06, 3.6e+06; set one of these, "
        "or count slow answers in an access log"
    }


def test_a_model_that_nobody_has(prepared: Prepared) -> None:
    arms = Arms(EXPERIMENT, Model("nobody", 1, PLACE, PLACE), ARMS.baseline, is_default=True)
    assert prepared.prometheus.metrics().counts([ERRORS], arms, None).problems == {
        "errors": 'no data: Prometheus has no envoy_cluster_upstream_rq_total{envoy_cluster_name="nobody_1_http"}'
    }


def metric(query: str) -> MeasuredGate:
    return MeasuredGate("metric", "metric", source={"query": query})


def test_a_metric_of_either_server(data_plane: DataPlane, prepared: Prepared) -> None:
    metrics = prepared.prometheus.metrics()
    served = 'sum(model_infer_request_success_total{model="$candidate_version"})'
    tried = 'sum(envoy_cluster_upstream_rq_xx{job="envoy",envoy_cluster_name="${candidate_version}_http"})'
    data_plane.infer(ENHANCED)
    time.sleep(SCRAPED_SECONDS)
    before = {query: metrics.measure(metric(query), ARMS) for query in (served, tried)}
    assert [found.error for found in before.values()] == ["", ""]
    for _ in range(7):
        assert data_plane.infer(ENHANCED).status == 200
    time.sleep(SCRAPED_SECONDS)
    grown = {query: (metrics.measure(metric(query), ARMS).value or 0) - (before[query].value or 0) for query in before}
    assert grown == {served: 7, tried: 7}
    found = metrics.measure(metric(tried), ARMS)
    resolved = f'sum(envoy_cluster_upstream_rq_xx{{job="envoy",envoy_cluster_name="{ENHANCED}_1_http"}})'
    assert found.note == f"{resolved} is {found.value:g}"


REFUSED = {
    "a wrong query": ("sum(up", "it refused the query: invalid parameter "),
    "several series": ("up", "the query gives 5 series, and one is needed: aggregate it, as in sum(...) or max(...)"),
    "no series": ("no_such_metric", "no data: the query gives no series"),
    "not a number": ("sum(up) * NaN", "no data: the query gives NaN"),
    "a division by zero": ("1 / 0", "no data: the query gives inf; does it divide by zero?"),
    "a range": ("up[1m]", "the query gives a matrix; write one that gives a number now"),
}


@pytest.mark.parametrize(("query", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_what_gives_no_number(prepared: Prepared, query: str, text: str) -> None:
    metrics = prepared.prometheus.metrics()
    wait_for(lambda: metrics.measure(metric("count(up)"), ARMS).value == 5, "every target", SETTLE_SECONDS)
    found = metrics.measure(metric(query), ARMS)
    assert found.value is None
    assert text in found.error


# --- what a made-up exporter can do and a healthy one cannot ----------------------------------------------------

MADE_UP = Arms("ab", Model("new", 1, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=True)


def envoys(*, new: float, old: float, arms: Arms = MADE_UP, at: str = "") -> str:
    """Return Envoy's counters of good answers; the old model has one failure besides."""
    names = {model: f"{model.internal_name}_http" for model in (arms.candidate, arms.baseline)}
    lines = [f'envoy_cluster_upstream_rq_total{{envoy_cluster_name="{name}"}} 1{at}' for name in names.values()]
    lines += [
        f'envoy_cluster_upstream_rq_xx{{envoy_cluster_name="{names[model]}",envoy_response_code_class="{code}"}} '
        f"{value}{at}"
        for model, code, value in ((arms.candidate, "2", new), (arms.baseline, "2", old), (arms.baseline, "5", 1))
    ]
    return "\n".join([*lines, ""])


def seldons(*, good: int, failed: int) -> str:
    """Return the counters of Seldon's agents; the old model is loaded, and nobody asked it."""
    attempts = [
        f'seldon_model_infer_total{{model="new",model_internal="new_1",code="{code}"}} {value}'
        for code, value in (("200", good), ("Unavailable", failed), ("404", 1))
    ]
    return "\n".join([*attempts, 'seldon_loaded_model_gauge{model_internal="old_1"} 1', ""])


def seen(metrics: PrometheusMetrics, cursor: Mapping[str, Any] | None, what: str) -> Counts:
    """Look from the same cursor until there is something new to see."""
    first, found = metrics.counts([ERRORS], MADE_UP, cursor), [Counts()]

    def is_new() -> bool:
        found.append(metrics.counts([ERRORS], MADE_UP, cursor))
        return (found[-1].pairs, found[-1].problems) != (first.pairs, first.problems)

    wait_for(is_new, what, SETTLE_SECONDS)
    return found[-1]


def test_counters_that_fall_and_targets_that_fail(prepared: Prepared) -> None:
    metrics, exporter = prepared.prometheus.metrics(), prepared.exporter
    place = f"made-up/{HOST}:{exporter.port}"
    exporter.text = envoys(new=1000, old=50_000)
    cursor = begun(metrics, [ERRORS], MADE_UP)
    assert metrics.counts([ERRORS], MADE_UP, cursor).pairs == {"errors": Pair()}

    exporter.text = envoys(new=3, old=40)
    again = seen(metrics, cursor, "a reset")
    # The failure is as it was: a value that did not fall was not reset.
    assert again.pairs == {"errors": Pair(Tally(3), Tally(40))}

    exporter.text = envoys(new=float("nan"), old=41)
    found = seen(metrics, again.cursor, "a value that is none")
    assert found.problems["errors"].endswith("is nan, which counts nothing")
    assert (found.pairs, found.cursor) == ({}, again.cursor)

    exporter.text = envoys(new=4, old=42)
    found = seen(metrics, again.cursor, "a number again")
    assert found.pairs == {"errors": Pair(Tally(1), Tally(2))}

    exporter.stop()
    away = seen(metrics, found.cursor, "a target that is down")
    assert away == Counts({}, {"errors": f"no data: Prometheus cannot scrape {place}"}, found.cursor)

    exporter.start()
    wait_for(
        lambda: metrics.counts([ERRORS], MADE_UP, found.cursor).pairs == {"errors": Pair()},
        "a target that is back",
        SETTLE_SECONDS,
    )


def test_old_samples(prepared: Prepared) -> None:
    """An exporter may pass on samples of another time."""
    arms = Arms("ab", Model("late", 1, PLACE, PLACE), Model("later", 1, PLACE, PLACE), is_default=True)
    exporter, metrics = prepared.exporter, prepared.prometheus.metrics()
    exporter.text = envoys(new=5, old=5, arms=arms, at=f" {int(time.time() - 60) * 1000}")
    wait_for(lambda: "old" in metrics.counts([ERRORS], arms, None).problems["errors"], "old samples", SETTLE_SECONDS)
    found = metrics.counts([ERRORS], arms, None).problems["errors"]
    assert re.fullmatch(rf"no data: the samples of made-up/{HOST}:\d+ are [67]\d s old, and 10 s are allowed", found)


def test_counters_of_seldon(prepared: Prepared) -> None:
    exporter, metrics = prepared.exporter, prepared.prometheus.metrics(dialect="seldon")
    exporter.text = seldons(good=100, failed=7)
    cursor = begun(metrics, [ERRORS], MADE_UP)
    exporter.text = seldons(good=105, failed=9)
    assert seen(metrics, cursor, "attempts").pairs == {"errors": Pair(Tally(7, 2))}


def declare(envoy: EnvoyProcess, ports: Mapping[str, int]) -> None:
    models = [Model(name, 1, Endpoint(HOST, port), PLACE) for name, port in ports.items()]
    envoy.store().declare_table(models, [], dry_run=False)


def ask(envoy: EnvoyProcess, model: str) -> int:
    connection = http.client.HTTPConnection(HOST, envoy.http, timeout=30)
    try:
        connection.request("POST", f"/v2/models/{model}/infer", b"{}", {"seldon-model": model})
        return connection.getresponse().status
    finally:
        connection.close()


def test_failed_attempts_of_an_envoy_that_starts_anew(prepared: Prepared) -> None:
    """The candidate answers with 500, and nobody listens for the baseline; Envoy tries each request twice."""
    # The data plane's Envoy has clusters of the same names.
    envoy, metrics = prepared.envoy, prepared.prometheus.metrics(labels={"job": "other-envoy"})
    place = f"other-envoy/{HOST}:{envoy.settings['stats']['port']}"
    away = {"errors": f"no data: Prometheus cannot scrape {place}"}
    with loopback(said("no", "500 Internal Server Error")) as server:
        envoy.start()
        declare(envoy, {ENHANCED: server.port, BASELINE: free_ports(1)[0]})
        cursor = begun(metrics, [ERRORS])
        assert [ask(envoy, ENHANCED) for _ in range(20)] == [500] * 20
        assert [ask(envoy, BASELINE) for _ in range(5)] == [503] * 5
        assert len(server.asked) == 40
        # Each answer is an attempt. A connection that was refused and tried again is not, only the last one is.
        cursor = settled(metrics, [ERRORS], cursor, {"errors": Pair(Tally(40, 40), Tally(5, 5))})
        envoy.kill()
        wait_for(lambda: metrics.counts([ERRORS], ARMS, cursor).problems == away, "Envoy to be away", SETTLE_SECONDS)
        envoy.start()
        assert [ask(envoy, ENHANCED) for _ in range(3)] == [500] * 3
        wait_for(lambda: not metrics.counts([ERRORS], ARMS, cursor).problems, "Envoy to be back", SETTLE_SECONDS)
        settled(metrics, [ERRORS], cursor, {"errors": Pair(Tally(6, 6))})


def test_a_prometheus_that_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    prometheus = PrometheusProcess(tmp_path_factory.mktemp("stopping") / "prometheus")
    try:
        prometheus.start()
        metrics = prometheus.metrics()
        assert metrics.check() == ""
        assert "no data" in metrics.counts([ERRORS], ARMS, None).problems["errors"]
    finally:
        prometheus.stop()
    refused = f"Prometheus at {prometheus.url}: it refuses connections: nothing listens there"
    assert metrics.check() == refused
    assert metrics.counts([ERRORS], ARMS, None) == Counts({}, {"errors": refused}, {})
    assert metrics.measure(metric("up"), ARMS).error == f"{refused} (up)"
