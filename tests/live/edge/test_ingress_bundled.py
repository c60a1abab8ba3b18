# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Traefik that K3s brings, or does not: which one the role ingress takes, before it changes anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api_server import MERGE, ApiServer
from tests.live.edge.ingress_world import World, definition

CONFIGS = "/apis/helm.cattle.io/v1/namespaces/kube-system/helmchartconfigs"
MARK = {"app.kubernetes.io/managed-by": "modelops.serving"}
CHARTS = "/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts"
BASE = "https://%{KUBERNETES_API}%/static/charts"
# What K3s says its chart is, and what is said to that; nothing, where the role takes it.
BUNDLED: dict[str, tuple[str | None, str]] = {
    "none": (None, "K3s does not bring Traefik to this cluster. Take traefik out of k3s_disable"),
    "one that is too old": (
        f"{BASE}/traefik-38.0.201+up38.0.2.tgz",
        "K3s brings chart 38.0.201 of Traefik to this cluster. The role needs 39.0.0 or a newer one",
    ),
    "the oldest that will do": (f"{BASE}/traefik-39.0.0+up39.0.0.tgz", ""),
    "that of K3s 1.36": (f"{BASE}/traefik-40.1.3+up40.1.0.tgz", ""),
    "one of somebody's own": ("oci://charts.example.com/edge", ""),
}


@pytest.fixture
def world(api: ApiServer, tmp_path: Path) -> World:
    api.establish(definition("HelmChart", "helm.cattle.io", "v1"))
    return World(api, tmp_path)


@pytest.mark.parametrize("name", BUNDLED)
def test_traefik_that_is_bundled(name: str, world: World, api: ApiServer) -> None:
    chart, words = BUNDLED[name]
    api.ask("DELETE", f"{CHARTS}/traefik")
    if chart:
        body: dict[str, Any] = {"apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "spec": {"chart": chart}}
        api.create(CHARTS, {**body, "metadata": {"name": "traefik"}})
    said = world.run({"ingress_controller": "traefik", "ingress_address": "192.0.2.200"}, part="bundled")
    assert (said.changed is None) == bool(words), said.text
    assert words in said.line


def test_nothing_goes_before_that_is_known(world: World, api: ApiServer) -> None:
    """The controller that was there before would be taken away for nothing."""
    api.ask("DELETE", f"{CHARTS}/traefik")
    said = world.run({"ingress_controller": "traefik", "ingress_address": "192.0.2.200"}, part="present")
    assert said.changed is None
    assert "K3s does not bring Traefik" in said.line
    assert "leave_nginx" not in said.text


def test_what_somebody_else_told_traefik_is_not_replaced_unasked(world: World, api: ApiServer) -> None:
    api.establish(definition("HelmChartConfig", "helm.cattle.io", "v1"))
    inventory = {"ingress_controller": "traefik", "ingress_address": "192.0.2.200"}
    assert world.run(inventory, part="owner").changed == 0
    theirs = {"apiVersion": "helm.cattle.io/v1", "kind": "HelmChartConfig", "spec": {"valuesContent": "a: b"}}
    api.create(CONFIGS, {**theirs, "metadata": {"name": "traefik"}})
    try:
        said = world.run(inventory, part="owner")
        assert said.changed is None
        assert "The HelmChartConfig traefik in kube-system is there, and it is not this role's" in said.line
        assert "helmchartconfig traefik app.kubernetes.io/managed-by=modelops.serving and this again" in said.line
        api.ask("PATCH", f"{CONFIGS}/traefik", {"metadata": {"labels": MARK}}, kind=MERGE).require()
        assert world.run(inventory, part="owner").changed == 0
    finally:
        api.ask("DELETE", f"{CONFIGS}/traefik")


def test_nginx_of_somebody_else_is_not_taken_over_unasked(world: World, api: ApiServer) -> None:
    inventory = {"ingress_controller": "nginx", "ingress_address": "192.0.2.200"}
    space = "/api/v1/namespaces/ingress-nginx"
    if api.ask("GET", space).status == 404:
        api.create("/api/v1/namespaces", {"metadata": {"name": "ingress-nginx"}})
    unmarked = {"metadata": {"labels": dict.fromkeys(MARK)}}
    api.ask("PATCH", space, unmarked, kind=MERGE).require()
    said = world.run(inventory, part="present")
    assert said.changed is None
    assert "The namespace ingress-nginx is there, and it is not this role's" in said.line
    assert "nginx | Make its namespace" not in said.text
    api.ask("PATCH", space, {"metadata": {"labels": MARK}}, kind=MERGE).require()
    assert world.run(inventory, part="owner").changed == 0
