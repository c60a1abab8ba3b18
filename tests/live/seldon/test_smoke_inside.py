# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probes of the smoke test on a real API server, with a stand-in for what would run their pods."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from plugins.module_utils._adapters import inside_jobs
from plugins.module_utils._adapters.kubernetes_api import KubernetesApi
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.inside_objects import SELECTOR
from plugins.module_utils._core.network_policies import manifests
from plugins.module_utils._core.policy_settings import read
from plugins.module_utils._wiring.smoke import SmokeTest
from plugins.module_utils._wiring.smoke_options import ARGUMENTS
from plugins.plugin_utils._smoke_inside import asked_inside
from tests.api_server import MERGE, ApiServer
from tests.live.seldon.smoke_world import World

Found = dict[str, dict[str, Any]]
# A policy goes with its namespace, which nobody sees to here.
KINDS = ("/apis/batch/v1/jobs", "/api/v1/configmaps", "/api/v1/namespaces")
ADDRESSES = {"open": "10.42.3.1", "closed": "10.42.3.2"}


def walled(api: ApiServer) -> Iterator[World]:
    """Have a cluster with the policies that are wanted."""
    found = World(api)
    for each in manifests(read(policies(found))[0]):
        path = f"/apis/networking.k8s.io/v1/namespaces/{each['metadata']['namespace']}/networkpolicies"
        api.create(path, each)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="module")
def world(api: ApiServer) -> Iterator[World]:
    yield from walled(api)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.plugin_utils._smoke_inside.PAUSE_SECONDS", 0.05)


class Kubelet:
    """Makes a pod for each Job of probes, as far as it is told to, and has it answer what its plan wants."""

    def __init__(
        self, api: ApiServer, monkeypatch: pytest.MonkeyPatch, *, waiting: str = "", silent: bool = False
    ) -> None:
        self._api, self._waiting, self._silent = api, waiting, silent
        self._made: set[str] = set()
        self.levels: dict[str, Any] = {}
        self.jobs: list[dict[str, Any]] = []
        monkeypatch.setattr(inside_jobs.InsideJobs, "found", lambda _jobs, pod: self._found(pod))

    def _found(self, pod: Mapping[str, Any]) -> dict[str, Any]:
        """Answer for the log, which only a kubelet has: everything came as it was wanted."""
        if self._silent:
            raise ServingError("its log is empty")
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/configmaps/{metadata['name']}"
        plan = json.loads(self._api.ask("GET", path).require()["data"]["plan.json"])
        return {each["id"]: {"reached": each["until"], "text": "as wanted"} for each in plan["questions"]}

    def work(self) -> None:
        """Go once around all Jobs."""
        for job in self._api.ask("GET", f"/apis/batch/v1/jobs?labelSelector={SELECTOR}").require()["items"]:
            name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
            if name in self._made:
                continue
            self._made.add(name)
            self.jobs.append(job)
            template = job["spec"]["template"]
            labels = template["metadata"]["labels"]
            body = {"metadata": {"name": name, "labels": labels}, "spec": template["spec"]}
            path = f"/api/v1/namespaces/{namespace}/pods"
            self._api.create(path, body)
            made = self._api.ask("GET", f"{path}/{name}").require()
            self._api.ask("PUT", f"{path}/{name}/status", {**made, "status": self._status(labels)}).require()

    def _status(self, labels: Mapping[str, str]) -> dict[str, Any]:
        role = labels["modelops.serving/role"]
        container = {"name": "probe", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
        if self._waiting:
            state = {"waiting": {"reason": self._waiting, "message": "no such image"}}
            return {"phase": "Pending", "containerStatuses": [{**container, "state": state}]}
        if role in ADDRESSES:
            conditions = [{"type": "Ready", "status": "True"}]
            return {"phase": "Running", "podIP": ADDRESSES[role], "conditions": conditions}
        return {"phase": "Succeeded"}


def policies(world: World) -> dict[str, Any]:
    """Return what the inventory says of NetworkPolicies."""
    names = world.names
    return {
        "namespaces": [{"name": each} for each in names.teams],
        "seldon_namespace": names.seldon,
        "ingress_namespace": names.ingress,
        "api_servers": ["192.0.2.11"],
    }


def run(
    world: World,
    kubelet: Kubelet | None,
    *,
    user: str = "admin",
    timeout: float = 20,
    profile: str = "full",
    **cluster: Any,
) -> Found:
    """Return what the checks of probes found, run as the action plugin runs them."""
    seen: list[str] = []

    def step(name: str, token: str) -> dict[str, Any]:
        wanted = {"step": name, "run": token}
        params = world.params(
            user,
            groups=["inside"],
            inside=wanted,
            profile=profile,
            cluster={"network_policies": policies(world), **cluster},
        )
        result = ArgumentSpecValidator(ARGUMENTS).validate(params)
        assert not result.error_messages, result.error_messages
        found = SmokeTest(result.validated_parameters).run()
        if kubelet:
            kubelet.work()
        return found

    found = asked_inside(step, seen.append, timeout)
    return {f"{each['id']} {each['target']}".strip(): each for each in found["checks"]}


def left(api: ApiServer) -> list[str]:
    """Return what is there of probes; nobody ends a namespace here, or takes away what an owner had."""
    return [
        f"{kind.rsplit('/')[-1]} {each['metadata']['name']}"
        for kind in KINDS
        for each in api.ask("GET", f"{kind}?labelSelector={SELECTOR}").require()["items"]
        if not each["metadata"].get("deletionTimestamp")
    ]


def test_probes_run_and_nothing_is_left_of_them(api: ApiServer, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kubelet = Kubelet(api, monkeypatch)
    found = run(world, kubelet)
    statuses = {name: each["status"] for name, each in found.items()}
    # There is no DNS here to ask.
    nothing = {f"policies.open team {each}" for each in world.names.teams} | {"policies.open outside"}
    assert {name for name, status in statuses.items() if status == "skip"} == nothing
    assert {status for name, status in statuses.items() if name not in nothing} == {"pass"}
    assert {"policies.enforced", "policies.open ingress", "mesh.inside baseline-predictor"} <= set(statuses)
    # Two that listen, and one for each place to ask from.
    assert len(kubelet.jobs) == 6
    assert left(api) == []


SHAPES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "level": lambda job: job["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"],
    "deadline": lambda job: job["spec"]["activeDeadlineSeconds"],
    "user": lambda job: job["spec"]["template"]["spec"]["containers"][0]["securityContext"]["capabilities"],
}


def test_the_api_keeps_what_the_jobs_say(api: ApiServer, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kubelet = Kubelet(api, monkeypatch)
    run(world, kubelet)
    for job in kubelet.jobs:
        assert SHAPES["level"](job) is True
        assert SHAPES["deadline"](job) == 240
        assert SHAPES["user"](job) == {"drop": ["ALL"]}


def test_the_quick_profile_asks_models_alone(api: ApiServer, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kubelet = Kubelet(api, monkeypatch)
    found = run(world, kubelet, profile="quick")
    assert len(kubelet.jobs) == 1
    assert found["mesh.inside enhanced-predictor"]["status"] == "pass"
    assert found["policies.declared"]["status"] == "pass"
    assert "full profile" in found["policies.enforced"]["reason"]
    assert left(api) == []


def test_a_policy_that_was_changed_is_named_as_the_api_gives_it(api: ApiServer, world: World) -> None:
    team = world.names.teams[0]
    path = f"/apis/networking.k8s.io/v1/namespaces/{team}/networkpolicies/serving-seldon-server"
    was = api.ask("GET", path).require()["spec"]
    opened = {"spec": {"ingress": [*was["ingress"], {"ports": [{"port": 5572}]}]}}
    api.ask("PATCH", path, opened, kind=MERGE).require()
    try:
        found = run(world, None, probe={"enabled": False})["policies.declared"]
    finally:
        api.ask("PATCH", path, {"spec": {"ingress": was["ingress"]}}, kind=MERGE).require()
    said = f"{team}/serving-seldon-server: ingress has also 5572/TCP from anywhere"
    assert (found["status"], found["observed"]) == ("fail", said)


def test_an_image_that_cannot_be_had_is_a_reason(api: ApiServer, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(world, Kubelet(api, monkeypatch, waiting="ErrImagePull"))
    rest = {each["reason"] for name, each in found.items() if name != "policies.declared"}
    assert rest == {"a probe cannot run inside the cluster: ErrImagePull: no such image"}
    assert left(api) == []


def test_pods_that_nobody_runs_are_given_up(api: ApiServer, world: World) -> None:
    found = run(world, None, timeout=1)
    assert "did not end in time: open: its pod was not made yet" in found["policies.enforced"]["reason"]
    assert left(api) == []


def test_a_log_that_is_empty_is_a_reason(api: ApiServer, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(world, Kubelet(api, monkeypatch, silent=True))
    assert found["mesh.inside enhanced-predictor"]["reason"] == "its log is empty"


def test_a_user_without_rights_leaves_nothing(api: ApiServer, world: World) -> None:
    found = run(world, None, user="guest")
    # The view of such a user is denied as well.
    assert {each["status"] for each in found.values()} == {"skip"}
    assert "may not create jobs in" in found["policies.enforced"]["reason"]
    assert left(api) == []


def test_probes_that_are_switched_off_make_nothing(api: ApiServer, world: World) -> None:
    found = run(world, None, probe={"enabled": False})
    assert found["policies.enforced"]["reason"] == "probes inside the cluster are switched off (probe.enabled)"


def test_what_a_killed_run_left_is_taken_away_by_a_later_one(api: ApiServer, world: World) -> None:
    jobs = inside_jobs.InsideJobs(KubernetesApi({"kubeconfig": str(api.kubeconfig())}, timeout=5), "killed", (), "own")
    labels = {"app.kubernetes.io/managed-by": "modelops.serving", "app.kubernetes.io/component": "smoke-test"}
    api.create("/api/v1/namespaces", {"metadata": {"name": "serving-smoke-killed", "labels": labels}})
    jobs.sweep()
    # It may still run.
    assert "namespaces serving-smoke-killed" in left(api)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inside_jobs, "LEFT_SECONDS", 0)
        jobs.sweep()
    assert "namespaces serving-smoke-killed" not in left(api)
