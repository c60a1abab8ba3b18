# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smoke test asks a real Prometheus: over the real data plane, and over what Seldon's agents would say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from plugins.module_utils._core.smoke import examine
from plugins.module_utils._core.smoke_load import Measured
from plugins.module_utils._core.smoke_metrics import AGENT, Observed, Reading, metrics_checks
from plugins.module_utils._wiring.smoke_metrics import MetricsSide, meant_from
from plugins.module_utils._wiring.smoke_options import ARGUMENTS
from plugins.plugin_utils import _smoke_metrics
from plugins.plugin_utils._smoke_metrics import Metrics
from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, NAMESPACES, SHADOW, DataPlane, wait_for
from tests.live.prometheus_process import HOST, Exporter, PrometheusProcess
from tests.unit.loopback import loopback, said
from tests.unit.plugins.module_utils._core.test_smoke_load import load

# Five scrapes.
SETTLE_SECONDS = 20
SECRET = "do-not-tell"
PARTS = ("envoy", "servers", "edge")


class Scraped:
    """Prometheus, what it scrapes of the data plane, and three exporters that stand for parts of a cluster."""

    def __init__(self, plane: DataPlane, prometheus: PrometheusProcess, exporters: Mapping[str, Exporter]) -> None:
        self.plane, self.prometheus, self.exporters = plane, prometheus, exporters

    def say(self, answered: int, *, part: str = "servers", model: str = "new") -> None:
        """Have a part say what it counted of a model."""
        labels = f'server="mlserver",server_replica="0",model="{model}",model_internal="{model}_1",method_type="rest"'
        known = f'{AGENT}{{server="mlserver",server_replica="0"}} 1e9\n' if part == "servers" else ""
        self.exporters[part].text = f'{known}seldon_model_infer_total{{{labels},code="200"}} {answered}\n'

    def params(self, *, models: tuple[str, ...], cluster: bool = False, **metrics: Any) -> dict[str, Any]:
        teams = zip(models, NAMESPACES, strict=False)
        options = {
            "address": {"address": HOST, "http_port": 80},
            "cluster": {"namespaces": list(NAMESPACES)} if cluster else None,
            "models": [{"name": name, "namespace": team} for name, team in teams],
            "metrics": {"url": self.prometheus.url, "stale_after": SETTLE_SECONDS, **metrics},
        }
        result = ArgumentSpecValidator(ARGUMENTS).validate(options)
        assert not result.error_messages, result.error_messages
        return dict(result.validated_parameters)


def exporter(name: str, scraped: Scraped) -> Exporter:
    return scraped.exporters[name]


@pytest.fixture(scope="module")
def scraped(data_plane: DataPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    exporters = {part: Exporter() for part in (*PARTS, "again")}
    first = int(data_plane.variables["data_plane_mlserver_metrics_port"])
    jobs = {
        "plane-envoy": ("/stats/prometheus", [int(data_plane.variables["data_plane_envoy_stats_port"])]),
        "plane-mlserver": ("/metrics", [first + index for index in range(len(NAMESPACES))]),
        **{part: ("/", [each.port]) for part, each in exporters.items()},
    }
    prometheus = PrometheusProcess(tmp_path_factory.mktemp("prometheus") / "prometheus", jobs)
    found = Scraped(data_plane, prometheus, exporters)
    exporters["envoy"].text = "envoy_server_live 1\n"
    exporters["edge"].text = "nginx_ingress_controller_config_last_reload_successful 1\n"
    try:
        for each in exporters.values():
            each.start()
        prometheus.start()
        yield found
    finally:
        prometheus.stop()
        for each in exporters.values():
            each.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_smoke_metrics, "PAUSE_SECONDS", 0.2)


def asked(params: Mapping[str, Any]) -> Reading:
    return MetricsSide(params).read()


def ready(params: Mapping[str, Any], *parts: str) -> None:
    """Wait until every part was scraped."""

    def are_there() -> bool:
        found = asked(params)
        return not found.problem and all(
            found.targets[each] and all(one.age is not None for one in found.targets[each]) for each in parts
        )

    wait_for(are_there, f"targets of {', '.join(parts)}", SETTLE_SECONDS)


def around(params: Mapping[str, Any], work: Any) -> dict[str, tuple[str, str]]:
    """Return what the checks say of answers by route that some work got."""
    metrics = Metrics(params, lambda: asked(params).as_dict(), lambda _text: None)
    metrics.begin()
    routes = work()
    measured = Measured()
    measured.add("x", load({2: sum(routes.values())}, routes=routes).as_dict(), {})
    return told(metrics.end(measured))


def told(observed: Observed | None) -> dict[str, tuple[str, str]]:
    found = examine(metrics_checks(observed), (), time.perf_counter)
    return {each.label: (each.status, each.observed or each.reason) for each in found}


def test_one_machine_counts_what_was_answered(data_plane: DataPlane, scraped: Scraped) -> None:
    # The made-up exporters are no part of it.
    targets = {"envoy": 'envoy_server_live{job="plane-envoy"}'}
    params = scraped.params(models=(BASELINE, ENHANCED), targets=targets)
    for name in (BASELINE, ENHANCED):
        data_plane.infer(name)
    ready(params, "envoy", "servers")

    def work() -> dict[str, int]:
        routes: dict[str, int] = {}
        for _ in range(40):
            route = str(data_plane.infer(f"{EXPERIMENT}.experiment").route)
            routes[route] = routes.get(route, 0) + 1
        return routes

    found = around(params, work)
    assert {status for status, _text in found.values()} == {"pass"}, found
    assert found["metrics.targets[servers]"][1].startswith("2 up, ")
    assert set(found) == {
        "metrics.answers",
        "metrics.targets[envoy]",
        "metrics.targets[servers]",
        f"metrics.counted[{BASELINE}]",
        f"metrics.counted[{ENHANCED}]",
    }


@pytest.fixture
def cluster(scraped: Scraped) -> Iterator[dict[str, Any]]:
    """Return the options of a cluster whose exporters all say what they should."""
    scraped.say(100)
    exporter("again", scraped).text = ""
    params = scraped.params(models=("new",), cluster=True, targets={"envoy": 'envoy_server_live{job="envoy"}'})
    ready(params, *PARTS)
    wait_for(lambda: [each.value for each in asked(params).counts] == [100], "one count of 100", SETTLE_SECONDS)
    yield params
    if not exporter("servers", scraped).is_there:
        exporter("servers", scraped).start()


def answers(scraped: Scraped, counted: int, answered: int) -> Any:
    def work() -> dict[str, int]:
        scraped.say(100 + counted)
        return {":new_1:": answered}

    return work


def test_a_cluster_is_asked_for_its_agents_and_its_controller(scraped: Scraped, cluster: dict[str, Any]) -> None:
    found = around(cluster, answers(scraped, 31, 30))
    assert {status for status, _text in found.values()} == {"pass"}, found
    assert found["metrics.counted[new]"][1].startswith("31 were counted; the others are retries")
    assert "metrics.targets[edge]" in found


def test_fewer_than_were_answered_is_told(scraped: Scraped, cluster: dict[str, Any]) -> None:
    assert around(cluster, answers(scraped, 29, 30))["metrics.counted[new]"] == ("warn", "29 were counted")


def test_one_agent_that_is_scraped_twice_is_told(scraped: Scraped, cluster: dict[str, Any]) -> None:
    def work() -> dict[str, int]:
        scraped.say(130)
        scraped.say(130, part="again")
        return {":new_1:": 30}

    assert "so one server is scraped twice" in around(cluster, work)["metrics.counted[new]"][1]


def test_a_metric_that_is_missing_is_no_target_that_is_down(scraped: Scraped, cluster: dict[str, Any]) -> None:
    def work() -> dict[str, int]:
        exporter("servers", scraped).text = f"{AGENT} 1e9\n"
        return {":new_1:": 30}

    found = around(cluster, work)
    assert found["metrics.counted[new]"] == ("warn", 'there is no seldon_model_infer_total{model="new"}')
    assert found["metrics.targets[servers]"][0] == "pass"


def test_a_target_that_is_down_leaves_the_count_undecided(scraped: Scraped, cluster: dict[str, Any]) -> None:
    server = exporter("servers", scraped)

    def work() -> dict[str, int]:
        server.stop()
        wait_for(lambda: not asked(cluster).targets["servers"][0].is_up, "the target to be down", SETTLE_SECONDS)
        return {":new_1:": 30}

    found = around(cluster, work)
    name = f"servers/{HOST}:{server.port}"
    assert found["metrics.targets[servers]"] == ("warn", f"{name} is down")
    assert found["metrics.counted[new]"] == ("error", f"Prometheus cannot scrape {name}")


def test_a_scrape_that_is_older_than_the_load_is_told(scraped: Scraped, cluster: dict[str, Any]) -> None:
    before = asked(cluster)
    scraped.say(130)
    after = asked(cluster)
    # As when nobody waits for the next scrape: the load ended after the last one.
    seen = Observed(meant_from(cluster), after, before, after.now + 5, {"new": 30})
    status, text = told(seen)["metrics.counted[new]"]
    assert (status, "s before the load ended" in text) == ("error", True)


def test_what_nobody_scrapes_is_told(scraped: Scraped) -> None:
    params = scraped.params(models=(), cluster=True, targets={"edge": 'no_such{job="x"}', "envoy": "", "servers": ""})
    [(_answers, _status), (name, found)] = told(
        Metrics(params, lambda: asked(params).as_dict(), lambda _text: None).end(Measured())
    ).items()
    assert (name, found[0]) == ("metrics.targets[edge]", "warn")
    assert found[1].startswith('no target has no_such{job="x"}')


def test_labels_choose_the_platform(scraped: Scraped, cluster: dict[str, Any]) -> None:
    found = asked(scraped.params(models=("new",), cluster=True, labels={"job": "again"}))
    assert (found.problem, found.targets["servers"], found.counts) == ("", [], ())


def test_what_is_sent_along_is_in_no_word(scraped: Scraped) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    with loopback(said("no", "401 Unauthorized")) as server:
        params = scraped.params(models=(), url=f"http://someone:{SECRET}@{HOST}:{server.port}", headers=headers)
        problem = asked(params).problem
    assert f"http://{HOST}:{server.port}" in problem
    assert SECRET not in problem


def test_whole_playbook_says_what_was_counted_and_not_what_was_sent_along(
    data_plane: DataPlane, scraped: Scraped, tmp_path: Path
) -> None:
    metrics = {
        "url": scraped.prometheus.url,
        "headers": {"Authorization": f"Bearer {SECRET}"},
        "targets": {"envoy": 'envoy_server_live{job="plane-envoy"}'},
    }
    told = {"serving_enforce_budgets": False, "serving_report_directory": str(tmp_path), "serving_metrics": metrics}
    play = data_plane.play("smoke_test.yml", "-vvv", variables=told)
    assert play.status == 0, play.output
    report = (tmp_path / "smoke_test.json").read_text(encoding="utf-8")
    found = {f"{each['id']} {each['target']}".strip(): each for each in json.loads(report)["checks"]}
    checks = {name: each["status"] for name, each in found.items() if each["hop"] == "metrics"}
    # The third model of this path mirrors, and answers no caller.
    assert checks.pop(f"metrics.counted {SHADOW}") == "skip"
    assert checks == {
        "metrics.answers": "pass",
        "metrics.targets envoy": "pass",
        "metrics.targets servers": "pass",
        f"metrics.counted {BASELINE}": "pass",
        f"metrics.counted {ENHANCED}": "pass",
    }
    assert SECRET not in play.output + report
