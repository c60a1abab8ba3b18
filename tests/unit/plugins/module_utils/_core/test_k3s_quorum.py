# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which members of etcd may go, told by what they and the others say."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from plugins.module_utils._core.k3s_quorum import Member, Quorum, SilentError, survey

SUFFIX = "0a1b2c3d"

QUORA: dict[str, tuple[Quorum, bool]] = {
    "no etcd at all": (Quorum(0), True),
    "one server": (Quorum(1), True),
    "two are changed one after the other": (Quorum(2), True),
    "of two, the other one is ill": (Quorum(2, ("a",)), False),
    "three, all well": (Quorum(3), True),
    "three, one is ill": (Quorum(3, ("a",)), False),
    "three, and no majority that could be lost": (Quorum(3, ("a", "b")), True),
    "four, one is ill": (Quorum(4, ("a",)), False),
    "five, one is ill": (Quorum(5, ("a",)), True),
    "five, two are ill": (Quorum(5, ("a", "b")), False),
    "five, and no majority that could be lost": (Quorum(5, ("a", "b", "c")), True),
}


@pytest.mark.parametrize(("found", "may"), QUORA.values(), ids=QUORA.keys())
def test_quorum(found: Quorum, may: bool) -> None:
    assert found.may_lose_one is may


def test_a_member_is_named_as_its_node() -> None:
    assert Member("server-1-0a1b2c3d", "192.0.2.11").node == "server-1"
    assert Member("mine", "192.0.2.11").node == "mine"
    assert Member("", "192.0.2.11").node == "192.0.2.11", "it has not started yet"


@dataclass
class Cluster:
    """Servers by their letters: who is a member, who does not answer, whose API is ill, who runs no etcd."""

    members_known: str
    silent: str = ""
    ill: str = ""
    stopped: str = ""
    asked: list[str] = field(default_factory=list)

    def name(self) -> str:
        return f"m-{SUFFIX}"

    def members(self) -> list[Member]:
        return self.members_by("m")

    def members_by(self, address: str) -> list[Member]:
        self.asked.append(address)
        if address in self.silent:
            raise SilentError("timed out")
        return [] if address in self.stopped else [Member(f"{each}-{SUFFIX}", each) for each in self.members_known]

    def readiness(self, address: str = "") -> str:
        return "the API is not ready" if address in self.ill + self.stopped else ""


def judged(cluster: Cluster, others: str = "ab") -> Quorum:
    return survey(cluster, cluster, list(others))


# Each with the other servers that the inventory has.
MAY_GO: dict[str, tuple[Cluster, str]] = {
    "its etcd does not run": (Cluster("mab", ill="ab", stopped="m"), "ab"),
    "the others are well": (Cluster("mab"), "ab"),
    "it is silent, and the others are well": (Cluster("mab", silent="m"), "ab"),
    "it is silent, and three of four others are well": (Cluster("mabcd", silent="m", ill="d"), "abcd"),
    "it is silent, and nobody else is well": (Cluster("mab", silent="m", ill="ab"), "ab"),
    "it is silent, and etcd runs nowhere else": (Cluster("mab", silent="m", stopped="ab"), "ab"),
    "it is silent, and the only one": (Cluster("m", silent="m"), ""),
    "it is silent, and the other one of two is well": (Cluster("ma", silent="m"), "a"),
    "it is silent, and so is the other one of two": (Cluster("ma", silent="m", ill="a"), "a"),
    "it is silent, and the cluster has forgotten it": (Cluster("abc", silent="m", ill="c"), "abc"),
    "nobody lists the members, and the others are well": (Cluster("mab", silent="mab"), "ab"),
}
HAS_TO_STAY: dict[str, tuple[Cluster, str, str]] = {
    "one is ill": (
        Cluster("mab", ill="b"),
        "ab",
        "of 3 members of etcd b is not well, and without this one there would be no majority. Mend it first, or remove "
        "it with playbooks/remove_node.yml.",
    ),
    "it is silent, and one is ill": (
        Cluster("mab", silent="m", ill="b"),
        "ab",
        "of 3 members of etcd b is not well, and the one here listens and does not answer (timed out), so the majority "
        "may hang on its vote. Mend the other one first, or remove it with playbooks/remove_node.yml.",
    ),
    "it is silent, and there are more members than the inventory has": (
        Cluster("mabcd", silent="m", ill="cd"),
        "ab",
        "of 5 members of etcd c, d is not well, and the one here listens and does not answer (timed out), so the "
        "majority may hang on its vote. Mend the other one first, or remove it with playbooks/remove_node.yml.",
    ),
    "nobody lists the members, and one is ill": (
        Cluster("mab", silent="ma", stopped="b"),
        "ab",
        "of 3 members of etcd b is not well, and the one here listens and does not answer (timed out), so the majority "
        "may hang on its vote. Mend the other one first, or remove it with playbooks/remove_node.yml.",
    ),
    "nothing is known of anybody": (
        Cluster("mab", silent="mab", ill="ab"),
        "ab",
        "its etcd listens and does not answer (timed out), nor could a, b be asked, so the majority may hang on it. "
        "Mend the way there. Where you know that nothing is lost, stop it by hand: systemctl stop k3s.",
    ),
}


@pytest.mark.parametrize(("cluster", "others"), MAY_GO.values(), ids=MAY_GO.keys())
def test_a_member_may_go(cluster: Cluster, others: str) -> None:
    assert judged(cluster, others).may_lose_one


@pytest.mark.parametrize(("cluster", "others", "problem"), HAS_TO_STAY.values(), ids=HAS_TO_STAY.keys())
def test_a_member_has_to_stay(cluster: Cluster, others: str, problem: str) -> None:
    found = judged(cluster, others)
    assert (found.may_lose_one, found.problem) == (False, problem)


def test_others_are_asked_for_the_members_only_when_this_one_is_silent() -> None:
    well, silent = Cluster("mab"), Cluster("mab", silent="ma")
    judged(well)
    judged(silent)
    assert (well.asked, silent.asked) == (["m"], ["m", "a", "b"])
