# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies as they are handed to the API, and what the options make of them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest

from plugins.module_utils._core.network_policies import LABELS, foreign, in_order, manifests, stale
from plugins.module_utils._core.policy_evaluator import Pod
from plugins.module_utils._core.policy_flows import COMPONENTS, TOPOLOGIES
from plugins.module_utils._core.policy_settings import read
from tools.policy_matrix import OPTIONS, PORTS, sample

CLOSED = ("seldon-system/", "team-a/", "team-b/")


def settings_of(**options: Any) -> Any:
    settings, problems = read({**OPTIONS, **options})
    assert problems == []
    return settings


# Options


def test_control_plane_with_tls_has_other_ports() -> None:
    shown = sample("central", control_plane_tls=True)
    assert shown.open_ports("seldon-system/operator", "seldon-system/scheduler") == [(9044, "TCP")]
    assert shown.open_ports("team-a/server", "seldon-system/scheduler") == [(9055, "TCP")]


def test_without_an_ingress_controller_and_a_scraper_nobody_enters() -> None:
    shown = sample("central", ingress_controller="none", monitoring_namespace="")
    for source in ("ingress-nginx/ingress", "monitoring/prometheus", "default/other", "elsewhere"):
        assert [shown.open_ports(source, name) for name in shown.parties if name.startswith(CLOSED)] == [[]] * 6


def test_traefik_is_let_in_from_its_own_namespace() -> None:
    shown = sample("central", ingress_controller="traefik")
    traefik = Pod("traefik", "kube-system", {"app.kubernetes.io/name": "traefik"})
    envoy = shown.parties["seldon-system/envoy"]
    assert shown.policies.allow(traefik, envoy, 9000)
    assert not shown.policies.allow(dataclasses.replace(traefik, labels={}), envoy, 9000)
    assert shown.open_ports("ingress-nginx/ingress", "seldon-system/envoy") == []


EXTRA = {
    "name": "notebooks",
    "from": {"namespace": "team-a", "labels": {"app": "notebook"}},
    "to": {"namespace": "seldon-system", "labels": {"app.kubernetes.io/name": "seldon-envoy"}},
    "ports": [{"port": 9000}],
}


def test_extra_flow_opens_both_ends_and_nothing_else() -> None:
    plain, shown = sample("central"), sample("central", extra_flows=[EXTRA])
    changed = {
        (source, target): set(shown.open_ports(source, target)) - set(plain.open_ports(source, target))
        for source, target in itertools.product(plain.parties, repeat=2)
    }
    assert {cell: ports for cell, ports in changed.items() if ports} == {
        ("team-a/other", "seldon-system/envoy"): {(9000, "TCP")}
    }


def test_extra_flow_from_addresses_with_a_range_and_another_protocol() -> None:
    flow = {
        "name": "lan",
        "from": {"cidrs": ["192.0.2.200/32"]},
        "to": {"namespace": "team-a"},
        "ports": [{"port": 8000, "end_port": 9000, "protocol": "UDP"}],
    }
    shown = sample("central", extra_flows=[flow])
    expected = [(port, "UDP") for port in PORTS if 8000 <= port <= 9000]
    assert shown.open_ports("elsewhere", "team-a/server") == expected
    assert shown.open_ports("API", "team-a/server") == []


def test_storage_may_be_pods() -> None:
    storage = [{"namespace": "default", "labels": {"app": "notebook"}, "ports": [{"port": 9000}]}]
    shown = sample("central", storage=storage)
    assert shown.open_ports("team-a/server", "default/other") == [(9000, "TCP")]
    assert shown.open_ports("team-a/server", "storage") == []
    assert shown.open_ports("seldon-system/envoy", "default/other") == []


def part(name: str, namespace: str = "seldon-system") -> Pod:
    return Pod(name, namespace, {"app.kubernetes.io/name": name}, "10.42.9.1")


def test_optional_components_have_their_flows() -> None:
    shown = sample("central", components=list(COMPONENTS))
    scheduler, envoy = shown.parties["seldon-system/scheduler"], shown.parties["seldon-system/envoy"]
    others = [*shown.parties.values(), *map(part, PARTS)]

    def reach(pod: Pod) -> dict[str, list[int]]:
        found = {each.name: [port for port in EVERY if shown.policies.allow(pod, each, port)] for each in others}
        return {name: ports for name, ports in found.items() if ports and name not in ("kube-system/dns", pod.name)}

    to_both = {scheduler.name: [9004], envoy.name: [9000]}
    assert {name: reach(part(name)) for name in PARTS} == {
        "hodometer": {scheduler.name: [9004], "API": [80, 6443], "storage": [80], "elsewhere": [80]}
        | {name: [80] for name in ("ingress-nginx/ingress", "monitoring/prometheus", "default/other")},
        "seldon-modelgateway": to_both,
        "seldon-pipelinegateway": to_both,
        "seldon-dataflow-engine": {scheduler.name: [9008]},
    }
    gateway = part("seldon-pipelinegateway")
    assert [port for port in EVERY if shown.policies.allow(envoy, gateway, port)] == [9010, 9011]
    assert [port for port in EVERY if shown.policies.allow(shown.parties["monitoring/prometheus"], gateway, port)] == [
        9006
    ]


PARTS = ("hodometer", "seldon-modelgateway", "seldon-pipelinegateway", "seldon-dataflow-engine")
EVERY = sorted({*PORTS, 9010, 9011})


# What the API gets


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_policies_are_ones_that_the_api_gives_back_as_they_came(topology: str) -> None:
    for each in manifests(settings_of(topology=topology, extra_flows=[EXTRA])):
        assert each["metadata"]["labels"] == LABELS
        assert each["spec"]["policyTypes"] == ["Ingress", "Egress"]
        rules = [*each["spec"].get("ingress", [{"ports": [1]}]), *each["spec"].get("egress", [{"ports": [1]}])]
        assert rules, "an empty list is dropped by the API"
        assert all(all(rule.values()) for rule in rules)
        ports = [port for rule in rules for port in rule["ports"] if port != 1]
        assert all(port["protocol"] for port in ports), "a protocol that is left out is TCP alone"


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_no_policy_is_there_twice(topology: str) -> None:
    both = {**EXTRA, "to": {"namespace": "team-a"}}
    places = [
        tuple(each["metadata"][key] for key in ("namespace", "name"))
        for each in manifests(settings_of(topology=topology, extra_flows=[both]))
    ]
    assert len(places) == len(set(places))


def test_every_namespace_denies_first() -> None:
    first = [each for each in manifests(settings_of()) if each["metadata"]["name"] == "serving-default-deny"]
    assert [each["metadata"]["namespace"] for each in first] == ["seldon-system", "team-a", "team-b"]
    assert all(each["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} for each in first)


def found(name: str, namespace: str = "team-a", labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "labels": LABELS if labels is None else labels}}


def test_stale_are_ours_that_nobody_wants() -> None:
    there = [
        found("serving-dns"),
        found("serving-dns", "team-z"),
        found("serving-old"),
        found("theirs", labels={}),
        {"metadata": {"name": "bare", "namespace": "team-a"}},
        found("half", labels={"app.kubernetes.io/managed-by": "modelops.serving"}),
    ]
    assert [tuple(each["metadata"].values()) for each in stale(manifests(settings_of()), there)] == [
        ("team-a", "serving-old"),
        ("team-z", "serving-dns"),
    ]


def test_foreign_policy_with_a_name_of_ours_is_not_taken_over() -> None:
    there = [found("serving-dns", labels={"app.kubernetes.io/managed-by": "Helm"}), found("serving-dns", "team-b")]
    assert list(foreign(manifests(settings_of()), there)) == [
        "Namespace team-a has a NetworkPolicy serving-dns that is not this role's. Give it another name, or label "
        "it app.kubernetes.io/managed-by=modelops.serving app.kubernetes.io/component=network-policies to have it "
        "replaced."
    ]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_what_chooses_every_pod_comes_after_what_lets_its_parties_through(topology: str) -> None:
    made = in_order(manifests(settings_of(topology=topology)))
    is_wide = [not each["spec"]["podSelector"] for each in made]
    assert is_wide == sorted(is_wide)
    denies = [each["metadata"]["name"] == "serving-default-deny" for each in made]
    assert denies == sorted(denies)
