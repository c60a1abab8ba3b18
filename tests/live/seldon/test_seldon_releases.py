# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role seldon as a whole, with the real helm, the real charts and upstream's own operator, on an API server with
controllers: it comes, changes, is refused, goes.

No pod runs: a node in name only says that all are well (edge/kubelet.py), and the operator runs beside it.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._core.seldon_sizes import SIZES
from tests import api_programs, charts
from tests.api_server import ApiServer
from tests.charts import PINS, Helm
from tests.live.edge.kubelet import ControlledServer, Kubelet
from tests.live.edge.plays import Played, play
from tests.live.seldon.serving_world import CLASS, CLASSES, DEFAULT

# A whole role takes a busy machine minutes.
pytestmark = pytest.mark.timeout(3600)

SELDON = PINS["seldon"]
NEEDED = ("seldon-operator", *(f"{SELDON[each]}-{SELDON['version']}.tgz" for each in ("crds", "chart", "runtime")))
KINDS = "/apis/mlops.seldon.io/v1alpha1"
TEAMS = ("team-a", "team-b")
POD_ADDRESS = "198.51.100.9"
SECONDS = 0.5
# Everything that the role brings: the namespace and the kinds, the operator, the teams' namespaces, scheduler and Envoy
# and the mark on them, the names in the teams' namespaces.
FIRST = 7


class Operator:
    """Upstream's operator, as long as there is something for it to watch."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self._api = api
        self._log = folder / "operator.log"
        self._program = Path(os.environ["SERVING_ARTIFACTS"]) / "seldon-operator"
        self._is_over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Operator:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._end()

    def _live(self) -> None:
        while not self._is_over.wait(SECONDS):
            is_there = self._api.ask("GET", f"{KINDS}/seldonruntimes").status == 200
            if is_there and (self._process is None or self._process.poll() is not None):
                self._start()
            elif not is_there:
                self._end()

    def _start(self) -> None:
        words = [
            "--health-probe-bind-address=127.0.0.1:0",
            "--metrics-bind-address=127.0.0.1:0",
            "--namespace=seldon-system",
            "--clusterwide=true",
            f"--watch-namespaces={','.join(TEAMS)}",
        ]
        env = {
            **os.environ,
            "KUBECONFIG": str(self._api.kubeconfig()),
            "POD_NAMESPACE": "seldon-system",
            "CONTROL_PLANE_SECURITY_PROTOCOL": "PLAINTEXT",
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, *words], env=env, stdout=log, stderr=log)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Cluster:
    """A cluster without anything, and the role on it."""

    def __init__(self, api: ApiServer, helm: Helm, home: Path) -> None:
        self.api = api
        self._helm = helm
        self._home = home
        # Who makes volumes is nobody here; that somebody is said to is enough.
        body = {"metadata": {"name": CLASS, "annotations": {DEFAULT: "true"}}, "provisioner": "volumes.example.com"}
        assert api.ask("POST", CLASSES, body).status in (201, 409)

    def role(self, *words: str, **more: Any) -> Played:
        """Run the role."""
        given = {
            "serving_namespaces": [{"name": each} for each in TEAMS],
            "serving_artifacts_dir": str(self._helm.artifacts),
            "helm_binary": str(self._helm.program),
            "seldon_wait_timeout": 300,
            **more,
        }
        return play(self._home, "seldon", ["main.yml"], self.api.kubeconfig(), given, *words)

    def named(self, path: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the specs of Seldon's own objects at a path, by namespace and name."""
        items = self.api.ask("GET", path).require()["items"]
        found = {(each["metadata"]["namespace"], each["metadata"]["name"]): each["spec"] for each in items}
        return {key: spec for key, spec in found.items() if key[1].startswith("seldon")}

    def releases(self) -> dict[str, list[str]]:
        """Return the states of every release of helm, the oldest first."""
        found: dict[str, list[str]] = {}
        for each in self.api.ask("GET", "/api/v1/secrets?labelSelector=owner%3Dhelm").require()["items"]:
            labels = each["metadata"]["labels"]
            found.setdefault(labels["name"], []).append(labels["status"])
        return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    helm = charts.helm(tmp_path_factory.mktemp("helm"))
    programs = api_programs.at_hand()
    if programs is None or not programs.is_k3s:
        pytest.skip("an API server with controllers needs a K3s")
    missing = [name for name in NEEDED if not (helm.artifacts / name).is_file()]
    if missing:
        pytest.skip(f"{helm.artifacts} has no {', '.join(missing)}")
    home = tmp_path_factory.mktemp("home")
    api = ControlledServer(programs, tmp_path_factory.mktemp("api") / "server")
    try:
        api.start()
        with Kubelet(api, POD_ADDRESS, lambda: None), Operator(api, home):
            yield Cluster(api, helm, home)
    finally:
        api.stop()


def test_it_comes_once_and_check_mode_tells_as_much(cluster: Cluster) -> None:
    assert cluster.role("--check").changed == FIRST
    assert cluster.releases() == {}
    assert cluster.role().changed == FIRST
    services = {
        key: (spec["type"], spec.get("externalName")) for key, spec in cluster.named("/api/v1/services").items()
    }
    for name in ("seldon-scheduler", "seldon-mesh"):
        assert services["seldon-system", name] == ("ClusterIP", None)
        for team in TEAMS:
            assert services[team, name] == ("ExternalName", f"{name}.seldon-system.svc.cluster.local")
    assert set(cluster.named("/apis/apps/v1/statefulsets")) == {("seldon-system", "seldon-scheduler")}
    assert ("seldon-system", "seldon-envoy") in cluster.named("/apis/apps/v1/deployments")
    assert cluster.role().changed == 0
    assert cluster.role("--check").changed == 0


def test_size_is_one_change_and_reaches_the_scheduler(cluster: Cluster) -> None:
    cluster.role().outcome.require()
    assert cluster.role("--check", seldon_size="medium").changed == 1
    assert cluster.role(seldon_size="medium").changed == 1
    (spec,) = cluster.named("/apis/apps/v1/statefulsets").values()
    containers = {each["name"]: each for each in spec["template"]["spec"]["containers"]}
    assert containers["scheduler"]["resources"]["requests"]["memory"] == SIZES["medium"]["scheduler"]["memory"]
    assert cluster.role(seldon_size="medium").changed == 0


def test_topology_is_not_changed_in_place(cluster: Cluster) -> None:
    cluster.role().outcome.require()
    before = cluster.releases()
    assert "seldon_topology" in cluster.role(seldon_topology="namespaced").refusal
    assert cluster.releases() == before


def test_it_goes_and_the_kinds_only_when_that_was_typed(cluster: Cluster) -> None:
    cluster.role().outcome.require()
    gone = {"seldon_state": "absent"}
    assert cluster.role("--check", **gone).changed > 0
    assert ("seldon-system", "seldon-envoy") in cluster.named("/apis/apps/v1/deployments")
    assert cluster.role(**gone).changed > 0
    assert cluster.named(f"{KINDS}/seldonruntimes") == {}
    assert set(cluster.releases()) == {SELDON["crds"]}
    assert cluster.role(**gone).changed == 0
    assert cluster.role(**gone, seldon_remove_crds="every model and experiment").changed > 0
    assert cluster.api.ask("GET", f"{KINDS}/seldonruntimes").status == 404
    assert cluster.releases() == {}
