# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes and what comes, in which order, and whose address would be lost."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.metallb_plan import plan
from tests.sample_metallb import LAN, live, service, settings

OLD = live("IPAddressPool", "lan", "192.0.2.200-192.0.2.219")


def names(objects: list[dict[str, Any]]) -> list[str]:
    return [f"{each['kind']} {each['metadata']['name']}" for each in objects]


def pools(**addresses: str) -> list[dict[str, Any]]:
    return [{"name": name, "addresses": text.split(",")} for name, text in addresses.items()]


def test_empty_cluster_gets_everything() -> None:
    found = plan(settings(), [], [])
    assert names(found["apply"]) == ["IPAddressPool lan", "L2Advertisement all"]
    assert (found["remove"], found["problems"]) == ([], [])


def test_announcements_go_before_the_pools_that_they_announce() -> None:
    gone = [OLD, live("BGPPeer", "router"), live("BGPAdvertisement", "b"), live("L2Advertisement", "a")]
    found = plan(settings(pools=[], l2_advertisements=[], removed_pools=["lan"]), gone, [])
    assert names(found["remove"]) == ["BGPAdvertisement b", "L2Advertisement a", "BGPPeer router", "IPAddressPool lan"]
    assert all("labels" not in each["metadata"] and "spec" not in each for each in found["remove"])


def test_what_others_made_stays() -> None:
    others = [live("IPAddressPool", "other", "198.51.100.0/28", ours=False), live("L2Advertisement", "x", ours=False)]
    found = plan(settings(), others, [service("front", "198.51.100.1")])
    assert (found["remove"], found["problems"]) == ([], [])


LOSSES: list[Any] = [
    pytest.param(pools(dmz="198.51.100.0/28"), [], "The pool 'lan' is removed. ", id="removed"),
    pytest.param(
        pools(dmz="198.51.100.0/28"),
        [service("front", "192.0.2.201")],
        "The pool 'lan' is removed, with 192.0.2.201 of web/front. ",
        id="removed with an address in use",
    ),
    pytest.param(
        pools(lan="192.0.2.200-192.0.2.209"),
        [service("front", "192.0.2.209"), service("back", "192.0.2.210"), service("deep", "192.0.2.219")],
        "The pool 'lan' loses 192.0.2.210 of web/back and 192.0.2.219 of web/deep. ",
        id="made smaller",
    ),
]


@pytest.mark.parametrize(("wanted", "services", "words"), LOSSES)
def test_loss_is_told_unless_it_was_confirmed(wanted: Any, services: Any, words: str) -> None:
    (text,) = plan(settings(pools=wanted), [OLD], services)["problems"]
    assert text.startswith(words)
    assert text.endswith("confirm with metallb_removed_pools: [lan].")
    assert plan(settings(pools=wanted, removed_pools=["lan"]), [OLD], services)["problems"] == []


@pytest.mark.parametrize(
    ("wanted", "services"),
    [
        pytest.param(pools(lan="192.0.2.200-192.0.2.209"), [service("front", "192.0.2.209")], id="smaller, unused"),
        pytest.param(
            pools(lan="192.0.2.200-192.0.2.209", dmz="192.0.2.210-192.0.2.219"),
            [service("front", "192.0.2.210")],
            id="moved to another pool",
        ),
        pytest.param([LAN], [service("far", "198.51.100.7"), service("waiting")], id="nobody's"),
    ],
)
def test_what_nobody_loses_is_not_told(wanted: Any, services: Any) -> None:
    assert plan(settings(pools=wanted), [OLD], services)["problems"] == []


def test_pool_that_somebody_else_made_and_we_take_over_may_lose_an_address_too() -> None:
    foreign = live("IPAddressPool", "lan", "192.0.2.0/24", ours=False)
    (text,) = plan(settings(), [foreign], [service("front", "192.0.2.7")])["problems"]
    assert "192.0.2.7 of web/front" in text


def test_pool_that_gives_addresses_away_comes_first() -> None:
    wanted = pools(dmz="192.0.2.210-192.0.2.229", lan="192.0.2.200-192.0.2.209")
    cluster = [OLD, live("IPAddressPool", "dmz", "192.0.2.220-192.0.2.229")]
    assert names(plan(settings(pools=wanted), cluster, [])["apply"])[:2] == ["IPAddressPool lan", "IPAddressPool dmz"]


def test_pool_with_another_name_is_no_obstacle_once_the_old_one_is_gone() -> None:
    found = plan(settings(pools=pools(home="192.0.2.200-192.0.2.219"), removed_pools=["lan"]), [OLD], [])
    assert (names(found["remove"]), names(found["apply"])[0]) == (["IPAddressPool lan"], "IPAddressPool home")
    assert found["replaces"]


def test_pool_that_goes_is_no_obstacle_to_others() -> None:
    found = plan(settings(pools=pools(dmz="198.51.100.0/28"), removed_pools=["lan"]), [OLD], [])
    assert (names(found["remove"]), found["replaces"]) == (["IPAddressPool lan"], False)


def test_swapped_pools_are_handed_to_metallb_which_says_no() -> None:
    wanted = pools(lan="192.0.2.220-192.0.2.229", dmz="192.0.2.200-192.0.2.219")
    cluster = [OLD, live("IPAddressPool", "dmz", "192.0.2.220-192.0.2.229")]
    assert len(plan(settings(pools=wanted), cluster, [])["apply"]) == 3


def test_services_are_told_when_they_exist() -> None:
    pins = [
        {"namespace": "web", "name": "front", "addresses": ["192.0.2.200", "2001:db8::1"], "sharing_key": "edge"},
        {"namespace": "web", "name": "later", "addresses": ["192.0.2.201"]},
    ]
    found = plan(settings(service_addresses=pins), [], [service("front"), service("other")])
    assert found["services"] == [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "front",
                "namespace": "web",
                "annotations": {
                    "metallb.io/loadBalancerIPs": "192.0.2.200,2001:db8::1",
                    "metallb.io/allow-shared-ip": "edge",
                },
            },
        }
    ]
    assert found["missing_services"] == ["web/later"]
