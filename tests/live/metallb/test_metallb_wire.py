# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role declares is what a wire shows, with MetalLB's own programs: who answers for an address."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import LAST_LINE
from tests.live.metallb.lab import LAN, MACS, NODES, OTHER, Lab, until
from tests.live.metallb.roles import Role

# A member that is silent is suspected for 4 s among two, and probed once a second before.
CUT_SECONDS, HEAL_SECONDS = 30, 100
ADDRESS = "192.0.2.200"


def other(node: str) -> str:
    return next(each for each in NODES if each != node)


@pytest.fixture
def front(lab: Lab, role: Role) -> Iterator[Any]:
    """Return a way to declare, with the Service `front` pinned to an address, and say who answers."""
    role.service("front")

    def declare(**variables: Any) -> str:
        role.play(metallb_service_addresses=[role.pin("front", ADDRESS)], **variables).outcome.require()
        return lab.settle(ADDRESS)

    yield declare
    lab.cluster.remove(role.namespace, "front")
    until(lambda: lab.answering(ADDRESS) == [], "nobody to answer", 30)


@pytest.fixture
def seen(record_property: Callable[[str, object], None]) -> Callable[[str, float], None]:
    """Return a way to say at the end of the run how long something took."""

    def say(what: str, since: float) -> None:
        record_property(LAST_LINE, f"MetalLB: {what}, {time.monotonic() - since:.1f} s.")

    return say


def test_one_node_answers_for_an_address_and_says_so(lab: Lab, role: Role, front: Any) -> None:
    node = front()
    assert [lab.answering(ADDRESS) for _ in range(3)] == [[node]] * 3
    assert lab.answering("192.0.2.219") == []
    assert lab.answering(ADDRESS, OTHER) == [node]
    assert lab.cluster.announcers(role.namespace, "front") == [node]
    again = role.play(metallb_service_addresses=[role.pin("front", ADDRESS)])
    assert f"{node} answers for {ADDRESS} of {role.namespace}/front." in again.outcome.output
    assert again.changed == 0


def test_address_moves_when_the_cable_is_pulled_and_has_one_holder_afterwards(
    lab: Lab, front: Any, seen: Callable[[str, float], None]
) -> None:
    holder = front()
    heir, since = other(holder), time.monotonic()
    lab.wire.cut(lab.hosts[holder], LAN)
    assert lab.settle(ADDRESS, heir, seconds=CUT_SECONDS) == heir
    seen("another node answered after a cable was pulled", since)
    assert MACS[heir] in {each.sender_mac for each in lab.ears[LAN].gratuitous(ADDRESS, since)}
    lab.wire.heal(lab.hosts[holder], LAN)
    since = time.monotonic()
    until(lambda: lab.answering(ADDRESS) == [holder], "the first holder to answer alone", HEAL_SECONDS)
    seen("one node answered after the cable was back", since)
    # Nobody takes it back, and who remembered the other one was told.
    assert [lab.answering(ADDRESS) for _ in range(5)] == [[holder]] * 5
    assert lab.ears[LAN].gratuitous(ADDRESS, since)[-1].sender_mac == MACS[holder]


def test_address_moves_when_a_speaker_dies_and_comes_back_with_it(
    lab: Lab, role: Role, front: Any, seen: Callable[[str, float], None]
) -> None:
    holder = front()
    heir, since = other(holder), time.monotonic()
    lab.program(holder).kill()
    assert lab.settle(ADDRESS, heir, seconds=CUT_SECONDS) == heir
    seen("another node answered after a speaker was killed", since)
    assert [each.sender_mac for each in lab.ears[LAN].gratuitous(ADDRESS, since)][:1] == [MACS[heir]]
    until(lambda: lab.cluster.announcers(role.namespace, "front") == [heir], f"{heir} to say that it announces")
    lab.start_speaker(holder)
    until(lambda: lab.answering(ADDRESS) == [holder], "the first holder to answer alone", HEAL_SECONDS)


@pytest.mark.parametrize("chosen", list(NODES))
def test_nodes_that_are_not_selected_never_answer(lab: Lab, front: Any, chosen: str) -> None:
    lab.cluster.label(chosen, wired="yes")
    try:
        wired = {"name": "all", "node_selectors": [{"matchLabels": {"wired": "yes"}}]}
        assert front(metallb_l2_advertisements=[wired]) == chosen
        lab.program(chosen).kill()
        until(lambda: lab.answering(ADDRESS) == [], "nobody to answer", 30)
        lab.start_speaker(chosen)
        assert lab.settle(ADDRESS) == chosen
    finally:
        lab.cluster.label(chosen, wired=None)


@pytest.mark.usefixtures("front")
def test_only_chosen_interfaces_answer(lab: Lab, role: Role) -> None:
    pins = {"metallb_service_addresses": [role.pin("front", ADDRESS)]}
    one = {"name": "all", "interfaces": [OTHER]}
    role.play(**pins, metallb_l2_advertisements=[one]).outcome.require()
    node = lab.settle(ADDRESS, interface=OTHER)
    assert [lab.answering(ADDRESS) for _ in range(3)] == [[]] * 3
    assert lab.cluster.announcers(role.namespace, "front") == [node]
    role.play(**pins).outcome.require()
    assert lab.settle(ADDRESS) == node
