# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MetalLB's own programs judge, and how the role hears of it: pools, addresses of Services, and who answers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live.edge.plays import Played
from tests.live.metallb.cluster import NAMESPACE
from tests.live.metallb.lab import Lab, until
from tests.live.metallb.roles import LAN_POOL, Role

POOLS = f"/apis/metallb.io/v1beta1/namespaces/{NAMESPACE}/ipaddresspools"
PINNED = "metallb.io/loadBalancerIPs"
DECLARE = ("validate.yml", "pools.yml")


def said(played: Played) -> str:
    """Return what a play said that had to fail, also where the output breaks a quoted line."""
    return " ".join(played.refusal.replace("\\", " ").split())


@pytest.fixture(autouse=True)
def swept(lab: Lab, role: Role) -> Iterator[None]:
    """Take away afterwards what a test declared, without the role."""
    yield
    for name in lab.cluster.services(role.namespace):
        lab.cluster.remove(role.namespace, name)
    for name in lab.cluster.pools():
        lab.cluster.api.ask("DELETE", f"{POOLS}/{name}").require()


def test_role_waits_until_a_new_controller_judges(lab: Lab, role: Role) -> None:
    lab.program("controller").kill()
    lab.start_controller()
    asked = lab.webhook.served
    with ThreadPoolExecutor(1) as beside:
        playing = beside.submit(role.play, parts=DECLARE)
        # The API server asks, and nobody is there who would judge.
        until(lambda: lab.webhook.served > asked, "somebody to ask the webhook", 120)
        lab.mount_certificate()
        played = playing.result()
    assert played.changed == 1
    assert "FAILED - RETRYING" in played.outcome.output
    assert "pools | Wait until MetalLB judges what it is told" in played.outcome.output


def test_pool_that_overlaps_is_denied_in_metallbs_own_words_at_once(lab: Lab, role: Role) -> None:
    theirs = {"metadata": {"name": "theirs"}, "spec": {"addresses": ["192.0.2.210-192.0.2.215"]}}
    lab.cluster.api.create(POOLS, {"apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool", **theirs})
    played = role.play(parts=DECLARE)
    assert "overlaps with already defined CIDR" in said(played)
    assert "RETRYING" not in played.outcome.output
    assert lab.cluster.pools() == ["theirs"]


def test_addresses_move_between_pools_and_services_keep_them(lab: Lab, role: Role) -> None:
    role.service("front", **{PINNED: "192.0.2.215"})
    wide = {"name": "lan", "addresses": ["192.0.2.200-192.0.2.219", "2001:db8::200-2001:db8::20f"]}
    role.play(parts=DECLARE, metallb_address_pools=[wide]).outcome.require()
    assert role.address("front") == "192.0.2.215"
    narrow = {**wide, "addresses": ["192.0.2.200-192.0.2.209"]}
    dmz = {"name": "dmz", "addresses": ["192.0.2.210-192.0.2.219"], "auto_assign": False}
    both = {"metallb_address_pools": [dmz, narrow]}
    assert role.play(parts=DECLARE, **both).changed == 1
    until(lambda: lab.cluster.pool_of(role.namespace, "front") == "dmz", "the address to be of the other pool", 30)
    assert role.address("front") == "192.0.2.215"
    # A pool with another name, which takes the addresses of one that goes.
    home = {**narrow, "name": "home"}
    renamed = {"metallb_address_pools": [dmz, home], "metallb_removed_pools": ["lan"]}
    assert role.play(parts=DECLARE, **renamed).changed == 2
    assert lab.cluster.pools() == ["dmz", "home"]


def test_pinned_address_is_given_and_kept_when_the_line_goes(lab: Lab, role: Role) -> None:
    role.play(parts=DECLARE).outcome.require()
    role.service("front")
    role.service("back")
    assert {role.address("front"), role.address("back")} == {"192.0.2.200", "192.0.2.201"}
    pins = [role.pin("front", "192.0.2.207"), role.pin("back", "192.0.2.208")]
    role.play(metallb_service_addresses=pins).outcome.require()
    assert [role.address("front"), role.address("back")] == ["192.0.2.207", "192.0.2.208"]
    crossed = [role.pin("front", "192.0.2.208"), role.pin("back", "192.0.2.207")]
    role.play(metallb_service_addresses=crossed).outcome.require()
    assert [role.address("front"), role.address("back")] == ["192.0.2.208", "192.0.2.207"]
    assert role.play(metallb_service_addresses=crossed[:1]).changed == 1
    assert PINNED not in lab.cluster.annotations(role.namespace, "back")
    assert role.address("back") == "192.0.2.207"


def test_address_outside_every_pool_is_given_to_nobody(lab: Lab, role: Role) -> None:
    role.play(parts=DECLARE).outcome.require()
    role.service("front", **{PINNED: "192.0.2.230"})
    words = '["192.0.2.230"] is not allowed in config'
    until(lambda: any(words in each for each in lab.cluster.events(role.namespace, "front")), "a refusal", 30)
    assert lab.cluster.addresses(role.namespace, "front") == []
    refusal = role.play(metallb_service_addresses=[role.pin("front", "192.0.2.230")]).refusal
    assert "192.0.2.230, which lies in no pool" in refusal


def test_what_metallb_refuses_is_told_in_its_own_words(role: Role) -> None:
    role.service("front")
    role.service("back")
    # The same port of one address, twice.
    pins = [role.pin(name, "192.0.2.205", sharing_key="edge") for name in ("front", "back")]
    refusal = said(role.play(metallb_service_addresses=pins, metallb_wait_timeout=10))
    assert "has no address, and not 192.0.2.205. MetalLB says: Failed to allocate IP for" in refusal
    assert "can't be shared" in refusal.replace("''", "'") or "already in use" in refusal


@pytest.mark.parametrize(
    ("advertisement", "words"),
    [
        pytest.param({"node_selectors": [{"matchLabels": {"wired": "never"}}]}, "", id="no such node"),
        pytest.param(
            {"interfaces": ["eth9"]}, "MetalLB says: the interfaces specified by LB IP", id="no such interface"
        ),
    ],
)
def test_address_for_which_nobody_would_answer_is_told(
    role: Role, advertisement: dict[str, object], words: str
) -> None:
    role.service("front")
    pins = [role.pin("front", "192.0.2.206")]
    layer2 = [{"name": "all", **advertisement}]
    wanted = {"metallb_service_addresses": pins, "metallb_l2_advertisements": layer2}
    refusal = said(role.play(metallb_wait_timeout=5, **wanted))
    assert f"Nobody answers for 192.0.2.206 of {role.namespace}/front, although pods of it are ready." in refusal
    assert words in refusal


def test_address_without_a_pod_behind_it_is_no_mistake(lab: Lab, role: Role) -> None:
    role.service("front")
    lab.cluster.empty(role.namespace, "front")
    played = role.play(metallb_service_addresses=[role.pin("front", "192.0.2.206")])
    assert f"No pod of {role.namespace}/front is ready" in " ".join(played.outcome.require().split())
    assert LAN_POOL["name"] in lab.cluster.pools()
