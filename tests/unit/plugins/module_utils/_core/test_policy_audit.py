# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit says who would be cut off, in few words, and forgets nobody."""

from __future__ import annotations

from typing import Any

from plugins.filter.network_policies_audit import network_policies_audit
from plugins.module_utils._core.network_policies import manifests
from plugins.module_utils._core.policy_settings import read
from tools.policy_matrix import OPTIONS

SERVER = {"app.kubernetes.io/name": "seldon-server"}
NAMES = ("team-a", "seldon-system", "web", "kube-system")
NAMESPACES = [{"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}} for name in NAMES]
ONE_TEAM = {**OPTIONS, "namespaces": [{"name": "team-a"}]}


def pod(name: str, namespace: str, *ports: int, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    declared = [{"containerPort": port} for port in ports]
    status = {"podIP": f"10.42.1.{len(name)}", "hostIP": "192.0.2.21", "phase": "Running", **more.pop("status", {})}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels, **more.pop("metadata", {})},
        "spec": {"containers": [{"name": "main", "ports": declared}, {"name": "bare"}], **more},
        "status": status,
    }


def owned(kind: str, name: str, **labels: str) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "name": name}], "labels": labels}


PODS = [
    pod("mlserver-0", "team-a", 9000, 9001, labels=SERVER, metadata=owned("StatefulSet", "mlserver", **SERVER)),
    pod("web-6f7-1", "web", 80, metadata=owned("ReplicaSet", "web-6f7", **{"pod-template-hash": "6f7"})),
    pod("web-6f7-2", "web", 80, metadata=owned("ReplicaSet", "web-6f7", **{"pod-template-hash": "6f7"})),
    pod("done", "team-a", 1, status={"phase": "Succeeded"}),
    pod("agent", "web", 9100, hostNetwork=True, metadata=owned("DaemonSet", "agent")),
    pod("dns", "kube-system", labels={"k8s-app": "kube-dns"}),
]


def audited(policies: list[dict[str, Any]], **options: Any) -> dict[str, list[str]]:
    return network_policies_audit({**ONE_TEAM, **options}, namespaces=NAMESPACES, pods=PODS, policies=policies)


def ours(**options: Any) -> list[dict[str, Any]]:
    return manifests(read({**ONE_TEAM, **options})[0])


def test_what_is_open_today_would_be_blocked() -> None:
    assert audited([])["blocked"] == [
        "team-a/mlserver 8082/TCP, 9000/TCP, 9001/TCP, 9006/TCP, 9501/TCP is no longer reached by web/web, web/agent, "
        "kube-system/dns and any other address.",
        "web/web 80/TCP is no longer reached by team-a/mlserver.",
        "any other address 80/TCP, 443/TCP, 53/UDP is no longer reached by team-a/mlserver.",
    ]


def test_what_stays_is_said() -> None:
    said = audited([])
    assert said["open"] == [
        "the API server at 192.0.2.11/32 6443/TCP may be reached by team-a/mlserver.",
        "storage at 198.51.100.0/24 443/TCP may be reached by team-a/mlserver.",
    ]
    assert said["opened"] == []


def test_once_the_policies_are_there_nothing_would_be_blocked() -> None:
    said = audited(ours())
    assert (said["blocked"], said["opened"]) == ([], [])


def test_policies_of_ours_that_would_go_open_something() -> None:
    flow = {"name": "out", "from": {"namespace": "team-a"}, "to": {"namespace": "web"}, "ports": [{"port": 80}]}
    before = ours()
    said = audited(before, extra_flows=[flow])
    assert said["opened"] == ["web/web 80/TCP is reached by team-a/mlserver."]
    after = audited(ours(extra_flows=[flow]))
    assert after["blocked"] == ["web/web 80/TCP is no longer reached by team-a/mlserver."]


def test_a_namespace_that_is_given_up_is_opened() -> None:
    others = [{"name": "team-b"}]
    said = audited(ours(), namespaces=others)
    assert (
        "team-a/mlserver 9000/TCP, 9001/TCP is reached by web/web, web/agent, kube-system/dns and any other address."
        in (said["opened"])
    )


def test_policies_of_others_stay() -> None:
    deny = {"metadata": {"name": "theirs", "namespace": "web"}, "spec": {"podSelector": {}}}
    assert "web/web 80/TCP is no longer reached by team-a/mlserver." not in audited([deny])["blocked"]
    flow = {"name": "out", "from": {"namespace": "team-a"}, "to": {"namespace": "web"}, "ports": [{"port": 80}]}
    assert audited([deny, *ours()], extra_flows=[flow])["opened"] == [], "theirs still denies"


def test_a_namespace_that_is_not_there_yet_is_known_by_its_name() -> None:
    there = [each for each in NAMESPACES if each["metadata"]["name"] != "seldon-system"]
    envoy = pod("envoy", "seldon-system", 9000, labels={"app.kubernetes.io/name": "seldon-envoy"})
    said = network_policies_audit(ONE_TEAM, namespaces=there, pods=[PODS[0], envoy], policies=[])
    assert "team-a/mlserver 9001/TCP, 9501/TCP may be reached by seldon-system/envoy." in said["open"]


def test_names_of_ports_and_addresses_of_pods_count() -> None:
    web = pod("web-6f7-1", "web", 80, metadata=owned("ReplicaSet", "web-6f7"))
    web["spec"]["containers"][0]["ports"][0]["name"] = "http"
    rule = {"from": [{"ipBlock": {"cidr": f"{PODS[0]['status']['podIP']}/32"}}], "ports": [{"port": "http"}]}
    theirs = {"metadata": {"name": "theirs", "namespace": "web"}, "spec": {"podSelector": {}, "ingress": [rule]}}
    said = network_policies_audit(ONE_TEAM, namespaces=NAMESPACES, pods=[PODS[0], web], policies=[theirs])
    assert "web/web-6f7 80/TCP is no longer reached by team-a/mlserver." in said["blocked"]
