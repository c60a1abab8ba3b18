# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases of the edge, and its playbook, with the real helm and charts, on a real API server with controllers.

No pod runs: a node in name only says that all are well (kubelet.py), and a webhook takes everything.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import api_programs, charts
from tests.api_server import ApiServer
from tests.charts import ARCHITECTURE, METALLB, Helm
from tests.live.edge.chart_webhooks import ChartWebhooks, own_address
from tests.live.edge.kubelet import ControlledServer, Kubelet
from tests.live.edge.plays import PLAYBOOK, Played, play
from tests.support import ROOT, run

# A whole playbook takes a busy machine minutes.
pytestmark = pytest.mark.timeout(3600)

SECRETS = "/api/v1/namespaces/{}/secrets?labelSelector=owner%3Dhelm"
NAMESPACES = ("ingress-nginx", "metallb-system")
SECONDS = 60


class Edge:
    """A cluster without anything, the machine that talks to it, and the roles."""

    def __init__(self, api: ApiServer, helm: Helm, home: Path, kubelet: Kubelet) -> None:
        self.api = api
        self.helm = helm
        self.home = home
        self.kubelet = kubelet

    @property
    def given(self) -> dict[str, Any]:
        return {
            "k3s_kubeconfig": str(self.api.kubeconfig()),
            "k3s_kubeconfig_context": "test",
            "serving_artifacts_dir": str(self.helm.artifacts),
            "helm_sha256": {ARCHITECTURE: self.helm.checksum},
            "helm_directory": str(self.home / "versions"),
            "helm_binary": str(self.home / "helm"),
            "metallb_wait_timeout": SECONDS,
            "ingress_wait_timeout": SECONDS,
            "ingress_accept_eol": True,
            # Routes are tried elsewhere.
            "ingress_routes": [],
        }

    def role(self, role: str, part: str, *words: str, **more: Any) -> Played:
        """Run a part of a role."""
        given = {**self.given, "helm_binary": str(self.helm.program), **more}
        return play(self.home, role, [part], self.api.kubeconfig(), given, *words)

    def play(self, *words: str) -> Played:
        """Run the playbook as a user of the inventory homelab."""
        where: list[str | Path] = ["--inventory", ROOT / "inventories/homelab", ROOT / "playbooks/edge.yml"]
        return Played(run([PLAYBOOK, *where, "--extra-vars", json.dumps(self.given), *words], timeout=1200))

    def chart(self, *words: str, **more: Any) -> Played:
        """Run the part of the role metallb that installs the chart."""
        return self.role("metallb", "chart.yml", *words, **more)

    def releases(self) -> dict[str, list[str]]:
        """Return what helm keeps, by namespace: the state of each revision."""
        found = {}
        for namespace in NAMESPACES:
            items = self.api.ask("GET", SECRETS.format(namespace)).require()["items"]
            labels = sorted((int(each["metadata"]["labels"]["version"]), each["metadata"]["labels"]) for each in items)
            found[namespace] = [each["status"] for _, each in labels]
        return found

    def controller(self) -> dict[str, Any]:
        """Return the container of MetalLB's controller."""
        path = "/apis/apps/v1/namespaces/metallb-system/deployments/metallb-controller"
        (container,) = self.api.ask("GET", path).require()["spec"]["template"]["spec"]["containers"]
        found: dict[str, Any] = container
        return found

    def has(self, path: str) -> bool:
        return self.api.ask("GET", path).status == 200

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"Waited in vain for {what}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    helm = charts.helm(tmp_path_factory.mktemp("helm"))
    programs = api_programs.at_hand()
    if programs is None or not programs.is_k3s:
        pytest.skip("an API server with controllers needs a K3s")
    address = own_address()
    if not address:
        pytest.skip("pods need an address of this machine beside the loopback")
    # Nobody routes addresses of Services here, so webhooks are reached where pods say they are.
    api = ControlledServer(programs, tmp_path_factory.mktemp("api") / "server", "enable-aggregator-routing=true")
    try:
        api.start()
        home = tmp_path_factory.mktemp("home")
        with ChartWebhooks(api, home, address) as webhooks, Kubelet(api, address, webhooks.vouch) as kubelet:
            yield Edge(api, helm, home, kubelet)
    finally:
        api.stop()


def test_value_that_changes_is_one_upgrade(edge: Edge) -> None:
    edge.chart().outcome.require()
    before = edge.releases()["metallb-system"]
    more = {"metallb_values": {"controller": {"logLevel": "debug"}}}
    assert edge.chart("--check", **more).changed == 1
    assert edge.releases()["metallb-system"] == before
    assert edge.chart(**more).changed == 1
    assert edge.releases()["metallb-system"] == [*before[:-1], "superseded", "deployed"]
    assert "--log-level=debug" in edge.controller()["args"]


def test_release_that_failed_is_made_good(edge: Edge) -> None:
    """Helm keeps the values of a failed release, so the next run would find nothing to do."""
    before = edge.releases()["metallb-system"]
    edge.kubelet.is_well = False
    try:
        assert "deadline exceeded" in edge.chart(metallb_wait_timeout=5).refusal
        assert edge.releases()["metallb-system"] == [*before, "failed"]
    finally:
        edge.kubelet.is_well = True
    assert edge.chart("--check").changed > 0
    assert edge.releases()["metallb-system"] == [*before, "failed"]
    assert edge.chart().changed > 0
    assert "failed" not in edge.releases()["metallb-system"]
    assert edge.releases()["metallb-system"][-1] == "deployed"
    assert edge.chart().changed == 0


def test_release_that_was_cut_off_is_made_good(edge: Edge) -> None:
    """Helm that was killed leaves a release that is pending, and refuses to do anything more."""
    edge.chart().outcome.require()
    before = edge.releases()["metallb-system"]
    edge.kubelet.is_well = False
    values = ["--set", "frrk8s.enabled=false,controller.logLevel=debug", "--wait", "--timeout", f"{SECONDS}s"]
    where: list[str | Path] = ["--kubeconfig", edge.api.kubeconfig(), "--namespace", "metallb-system"]
    chart = edge.helm.chart(METALLB)
    command: list[str | Path] = [edge.helm.program, "upgrade", "metallb", chart, *where, *values]
    upgrade = subprocess.Popen(command)
    try:
        edge.wait(lambda: edge.releases()["metallb-system"][-1] == "pending-upgrade", "an upgrade to begin")
    finally:
        upgrade.send_signal(signal.SIGKILL)
        upgrade.wait()
        edge.kubelet.is_well = True
    assert edge.releases()["metallb-system"] == [*before, "pending-upgrade"]
    assert edge.chart().changed > 0
    assert edge.releases()["metallb-system"][-1] == "deployed"
    assert "pending-upgrade" not in edge.releases()["metallb-system"]
    assert "--log-level=info" in edge.controller()["args"]


def test_metallb_goes_with_all_it_brought(edge: Edge) -> None:
    edge.chart().outcome.require()
    before, gone = edge.releases()["metallb-system"], {"metallb_state": "absent"}
    assert edge.role("metallb", "main.yml", "--check", **gone).changed > 0
    assert edge.releases()["metallb-system"] == before
    assert edge.role("metallb", "main.yml", **gone).changed > 0
    assert not edge.has("/api/v1/namespaces/metallb-system")
    assert not edge.has("/apis/metallb.io/v1beta1/ipaddresspools")
    assert edge.role("metallb", "main.yml", **gone).changed == 0


def test_address_that_is_not_handed_out_is_named_and_the_next_run_goes_on(edge: Edge) -> None:
    """Helm would only say that its time is over."""
    address = {"ingress_address": "192.0.2.200"}
    edge.kubelet.gives_addresses = False
    try:
        refusal = edge.role("ingress", "nginx.yml", **address, ingress_wait_timeout=20).refusal
    finally:
        edge.kubelet.gives_addresses = True
    assert "The Service ingress-nginx/ingress-nginx-controller has no address after 20 seconds" in refusal
    assert edge.role("ingress", "nginx.yml", **address).changed > 0
    assert edge.releases()["ingress-nginx"] == ["deployed"]


def test_nginx_goes(edge: Edge) -> None:
    edge.role("ingress", "nginx.yml", ingress_address="192.0.2.200").outcome.require()
    assert edge.role("ingress", "leave_nginx.yml", "--check").changed > 0
    assert edge.releases()["ingress-nginx"][-1] == "deployed"
    assert edge.role("ingress", "leave_nginx.yml").changed > 0
    assert not edge.has("/api/v1/namespaces/ingress-nginx")
    assert edge.role("ingress", "leave_nginx.yml").changed == 0


def test_playbook_is_told_by_check_mode_done_once_and_found_done(edge: Edge) -> None:
    """On a cluster without anything, from a machine without helm."""
    edge.role("metallb", "main.yml", metallb_state="absent").outcome.require()
    edge.role("ingress", "leave_nginx.yml").outcome.require()
    assert edge.play("--check").changed > 0
    assert not (edge.home / "helm").exists()
    assert not any(edge.has(f"/api/v1/namespaces/{namespace}") for namespace in NAMESPACES)
    assert edge.play().changed > 0
    assert edge.releases() == {namespace: ["deployed"] for namespace in NAMESPACES}
    assert edge.play().changed == 0
