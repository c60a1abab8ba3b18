# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools and announcements as MetalLB's objects, and what is refused before a cluster is asked."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.metallb_objects import settings_findings, wanted_objects
from tests.sample_metallb import LAN, settings


def said(**changes: Any) -> list[str]:
    return [finding.text for finding in settings_findings(settings(**changes))]


def test_pool_and_announcement_have_the_fields_that_are_set() -> None:
    pool, announced = wanted_objects(
        settings(
            pools=[{**LAN, "avoid_buggy_ips": True, "service_allocation": {"priority": 10}}],
            l2_advertisements=[{"name": "wired", "pools": ["lan"], "interfaces": ["eth0"], "node_selectors": []}],
        )
    )
    assert pool == {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "IPAddressPool",
        "metadata": {
            "name": "lan",
            "namespace": "metallb-system",
            "labels": {"app.kubernetes.io/managed-by": "modelops.serving"},
        },
        "spec": {
            "addresses": ["192.0.2.200-192.0.2.219"],
            "autoAssign": True,
            "avoidBuggyIPs": True,
            "serviceAllocation": {"priority": 10},
        },
    }
    assert announced["spec"] == {"ipAddressPools": ["lan"], "interfaces": ["eth0"]}


def test_announcement_without_pools_names_all_of_the_inventory() -> None:
    found = wanted_objects(
        settings(
            pools=[LAN, {"name": "dmz", "addresses": ["198.51.100.0/28"]}],
            bgp_backend="frr",
            bgp_peers=[{"name": "router", "spec": {}}],
            bgp_advertisements=[{"name": "every"}, {"name": "some", "spec": {"ipAddressPoolSelectors": [{}]}}],
        )
    )
    specs = {each["metadata"]["name"]: each["spec"] for each in found}
    assert specs["all"] == specs["every"] == {"ipAddressPools": ["lan", "dmz"]}
    assert specs["some"] == {"ipAddressPoolSelectors": [{}]}


def test_announcements_come_after_pools_and_peers() -> None:
    kinds = [
        each["kind"]
        for each in wanted_objects(
            settings(
                bgp_backend="native",
                bgp_peers=[{"name": "router", "spec": {"myASN": 64500}}],
                bgp_advertisements=[{"name": "all"}],
            )
        )
    ]
    assert kinds == ["IPAddressPool", "BGPPeer", "L2Advertisement", "BGPAdvertisement"]


def test_what_is_right_is_silent() -> None:
    assert said() == []


def test_ipv6_is_no_mistake_where_no_router_is_told() -> None:
    pools = [LAN, {"name": "six", "addresses": ["2001:db8::/120"]}]
    peers = [{"name": "r", "spec": {}}]
    told = [{"name": "a", "spec": {"ipAddressPools": ["lan"]}}]
    assert said(pools=pools) == []
    assert said(pools=pools, bgp_backend="native", bgp_peers=peers, bgp_advertisements=told) == []
    every = [{"name": "a"}]
    assert said(pools=pools, bgp_backend="frr-k8s", bgp_peers=peers, bgp_advertisements=every) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"pools": [{"name": "lan", "addresses": ["192.0.2.200"]}]}, "no prefix length", id="notation"),
        pytest.param({"pools": [{"name": "lan", "addresses": []}]}, "has no addresses", id="empty pool"),
        pytest.param(
            {"pools": [LAN, {"name": "dmz", "addresses": ["192.0.2.216/29"]}]}, "belongs in one pool", id="overlap"
        ),
        pytest.param(
            {"pools": [LAN, {"name": "lan", "addresses": ["198.51.100.0/28"]}]}, "2 entries 'lan'", id="one name twice"
        ),
        pytest.param({"l2_advertisements": [{"name": "x", "pools": ["wan"]}]}, "the pool 'wan'", id="unknown pool"),
        pytest.param({"l2_advertisements": []}, "Nothing announces the pools lan", id="nobody announces"),
        pytest.param({"bgp_peers": [{"name": "r", "spec": {}}]}, "nothing would speak BGP", id="no backend"),
        pytest.param(
            {"bgp_backend": "frr", "bgp_advertisements": [{"name": "a"}]}, "nobody to tell", id="no peer to tell"
        ),
        pytest.param(
            {
                "bgp_backend": "frr",
                "bgp_peers": [{"name": "r", "spec": {}}],
                "bgp_advertisements": [{"name": "a", "spec": {"ipAddressPools": ["wan"]}}],
            },
            "'a' of metallb_bgp_advertisements announces the pool 'wan'",
            id="unknown pool for routers",
        ),
        pytest.param(
            {
                "pools": [LAN, {"name": "six", "addresses": ["2001:db8::/120"]}],
                "bgp_backend": "native",
                "bgp_peers": [{"name": "r", "spec": {}}],
                "bgp_advertisements": [{"name": "a"}],
            },
            "The pool 'six' has 2001:db8::/120, and metallb_bgp_backend is native, which knows no IPv6.",
            id="IPv6 for routers without the programs for it",
        ),
        pytest.param({"dhcp_ranges": ["192.0.2.100-192.0.2.200"]}, "DHCP server", id="dhcp"),
        pytest.param(
            {"service_addresses": [{"namespace": "web", "name": "front", "addresses": ["192.0.2.7"]}]},
            "lies in no pool",
            id="pin",
        ),
    ],
)
def test_what_is_wrong_is_told_once(changes: dict[str, Any], words: str) -> None:
    (text,) = said(**changes)
    assert words in text
