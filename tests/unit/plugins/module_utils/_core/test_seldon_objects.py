# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster gets for two teams, in each topology."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from plugins.module_utils._core.seldon_models import parse_models
from plugins.module_utils._core.seldon_objects import aliases, model_objects, server_objects, team_namespaces
from plugins.module_utils._core.seldon_problems import world_of
from plugins.module_utils._core.seldon_topology import topology_of
from tests.sample_serving import MINIO, model, settings

Objects = list[dict[str, Any]]
# A busy machine takes longer to start a program than Seldon's own probe allows.
RCLONE = {"name": "rclone", "livenessProbe": {"timeoutSeconds": 10, "failureThreshold": 6}}


def servers(**changes: Any) -> Objects:
    wanted = settings(**changes)
    return server_objects(world_of(wanted), wanted)


def kinds(objects: Objects) -> list[str]:
    return [f"{each['kind']} {each['metadata']['namespace']}/{each['metadata']['name']}" for each in objects]


def test_central_has_what_no_operator_makes_there() -> None:
    home = "team-a"
    identity = ["ServiceAccount {}/seldon-server", "Role {}/agent-role", "RoleBinding {}/agent-rolebinding"]
    identity += ["ConfigMap {}/seldon-agent", "ConfigMap {}/seldon-tracing", "Secret {}/seldon-rclone-gs-public"]
    own = ["Server {0}/mlserver-{0}", "PodDisruptionBudget {0}/mlserver-{0}"]
    one, two = ([line.format(team) for line in identity] for team in ("team-a", "team-b"))
    made = [line.format(team) for team in ("team-a", "team-b") for line in own]
    assert kinds(servers()) == [*one, *two, f"Secret {home}/minio", *made]


@pytest.mark.parametrize(("topology", "server"), [("namespaced", "mlserver"), ("single", "mlserver-team-a")])
def test_elsewhere_the_operator_makes_it(topology: str, server: str) -> None:
    home = "team-a" if topology == "namespaced" else "seldon-system"
    found = servers(topology=topology, budgets=False)
    assert kinds(found)[:2] == [f"Secret {home}/minio", f"Server {home}/{server}"]
    assert found[1]["spec"]["capabilities"] == ["mlserver", "python", "sklearn"]
    assert found[1]["spec"]["podSpec"] == {"containers": [RCLONE]}


def test_agent_announces_a_name_that_is_found_from_elsewhere() -> None:
    (server, _) = [each for each in servers() if each["kind"] == "Server"]
    agent, rclone = server["spec"]["podSpec"]["containers"]
    assert rclone == RCLONE
    (variable,) = agent["env"]
    # Envoy asks for this name; the ports in it are overwritten by the agent's own.
    assert (agent["name"], variable["name"]) == ("agent", "SELDON_REPLICA_CONFIG")
    assert json.loads(variable["value"]) == {
        "inferenceSvc": "$(POD_NAME).$(POD_NAMESPACE).svc.cluster.local",
        "memoryBytes": "$(MEMORY_REQUEST)",
        "overCommitPercentage": 10,
        "capabilities": ["mlserver", "python", "sklearn"],
    }
    assert "capabilities" not in server["spec"]


def test_secret_has_one_key_whose_parameters_are_text() -> None:
    remote = {**MINIO["data"]["s3"], "parameters": {"env_auth": True, "retries": 3}, "opt": {"obscure": False}}
    found = servers(secrets=[{**MINIO, "data": {"s3": remote}}])
    (secret,) = [each for each in found if each["metadata"]["name"] == "minio"]
    assert {key: json.loads(b64decode(value)) for key, value in secret["data"].items()} == {
        "s3": {
            "name": "s3",
            "type": "s3",
            "parameters": {"env_auth": "true", "retries": "3"},
            "opt": {"obscure": "false"},
        }
    }


def test_volume_is_mounted_where_rclone_reads_and_read_only() -> None:
    volume = {"name": "store", "mount": "/mnt/models", "claim": "models"}
    found = servers(topology="namespaced", servers=[{"namespace": "team-a", "volumes": [volume]}], budgets=False)
    spec = found[1]["spec"]["podSpec"]
    assert spec["containers"] == [
        {**RCLONE, "volumeMounts": [{"name": "store", "mountPath": "/mnt/models", "readOnly": True}]}
    ]
    assert spec["volumes"] == [{"name": "store", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}]


def test_server_of_another_size_says_so_of_its_own_container_alone() -> None:
    found = servers(topology="namespaced", servers=[{"namespace": "team-a", "cpu": "2", "image": "x"}], budgets=False)
    assert found[1]["spec"]["podSpec"]["containers"] == [
        RCLONE,
        {
            "name": "mlserver",
            "image": "x",
            "resources": {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
        },
    ]


def test_quota_of_cpu_brings_the_limit_that_pods_need() -> None:
    found = servers(servers=[{"namespace": "team-a", "cpu": "1500m", "quota": {"limits.cpu": "8"}}])
    specs = {each["kind"]: each["spec"] for each in found if each["metadata"]["name"] == "serving"}
    assert specs == {
        "ResourceQuota": {"hard": {"limits.cpu": "8"}},
        "LimitRange": {"limits": [{"type": "Container", "default": {"cpu": "1.5"}}]},
    }
    found = servers(servers=[{"namespace": "team-a", "quota": {"pods": 3}}])
    assert [each["kind"] for each in found if each["metadata"]["name"] == "serving"] == ["ResourceQuota"]


def test_one_pod_at_a_time_may_be_missing() -> None:
    budget = servers()[-1]
    assert (budget["apiVersion"], budget["kind"]) == ("policy/v1", "PodDisruptionBudget")
    assert budget["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"seldon-server-name": "mlserver-team-b"}},
    }


@pytest.mark.parametrize(
    ("topology", "server", "home"),
    [
        ("central", "mlserver-team-a", "team-a"),
        ("namespaced", "mlserver", "team-a"),
        ("single", "mlserver-team-a", "seldon-system"),
    ],
)
def test_model_has_its_server_by_name(topology: str, server: str, home: str) -> None:
    entry = model("iris", secret="minio", memory="1Mi", replicas=2, parameters={"a": 1, "b": "c"})
    (made,) = model_objects(parse_models([entry]), topology_of(settings(topology=topology)))
    assert made["metadata"] == {
        "name": "iris",
        "namespace": home,
        "labels": {
            "app.kubernetes.io/managed-by": "modelops.serving",
            "app.kubernetes.io/component": "model",
            "modelops.serving/team": "team-a",
        },
    }
    assert made["spec"] == {
        "storageUri": "gs://models/iris",
        "requirements": ["sklearn"],
        "replicas": 2,
        "server": server,
        "secretName": "minio",
        "memory": "1Mi",
        "parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "c"}],
    }


def test_teams_know_the_scheduler_and_the_mesh_of_central_by_name() -> None:
    found = aliases(topology_of(settings()))
    assert kinds(found) == [
        "Service team-a/seldon-scheduler",
        "Service team-a/seldon-mesh",
        "Service team-b/seldon-scheduler",
        "Service team-b/seldon-mesh",
    ]
    assert found[0]["spec"] == {
        "type": "ExternalName",
        "externalName": "seldon-scheduler.seldon-system.svc.cluster.local",
    }
    assert aliases(topology_of(settings(topology="namespaced"))) == []
    assert aliases(topology_of(settings(topology="single"))) == []


def test_namespaces_say_nothing_that_one_that_is_there_would_not_have() -> None:
    metadata = [each["metadata"] for each in team_namespaces(topology_of(settings()))]
    assert metadata == [{"name": "team-a"}, {"name": "team-b"}]
    assert team_namespaces(topology_of(settings(topology="single"))) == []
