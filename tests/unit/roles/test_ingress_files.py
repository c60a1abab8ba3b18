# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ingress hands to helm and to the API, in full, for every topology and both controllers.

With UPDATE_GOLDEN=1 in the environment, a run writes the expected files anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import golden
from tests.staged_role import shown

GOLDEN = Path(__file__).parent / "golden" / "ingress"
CONTROLLERS = ("nginx", "traefik")
OWN = {"name": "models", "host": "ml-api.example.com", "timeout": 600, "body_size": "256m"}
GRPC: dict[str, Any] = {"name": "models-grpc", "host": "grpc.ml-api.example.com", "protocol": "grpc"}
FILES = {"source": "files", "certificate": "/etc/ssl/models.crt", "key": "/etc/ssl/models.key"}
TOPOLOGIES: dict[str, dict[str, Any]] = {
    "central": {"ingress_routes": [OWN, {**GRPC, "tls": {"source": "private_ca"}}]},
    "single": {
        "ingress_address": "2001:db8::200",
        "ingress_routes": [{**OWN, "tls": FILES}, {**GRPC, "tls": {"source": "issuer", "issuer": "lan"}}],
    },
    "namespaced": {
        "ingress_replicas": 1,
        "ingress_routes": [
            {"name": f"models-{team}", "host": f"{team}.ml-api.example.com", "namespace": team}
            for team in ("team-a", "team-b")
        ],
    },
}
INVENTORIES = ("homelab", "ha")
SHOWN: dict[str, dict[str, str]] = {
    "nginx": {"values of the chart": "__ingress_nginx_values", "objects of routes": "__ingress_objects"},
    "traefik": {"the bundled chart": "__ingress_traefik_config", "objects of routes": "__ingress_objects"},
}
# Headers that no caller may send through the edge.
RESERVED = {"Seldon-Logging": "", "Seldon-Internal-Model": ""}
CASES = [f"{kind}-{controller}" for kind in (*TOPOLOGIES, *INVENTORIES) for controller in CONTROLLERS]


# What each host hands over, under a line that says what it is.
CONTENT = "".join(
    f"{{% if ingress_controller == '{controller}' %}}# {title}\n"
    f"{{{{ {name} | to_nice_yaml(indent=2, sort_keys=false) }}}}{{% endif %}}"
    for controller, titles in SHOWN.items()
    for title, name in titles.items()
)


def hosts(name: str) -> dict[str, dict[str, Any]]:
    """Return a host for each controller, with what a topology has, or nothing of its own."""
    address = {"ingress_address": "192.0.2.200", "seldon_topology": name}
    given = {**address, **TOPOLOGIES[name]} if name in TOPOLOGIES else {}
    return {f"{name}-{controller}": {**given, "ingress_controller": controller} for controller in CONTROLLERS}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("rendered")
    topologies = {host: values for name in TOPOLOGIES for host, values in hosts(name).items()}
    places = [shown(folder / "topologies", "ingress", CONTENT, topologies)]
    places += [shown(folder / name, "ingress", CONTENT, hosts(name), inventory=name) for name in INVENTORIES]
    return {path.name: path.read_text(encoding="utf-8") for place in places for path in place.iterdir()}


@pytest.mark.parametrize("name", CASES)
def test_cluster_is_told_what_is_expected(name: str, rendered: dict[str, str]) -> None:
    text = rendered[name]
    golden.hold(text, GOLDEN / f"{name}.txt")


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("-nginx")])
def test_chart_is_told_numbers_and_switches_as_such(name: str, rendered: dict[str, str]) -> None:
    text = rendered[name].partition("# objects of routes")[0]
    controller = yaml.safe_load(text)["controller"]
    assert isinstance(controller["replicaCount"], int)
    assert controller["allowSnippetAnnotations"] is False
    assert controller["enableAnnotationValidations"] is True
    # As text, since a ConfigMap takes nothing else.
    assert controller["config"]["hsts"] == "false"
    assert controller["proxySetHeaders"] == RESERVED
    for image in (controller["image"], controller["admissionWebhooks"]["patch"]["image"]):
        assert image["digest"].startswith("sha256:")


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("-traefik")])
def test_bundled_chart_is_told_in_yaml(name: str, rendered: dict[str, str]) -> None:
    text = rendered[name].partition("# objects of routes")[0]
    values = yaml.safe_load(yaml.safe_load(text)["spec"]["valuesContent"])
    (middleware,) = values["extraObjects"]
    named = f"{middleware['metadata']['namespace']}-{middleware['metadata']['name']}@kubernetescrd"
    assert [values["ports"][entry]["http"]["middlewares"] for entry in ("web", "websecure")] == [[named], [named]]
    assert middleware["spec"] == {"headers": {"customRequestHeaders": RESERVED}}
    assert isinstance(values["deployment"]["replicas"], int)


def test_files_are_those_of_the_cases() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == sorted(CASES)
