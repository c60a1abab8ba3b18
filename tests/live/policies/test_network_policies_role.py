# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role network_policies against a real API server: exact in check mode, at rest afterwards, careful with others."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._core.network_policies import LABELS, manifests
from plugins.module_utils._core.policy_settings import read
from tests.api_server import MERGE, ApiServer
from tests.support import ROOT, run
from tools.policy_matrix import OPTIONS

PLAYBOOK = ROOT / "playbooks/network_policies.yml"
POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
SELECTED = POLICIES + "?labelSelector=" + "%2C".join(f"{key}%3D{value}" for key, value in LABELS.items())
TEAMS = [{"name": "team-a"}, {"name": "team-b"}]
STORAGE = [{"cidrs": ["198.51.100.0/24"], "ports": [{"port": 443}]}]
GIVEN: dict[str, Any] = {
    "serving_namespaces": TEAMS,
    "network_policies_storage": STORAGE,
    "network_policies_api_servers": ["192.0.2.11"],
}
PLAY_SECONDS = 120


@dataclass(frozen=True)
class Play:
    """How a run ended."""

    status: int
    output: str

    def says(self, words: str) -> bool:
        """Say whether words are in the output, however they are broken into lines and quoted there."""
        return words in re.sub(r"[\s\\]+", " ", self.output.replace("\\", ""))

    @property
    def changed(self) -> list[str]:
        """The tasks that changed something, or would."""
        blocks = re.split(r"^TASK \[", self.output, flags=re.MULTILINE)[1:]
        changed = [block for block in blocks if "\nchanged:" in block]
        return [block.partition("]")[0].rpartition(" : ")[2] for block in changed]


@dataclass(frozen=True)
class Cluster:
    """The API server, and how to run the playbook against it."""

    api: ApiServer
    folder: Path

    def play(self, *words: str, user: str = "admin", **variables: Any) -> Play:
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        every = {
            **GIVEN,
            "k3s_kubeconfig": str(self.api.kubeconfig(user)),
            "k3s_kubeconfig_context": "test",
            **variables,
        }
        inventory = self.folder / "inventory.json"
        inventory.write_text(
            json.dumps({"k3s_control": {"hosts": {"localhost": host}, "vars": every}}), encoding="utf-8"
        )
        program = Path(sys.executable).parent / "ansible-playbook"
        done = run([program, "--inventory", inventory, PLAYBOOK, *words], timeout=PLAY_SECONDS)
        return Play(done.status, done.output)

    def ours(self) -> dict[tuple[str, str], Any]:
        """Return the policies of the role, as far as a manifest says something of them."""
        found = self.api.ask("GET", SELECTED).require()["items"]
        return {(each["metadata"]["namespace"], each["metadata"]["name"]): each["spec"] for each in found}

    def put(self, name: str, namespace: str, labels: Mapping[str, str]) -> None:
        """Make a policy by hand."""
        self.make(namespace)
        body = {"metadata": {"name": name, "labels": dict(labels)}, "spec": {"podSelector": {}}}
        self.api.create(POLICIES.replace("networkpolicies", f"namespaces/{namespace}/networkpolicies"), body)

    def make(self, namespace: str) -> None:
        assert self.api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}).status in (201, 409)

    def at(self, namespace: str, name: str) -> str:
        return POLICIES.replace("networkpolicies", f"namespaces/{namespace}/networkpolicies/{name}")

    def has(self, namespace: str) -> bool:
        return self.api.ask("GET", f"/api/v1/namespaces/{namespace}").status == 200


@pytest.fixture
def cluster(api: ApiServer, tmp_path: Path) -> Cluster:
    """Return a cluster without policies."""
    found = Cluster(api, tmp_path)
    for each in api.ask("GET", POLICIES).require()["items"]:
        api.ask("DELETE", found.at(each["metadata"]["namespace"], each["metadata"]["name"])).require()
    return found


def wanted(**options: Any) -> dict[tuple[str, str], Any]:
    settings, problems = read({**OPTIONS, **options})
    assert problems == []
    return {(each["metadata"]["namespace"], each["metadata"]["name"]): each["spec"] for each in manifests(settings)}


APPLIED = ["present | Apply the policies"]
POSTPONED = ["present | Say what goes into namespaces that are not there yet"]
REMOVED = ["present | Remove policies of this role that are not wanted any more"]


def require(play: Play, *changed: str) -> None:
    """Require a run that went well and changed what it should, and nothing else."""
    __tracebackhide__ = True
    assert (play.status, play.changed) == (0, list(changed)), play.output


def test_first_run_in_check_mode_tells_all_and_makes_nothing(cluster: Cluster) -> None:
    names = [{"name": name} for name in ("new-a", "new-b")]
    tried = cluster.play("--check", serving_namespaces=names, network_policies_seldon_namespace="new-seldon")
    require(tried, *APPLIED, *POSTPONED)
    assert cluster.ours() == {}
    assert not any(cluster.has(name) for name in ("new-a", "new-b", "new-seldon"))


def test_life_of_the_policies(cluster: Cluster) -> None:
    require(cluster.play(), *APPLIED)
    assert cluster.ours() == wanted(), "the API gives back what it got"
    require(cluster.play())

    more: dict[str, Any] = {"network_policies_extra_flows": [FLOW], "network_policies_topology": "namespaced"}
    require(cluster.play("--check", **more), *APPLIED, *REMOVED)
    assert cluster.ours() == wanted(), "check mode changes nothing"
    require(cluster.play(**more), *APPLIED, *REMOVED)
    assert cluster.ours() == wanted(topology="namespaced", extra_flows=[FLOW])

    cluster.put("theirs", "team-a", {})
    require(cluster.play("--check", network_policies_state="absent"), "absent | Remove them")
    assert cluster.ours() != {}, "check mode removes nothing"
    require(cluster.play(network_policies_state="absent"), "absent | Remove them")
    require(cluster.play(network_policies_state="absent"))
    assert cluster.ours() == {}
    assert cluster.api.ask("GET", cluster.at("team-a", "theirs")).status == 200
    assert cluster.has("team-a")


FLOW = {"name": "out", "from": {"namespace": "team-a"}, "to": {"cidrs": ["192.0.2.0/24"]}, "ports": [{"port": 25}]}


def test_policy_of_somebody_else_with_our_name_stays(cluster: Cluster) -> None:
    cluster.put("serving-dns", "team-a", {"app.kubernetes.io/managed-by": "Helm"})
    refused = cluster.play()
    assert refused.status == 2
    assert refused.says("team-a has a NetworkPolicy serving-dns that is not this role's")
    assert cluster.ours() == {}, "nothing was changed"


def test_change_by_hand_is_told_of_and_not_overwritten(cluster: Cluster) -> None:
    require(cluster.play(), *APPLIED)
    place = cluster.at("team-a", "serving-dns") + "?fieldManager=someone"
    cluster.api.ask("PATCH", place, {"spec": {"egress": [{}]}}, kind=MERGE).require()
    refused = cluster.play()
    assert refused.status == 2
    assert refused.says('conflict with "someone"')
    assert cluster.ours()[("team-a", "serving-dns")]["egress"] == [{}]
    require(cluster.play(network_policies_force=True), *APPLIED)
    assert cluster.ours() == wanted()


def test_user_without_rights_reads_which_ones_are_missing(cluster: Cluster) -> None:
    refused = cluster.play(user="guest")
    assert refused.status == 2
    right = 'User "guest" cannot list resource "networkpolicies" in API group "networking.k8s.io" at the cluster scope'
    assert refused.says(f"The cluster could not be read. Nothing was changed. {right}")
    assert cluster.ours() == {}


def test_address_of_the_api_is_the_clusters_own_word(cluster: Cluster) -> None:
    path = "/api/v1/namespaces/default/endpoints"
    if cluster.api.ask("GET", f"{path}/kubernetes").status == 404:
        silent = cluster.play(network_policies_api_servers=[])
        assert silent.status == 2
        assert silent.says("Set network_policies_api_servers to the addresses of the servers.")
        ports = [{"name": "https", "port": 7443, "protocol": "TCP"}]
        subset = {"addresses": [{"ip": "192.0.2.31"}, {"ip": "192.0.2.32"}], "ports": ports}
        cluster.api.create(path, {"metadata": {"name": "kubernetes"}, "subsets": [subset]})
    (subset,) = cluster.api.ask("GET", f"{path}/kubernetes").require()["subsets"]
    require(cluster.play(network_policies_api_servers=[]), *APPLIED)
    addresses, port = [each["ip"] for each in subset["addresses"]], subset["ports"][0]["port"]
    assert cluster.ours() == wanted(api_servers=addresses, api_port=port)


def test_audit_says_what_would_be_blocked_and_changes_nothing(cluster: Cluster) -> None:
    cluster.make("team-a")
    pod = {"containers": [{"name": "main", "image": "main", "ports": [{"containerPort": 9000}]}]}
    path = "/api/v1/namespaces/team-a/pods"
    for name, labels in (("mlserver", {"app.kubernetes.io/name": "seldon-server"}), ("notebook", {"app": "notebook"})):
        cluster.api.create(path, {"metadata": {"name": name, "labels": labels}, "spec": pod})
    try:
        told = cluster.play(network_policies_state="audit")
        require(told)
        assert told.says("team-a/notebook 9000/TCP is no longer reached by team-a/mlserver and any other address.")
        assert told.says("storage at 198.51.100.0/24 443/TCP may be reached by team-a/mlserver.")
        assert cluster.ours() == {}
    finally:
        for name in ("mlserver", "notebook"):
            cluster.api.ask("DELETE", f"{path}/{name}?gracePeriodSeconds=0")


def test_inventory_that_wants_no_policies_asks_no_cluster(cluster: Cluster, tmp_path: Path) -> None:
    nobody = {"name": "test", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "test", "context": {"cluster": "test", "user": "test"}}
    path = tmp_path / "nobody"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "clusters": [nobody], "contexts": [context]}))
    require(cluster.play(serving_network_policies=False, serving_namespaces=[], k3s_kubeconfig=str(path)))


def test_walls_that_are_not_wanted_any_more_can_be_taken_away(cluster: Cluster) -> None:
    require(cluster.play(), *APPLIED)
    unwanted: dict[str, Any] = {"serving_network_policies": False}
    require(cluster.play(**unwanted))
    assert cluster.ours() == wanted()
    require(cluster.play(**unwanted, network_policies_state="absent"), "absent | Remove them")
    assert cluster.ours() == {}
