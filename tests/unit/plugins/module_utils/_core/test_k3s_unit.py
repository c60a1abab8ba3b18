# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When K3s is started, when it must wait, and what is said when it does not come up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plugins.module_utils._core.k3s_unit import Plan, Unit, cause, is_hopeless, node_problem, plan

RUNS = Unit("active", enabled=True)
FILES = {"/a": "1", "/b": "2"}

PLANS: dict[str, tuple[Unit, dict[str, str], dict[str, str], list[str], Plan]] = {
    "nothing changed": (RUNS, FILES, FILES, [], Plan()),
    "a file changed": (RUNS, FILES, {**FILES, "/b": "3"}, [], Plan(("/b changed",))),
    "a file is gone": (RUNS, FILES, {"/a": "1"}, [], Plan(("/b changed",))),
    "a file is new": (RUNS, FILES, {**FILES, "/c": "1"}, [], Plan(("/c changed",))),
    "check mode would write one": (RUNS, FILES, FILES, ["/a"], Plan(("/a changed",))),
    "there is no unit": (Unit(), {}, FILES, [], Plan(("it is absent",), enable=True)),
    "it failed": (Unit("failed", enabled=True), FILES, FILES, [], Plan(("it is failed",))),
    "it stopped, and a file changed": (
        Unit("inactive", enabled=True),
        FILES,
        {"/a": "1", "/b": "3"},
        [],
        Plan(("it is inactive", "/b changed")),
    ),
    "it runs with nobody knows what": (
        RUNS,
        {},
        FILES,
        [],
        Plan(("nobody knows which files it runs with",)),
    ),
    "it is on its way": (Unit("activating", enabled=True), FILES, FILES, [], Plan()),
    "it does not start with the machine": (Unit("active"), FILES, FILES, [], Plan(enable=True)),
}


@pytest.mark.parametrize(("unit", "before", "now", "announced", "expected"), PLANS.values(), ids=PLANS.keys())
def test_plan(unit: Unit, before: dict[str, str], now: dict[str, str], announced: list[str], expected: Plan) -> None:
    found = plan(unit, before, now, announced=announced)
    assert found == expected
    assert found.changes is bool(expected.reasons or expected.enable)


def node(name: str, conditions: Mapping[str, str], *, heard: str = "1970-01-01T00:00:00Z") -> dict[str, Any]:
    found = [{"type": key, "status": value, "lastHeartbeatTime": heard} for key, value in conditions.items()]
    return {
        "metadata": {"name": name},
        "status": {"conditions": found, "nodeInfo": {"kubeletVersion": "v1.36.4+k3s1"}},
    }


WELL = {"Ready": "True", "EtcdIsVoter": "True"}


def test_node_problems() -> None:
    assert node_problem(None, "v1.36.4+k3s1") == "the node has not registered"
    assert node_problem(node("a", {"Ready": "False"}), "v1.36.4+k3s1") == "the node is not Ready"
    assert node_problem(node("a", {"NotReady": "True"}), "v1.36.4+k3s1") == "the node is not Ready"
    assert node_problem(node("a", {"Ready": "True"}), "v1.36.4+k3s1") == ""
    heard = node("a", {"Ready": "True"}, heard="2026-11-25T12:00:00Z")
    noon = 1_795_608_000.0
    assert node_problem(heard, "v1.36.4+k3s1", since=noon + 0.9) == "", "the API keeps whole seconds"
    assert node_problem(heard, "v1.36.4+k3s1", since=noon + 1) == "the kubelet has not reported since the start"
    assert node_problem(node("a", {"Ready": "False"}), "v1.36.4+k3s1", has_network=False) == ""
    assert node_problem(None, "v1.36.4+k3s1", has_network=False) == "the node has not registered"
    assert node_problem(node("a", {"Ready": "True"}), "v1.36.5+k3s1") == (
        "the node runs v1.36.4+k3s1, and v1.36.5+k3s1 is wanted"
    )


CAUSES: dict[str, tuple[str, str]] = {
    "token": ("failed to validate token: token CA hash does not match the Cluster CA certificate hash", "the token is"),
    "password": ("Node password rejected, duplicate hostname or contents of", "the cluster knows another node of this"),
    "another token": ("bootstrap data already found and encrypted with different token", "the token is"),
    "lost its data": ("ETCD join failed: duplicate node name found", "the cluster knows another node of this"),
    "forgotten": ("this server is a not a member of the etcd cluster. Found: []", "the cluster has forgotten this"),
    "other settings": ("critical configuration value mismatch between servers", "this server is set up otherwise"),
    "a learner": ("etcdserver: too many learner members in cluster", "another server is on its way"),
    "disk": ("write /var/lib/rancher/k3s/x: no space left on device", "the disk is full"),
    "port": ("listen tcp :6443: bind: address already in use", "a port is taken"),
    "clock": ("x509: certificate has expired or is not yet valid: current time", "the clocks of the host"),
    "cgroup": ("kubelet is configured to not run on a host using cgroup v1", "the kubelet refuses cgroup v1"),
    "memory": ("failed to find memory cgroup (v2)", "the kernel has no memory cgroup"),
    "flag": ("flag provided but not defined: -x", "K3s does not know a flag"),
    "server": ("dial tcp 192.0.2.11:6443: connect: connection refused", "the server does not answer"),
}


@pytest.mark.parametrize(("journal", "begins"), CAUSES.values(), ids=CAUSES.keys())
def test_causes(journal: str, begins: str) -> None:
    assert cause(journal).startswith(begins)


def test_only_some_causes_are_hopeless() -> None:
    assert is_hopeless("x\nNode password rejected, duplicate hostname\n")
    assert not is_hopeless("dial tcp 192.0.2.11:6443: connect: connection refused")


def test_an_unknown_cause_is_none() -> None:
    assert cause("level=info msg=hello") == ""


def test_a_unit_gives_up() -> None:
    assert Unit("failed").gave_up
    assert Unit("activating", restarts=3).gave_up
    assert not Unit("activating", restarts=2).gave_up
