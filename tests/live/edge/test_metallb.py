# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools, announcements and addresses for Services, on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_server import APPLY, MERGE, ApiServer
from tests.live.data_plane import wait_for
from tests.live.edge.metallb_crds import DEFINITIONS
from tests.live.edge.plays import Played, play
from tests.live.edge.webhook import Webhook

PARTS = ("validate.yml", "pools.yml", "services.yml")
LAN = {"name": "lan", "addresses": ["192.0.2.200-192.0.2.219"]}
DMZ = {"name": "dmz", "addresses": ["198.51.100.0/28"], "auto_assign": False}
WIRED = {
    "name": "wired",
    "pools": ["lan"],
    "interfaces": ["eth0"],
    "node_selectors": [{"matchLabels": {"wired": "yes"}}],
}
GROUP = "/apis/metallb.io/v1beta1"
KINDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Cluster:
    """A namespace with MetalLB's objects, and the role on it."""

    def __init__(self, api: ApiServer, namespace: str, folder: Path) -> None:
        self.api = api
        self.namespace = namespace
        self._folder = folder

    def play(self, *words: str, **variables: Any) -> Played:
        """Run the role; ``user`` and ``parts`` say as whom, and how much of it."""
        kubeconfig = self.api.kubeconfig(variables.pop("user", "admin"))
        parts = variables.pop("parts", PARTS)
        wanted = {"metallb_namespace": self.namespace, "metallb_address_pools": [LAN], **variables}
        return play(self._folder, "metallb", parts, kubeconfig, wanted, *words)

    def path(self, plural: str) -> str:
        return f"{GROUP}/namespaces/{self.namespace}/{plural}"

    def specs(self, plural: str) -> dict[str, Any]:
        items = self.api.ask("GET", self.path(plural)).require()["items"]
        return {item["metadata"]["name"]: item["spec"] for item in items}

    def service(self, name: str, *addresses: str) -> str:
        """Make a Service that has addresses, as MetalLB would have given them, and return where it is."""
        path = f"/api/v1/namespaces/{self.namespace}/services"
        spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": name}}
        self.api.create(path, {"metadata": {"name": name}, "spec": spec})
        given = {"status": {"loadBalancer": {"ingress": [{"ip": address} for address in addresses]}}}
        self.api.ask("PATCH", f"{path}/{name}/status", given, kind=MERGE).require()
        return f"{path}/{name}"


@pytest.fixture
def cluster(api: ApiServer, namespace: str, tmp_path: Path) -> Iterator[Cluster]:
    api.establish(*DEFINITIONS)
    yield Cluster(api, namespace, tmp_path)
    services = f"/api/v1/namespaces/{namespace}/services"
    for item in api.ask("GET", services).require()["items"]:
        api.ask("DELETE", f"{services}/{item['metadata']['name']}").require()


def test_first_run_declares_and_second_changes_nothing(cluster: Cluster) -> None:
    wanted = {
        "metallb_address_pools": [LAN, DMZ],
        "metallb_l2_advertisements": [WIRED, {"name": "rest", "pools": ["dmz"]}],
    }
    assert cluster.play("--check", **wanted).changed == 1
    assert cluster.specs("ipaddresspools") == {}
    assert cluster.play(**wanted).changed == 1
    assert cluster.specs("ipaddresspools") == {
        "dmz": {"addresses": ["198.51.100.0/28"], "autoAssign": False, "avoidBuggyIPs": False},
        "lan": {"addresses": ["192.0.2.200-192.0.2.219"], "autoAssign": True, "avoidBuggyIPs": False},
    }
    assert cluster.specs("l2advertisements") == {
        "rest": {"ipAddressPools": ["dmz"]},
        "wired": {
            "ipAddressPools": ["lan"],
            "interfaces": ["eth0"],
            "nodeSelectors": [{"matchLabels": {"wired": "yes"}}],
        },
    }
    assert cluster.play("--check", **wanted).changed == 0
    assert cluster.play(**wanted).changed == 0


def test_check_mode_knows_that_the_kinds_went(cluster: Cluster) -> None:
    """The client remembers kinds of an earlier run."""
    assert cluster.play().changed == 1
    gone = [f"{KINDS}/{each['metadata']['name']}" for each in DEFINITIONS]
    for path in gone:
        cluster.api.ask("DELETE", path).require()
    wait_for(lambda: all(cluster.api.ask("GET", path).status == 404 for path in gone), "the kinds are gone")
    played = cluster.play("--check", metallb_wait_timeout=5)
    assert played.changed == 1
    assert "would be declared" in played.outcome.output


def test_routers_are_told(cluster: Cluster) -> None:
    wanted = {
        "metallb_bgp_backend": "native",
        "metallb_bgp_peers": [
            {"name": "router", "spec": {"myASN": 64500, "peerASN": 64501, "peerAddress": "192.0.2.1"}}
        ],
        "metallb_bgp_advertisements": [{"name": "all", "spec": {"ipAddressPools": ["lan"]}}],
        "metallb_l2_advertisements": [],
    }
    assert cluster.play(**wanted).changed == 1
    assert cluster.specs("bgpadvertisements") == {"all": {"ipAddressPools": ["lan"]}}
    assert cluster.play(**wanted).changed == 0


def test_field_that_is_not_wanted_any_more_goes(cluster: Cluster) -> None:
    cluster.play(metallb_l2_advertisements=[{"name": "all", "interfaces": ["eth0"]}]).outcome.require()
    assert cluster.play(metallb_l2_advertisements=[{"name": "all"}]).changed == 1
    assert cluster.specs("l2advertisements") == {"all": {"ipAddressPools": ["lan"]}}


def test_pool_goes_only_when_that_was_confirmed(cluster: Cluster) -> None:
    cluster.play(metallb_address_pools=[LAN, DMZ]).outcome.require()
    cluster.service("front", "198.51.100.3")
    refusal = cluster.play().refusal
    assert f"The pool 'dmz' is removed, with 198.51.100.3 of {cluster.namespace}/front." in refusal
    assert "metallb_removed_pools: [dmz]" in refusal
    assert set(cluster.specs("ipaddresspools")) == {"dmz", "lan"}
    confirmed = {"metallb_removed_pools": ["dmz"]}
    assert cluster.play("--check", **confirmed).changed == 2
    assert set(cluster.specs("ipaddresspools")) == {"dmz", "lan"}
    # The pool, and what announced it.
    assert cluster.play(**confirmed).changed == 2
    assert set(cluster.specs("ipaddresspools")) == {"lan"}
    assert cluster.play(**confirmed).changed == 0


def test_address_in_use_does_not_leave_its_pool_unasked(cluster: Cluster) -> None:
    cluster.play().outcome.require()
    cluster.service("front", "192.0.2.219")
    smaller = {"metallb_address_pools": [{**LAN, "addresses": ["192.0.2.200-192.0.2.209"]}]}
    assert f"loses 192.0.2.219 of {cluster.namespace}/front" in cluster.play(**smaller).refusal
    assert cluster.play(**smaller, metallb_removed_pools=["lan"]).changed == 1


def test_everything_goes_and_what_others_made_stays(cluster: Cluster) -> None:
    foreign = {"metadata": {"name": "theirs"}, "spec": {"addresses": ["198.51.100.128/28"]}}
    cluster.api.create(
        cluster.path("ipaddresspools"), {"apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool", **foreign}
    )
    cluster.play().outcome.require()
    gone = {"metallb_state": "absent", "parts": ("validate.yml", "pools.yml")}
    assert "metallb_removed_pools: [lan]" in cluster.play(**gone).refusal
    assert cluster.play(**gone, metallb_removed_pools=["lan"]).changed == 1
    assert (set(cluster.specs("ipaddresspools")), cluster.specs("l2advertisements")) == ({"theirs"}, {})


def test_field_of_somebody_else_is_left_unless_it_is_taken_over(cluster: Cluster) -> None:
    theirs = {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "IPAddressPool",
        "metadata": {"name": "lan"},
        "spec": {"addresses": ["192.0.2.128/28"]},
    }
    path = f"{cluster.path('ipaddresspools')}/lan?fieldManager=somebody"
    cluster.api.ask("PATCH", path, theirs, kind=APPLY).require()
    refusal = cluster.play().refusal
    assert "somebody" in refusal
    assert "metallb_take_over" in refusal
    assert cluster.specs("ipaddresspools")["lan"]["addresses"] == ["192.0.2.128/28"]
    assert cluster.play(metallb_take_over=True).changed == 1
    assert cluster.specs("ipaddresspools")["lan"]["addresses"] == LAN["addresses"]


@pytest.mark.parametrize(
    ("verbs", "words"),
    [
        pytest.param([], 'cannot list resource "ipaddresspools" in API group "metallb.io"', id="nothing"),
        pytest.param(["get", "list"], 'cannot patch resource "ipaddresspools" in API group "metallb.io"', id="reading"),
    ],
)
def test_missing_permission_is_named(cluster: Cluster, verbs: list[str], words: str) -> None:
    if verbs:
        cluster.api.allow(cluster.namespace, [{"apiGroups": ["metallb.io"], "resources": ["*"], "verbs": verbs}])
        cluster.api.allow("", [{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}])
    assert words in cluster.play(user="guest").refusal.replace("\\", "")


def test_service_gets_the_address_that_it_is_to_have(cluster: Cluster) -> None:
    path = cluster.service("front")
    pins = [
        {"namespace": cluster.namespace, "name": "front", "addresses": ["192.0.2.200"]},
        {"namespace": cluster.namespace, "name": "later", "addresses": ["192.0.2.201"]},
    ]
    first = cluster.play(metallb_service_addresses=pins)
    assert first.changed == 2
    assert f"{cluster.namespace}/later do not exist yet" in first.outcome.output
    annotations = cluster.api.ask("GET", path).require()["metadata"]["annotations"]
    assert annotations == {"metallb.io/loadBalancerIPs": "192.0.2.200"}
    assert cluster.play(metallb_service_addresses=pins).changed == 0


def test_wrong_inventory_is_refused_before_anything_is_asked(cluster: Cluster) -> None:
    wrong = {"metallb_address_pools": [LAN, {"name": "dmz", "addresses": ["192.0.2.216/29", "192.0.2.7"]}]}
    refusal = cluster.play(**wrong, metallb_dhcp_ranges=["192.0.2.100-192.0.2.200"]).refusal
    for words in ("Every address belongs in one pool", "has no prefix length", "DHCP server"):
        assert words in refusal


# The webhook


def test_webhook_that_is_not_there_yet_is_waited_for(cluster: Cluster) -> None:
    webhook = Webhook(cluster.api, cluster.namespace, hang_ups=1)
    webhook.open()
    try:
        played = cluster.play()
        assert played.changed == 1
        assert "FAILED - RETRYING" in played.outcome.output
        # Once more when it is there, and once for each object.
        assert (webhook.hang_ups, webhook.asked) == (0, 3)
    finally:
        webhook.close()


def test_denial_is_told_at_once_in_its_own_words(cluster: Cluster) -> None:
    webhook = Webhook(cluster.api, cluster.namespace, denial="overlaps a pool of somebody else")
    webhook.open()
    try:
        played = cluster.play(metallb_wait_timeout=120)
        assert "overlaps a pool of somebody else" in played.refusal
        assert "RETRYING" not in played.outcome.output
        assert webhook.asked == 1
    finally:
        webhook.close()


def test_webhook_that_stays_away_is_given_up_with_its_words(cluster: Cluster) -> None:
    webhook = Webhook(cluster.api, cluster.namespace)
    try:
        assert "connection refused" in cluster.play(metallb_wait_timeout=5).refusal
        assert cluster.specs("ipaddresspools") == {}
    finally:
        webhook.close()


OWNER = ("owner.yml",)


def labels(cluster: Cluster) -> dict[str, str]:
    metadata = cluster.api.ask("GET", f"/api/v1/namespaces/{cluster.namespace}").require()["metadata"]
    found: dict[str, str] = metadata.get("labels", {})
    return found


def test_somebody_elses_metallb_is_neither_taken_over_nor_removed_unasked(cluster: Cluster) -> None:
    before = labels(cluster)
    refusal = cluster.play(parts=OWNER).refusal
    assert f"The namespace {cluster.namespace} is there, and it is not this role's" in refusal
    assert "Set metallb_take_over to true" in refusal
    assert cluster.play(parts=OWNER, metallb_take_over=True).changed == 0

    # Neither helm nor a right to remove is needed for what stays.
    gone = cluster.play(parts=("main.yml",), metallb_state="absent", metallb_address_pools=[])
    assert gone.changed == 0
    assert f"The namespace {cluster.namespace} is somebody else's, so it stays" in " ".join(gone.outcome.output.split())
    assert labels(cluster) == before

    mark = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "modelops.serving"}}}
    cluster.api.ask("PATCH", f"/api/v1/namespaces/{cluster.namespace}", mark, kind=MERGE).require()
    assert cluster.play(parts=OWNER).changed == 0
