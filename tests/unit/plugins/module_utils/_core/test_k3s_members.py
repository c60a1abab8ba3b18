# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a cluster, kept and forgotten, and a host that is cleared."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.k3s_members import Members, require_apart
from plugins.module_utils._core.k3s_nodes import Declared
from plugins.module_utils._core.k3s_quorum import Member
from plugins.module_utils._core.k3s_removal import clear_away


@dataclass
class Cluster:
    """Nodes by name, each with the second from which nothing is heard of it any more."""

    silent_from: dict[str, float]
    # Members of etcd, each with the second in which K3s takes it out by itself.
    voters: dict[str, float] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def nodes(self) -> list[dict[str, Any]]:
        return [self._node(name) for name in self.silent_from]

    def node(self, name: str) -> dict[str, Any] | None:
        return self._node(name) if name in self.silent_from else None

    def _node(self, name: str) -> dict[str, Any]:
        ready = "True" if self.seconds < self.silent_from[name] else "Unknown"
        return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}

    def change(self, *arguments: str) -> None:
        self.calls.append(" ".join(arguments[:3]))

    def members(self) -> list[Member]:
        return [Member(f"{name}-0a1b2c3d", "192.0.2.1") for name, until in self.voters.items() if self.seconds < until]

    def remove(self, member: Member) -> None:
        self.calls.append(f"remove {member.node}")
        del self.voters[member.node]

    def epoch(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


LABELLED = {"a": Declared.parse({"labels": {"x": "1"}}, node="a")}


@pytest.mark.parametrize("dry_run", [False, True])
def test_labels_are_kept_and_shown(dry_run: bool) -> None:
    cluster = Cluster({"a": 0, "b": 0})
    (diff,) = Members(cluster, cluster, cluster).keep(LABELLED, dry_run=dry_run)
    assert diff == {"before_header": "a", "after_header": "a", "before": "", "after": "label x=1\n"}
    assert cluster.calls == ([] if dry_run else ["label node a", "annotate node a"])


def test_a_declared_node_that_is_not_there_is_named() -> None:
    cluster = Cluster({"b": 0, "c": 0})
    message = (
        "The cluster has no node a, but b, c. Look at the journal of k3s or k3s-agent there, or take it out of the "
        "inventory."
    )
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        Members(cluster, cluster, cluster).keep(LABELLED, dry_run=False)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_node_is_forgotten_with_its_password(dry_run: bool) -> None:
    cluster = Cluster({"a": 1000})
    found = Members(cluster, cluster, cluster).forget(["a", "gone"], only_lost=False, dry_run=dry_run)
    assert [each["after_header"] for each in found] == ["a"]
    wanted = ["delete node a", "delete secret --namespace", "delete secret --namespace"]
    assert cluster.calls == ([] if dry_run else wanted)


NODE, PASSWORD = "delete node a", "delete secret --namespace"
LEAVING: dict[str, tuple[Cluster, list[str], float]] = {
    "K3s takes it out of etcd when its node has gone": (Cluster({"a": 0}, {"a": 10}), [NODE, PASSWORD], 10),
    "K3s does not": (Cluster({"a": 0}, {"a": 1000}), [NODE, "remove a", PASSWORD], 30),
    "without a kubelet it has no node, and nobody would": (Cluster({}, {"a": 1000}), ["remove a", PASSWORD], 0),
    "another one stays": (Cluster({"a": 0}, {"b": 1000}), [NODE, PASSWORD], 0),
}


@pytest.mark.parametrize(("cluster", "calls", "seconds"), LEAVING.values(), ids=LEAVING.keys())
def test_a_server_that_is_forgotten_leaves_etcd(cluster: Cluster, calls: list[str], seconds: float) -> None:
    members = Members(cluster, cluster, cluster)
    assert members.forget(["a"], only_lost=False, dry_run=True), "check mode says it, too"
    assert cluster.calls == []
    assert members.forget(["a"], only_lost=False, dry_run=False)
    assert (cluster.calls, cluster.seconds) == (calls, seconds)
    assert "a" not in {each.node for each in cluster.members()}


def test_nothing_is_asked_where_nothing_is_wanted() -> None:
    cluster = Cluster({})
    members = Members(cluster, cluster, cluster)
    assert (members.keep({}, dry_run=False), members.forget([], only_lost=True, dry_run=False)) == ([], [])


def test_a_node_that_falls_silent_is_waited_for() -> None:
    cluster = Cluster({"a": 50})
    assert Members(cluster, cluster, cluster).forget(["a"], only_lost=True, dry_run=False)
    assert cluster.seconds == 50


def test_a_node_that_lives_is_not_forgotten() -> None:
    cluster = Cluster({"a": 1000})
    message = (
        "The cluster has a node a that lives. Set another k3s_node_name, or take that one out with "
        "playbooks/remove_node.yml."
    )
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        Members(cluster, cluster, cluster).forget(["a"], only_lost=True, dry_run=False)
    assert (cluster.calls, cluster.seconds) == ([], 70)


def test_a_name_is_kept_or_forgotten() -> None:
    require_apart(["a"], ["b"])
    with pytest.raises(ServingError, match=r"^nodes and absent both name a\. Take it out of one of them\.$"):
        require_apart(["a", "b"], ["a"])


@dataclass
class Host:
    """What K3s left, and what stays when it is removed."""

    there: list[str]
    stubborn: list[str] = field(default_factory=list)
    removals: int = 0

    def look(self) -> list[str]:
        return self.stubborn if self.removals else self.there

    def remove(self) -> None:
        self.removals += 1


def test_a_host_is_cleared_and_proven() -> None:
    host = Host(["unit k3s"])
    assert (clear_away(host, dry_run=True), host.removals) == (["unit k3s"], 0)
    assert (clear_away(host, dry_run=False), host.removals) == (["unit k3s"], 1)
    assert (clear_away(host, dry_run=False), host.removals) == ([], 1), "nothing is left to do"


def test_what_stays_is_named() -> None:
    message = "K3s is not gone; still there: mount /run/k3s/x. Look at what uses it, and run it again."
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        clear_away(Host(["unit k3s"], ["mount /run/k3s/x"]), dry_run=False)
