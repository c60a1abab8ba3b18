# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user with the roles of the guide, and nothing more, gets as far as an administrator, and uses all of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._adapters import inside_jobs
from plugins.module_utils._adapters.kubernetes_api import KubernetesApi, Reply
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.smoke_rights import ASKING, PROBING, READING, WALLING, Right
from tests import smoke_roles
from tests.api_server import ApiServer
from tests.live.seldon.smoke_world import World
from tests.live.seldon.test_smoke_inside import Found, Kubelet, left, policies, run, walled
from tests.live.seldon.test_smoke_play import of_hops, played

PATH = re.compile(
    r"/apis?(?:/(?P<group>[^/]+\.[^/]+|apps|batch))?/v[^/]+(?:/namespaces/[^/]+(?=/))?/(?P<kind>[a-z0-9]+)"
    r"(?P<name>/[^/]+)?(?:/(?P<part>log|proxy))?.*"
)
VERBS = {"POST": "create", "DELETE": "delete", "GET": "get"}
# What every user may do.
FREE = {"selfsubjectaccessreviews"}
READ_LOG = inside_jobs.InsideJobs.found
WALL = f"{smoke_roles.PREFIX}walling"


@pytest.fixture(scope="module")
def world(api: ApiServer) -> Iterator[World]:
    yield from walled(api)


@pytest.fixture(scope="module")
def guest(api: ApiServer, world: World) -> str:
    """Return a user who has the roles of the guide, apart from those for the full profile."""
    names = world.names
    own = {"seldon-system": names.seldon, "ingress-nginx": names.ingress}
    own |= dict(zip(("financial-inference", "financial-research"), names.teams, strict=True))
    for each in smoke_roles.documents(own):
        if each["kind"] in smoke_roles.PATHS and (each["metadata"]["name"], each["kind"]) != (
            WALL,
            "ClusterRoleBinding",
        ):
            api.create(smoke_roles.place(each), as_guest(each))
    return "guest"


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> dict[Right, set[int]]:
    """Return what is asked of the API from now on, as rights, with the statuses of its answers."""
    found: dict[Right, set[int]] = {}
    ask = KubernetesApi.ask

    def recorded(api: KubernetesApi, method: str, path: str, *more: Any, **query: Any) -> Reply:
        reply = ask(api, method, path, *more, **query)
        parts = PATH.fullmatch(path)
        if parts and parts["kind"] not in FREE:
            resource = "/".join(filter(None, (parts["kind"], parts["part"])))
            verb = "list" if method == "GET" and not parts["name"] else VERBS[method]
            found.setdefault(Right(verb, resource, parts["group"] or ""), set()).add(reply.status)
        return reply

    monkeypatch.setattr(KubernetesApi, "ask", recorded)
    monkeypatch.setattr("plugins.plugin_utils._smoke_inside.PAUSE_SECONDS", 0.05)
    return found


class Reading(Kubelet):
    """Has the log asked for, as a probe's is, before it answers in its place."""

    def __init__(self, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(api, monkeypatch)
        answer = inside_jobs.InsideJobs.found

        def found(jobs: inside_jobs.InsideJobs, pod: Mapping[str, Any]) -> Mapping[str, Any]:
            # Nobody runs that pod, so there is none.
            with contextlib.suppress(ServingError):
                READ_LOG(jobs, pod)
            return answer(jobs, pod)

        monkeypatch.setattr(inside_jobs.InsideJobs, "found", found)


def as_guest(document: dict[str, Any]) -> dict[str, Any]:
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "guest"}]
    return {**document, "subjects": subjects} if "subjects" in document else document


def everything(world: World, kubelet: Kubelet, user: str, profile: str) -> Found:
    """Return what all checks of a cluster find, apart from how long it took."""
    options = {"profile": profile, "cluster": {"network_policies": policies(world)}}
    found = {**world.ask(user=user, **options), **run(world, kubelet, user=user, profile=profile)}
    return {name: {**each, "duration_ms": 0} for name, each in found.items()}


def test_roles_of_the_quick_profile_are_enough_and_all_of_them_are_used(
    api: ApiServer, world: World, guest: str, used: dict[Right, set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = everything(world, Reading(api, monkeypatch), guest, "quick")
    assert found["cluster.rights"]["status"] == "pass"
    assert set(used) == {*READING, *ASKING, *PROBING}
    # The way to a pod that nobody runs ends with the API server.
    assert {right for right, statuses in used.items() if 403 in statuses} <= set(ASKING)
    assert left(api) == []
    assert found == everything(world, Reading(api, monkeypatch), "admin", "quick")


def test_full_profile_needs_more_and_says_what(
    api: ApiServer, world: World, guest: str, used: dict[Right, set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = everything(world, Reading(api, monkeypatch), guest, "full")
    said = "may not create namespaces in all namespaces; may not delete namespaces in all namespaces; may not create n"
    assert (lacking["cluster.rights"]["status"], said in lacking["cluster.rights"]["observed"]) == ("warn", True)
    assert said in lacking["policies.enforced"]["reason"]
    [binding] = [
        each
        for each in smoke_roles.documents()
        if (each["metadata"]["name"], each["kind"]) == (WALL, "ClusterRoleBinding")
    ]
    api.create(smoke_roles.place(binding), as_guest(binding))
    used.clear()
    found = everything(world, Reading(api, monkeypatch), guest, "full")
    assert found["cluster.rights"]["status"] == "pass"
    assert set(used) == {*READING, *ASKING, *WALLING}
    assert {right for right, statuses in used.items() if 403 in statuses} <= set(ASKING)
    assert left(api) == []


def test_whole_task_of_such_a_user_reads_the_ca_and_the_experiments(
    api: ApiServer, world: World, guest: str, tmp_path: Path
) -> None:
    secret = {"metadata": {"name": "modelops-serving-ca"}, "data": {"tls.crt": "bm9uZQ=="}}
    api.create("/api/v1/namespaces/kube-system/secrets", secret)
    access = {"kubeconfig": str(api.kubeconfig(guest))}
    found, report = played(api, world, tmp_path, mlserver_access=access)
    assert "address.connect found" in found.refusal
    assert {"cluster.rights", "cluster.version"} <= of_hops(report, "pass")
