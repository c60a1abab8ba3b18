# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a cluster: nothing of a healthy one, and of each fault that it is where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils._core.cluster_view import KINDS, ClusterView
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.smoke import Check, Result, examine
from plugins.module_utils._core.smoke_cluster import cluster_checks
from plugins.module_utils._core.smoke_cluster_edge import edge_checks, one_answers
from plugins.module_utils._core.smoke_platform import Platform
from tests.sample_smoke_cluster import EXPERIMENT, NOW, Cluster, Key, Names, Thing, healthy, thing
from tests.sample_smoke_faults import FAULTS, Fault

NAMES = Names()


def view(things: Mapping[Key, Thing], **more: Any) -> ClusterView:
    objects: dict[str, list[Thing]] = {kind: [] for kind in KINDS}
    for (kind, _namespace, _name), each in things.items():
        objects[kind].append(each)
    return ClusterView(**{"objects": objects, "now": NOW, "version": "v1.36.4+k3s1", **more})


def checks(seen: ClusterView, platform: Platform) -> list[Check]:
    return [*cluster_checks(seen, platform), *edge_checks(seen, platform)]


def judged(seen: ClusterView, platform: Platform | None = None) -> dict[str, Result]:
    found = examine(checks(seen, platform or NAMES.platform()), (), lambda: 0.0)
    return {f"{each.id} {each.target}".strip(): each for each in found}


def broken(found: Mapping[str, Result]) -> dict[str, Result]:
    return {name: each for name, each in found.items() if each.status in ("fail", "warn", "error")}


def spoken(text: str) -> str:
    """Put the namespaces into a text that names parts."""
    first, second = NAMES.teams
    parts = {"{seldon}": NAMES.seldon, "{metallb}": NAMES.metallb, "{first}": first, "{second}": second}
    for part, name in parts.items():
        text = text.replace(part, name)
    return text


def test_nothing_is_said_of_a_healthy_cluster() -> None:
    found = judged(view(healthy()))
    assert broken(found) == {}
    assert {each.status for each in found.values()} == {"pass"}
    assert {each.hop for each in found.values()} == {
        "address",
        "cluster",
        "envoy",
        "mesh",
        "mlserver",
        "nginx",
        "scheduler",
    }


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_found_where_it_is(fault: Fault) -> None:
    cluster = Cluster(healthy(), NAMES)
    fault.make(cluster)
    found = judged(view(cluster.things))
    bad = broken(found)
    assert list(bad) == [spoken(fault.check)]
    [result] = bad.values()
    assert (result.hop, result.status) == (fault.hop, fault.status)
    assert spoken(fault.words) in result.observed
    # What is skipped for its sake names it.
    assert {each.root for each in found.values() if each.root} <= {result.key}


UNREAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "the API does not answer": ({"objects": {}, "problem": "no route to host"}, "cluster.api", "no route to host"),
    "a kind may not be read": (
        {"denied": {"pods": 'User "guest" cannot list resource "pods"'}},
        "cluster.rights",
        'may not list pods: User "guest" cannot list resource "pods"',
    ),
    "Seldon's kinds are not there": (
        {"missing": frozenset({"models", "servers", "experiments"})},
        "cluster.kinds",
        "not served: experiments, models, servers",
    ),
}


@pytest.mark.parametrize(("more", "check", "words"), UNREAD.values(), ids=UNREAD.keys())
def test_what_cannot_be_read_is_said_once(more: dict[str, Any], check: str, words: str) -> None:
    found = judged(view(healthy(), **more))
    assert {name: each.observed for name, each in broken(found).items()} == {check: words}
    assert {each.root for each in found.values() if each.status == "skip"} == {(check, "")}


def test_the_other_way_to_an_address_is_no_fault() -> None:
    seen = view(healthy(), missing=frozenset({"ipaddresspools", "l2advertisements", "servicel2statuses"}))
    found = judged(seen)
    assert broken(found) == {}
    assert "no MetalLB" in found["address.workload"].reason
    assert "which node announces" in found["address.announced"].reason


def test_nothing_is_asked_of_an_edge_that_is_somebody_elses() -> None:
    things = {key: each for key, each in healthy().items() if key[1] not in (NAMES.ingress, NAMES.metallb)}
    seen = view(things, missing=frozenset({"ipaddresspools", "l2advertisements", "servicel2statuses"}))
    found = judged(seen, NAMES.platform(controller="none", ingress=("", "")))
    assert broken(found) == {}
    assert [name for name, each in found.items() if "somebody else's" in each.reason] == [
        "nginx.workload",
        "nginx.ingress ml-api.example.com",
        "nginx.ingress grpc.ml-api.example.com",
        "address.workload",
        "address.service",
        "address.announced",
    ]


@pytest.mark.parametrize(
    ("spec", "passes"),
    [
        ({}, True),
        ({"ipAddressPools": ["lan"]}, True),
        ({"ipAddressPools": ["other"]}, False),
        ({"ipAddressPoolSelectors": [{"matchLabels": {"zone": "home"}}]}, True),
        ({"ipAddressPoolSelectors": [{"matchLabels": {"zone": "far"}}]}, False),
    ],
    ids=["all pools", "by name", "another name", "by labels", "other labels"],
)
def test_a_pool_is_advertised_as_metallb_reads_it(spec: Thing, passes: bool) -> None:
    things = healthy()
    things["ipaddresspools", NAMES.metallb, "lan"]["metadata"]["labels"] = {"zone": "home"}
    things["l2advertisements", NAMES.metallb, "all"]["spec"] = spec
    assert (judged(view(things))["address.service"].status == "pass") is passes


def test_an_address_announced_by_bgp_has_no_node() -> None:
    things = healthy()
    advertisement = things.pop(("l2advertisements", NAMES.metallb, "all"))
    del things["servicel2statuses", NAMES.metallb, "l2-abcde"]
    things["bgpadvertisements", NAMES.metallb, "all"] = advertisement
    found = judged(view(things))
    assert broken(found) == {}
    assert found["address.announced"].reason == "the address is announced by BGP alone"


def test_who_else_has_an_address_is_told_unless_it_was_asked_for() -> None:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    key, other = thing("services", "shop", "front", spec, status={"loadBalancer": {"ingress": [{"ip": "192.0.2.205"}]}})
    things = {**healthy(), key: other}
    assert judged(view(things))["address.exposed_services"].status == "warn"
    assert judged(view(things), NAMES.platform(exposed=("shop/front",)))["address.exposed_services"].status == "pass"


def test_external_addresses_of_a_team_are_exposure_as_well() -> None:
    things = healthy()
    spec = {"type": "ClusterIP", "externalIPs": ["192.0.2.206"], "ports": [{"port": 80}]}
    things.update([thing("services", NAMES.teams[0], "open", spec)])
    result = judged(view(things))["address.exposed_services"]
    assert (result.status, result.hop) == ("fail", "address")
    assert "192.0.2.206" in result.observed


def test_order_of_candidates_warns() -> None:
    platform = NAMES.platform()
    [experiment] = platform.experiments
    turned = replace(experiment, candidates=tuple(reversed(experiment.candidates)))
    found = broken(judged(view(healthy()), replace(platform, experiments=(turned,))))
    assert {name: each.status for name, each in found.items()} == {f"scheduler.order {EXPERIMENT}": "warn"}


def test_a_refusal_of_before_says_nothing_of_today() -> None:
    things = healthy()
    said = things["experiments", NAMES.teams[0], EXPERIMENT]["status"]["conditions"]
    said.append({"type": "ModelReady", "status": "False", "lastTransitionTime": "2025-12-30T00:00:00Z"})
    assert broken(judged(view(things))) == {}


def test_each_namespace_has_a_scheduler_of_its_own_when_it_is_said_so() -> None:
    platform = NAMES.platform(topology="namespaced", mesh_namespace=NAMES.teams[0])
    found = broken(judged(view(healthy()), platform))
    assert [name for name in found if name.startswith("scheduler.workload")] == [
        f"scheduler.workload {each}" for each in NAMES.teams
    ]
    # What the names lead to is not judged while nothing stands behind them.
    assert not [name for name in found if name.startswith(("mesh.service", "scheduler.service"))]


def test_traefik_has_routes_of_its_own() -> None:
    things = healthy()
    rule = {
        "kind": "Rule",
        "match": "Host(`ml-api.example.com`) && PathPrefix(`/v2`)",
        "services": [{"kind": "Service", "name": "seldon-mesh", "port": 80, "scheme": "http"}],
    }
    grpc = {**rule, "match": "Host(`grpc.ml-api.example.com`)"}
    for name, each in (("models", rule), ("models-grpc", grpc)):
        things.update([thing("ingressroutes", NAMES.seldon, name, {"routes": [each]})])
    found = judged(view(things), NAMES.platform(controller="traefik"))
    assert found["nginx.ingress ml-api.example.com"].status == "pass"
    assert "does not speak h2c" in found["nginx.ingress grpc.ml-api.example.com"].observed


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (["02:00:00:00:00:01"], "pass", "02:00:00:00:00:01 answers"),
        (["02:00:00:00:00:01", "02:00:00:00:00:02"], "warn", "02:00:00:00:00:01, 02:00:00:00:00:02 answers"),
        ([], "warn", "nobody answers"),
        (ServingError("not on a network of this host"), "skip", ""),
    ],
    ids=["one", "two", "nobody", "cannot be asked"],
)
def test_who_answers_for_the_address(found: list[str] | ServingError, status: str, words: str) -> None:
    def answering(_address: str) -> list[str]:
        if isinstance(found, ServingError):
            raise found
        return found

    [result] = examine([one_answers("192.0.2.200", answering)], (), lambda: 0.0)
    assert (result.status, result.observed) == (status, words)


def test_needs_are_asked_earlier_and_each_check_once() -> None:
    planned = checks(view(healthy()), NAMES.platform())
    keys = [each.key for each in planned]
    assert len(keys) == len(set(keys))
    for index, each in enumerate(planned):
        assert set(each.needs) <= set(keys[:index]), each.key
