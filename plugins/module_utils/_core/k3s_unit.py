# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether K3s has to be started or restarted, whether it may be, and why it does not come up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Mapping, Sequence

ABSENT = "absent"
# A unit that systemd started so often again does not come up by itself any more.
CRASHES = 3
# A cluster takes a node for ready as long as it has heard of it within 50 s.
FORGOTTEN_SECONDS = 70.0
# How the API writes a time.
TIME = "%Y-%m-%dT%H:%M:%SZ"

# What K3s says in the journal when waiting makes no sense, and what to do about it. An agent tries on for ever.
HOPELESS: tuple[tuple[str, str], ...] = (
    (
        r"token CA hash does not match|invalid token|not authorized|failed to validate token|\b401\b.*[Uu]nauthorized|"
        r"encrypted with different token",
        "the token is not the cluster's. Set k3s_token to the one the cluster was made with, or remove it, so that it "
        "is read from the leader",
    ),
    (
        r"Node password rejected|duplicate hostname|duplicate node name found",
        "the cluster knows another node of this name. Set another k3s_node_name, or remove the old node with "
        "playbooks/remove_node.yml",
    ),
    (
        r"not a member of the etcd cluster",
        "the cluster has forgotten this server, whose data is still here. Take it out with playbooks/remove_node.yml, "
        "and run this again",
    ),
    (
        r"critical configuration value mismatch",
        "this server is set up otherwise than the cluster in something that must be the same on all of them. Set "
        "k3s_cluster_cidr, k3s_service_cidr, k3s_flannel_backend, k3s_secrets_encryption, k3s_network_policy and "
        "k3s_embedded_registry as they were when the cluster was made",
    ),
)
# What K3s and the things below it say when they may still get over it.
CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"too many learner members",
        "another server is on its way into etcd and does not arrive. Mend that one, or remove it with "
        "playbooks/remove_node.yml",
    ),
    (r"[Nn]o space left on device", "the disk is full. Make room on the file system of /var/lib/rancher"),
    (
        r"address already in use",
        "a port is taken. `ss -ltnp` on the host shows by whom; end it, or set k3s_api_port if it is that one",
    ),
    (
        r"certificate has expired or is not yet valid|x509: certificate .*not yet valid",
        "the clocks of the host and of the server differ. Set the time on both, with an NTP client",
    ),
    (
        r"cgroup v1|fail-?cgroupv1|failCgroupV1",
        "the kubelet refuses cgroup v1. Boot with systemd.unified_cgroup_hierarchy=1, or set kubelet-arg: "
        "[fail-cgroupv1=false] in k3s_config as long as this version of K3s still takes it",
    ),
    (
        r"failed to find memory cgroup",
        "the kernel has no memory cgroup. On a Raspberry Pi append cgroup_memory=1 cgroup_enable=memory to the line in "
        "cmdline.txt, and reboot",
    ),
    (
        r"invalid kernel flag|protect-kernel-defaults",
        "kernel settings are not those that protect-kernel-defaults wants. Run the role again with k3s_hardening: cis, "
        "which sets them",
    ),
    (
        r"flag provided but not defined|unknown flag",
        "K3s does not know a flag. Correct k3s_config, which ends up in config.yaml",
    ),
    (
        r"no route to host|connection refused|i/o timeout|context deadline exceeded",
        "the server does not answer. Look whether it runs, and whether a firewall lets port 6443 through",
    ),
)


@dataclass(frozen=True)
class Unit:
    """What systemd says of a unit. ``state`` is its ActiveState, or ``absent`` when there is no such unit."""

    state: str = ABSENT
    enabled: bool = False
    restarts: int = 0

    @property
    def runs(self) -> bool:
        return self.state == "active"

    @property
    def gave_up(self) -> bool:
        """Whether waiting for it makes no sense any more."""
        return self.state == "failed" or self.restarts >= CRASHES


@dataclass(frozen=True)
class Plan:
    """What to do with a unit, and why."""

    reasons: tuple[str, ...] = ()
    enable: bool = False

    @property
    def starts(self) -> bool:
        return bool(self.reasons)

    @property
    def changes(self) -> bool:
        return self.starts or self.enable


def plan(unit: Unit, before: Mapping[str, str], now: Mapping[str, str], *, announced: Sequence[str] = ()) -> Plan:
    """Return whether the unit has to be started.

    Args:
        unit: What systemd says.
        before: Digests of the files that it was last started with, by path; empty when it never was.
        now: Digests of the same files now; a file that is missing has none.
        announced: Paths that check mode would have written.
    """
    reasons = []
    if unit.state not in ("active", "activating", "reloading"):
        reasons.append(f"it is {unit.state}")
    elif not before:
        reasons.append("nobody knows which files it runs with")
    changed = {path for path in {*before, *now} if before.get(path) != now.get(path)} if before else set()
    reasons += [f"{path} changed" for path in sorted(changed | set(announced))]
    return Plan(tuple(reasons), not unit.enabled)


def has(node: Mapping[str, Any], condition: str) -> bool:
    """Say whether a node has a condition, whose status is exactly ``True``: ``NotReady`` contains ``Ready``, too."""
    conditions = node.get("status", {}).get("conditions") or ()
    return any(each.get("type") == condition and each.get("status") == "True" for each in conditions)


def heard_of(node: Mapping[str, Any]) -> float:
    """Return when the kubelet last reported the node's condition, in seconds since 1970 by its own clock."""
    conditions = node.get("status", {}).get("conditions") or ()
    text = next((each.get("lastHeartbeatTime") for each in conditions if each.get("type") == "Ready"), None)
    return datetime.strptime(text, TIME).replace(tzinfo=timezone.utc).timestamp() if text else 0.0


def node_problem(node: Mapping[str, Any] | None, version: str, *, has_network: bool = True, since: float = 0.0) -> str:
    """Return what a node lacks, or nothing when it is ready with the version that is wanted.

    Without ``has_network`` a CNI comes later, and no node is ready before it does. What was reported before ``since``
    (seconds since 1970 by the node's clock) is of an earlier kubelet, which reports anew when it starts.
    """
    if node is None:
        return "the node has not registered"
    if heard_of(node) < int(since):
        return "the kubelet has not reported since the start"
    if has_network and not has(node, "Ready"):
        return "the node is not Ready"
    running = str(node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", ""))
    return "" if running == version else f"the node runs {running}, and {version} is wanted"


def cause(journal: str) -> str:
    """Return what to do about what stands in the journal, or nothing when nobody knows."""
    return next((text for pattern, text in (*HOPELESS, *CAUSES) if re.search(pattern, journal)), "")


def is_hopeless(journal: str) -> bool:
    """Say whether waiting makes no sense any more."""
    return any(re.search(pattern, journal) for pattern, _text in HOPELESS)


__all__ = [
    "ABSENT",
    "FORGOTTEN_SECONDS",
    "Plan",
    "Unit",
    "cause",
    "has",
    "is_hopeless",
    "node_problem",
    "plan",
]
