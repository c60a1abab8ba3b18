# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts, rendered by helm with what roles hand over: no value is ignored, and what roles rely on is there."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from plugins.module_utils._core.policy_settings import CONTROLLERS
from plugins.module_utils._core.preflight_ports import MEMBERLIST
from tests import charts, helm_tasks
from tests.charts import METALLB, NGINX, PINS, TRAEFIK, Helm, Release, misfits
from tests.support import ROOT
from tests.unit.roles.test_ingress_files import RESERVED

TASKS = {
    "nginx": ("ingress/nginx.yml: nginx | Install the chart", NGINX),
    "metallb": ("metallb/chart.yml: chart | Install the chart", METALLB),
}
NAMES = [
    *(f"{case} {name}" for case in helm_tasks.CASES for name in TASKS if f"{case} {name}".count("traefik nginx") == 0),
    *(f"{case} traefik" for case in helm_tasks.BUNDLED),
]
# What K3s itself tells its Traefik, as far as that meets what we say:
# https://github.com/k3s-io/k3s/blob/v1.36.2%2Bk3s1/manifests/traefik.yaml
BY_K3S = {
    "deployment": {"podAnnotations": {"prometheus.io/scrape": "true"}},
    "service": {"spec": {"ipFamilyPolicy": "PreferDualStack"}},
}


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return charts.helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def releases(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Release]:
    """Return everything that is installed, by case and name."""
    del helm
    folder = tmp_path_factory.mktemp("values")
    found = {
        f"{case} traefik": Release("traefik", "kube-system", TRAEFIK, (BY_K3S, values))
        for case, values in helm_tasks.bundled(folder / "bundled").items()
    }
    for case, tasks in helm_tasks.said(folder / "said").items():
        for name, (task, chart) in TASKS.items():
            if task in tasks:
                said = tasks[task]
                values = (said["release_values"],)
                found[f"{case} {name}"] = Release(said["release_name"], said["release_namespace"], chart, values)
    return found


class Rendered:
    """The objects of a release."""

    def __init__(self, helm: Helm, release: Release) -> None:
        self.release = release
        self.objects = helm.render(release).objects

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        return {each["metadata"]["name"]: each for each in self.objects if each["kind"] == kind}

    def pod(self, kind: str, name: str) -> dict[str, Any]:
        template: dict[str, Any] = self.all(kind)[name]["spec"]["template"]
        return template

    def images(self) -> set[str]:
        """Return the images of everything that runs pods."""
        pods = [each["spec"]["template"]["spec"] for each in self.objects if "template" in each.get("spec", {})]
        parts = [pod.get(part, []) for pod in pods for part in ("containers", "initContainers")]
        return {container["image"] for containers in parts for container in containers}


def rendered(helm: Helm, releases: dict[str, Release], name: str) -> Rendered:
    return Rendered(helm, releases[name])


def ports(pod: dict[str, Any]) -> set[int]:
    return {port["containerPort"] for each in pod["spec"]["containers"] for port in each.get("ports", [])}


def role_values(role: str, file: str) -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load((ROOT / "roles" / role / "vars" / file).read_text(encoding="utf-8"))
    return said


def test_releases_are_those_of_the_cases(releases: dict[str, Release]) -> None:
    assert sorted(releases) == sorted(NAMES)


# No value is ignored


@pytest.mark.parametrize("name", NAMES)
def test_chart_reads_every_value(helm: Helm, releases: dict[str, Release], name: str) -> None:
    release = releases[name]
    assert helm.ignored(release) == []
    assert misfits(release.values[-1], helm.defaults(release.chart)) == []


IGNORED: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a word of MetalLB's that is misspelt": (METALLB, {"speaker": {"frr": {"enable": False}}}, ["speaker.frr.enable"]),
    "a switch of the chart inside": (METALLB, {"frrk8s": {"enabled": False}, "frr-k8s": {"x": 1}}, ["frr-k8s.x"]),
    "a list": (METALLB, {"speaker": {"interfaces": ["eth0"]}}, ["speaker.interfaces.0"]),
    "an empty map": (NGINX, {"controller": {"custom": {}}}, ["controller.custom"]),
    "a value in the wrong place": (NGINX, {"controller": {"hsts": "false"}}, ["controller.hsts"]),
}


@pytest.mark.parametrize("name", IGNORED)
def test_value_that_a_chart_does_not_know_is_found(helm: Helm, name: str) -> None:
    chart, values, paths = IGNORED[name]
    assert helm.ignored(Release("one", "one", chart, (values,))) == paths


def test_value_of_another_type_is_found(helm: Helm) -> None:
    values = {"controller": {"replicaCount": "2", "config": {"hsts": "false"}, "service": {"type": "LoadBalancer"}}}
    assert misfits(values, helm.defaults(NGINX)) == ["controller.replicaCount is '2', and the chart has 1"]


# What roles rely on


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith((" nginx", " traefik"))])
def test_edge_is_where_the_role_looks_for_it(helm: Helm, releases: dict[str, Release], name: str) -> None:
    """Its Service has the address, and its pods are those that NetworkPolicies let through."""
    edge = rendered(helm, releases, name)
    controller = name.partition(" ")[2]
    place = role_values("ingress", "main/edge.yml")["__ingress_places"][controller]
    values = edge.release.values[-1]
    address = (values if controller == "traefik" else values["controller"])["service"]["annotations"]
    service, deployment = edge.all("Service")[place["name"]], edge.all("Deployment")[place["name"]]
    assert (service["metadata"]["namespace"], service["metadata"]["annotations"]) == (place["namespace"], address)
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert {port["port"] for port in service["spec"]["ports"]} == {80, 443}
    namespace, labels = CONTROLLERS[controller]
    pod = edge.pod("Deployment", place["name"])
    assert dict(labels).items() <= pod["metadata"]["labels"].items()
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert {deployment["metadata"]["namespace"], edge.release.namespace} == {namespace}
    assert list(edge.all("IngressClass")) == [controller]


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(" nginx")])
def test_nginx_is_the_pinned_one_and_takes_the_header_away(helm: Helm, releases: dict[str, Release], name: str) -> None:
    edge = rendered(helm, releases, name)
    pins = PINS["ingress_nginx"]["images"].values()
    assert edge.images() == {f"{each['repository']}:{each['tag']}@{each['digest']}" for each in pins}
    told = edge.all("ConfigMap")
    where, headers = told["ingress-nginx-controller"]["data"]["proxy-set-headers"].split("/")
    assert (where, told[headers]["data"]) == ("ingress-nginx", RESERVED)
    assert "allow-snippet-annotations" not in told["ingress-nginx-controller"]["data"]
    # Its metrics are asked for at 10254, and its webhook is reached inside alone.
    assert {80, 443, 8443, 10254} <= ports(edge.pod("Deployment", "ingress-nginx-controller"))
    (webhook,) = edge.all("ValidatingWebhookConfiguration")["ingress-nginx-admission"]["webhooks"]
    admission = edge.all("Service")[webhook["clientConfig"]["service"]["name"]]
    assert (webhook["failurePolicy"], admission["spec"]["type"]) == ("Fail", "ClusterIP")
    probe = role_values("ingress", "main/nginx.yml")["__ingress_nginx_probe"]["spec"]
    assert probe["ingressClassName"] in edge.all("IngressClass")
    (path,) = probe["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"] in edge.all("Service")


def test_nginx_has_one_family_of_addresses(helm: Helm, releases: dict[str, Release]) -> None:
    for name, family in (("homelab nginx", "IPv4"), ("ipv6 nginx", "IPv6")):
        spec = rendered(helm, releases, name).all("Service")["ingress-nginx-controller"]["spec"]
        assert (spec["ipFamilyPolicy"], spec["ipFamilies"]) == ("SingleStack", [family])


@pytest.mark.parametrize(("name", "seconds"), [("homelab traefik", 300), ("slow-ipv6 traefik", 900)])
def test_traefik_takes_the_header_away_and_waits_as_long_as_routes_do(
    helm: Helm, releases: dict[str, Release], name: str, seconds: int
) -> None:
    edge = rendered(helm, releases, name)
    (container,) = edge.pod("Deployment", "traefik")["spec"]["containers"]
    for entry in ("web", "websecure"):
        start = f"--entryPoints.{entry}."
        assert f"{start}http.middlewares=kube-system-no-reserved-headers@kubernetescrd" in container["args"]
        assert f"{start}transport.respondingTimeouts.readTimeout={seconds}s" in container["args"]
    middleware = edge.all("Middleware")["no-reserved-headers"]
    assert middleware["metadata"]["namespace"] == "kube-system"
    assert middleware["spec"] == {"headers": {"customRequestHeaders": RESERVED}}
    # Both, and what K3s says stays.
    assert edge.all("Service")["traefik"]["spec"]["ipFamilyPolicy"] == "PreferDualStack"


KINDS = {"metallb": ("main.yml", "__metallb_kinds"), "traefik": ("main/routes.yml", "__ingress_kinds")}


@pytest.mark.parametrize("name", ["homelab metallb", "homelab traefik"])
def test_kinds_that_roles_write_are_those_of_the_chart(helm: Helm, releases: dict[str, Release], name: str) -> None:
    controller = name.partition(" ")[2]
    file, key = KINDS[controller]
    wanted = role_values("ingress" if controller == "traefik" else "metallb", file)[key]
    group = f"{controller}.io"
    served = {
        (each["spec"]["names"]["kind"], f"{group}/{version['name']}")
        for each in rendered(helm, releases, name).all("CustomResourceDefinition").values()
        for version in each["spec"]["versions"]
        if version["served"] and not version.get("deprecated") and each["spec"]["group"] == group
    }
    ours = {(each["kind"], each["api_version"]) for each in wanted if each["api_version"].startswith(group)}
    assert len(ours) > 2
    assert ours <= served


# Who speaks BGP: the containers of the speaker, the daemons beside it, and what the speaker is told.
BACKENDS: dict[str, tuple[set[str], set[str], str | None]] = {
    "homelab": ({"speaker"}, {"metallb-speaker"}, None),
    "routers-native": ({"speaker"}, {"metallb-speaker"}, None),
    "routers-frr": ({"speaker", "frr", "reloader", "frr-metrics"}, {"metallb-speaker"}, "frr"),
    "routers": ({"speaker"}, {"metallb-speaker", "metallb-frr-k8s"}, "frr-k8s"),
}


@pytest.mark.parametrize("case", BACKENDS)
def test_only_who_was_asked_for_speaks_bgp(helm: Helm, releases: dict[str, Release], case: str) -> None:
    metallb = rendered(helm, releases, f"{case} metallb")
    containers, daemons, told = BACKENDS[case]
    assert set(metallb.all("DaemonSet")) == daemons
    pod = metallb.pod("DaemonSet", "metallb-speaker")["spec"]
    assert {each["name"] for each in pod["containers"]} == containers
    (speaker,) = [each for each in pod["containers"] if each["name"] == "speaker"]
    environment = {each["name"]: each.get("value") for each in speaker["env"]}
    assert environment.get("METALLB_BGP_TYPE") == told
    # Hosts of a cluster let each other through to this one.
    assert environment["METALLB_ML_BIND_PORT"] == str(MEMBERLIST.port)
    version = PINS["metallb"]["version"]
    assert {f"quay.io/metallb/{name}:v{version}" for name in ("controller", "speaker")} <= metallb.images()


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(" metallb")])
def test_metallb_judges_pools_in_its_namespace(helm: Helm, releases: dict[str, Release], name: str) -> None:
    metallb = rendered(helm, releases, name)
    namespace = metallb.release.namespace
    assert {each["metadata"].get("namespace", namespace) for each in metallb.objects} == {namespace}
    webhooks = metallb.all("ValidatingWebhookConfiguration")["metallb-webhook-configuration"]["webhooks"]
    judged = {resource for each in webhooks for rule in each["rules"] for resource in rule["resources"]}
    assert {"ipaddresspools", "l2advertisements", "bgppeers", "bgpadvertisements"} <= judged
    assert {each["failurePolicy"] for each in webhooks} == {"Fail"}
    # Its namespace is labelled for this.
    pod = metallb.pod("DaemonSet", "metallb-speaker")["spec"]
    assert pod["hostNetwork"] is True
    assert pod["containers"][0]["securityContext"]["capabilities"]["add"] == ["NET_RAW"]
