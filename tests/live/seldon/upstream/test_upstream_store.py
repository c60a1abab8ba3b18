# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store `kubernetes` with upstream's own operator, scheduler and agents: what it proves, callers get."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from plugins.module_utils._adapters.kubernetes_api import KubernetesApi
from plugins.module_utils._adapters.kubernetes_store import KubernetesStore
from plugins.module_utils._adapters.kubernetes_wait import Wait
from plugins.module_utils._adapters.seldon_cluster import SeldonCluster
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Request
from plugins.module_utils._core.ports import Change
from plugins.module_utils._core.request_path import Answer
from plugins.module_utils._core.split_proof import Route
from tests.live.seldon.upstream.day import shares
from tests.live.seldon.upstream.programs import DATA, Upstream

NAME, ROUTE = "stored", "stored.experiment"
PATH = f"/apis/mlops.seldon.io/v1alpha1/namespaces/{{}}/experiments/{NAME}"
QUESTIONS, WAIT_SECONDS = 50, 60.0


@pytest.fixture
def team(central: Upstream) -> str:
    """Return the second team's namespace, with the Services that a cluster has."""
    port = {"name": "scheduler", "port": 9004}
    services = {
        central.system: {"ports": [port]},
        **{
            team: {"type": "ExternalName", "externalName": f"seldon-scheduler.{central.system}"}
            for team in central.teams
        },
    }
    for namespace, spec in services.items():
        body = {"metadata": {"name": "seldon-scheduler"}, "spec": spec}
        assert central.api.ask("POST", f"/api/v1/namespaces/{namespace}/services", body).status in (201, 409)
    return central.teams[1]


def declare(central: Upstream, namespace: str, *, is_asked: bool = True, **values: Any) -> Change:
    def ask(route: Route) -> Sequence[Answer]:
        sent, target = {"seldon-model": route.header}, f"/v2/models/{route.model}/ready"
        found = [central.send("GET", target, None, sent, DATA) for _number in range(QUESTIONS)]
        return [Answer(each.status, each.headers, each.body, 0.0) for each in found]

    cluster = SeldonCluster(KubernetesApi({"kubeconfig": str(central.api.kubeconfig())}, timeout=10), namespace)
    wait = Wait(cluster, ask if is_asked else None, timeout=WAIT_SECONDS, sleep=time.sleep, clock=time.monotonic)
    store = KubernetesStore(cluster, wait, take_over=False, sleep=time.sleep, chance=lambda: 0.5)
    return store.declare(Request.parse({"name": NAME, **values}), dry_run=False)


def test_experiment_is_declared_moved_and_ended(central: Upstream, team: str) -> None:
    weights = {"shadow": 70, "better": 30}
    first = declare(central, team, weights=weights)
    assert (first.changed, first.live is not None) == (True, True)
    assert shares(central, ROUTE) == {"shadow_1": 70, "better_1": 30}
    again = declare(central, team, weights=weights)
    assert (again.changed, again.live is not None) == (False, True)
    moved = declare(central, team, weights={"shadow": 0, "better": 100})
    assert set(moved.observed[ROUTE]) == {"better"}
    assert shares(central, ROUTE) == {"shadow_1": 0, "better_1": 100}
    unasked = declare(central, team, weights=weights, is_asked=False)
    assert unasked.live is None
    assert "is not proven" in unasked.warnings[-1]
    ended = declare(central, team, state="absent")
    assert ended.changed
    assert central.call(ROUTE).status == 404
    assert central.call("shadow").route == ":shadow_1:"


def test_what_the_scheduler_refuses_is_told_and_put_back(central: Upstream, team: str) -> None:
    """The default is another experiment's, which the store is kept from seeing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("plugins.module_utils._core.seldon_surroundings._clashes", lambda *_words: [])
        weights = {"base": 50, "better": 50}
        with pytest.raises(ServingError, match=r"Seldon refuses it: .*FailedPrecondition.* was deleted again"):
            declare(central, team, weights=weights, default="base")
        # The operator tries it three times before it lets it go.
        central.wait(lambda: central.api.ask("GET", PATH.format(team)).status == 404, "the end of what was refused")
        declare(central, team, weights=weights)
        with pytest.raises(ServingError, match=r"Seldon refuses it: .* What was there before was put back"):
            declare(central, team, default="base")
    assert shares(central, ROUTE) == {"base_1": 50, "better_1": 50}
    assert "default" not in central.read(team, "experiments", NAME)["spec"]
    assert declare(central, team, weights={"base": 100, "better": 0}).live is not None
    declare(central, team, state="absent")
