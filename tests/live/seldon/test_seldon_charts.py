# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seldon's charts, rendered by helm with what the role hands over: no value is ignored, what is relied on is there."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests import charts, seldon_tasks
from tests.charts import PINS, Helm, Release, misfits
from tests.live.seldon.crds import DEFINITIONS
from tests.support import ROOT

VERSION = PINS["seldon"]["version"]
NAMES = {seldon_tasks.SETUP: "chart", seldon_tasks.RUNTIME: "runtime", seldon_tasks.CRDS: "crds"}
ARCHIVES = {task: f"{PINS['seldon'][name]}-{VERSION}.tgz" for task, name in NAMES.items()}
# A value that a chart does not know is one that nobody heeds, in whatever case it is said.
SAID = ["central-small", "namespaced-medium", "pipelines", "exposed"]


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    found = charts.helm(tmp_path_factory.mktemp("helm"))
    missing = [name for name in ARCHIVES.values() if not (found.artifacts / name).is_file()]
    if missing:
        pytest.skip(f"{found.artifacts} has no {', '.join(missing)}")
    return found


@pytest.fixture(scope="module")
def releases(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Release]:
    """Return what is installed, by case and task."""
    del helm
    tasks = seldon_tasks.said(tmp_path_factory.mktemp("said"))
    return {
        (case, task): Release(
            said[task]["release_name"], said[task]["release_namespace"], chart, (said[task].get("release_values", {}),)
        )
        for case, said in tasks.items()
        for task, chart in ARCHIVES.items()
    }


@pytest.mark.parametrize("task", [seldon_tasks.SETUP, seldon_tasks.RUNTIME])
@pytest.mark.parametrize("case", SAID)
def test_chart_reads_every_value(helm: Helm, releases: dict[tuple[str, str], Release], case: str, task: str) -> None:
    release = releases[case, task]
    assert helm.ignored(release) == []
    assert misfits(release.values[-1], helm.defaults(release.chart)) == []


def objects(helm: Helm, release: Release, kind: str) -> list[dict[str, Any]]:
    return [each for each in helm.render(release).objects if each["kind"] == kind]


def test_kinds_are_those_that_roles_write(helm: Helm, releases: dict[tuple[str, str], Release]) -> None:
    """Our own minimal ones, which tests use, have no field that Seldon's do not have."""
    found = objects(helm, releases["central-small", seldon_tasks.CRDS], "CustomResourceDefinition")
    theirs = {each["metadata"]["name"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for each in found}
    for definition in DEFINITIONS:
        ours = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        known = theirs[definition["metadata"]["name"]]["properties"]["spec"]["properties"]
        assert set(ours) <= set(known), definition["metadata"]["name"]


def test_operator_is_called_as_roles_call_it(helm: Helm, releases: dict[tuple[str, str], Release]) -> None:
    (operator,) = objects(helm, releases["central-small", seldon_tasks.SETUP], "Deployment")
    assert operator["metadata"]["name"] == "seldon-v2-controller-manager"
    (container,) = operator["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert (env["CLUSTERWIDE"], env["WATCH_NAMESPACES"]) == ("true", "financial-inference,financial-research")
    assert container["image"].endswith(f":{VERSION}")


def test_scheduler_and_envoy_are_what_the_role_waits_for(helm: Helm, releases: dict[tuple[str, str], Release]) -> None:
    (config,) = objects(helm, releases["central-small", seldon_tasks.SETUP], "SeldonConfig")
    parts = {each["name"]: each["podSpec"]["containers"] for each in config["spec"]["components"]}
    (scheduler,) = parts["seldon-scheduler"]
    (envoy,) = parts["seldon-envoy"]
    env = {each["name"]: each.get("value") for each in scheduler["env"]}
    assert (scheduler["name"], envoy["name"]) == ("scheduler", "envoy")
    assert env["SCHEDULER_READY_TIMEOUT_SECONDS"] == "120"
    assert scheduler["resources"]["requests"]["memory"] == "256Mi"
    assert scheduler["resources"]["limits"] == {"memory": "256Mi"}


def test_agent_knows_its_name_before_it_is_told_what_to_announce(
    helm: Helm, releases: dict[tuple[str, str], Release]
) -> None:
    """What is added comes after what is there, and so may refer to it; all that is added is one variable of its own."""
    found = objects(helm, releases["central-small", seldon_tasks.SETUP], "ServerConfig")
    (server,) = [each for each in found if each["metadata"]["name"] == "mlserver"]
    containers = {each["name"]: each for each in server["spec"]["podSpec"]["containers"]}
    names = [each["name"] for each in containers["agent"]["env"]]
    assert {"POD_NAME", "POD_NAMESPACE", "MEMORY_REQUEST"} <= set(names)
    assert "SELDON_REPLICA_CONFIG" not in names
    assert set(containers) == {"rclone", "agent", "mlserver"}
    assert server["spec"]["podSpec"]["serviceAccountName"] == "seldon-server"
    mounted = {each["configMap"]["name"] for each in server["spec"]["podSpec"]["volumes"] if "configMap" in each}
    assert mounted == {"seldon-agent", "seldon-tracing"}
    capabilities = {each["name"]: each.get("value") for each in containers["agent"]["env"]}[
        "SELDON_SERVER_CAPABILITIES"
    ]
    said = yaml.safe_load((ROOT / "roles/mlserver/defaults/main.yml").read_text(encoding="utf-8"))
    assert capabilities.split(",") == said["mlserver_capabilities"]


@pytest.mark.parametrize("case", seldon_tasks.CASES)
def test_runtime_asks_for_no_address_unless_it_is_told_to(
    helm: Helm, releases: dict[tuple[str, str], Release], case: str
) -> None:
    (runtime,) = objects(helm, releases[case, seldon_tasks.RUNTIME], "SeldonRuntime")
    types = {each["name"]: each.get("serviceType") for each in runtime["spec"]["overrides"]}
    wanted = ("LoadBalancer", "NodePort") if case == "exposed" else ("ClusterIP", "ClusterIP")
    assert (types["seldon-scheduler"], types["seldon-envoy"]) == wanted
    assert runtime["spec"]["config"]["tracingConfig"]["disable"] is True
    assert runtime["metadata"]["name"] == "seldon"
