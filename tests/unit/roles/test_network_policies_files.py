# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role network_policies hands to the API, in full, for every topology, both controllers and each inventory.

With UPDATE_GOLDEN=1 in the environment, a run writes the expected files anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from plugins.module_utils._core.network_policies import LABELS
from tests import golden
from tests.staged_role import shown
from tests.support import ROOT

ROLE = ROOT / "roles" / "network_policies"
GOLDEN = Path(__file__).parent / "golden" / "network_policies"
TOPOLOGIES = ("central", "namespaced", "single")
INVENTORIES = ("homelab", "ha")
PINNED = re.match(
    r"v(\d+\.\d+)", yaml.safe_load((ROOT / "meta/pins.yml").read_text(encoding="utf-8"))["k3s"]["version"]
)
GIVEN: dict[str, Any] = {
    "serving_namespaces": [{"name": "team-a"}, {"name": "team-b"}],
    "network_policies_api_servers": ["192.0.2.11"],
    "network_policies_storage": [{"namespace": "minio", "labels": {"app": "minio"}, "ports": [{"port": 9000}]}],
    "network_policies_components": ["hodometer", "pipelinegateway"],
    "network_policies_extra_flows": [
        {
            "name": "lan",
            "from": {"cidrs": ["192.0.2.0/24", "2001:db8::/64"]},
            "to": {"namespace": "team-a"},
            "ports": [{"port": 8000, "end_port": 8010, "protocol": "UDP"}],
        }
    ],
}
# What the cluster of an inventory says of its API.
FOUND = {
    "resources": [{"subsets": [{"addresses": [{"ip": "192.0.2.11"}], "ports": [{"name": "https", "port": 6443}]}]}]
}


CONTENT = "{{ __network_policies_wanted.documents | to_yaml(sort_keys=false) }}"


def hosts() -> dict[str, dict[str, Any]]:
    """Return a host for each case without an inventory of ours."""
    found = {name: {**GIVEN, "seldon_topology": name} for name in TOPOLOGIES}
    return found | {"traefik": {**GIVEN, "ingress_controller": "traefik", "network_policies_control_plane_tls": True}}


CASES = (*hosts(), *INVENTORIES)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("rendered")
    places = [shown(folder / "topologies", "network_policies", CONTENT, hosts())]
    for name in INVENTORIES:
        host = {name: {"__network_policies_found_api": FOUND}}
        places.append(shown(folder / name, "network_policies", CONTENT, host, inventory=name))
    return {path.name: path.read_text(encoding="utf-8") for place in places for path in place.iterdir()}


@pytest.mark.parametrize("name", CASES)
def test_cluster_gets_what_is_expected(name: str, rendered: dict[str, str]) -> None:
    text = rendered[name]
    golden.hold(text, GOLDEN / f"{name}.txt")


@pytest.mark.parametrize("name", CASES)
def test_objects_are_those_of_the_pinned_kubernetes(name: str, rendered: dict[str, str]) -> None:
    assert PINNED is not None
    documents = yaml.safe_load(rendered[name])
    assert {each["kind"] for each in documents} == {"Namespace", "NetworkPolicy"}
    for each in documents:
        assert kubernetes_validate.validate(each, PINNED[1], strict=True) == PINNED[1]


def test_files_are_those_of_the_cases() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == sorted(CASES)


def test_selectors_of_the_removal_are_the_labels_of_the_policies() -> None:
    said = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__network_policies_selectors"]
    assert said == [f"{key}={value}" for key, value in LABELS.items()]
