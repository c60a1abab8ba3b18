# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of NetworkPolicies that are wrong are told of together, each with what to set."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from plugins.module_utils._core.policy_flows import Peer, Port
from plugins.module_utils._core.policy_settings import DEFAULTS, PREFIX, read
from tests.support import ROOT
from tools.policy_matrix import OPTIONS

A = {"namespace": "team-a"}
LAN = {"cidrs": ["192.0.2.0/24"]}
SQL = [{"port": 5432}]


def storage(**more: Any) -> dict[str, Any]:
    return {"storage": [{"cidrs": ["198.51.100.0/24"], "ports": [{"port": 443}], **more}]}


def extra(**more: Any) -> dict[str, Any]:
    return {"extra_flows": [{"name": "sql", "from": A, "to": LAN, "ports": SQL, **more}]}


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "an unknown topology": (
        {"topology": "centrl"},
        [
            "network_policies_topology has 'centrl'. Set one of central, namespaced, single; did you mean central?",
        ],
    ),
    "an unknown ingress controller": (
        {"ingress_controller": "apache"},
        ["network_policies_ingress_controller has 'apache'. Set one of nginx, traefik, none."],
    ),
    "an unknown component": (
        {"components": ["kafka"]},
        [
            "network_policies_components has 'kafka'. Set one of hodometer, modelgateway, pipelinegateway, dataflow.",
        ],
    ),
    "no namespaces": (
        {"namespaces": []},
        [
            "network_policies_namespaces is empty. Set serving_namespaces to the namespaces of the teams, such as "
            "[{name: team-a}]."
        ],
    ),
    "a namespace twice": (
        {"namespaces": [{"name": "team-a"}, {"name": "team-a"}]},
        ["network_policies_namespaces has 'team-a' 2 times. Name each namespace once."],
    ),
    "no name of a namespace": (
        {"namespaces": [{"name": "Team_A"}]},
        [
            "network_policies_namespaces has 'Team_A', which is no name of a namespace. Set one of small letters, "
            "digits and hyphens."
        ],
    ),
    "a namespace without name": (
        {"namespaces": [{}]},
        [
            "network_policies_namespaces has '', which is no name of a namespace. Set one of small letters, digits and "
            "hyphens."
        ],
    ),
    "a namespace with a name that is too long": (
        {"seldon_namespace": "a" * 64},
        [
            f"network_policies_seldon_namespace has '{'a' * 64}', which is no name of a namespace. Set one of small "
            "letters, digits and hyphens."
        ],
    ),
    "Seldon's namespace among the teams'": (
        {"namespaces": [{"name": "seldon-system"}]},
        [
            "'seldon-system' is in network_policies_namespaces, and it is network_policies_seldon_namespace. Give "
            "models namespaces of their own."
        ],
    ),
    "the cluster's own namespace": (
        {"namespaces": [{"name": "kube-system"}]},
        ["network_policies_namespaces has 'kube-system', which belongs to the cluster itself. Set another namespace."],
    ),
    "the ingress controller's namespace": (
        {"namespaces": [{"name": "ingress-nginx"}]},
        ["network_policies_namespaces has 'ingress-nginx', which holds the ingress controller. Set another namespace."],
    ),
    "the scraper's namespace": (
        {"seldon_namespace": "monitoring"},
        [
            "network_policies_seldon_namespace has 'monitoring', which holds what scrapes metrics. Set another "
            "namespace."
        ],
    ),
    "another ingress namespace that clashes": (
        {"ingress_namespace": "team-b"},
        ["network_policies_namespaces has 'team-b', which holds the ingress controller. Set another namespace."],
    ),
    "no block for storage": (
        storage(cidrs=["198.51.100.1"]),
        ["network_policies_storage[0] has '198.51.100.1', which is no CIDR block. Write it as 198.51.100.0/24."],
    ),
    "a block with bits behind its prefix": (
        storage(cidrs=["198.51.100.1/24"]),
        [
            "network_policies_storage[0] has '198.51.100.1/24', which is no CIDR block (198.51.100.1/24 has host bits "
            "set). Write it as 198.51.100.0/24."
        ],
    ),
    "a name where a block belongs": (
        storage(cidrs=["minio.example.com"]),
        ["network_policies_storage[0] has 'minio.example.com', which is no CIDR block. Write it as 198.51.100.0/24."],
    ),
    "storage without a place": (
        storage(cidrs=[]),
        ["network_policies_storage[0] has neither namespace nor cidrs. Set one."],
    ),
    "storage with two places": (
        storage(namespace="minio"),
        ["network_policies_storage[0] has both namespace and cidrs. Set one."],
    ),
    "labels without a namespace": (
        storage(labels={"app": "minio"}),
        [
            "network_policies_storage[0] has labels, and no namespace whose pods would have them. Set its namespace.",
        ],
    ),
    "labels that are none": (
        {"monitoring_labels": "prometheus"},
        ["network_policies_monitoring_labels has labels 'prometheus'. Set them as {key: value}."],
    ),
    "no ports": (
        storage(ports=[]),
        ["network_policies_storage[0] has no ports. Set them, such as [{port: 443}]."],
    ),
    "port 0": (
        storage(ports=[{"port": 0}]),
        ["network_policies_storage[0] has port '0'. Set a number from 1 to 65535."],
    ),
    "a port that is too large": (
        storage(ports=[{"port": 65536}]),
        ["network_policies_storage[0] has port '65536'. Set a number from 1 to 65535."],
    ),
    "a port that is a name": (
        {"api_port": "https"},
        ["network_policies_api_port has port 'https'. Set a number from 1 to 65535."],
    ),
    "a range that runs backwards": (
        storage(ports=[{"port": 90, "end_port": 80}]),
        ["network_policies_storage[0] has ports 90 to 80, which run backwards. Swap them."],
    ),
    "a protocol that there is not": (
        storage(ports=[{"port": 80, "protocol": "udp"}]),
        ["network_policies_storage[0] protocol has 'udp'. Set one of TCP, UDP, SCTP."],
    ),
    "an address of the API that is none": (
        {"api_servers": ["192.0.2.300"]},
        ["network_policies_api_servers has '192.0.2.300', which is no CIDR block. Write it as 198.51.100.0/24."],
    ),
    "an extra flow between others": (
        extra(**{"from": {"namespace": "web"}}),
        [
            "network_policies_extra_flows 'sql' touches none of the closed namespaces team-a, team-b, seldon-system. "
            "Set one of them."
        ],
    ),
    "an extra flow without name": (
        extra(name=""),
        ["network_policies_extra_flows '' has no name of small letters, digits and hyphens. Set its name."],
    ),
    "two extra flows of one name": (
        {"extra_flows": [*extra()["extra_flows"], *extra()["extra_flows"]]},
        ["network_policies_extra_flows has 'sql' 2 times. Give each flow its own name."],
    ),
    "an extra flow to a namespace that is none": (
        extra(to={"namespace": "Web"}),
        ["network_policies_extra_flows 'sql' to has namespace 'Web', which is no name of a namespace."],
    ),
}


@pytest.mark.parametrize(("options", "problems"), CASES.values(), ids=CASES.keys())
def test_case(options: dict[str, Any], problems: list[str]) -> None:
    assert read({**OPTIONS, **options})[1] == problems


def test_everything_wrong_is_told_at_once() -> None:
    options = {
        **storage(cidrs=["x"], ports=[{"port": 0}]),
        "topology": "star",
        "namespaces": [{"name": "kube-system"}],
        "api_servers": ["y/8"],
        "extra_flows": [{}],
    }
    problems = read({**OPTIONS, **options})[1]
    words = ("'star'", "'kube-system'", "'x'", "'0'", "'y/8'", "no name", "from has neither", "to has neither")
    assert [word for word in words if not any(word in problem for problem in problems)] == []


def test_defaults_are_the_roles() -> None:
    specs = yaml.safe_load((ROOT / "roles/network_policies/meta/argument_specs.yml").read_text(encoding="utf-8"))
    options = specs["argument_specs"]["main"]["options"]
    declared = {name[len(PREFIX) :]: option["default"] for name, option in options.items()}
    assert {name: declared[name] for name in DEFAULTS} == DEFAULTS
    # What is no matter of the policies themselves.
    assert set(declared) - set(DEFAULTS) == {"state", "wanted", "force"}


def test_the_largest_port_is_one() -> None:
    assert read({**OPTIONS, **storage(ports=[{"port": 65535}])})[1] == []


def test_addresses_become_blocks() -> None:
    settings, problems = read({**OPTIONS, "api_servers": ["192.0.2.11", "2001:db8::1", "198.51.100.0/24"]})
    assert problems == []
    assert settings.api == Peer("api", blocks=("192.0.2.11/32", "2001:db8::1/128", "198.51.100.0/24"))


def test_ports_may_be_written_as_numbers_alone() -> None:
    settings, problems = read({**OPTIONS, **storage(ports=[9000, "443"])})
    assert problems == []
    assert settings.storage[0][1] == (Port(9000), Port(443))
