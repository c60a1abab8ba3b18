# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Model servers and models of teams on a real API server: what is made, what goes, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._core.seldon_objects import PATIENCE
from tests.api_server import APPLY, MERGE, ApiServer
from tests.live.seldon.crds import DEFINITIONS, path
from tests.live.seldon.serving_world import CORE, OURS, RBAC, World

REMOTE = {"name": "s3", "type": "s3", "parameters": {"provider": "Minio", "env_auth": False, "key": "hush-hush"}}


def condition(kind: str, status: str, **said: str) -> dict[str, Any]:
    """Return a condition as Seldon's operator writes it."""
    return {"type": kind, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z", **said}


@pytest.fixture
def world(api: ApiServer, tmp_path: Path) -> Iterator[World]:
    api.establish(*DEFINITIONS)
    world = World(api, tmp_path)
    yield world
    world.clear()


def test_teams_are_served_and_a_second_run_changes_nothing(world: World) -> None:
    server, model = f"mlserver-{world.one}", f"baseline-{world.one}"
    # What servers need, a remote, the servers, the models.
    assert world.serve("--check").changed == 4
    assert world.specs("servers", world.one) == {}
    assert world.serve().changed == 4
    assert world.specs("models", world.one)[model] == {
        "storageUri": "gs://models.example.com/baseline",
        "requirements": ["sklearn"],
        "replicas": 1,
        "server": server,
    }
    agent, rclone = world.specs("servers", world.one)[server]["podSpec"]["containers"]
    assert rclone == {"name": "rclone", "livenessProbe": PATIENCE}
    said = json.loads(agent["env"][0]["value"])
    assert (agent["name"], agent["env"][0]["name"]) == ("agent", "SELDON_REPLICA_CONFIG")
    assert said["inferenceSvc"] == "$(POD_NAME).$(POD_NAMESPACE).svc.cluster.local"
    assert world.names(f"{CORE}/{world.one}/serviceaccounts") == ["seldon-server"]
    assert world.names(f"{CORE}/{world.one}/configmaps") == ["seldon-agent", "seldon-tracing"]
    assert world.names(f"{RBAC}/{world.one}/roles") == ["agent-role"]
    assert world.data(world.one, "seldon-rclone-gs-public")["gs"]["parameters"] == {"anonymous": "true"}
    assert world.serve().changed == 0
    world.make("models", world.one, f"theirs-{world.one}", {"storageUri": "gs://x", "server": "theirs"})

    # A team goes, with a look before, and what others made there stays.
    fewer = {"serving_namespaces": [{"name": world.two}], "serving_models": [world.model(world.two, "enhanced")]}
    assert world.serve("--check", **fewer).changed == 2
    assert world.serve(**fewer).changed == 2
    assert list(world.specs("models", world.one)) == [f"theirs-{world.one}"]
    assert [world.names(f"{CORE}/{world.one}/{each}") for each in ("serviceaccounts", "configmaps")] == [[], []]
    assert world.names(f"{RBAC}/{world.one}/roles") == []
    assert list(world.specs("servers", world.two)) == [f"mlserver-{world.two}"]


def test_a_namespace_that_leaves_is_emptied_before_the_operator_hears_of_it(world: World) -> None:
    world.make("experiments", world.two, "ab", {"candidates": [{"name": f"baseline-{world.one}", "weight": 1}]})
    assert world.serve(serving_models=[*world.inventory()["serving_models"], world.model(world.two, "old")]).changed
    leave: dict[str, Any] = {
        "parts": ("leave.yml",),
        "serving_namespaces": [{"name": world.two}],
        "serving_models": [world.model(world.two, "enhanced")],
    }
    # What would hold a model is said while the operator still watches.
    assert f"The experiment {world.two}/ab has the model baseline-{world.one}" in world.serve(**leave).refusal
    assert list(world.specs("models", world.one)) == [f"baseline-{world.one}"]
    world.api.ask("DELETE", path("experiments", world.two, "ab")).require()
    assert world.serve("--check", **leave).changed == 2
    assert world.serve(**leave).changed == 2
    assert (world.specs("models", world.one), world.specs("servers", world.one)) == ({}, {})
    # Those of namespaces that stay go in their turn, when the operator was mended, should it have to be.
    assert list(world.specs("models", world.two)) == [f"enhanced-{world.two}", f"old-{world.two}"]
    assert world.serve(**leave).changed == 0


def test_field_of_somebody_else_is_left_unless_it_is_taken_over(world: World) -> None:
    model = f"baseline-{world.one}"
    body = {
        "apiVersion": "mlops.seldon.io/v1alpha1",
        "kind": "Model",
        "metadata": {"name": model},
        "spec": {"storageUri": "gs://elsewhere", "server": f"mlserver-{world.one}"},
    }
    where = f"{path('models', world.one, model)}?fieldManager=somebody&force=true"
    world.api.ask("PATCH", where, body, kind=APPLY).require()
    models: dict[str, Any] = {"parts": ("validate.yml", "models.yml")}
    assert "somebody" in world.serve(**models).refusal
    assert world.specs("models", world.one)[model]["storageUri"] == "gs://elsewhere"
    assert world.serve(**models, mlserver_take_over=True).changed == 1
    assert world.specs("models", world.one)[model]["storageUri"] == "gs://models.example.com/baseline"


def test_everything_can_be_said_and_secrets_are_never_shown(world: World) -> None:
    """Where the operator makes the rest: a server with everything, and a model out of a storage with a key."""
    server = {
        "namespace": world.one,
        "replicas": 2,
        "capabilities": ["sklearn"],
        "image": "registry.example.com/mlserver:1.7.1-sklearn",
        "memory": "2Gi",
        "volumes": [{"name": "store", "mount": "/mnt/models", "nfs": {"server": "192.0.2.5", "path": "/models"}}],
        "quota": {"limits.cpu": "12", "requests.memory": "8Gi"},
    }
    said = {
        "seldon_topology": "namespaced",
        "mlserver_servers": [server],
        "mlserver_secrets": [{"name": "minio", "namespace": world.one, "data": {"s3": REMOTE}}],
        "serving_models": [
            world.model(world.one, "mounted", storage_uri="/mnt/models/iris", memory="100Mi", parameters={"a": 1}),
            world.model(world.one, "kept", storage_uri="s3://models/kept", secret="minio"),
        ],
    }
    played = world.serve("-vvv", "--diff", **said)
    assert played.changed == 4
    assert "hush-hush" not in played.outcome.output
    spec = world.specs("servers", world.one)["mlserver"]
    containers = {each["name"]: each for each in spec["podSpec"]["containers"]}
    assert (spec["replicas"], spec["capabilities"]) == (2, ["sklearn"])
    assert containers["rclone"]["volumeMounts"] == [{"name": "store", "mountPath": "/mnt/models", "readOnly": True}]
    assert containers["mlserver"]["resources"]["limits"] == {"memory": "2Gi"}
    assert spec["podSpec"]["volumes"][0]["nfs"]["server"] == "192.0.2.5"
    assert world.names(f"{CORE}/{world.one}/resourcequotas") == ["serving"]
    assert world.names(f"{CORE}/{world.one}/limitranges") == ["serving"]
    assert world.names(f"{CORE}/{world.one}/serviceaccounts") == []
    models = world.specs("models", world.one)
    mounted, kept = (models[f"{name}-{world.one}"] for name in ("mounted", "kept"))
    assert (mounted["memory"], mounted["parameters"]) == ("100Mi", [{"name": "a", "value": "1"}])
    assert (kept["secretName"], kept["server"]) == ("minio", "mlserver")
    assert world.data(world.one, "minio")["s3"]["parameters"] == {
        "provider": "Minio",
        "env_auth": "false",
        "key": "hush-hush",
    }
    # What is taken out of the inventory is taken out of the cluster: a model, its remote, and the quota with its limit.
    del server["quota"]
    fewer = {**said, "mlserver_secrets": [], "serving_models": said["serving_models"][:1]}
    assert world.serve(**fewer).changed == 2
    assert world.names(f"{CORE}/{world.one}/limitranges") == []
    assert world.serve(**fewer).changed == 0


def test_model_is_gone_before_its_server_is_asked_to_go(world: World) -> None:
    """Its finalizer is the scheduler's to take away."""
    labels = {**OURS, "app.kubernetes.io/component": "model"}
    old = {"labels": labels, "finalizers": ["seldon.example.com/held"]}
    world.make("models", world.one, f"old-{world.one}", {"storageUri": "gs://x", "server": "old"}, **old)
    world.make(
        "servers",
        world.one,
        "old",
        {"serverConfig": "mlserver"},
        labels={**labels, "app.kubernetes.io/component": "server"},
    )
    gone = {"mlserver_state": "absent", "parts": ("validate.yml", "absent.yml"), "mlserver_wait_timeout": 3}
    assert world.serve(**gone).outcome.status == 2
    assert list(world.specs("servers", world.one)) == ["old"]
    held = path("models", world.one, f"old-{world.one}")
    world.api.ask("PATCH", held, {"metadata": {"finalizers": []}}, kind=MERGE).require()
    assert world.serve(**gone).changed == 1
    assert world.specs("servers", world.one) == {}


def test_missing_permission_is_named(world: World, api: ApiServer) -> None:
    group = "/apis/rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "guest"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": world.one}
    api.create(f"{group}/clusterroles", {"metadata": {"name": world.one}, "rules": rules})
    api.create(
        f"{group}/clusterrolebindings", {"metadata": {"name": world.one}, "roleRef": role, "subjects": [subject]}
    )
    try:
        said = world.serve(user="guest").refusal.replace("\\", "")
    finally:
        api.ask("DELETE", f"{group}/clusterrolebindings/{world.one}").require()
    assert 'cannot patch resource "serviceaccounts"' in said


def test_what_only_the_cluster_knows_is_refused_with_the_rest(world: World, api: ApiServer) -> None:
    """Secrets of others, models made by hand, and names that are taken, beside a model that no server can run."""
    two = {"metadata": {"name": "two"}, "stringData": {"a": json.dumps(REMOTE), "b": "{}"}}
    api.create(f"{CORE}/{world.one}/secrets", two)
    world.make("models", world.one, f"free-{world.one}", {"storageUri": "gs://x"})
    world.make("servers", world.two, f"mlserver-{world.one}", {"serverConfig": "mlserver"})
    models = [
        world.model(world.one, "twice", storage_uri="s3://models/a", secret="two"),
        world.model(world.one, "lost", storage_uri="s3://models/b", secret="missing"),
        world.model(world.two, "torch", requirements=["pytorch"]),
    ]
    refusal = world.serve(serving_models=models).refusal
    assert "Nothing was changed. Mend this first:" in refusal
    for words in (
        f"The Secret {world.one}/two has 2 keys, a and b, and Seldon reads one that has a single key.",
        f"has the secret 'missing', which is neither in mlserver_secrets nor in the namespace {world.one}.",
        f"The Model {world.one}/free-{world.one} names no server",
        f"There is a Server {world.two}/mlserver-{world.one} already",
        f"The model 'torch-{world.two}' of {world.two} needs pytorch",
    ):
        assert words in refusal
    assert world.names(f"{CORE}/{world.one}/serviceaccounts") == []
    assert "hush" not in refusal


def test_volumes_that_nobody_would_make_are_in_the_same_report(world: World) -> None:
    refusal = world.serve(
        serving_storage_class="fast", mlserver_servers=[{"namespace": world.one, "replicas": 2}]
    ).refusal
    claims = [
        f"{team}/mlserver-models-mlserver-{team}-{n}" for team, n in ((world.one, 0), (world.one, 1), (world.two, 0))
    ]
    assert "serving_storage_class is 'fast', and the cluster has local-path (the default)." in refusal
    assert f"Seldon claims {claims[0]}, {claims[1]} and {claims[2]} without a class" in refusal
    assert world.specs("servers", world.one) == {}
    # One that is named and is the default is as good as none that is named.
    assert world.serve("--check", serving_storage_class="local-path").changed == 4


def test_failed_model_is_told_with_its_reason_at_once(world: World) -> None:
    ready = [condition("ModelReady", "True", message="ModelAvailable"), condition("Ready", "True")]
    failed = [
        condition("ModelReady", "False", message="ModelFailed", reason="no such bucket"),
        condition("Ready", "False"),
    ]
    for team, name, told in ((world.one, "baseline", ready), (world.two, "enhanced", failed)):
        world.make("models", team, f"{name}-{team}", {"storageUri": "gs://x", "server": f"mlserver-{team}"})
        world.tell("models", team, f"{name}-{team}", *told)
    watched = {"parts": ("validate.yml", "wait_models.yml"), "mlserver_wait_timeout": 600}
    refusal = world.serve(**watched).refusal
    assert f"- {world.two}/enhanced-{world.two}: ModelFailed, no such bucket" in refusal
    assert f"baseline-{world.one}:" not in refusal
    assert f"The last lines of agent in {world.two}/mlserver-{world.two}-0:" in refusal
    world.tell("models", world.two, f"enhanced-{world.two}", *ready)
    assert world.serve(**watched).changed == 0


def test_server_that_does_not_come_up_is_told_with_what_its_pods_say(world: World) -> None:
    watched = {"parts": ("validate.yml", "wait_servers.yml"), "mlserver_wait_timeout": 5}
    world.make_workload("statefulsets", world.one, f"mlserver-{world.one}", is_up=True)
    assert f"- {world.two}/mlserver-{world.two}: there is none" in world.serve(**watched).refusal
    world.make_workload("statefulsets", world.two, f"mlserver-{world.two}", is_up=False)
    refusal = world.serve(**watched).refusal
    said = f"mlserver-{world.two}-0, rclone: CrashLoopBackOff, back-off 40s, ended before with Error (1)"
    assert f"These servers are not up after 5 s: - {world.two}/mlserver-{world.two}: 0 of 1 ready; {said}" in refusal
    assert f"{world.one}/" not in refusal
