# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, schedulers and experiments of Seldon Core v2 on a real API server, as far as helm is not needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_server import MERGE, ApiServer
from tests.live.seldon.crds import DEFINITIONS
from tests.live.seldon.serving_world import CLASS, CORE, World

APPS = "/apis/apps/v1/namespaces"
RUNTIME = {"labels": {"modelops.serving/role": "seldon"}}
GOOD = [{"type": each, "status": "True"} for each in ("ExperimentReady", "CandidatesReady", "MirrorReady", "Ready")]


@pytest.fixture
def world(api: ApiServer, tmp_path: Path) -> Iterator[World]:
    api.establish(*DEFINITIONS)
    world = World(api, tmp_path)
    yield world
    world.clear()


def test_teams_know_scheduler_and_mesh_by_name(world: World) -> None:
    services = f"{CORE}/{world.one}/services"
    assert world.name("--check").changed == 1
    assert world.names(services) == []
    assert world.name().changed == 1
    assert world.names(services) == ["seldon-mesh", "seldon-scheduler"]
    found = world.api.ask("GET", f"{services}/seldon-scheduler").require()["spec"]
    assert (found["type"], found["externalName"]) == (
        "ExternalName",
        f"seldon-scheduler.{world.seldon}.svc.cluster.local",
    )
    assert world.name().changed == 0
    # A team that goes is not led anywhere any more.
    assert world.name(serving_namespaces=[{"name": world.two}]).changed == 1
    assert world.names(services) == []


def test_everything_in_the_way_is_said_at_once(world: World) -> None:
    """A change of the topology, and what the inventory has wrong, before anything is changed."""
    world.make("seldonruntimes", world.one, "seldon", {"seldonConfig": "default"}, **RUNTIME)
    refusal = world.name(seldon_size="tiny", seldon_pipelines=True, seldon_remove_crds="yes").refusal
    for words in (
        "Nothing was changed. Mend this first:",
        "seldon_size is 'tiny'.",
        "Set seldon_kafka_bootstrap to its address",
        f"seldon_topology is central, and the cluster is namespaced: its SeldonRuntime is in {world.one}.",
        "seldon_remove_crds is 'yes'. Set it to 'every model and experiment'",
    ):
        assert words in refusal
    assert world.names(f"{CORE}/{world.one}/services") == []


def test_topology_is_refused_early_and_an_empty_cluster_is_not_judged(world: World) -> None:
    early: dict[str, Any] = {"parts": ("early.yml",), "seldon_size": "tiny"}
    assert world.name(**early).changed == 0
    world.make("seldonruntimes", world.one, "seldon", {"seldonConfig": "default"}, **RUNTIME)
    refusal = world.name("--check", **early).refusal
    assert f"seldon_topology is central, and the cluster is namespaced: its SeldonRuntime is in {world.one}." in refusal


def test_a_class_of_volumes_that_does_not_fit_is_in_the_same_report(world: World) -> None:
    world.give_class("fast", default=False)
    try:
        refusal = world.name(serving_storage_class="fast", seldon_size="tiny").refusal
        assert "seldon_size is 'tiny'." in refusal
        assert "serving_storage_class is 'fast', and the default of the cluster is local-path. Seldon claims" in refusal
        world.take_class(CLASS)
        assert "No StorageClass of the cluster is its default: it has fast." in world.name("--check").refusal
        assert world.names(f"{CORE}/{world.one}/services") == []
        # What is there needs none.
        claim = {
            "metadata": {"name": "scheduler-state-seldon-scheduler-0"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        world.api.create(f"{CORE}/{world.seldon}/persistentvolumeclaims", claim)
        assert world.name().changed == 1
    finally:
        world.give_class(CLASS, default=True)
        world.take_class("fast")


def test_what_needs_a_scheduler_goes_in_order_and_says_what_holds_it(world: World) -> None:
    held = {"finalizers": ["seldon.example.com/held"]}
    world.make("experiments", world.one, "ab", {"candidates": []})
    world.make("models", world.one, f"theirs-{world.one}", {"storageUri": "gs://x", "server": "x"}, **held)
    world.make("servers", world.one, "theirs", {"serverConfig": "mlserver"})
    gone: dict[str, Any] = {
        "seldon_state": "absent",
        "parts": ("validate.yml", "leave.yml"),
        "seldon_wait_timeout": 3,
        "seldon_remove_foreign": True,
    }
    assert "set seldon_remove_foreign to true" in world.name(**{**gone, "seldon_remove_foreign": False}).refusal
    refusal = world.name(**gone).refusal
    assert f"theirs-{world.one} (Model) did not go within 3 seconds." in refusal
    # The experiment is gone, and the server waits for its model.
    assert (world.specs("experiments", world.one), list(world.specs("servers", world.one))) == ({}, ["theirs"])
    model = f"/apis/mlops.seldon.io/v1alpha1/namespaces/{world.one}/models/theirs-{world.one}"
    world.api.ask("PATCH", model, {"metadata": {"finalizers": []}}, kind=MERGE).require()
    assert world.name(**gone).changed == 1
    assert world.specs("servers", world.one) == {}


def test_operator_is_started_anew_and_experiments_have_to_be_back(world: World) -> None:
    name = "seldon-v2-controller-manager"
    labels = {"control-plane": "v2-controller-manager"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "manager", "image": "x"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
    where = f"{APPS}/{world.seldon}/deployments"
    world.api.create(where, {"metadata": {"name": name}, "spec": spec})
    up = {"status": {"observedGeneration": 9, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}}
    world.api.ask("PATCH", f"{where}/{name}/status", up, kind=MERGE).require()
    world.make("experiments", world.one, "back", {"candidates": []})
    world.make("experiments", world.two, "lost", {"candidates": []})
    world.tell("experiments", world.one, "back", *GOOD)
    resync: dict[str, Any] = {"parts": ("resync.yml",), "seldon_wait_timeout": 5}
    refusal = world.name(**resync).refusal
    assert f"- {world.two}/lost: Seldon says nothing of it" in refusal
    assert f"{world.one}/back" not in refusal
    world.tell("experiments", world.two, "lost", *GOOD)
    assert world.name(**resync).changed == 1
    found = world.api.ask("GET", f"{where}/{name}").require()["spec"]["template"]["metadata"]["annotations"]
    assert "modelops.serving/resynced" in found


def test_scheduler_that_started_anew_is_told_until_it_has_worked(world: World) -> None:
    labels = {"control-plane": "v2-controller-manager"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "manager", "image": "x"}]}}
    where = f"{APPS}/{world.seldon}/deployments"
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
    world.api.create(where, {"metadata": {"name": "seldon-v2-controller-manager"}, "spec": spec})
    up = {"status": {"observedGeneration": 9, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}}
    world.api.ask("PATCH", f"{where}/seldon-v2-controller-manager/status", up, kind=MERGE).require()
    world.make("seldonruntimes", world.seldon, "seldon", {"seldonConfig": "default"}, **RUNTIME)
    world.make_workload("statefulsets", world.seldon, "seldon-scheduler", is_up=True)
    pods = f"{CORE}/{world.seldon}/pods"
    told: dict[str, Any] = {"parts": ("validate.yml", "told.yml"), "seldon_wait_timeout": 5}
    # What this run's releases say is not asked here.
    said = ("--extra-vars", '{"__seldon_is_changed": false}')
    assert world.name(*said, **told).changed == 0
    # The operator would copy a mark on it into the templates of pods.
    path = f"/apis/mlops.seldon.io/v1alpha1/namespaces/{world.seldon}/seldonruntimes/seldon"
    assert "annotations" not in world.api.ask("GET", path).require()["metadata"]
    world.make("experiments", world.one, "ab", {"candidates": []})
    assert world.name(*said, **told).changed == 0
    body = {"metadata": {"name": "seldon-scheduler-0"}, "spec": pod["spec"]}
    world.api.ask("DELETE", f"{pods}/seldon-scheduler-0", {"gracePeriodSeconds": 0}).require()
    world.api.create(pods, body)
    # A run that fails leaves it to the next one.
    assert f"- {world.one}/ab: Seldon says nothing of it" in world.name(*said, **told).refusal
    world.tell("experiments", world.one, "ab", *GOOD)
    found = world.name(*said, **told)
    assert found.changed == 1
    assert f"The scheduler of {world.seldon} started since" in " ".join(found.outcome.output.split())
    assert world.name(*said, **told).changed == 0
    # A note that was meant for the pod before is none.
    world.api.ask("DELETE", f"{pods}/seldon-scheduler-0", {"gracePeriodSeconds": 0}).require()
    note = {"modelops.serving/told-scheduler": "a-pod-that-went"}
    world.api.create(pods, {**body, "metadata": {"name": "seldon-scheduler-0", "annotations": note}})
    assert world.name(*said, **told).changed == 1
    assert world.name(*said, **told).changed == 0


def test_scheduler_that_does_not_come_up_is_told_with_what_its_pods_say(world: World) -> None:
    verify: dict[str, Any] = {"parts": ("validate.yml", "verify.yml"), "seldon_wait_timeout": 5}
    assert f"- {world.seldon}/seldon-scheduler: there is none" in world.name(**verify).refusal
    world.make_workload("statefulsets", world.seldon, "seldon-scheduler", is_up=False)
    refusal = world.name(**verify).refusal
    said = "seldon-scheduler-0, rclone: CrashLoopBackOff, back-off 40s, ended before with Error (1)"
    assert f"after 5 s: - {world.seldon}/seldon-scheduler: 0 of 1 ready; {said}" in refusal
    assert f"{world.seldon}/seldon-envoy" not in refusal


def test_service_of_another_type_is_named_with_what_to_set(world: World) -> None:
    for plural, name in (("statefulsets", "seldon-scheduler"), ("deployments", "seldon-envoy")):
        world.make_workload(plural, world.seldon, name, is_up=True)
    spec = {"ports": [{"port": 9004}], "type": "NodePort"}
    world.api.create(f"{CORE}/{world.seldon}/services", {"metadata": {"name": "seldon-scheduler"}, "spec": spec})
    meant = ("--extra-vars", '{"__seldon_scheduler_meant": {}, "__seldon_envoy_meant": {}}')
    refusal = world.name(*meant, parts=("validate.yml", "verify.yml"), seldon_wait_timeout=5).refusal
    told = f"The Service {world.seldon}/seldon-scheduler has the type NodePort after 5 s"
    assert f"{told}, and seldon_scheduler_service_type is ClusterIP." in refusal
    assert f"The Service {world.seldon}/seldon-mesh is not there after 5 s" in refusal
