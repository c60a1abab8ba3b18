# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of K3s on the hosts themselves."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, Sequence

from .errors import ServingError
from .k3s_cluster import version_problem
from .preflight_addresses import address_findings, layer2_findings
from .preflight_cluster import Cluster
from .preflight_facts import Look, Rule
from .preflight_kernel import kernel_findings
from .preflight_ports import open_ports, port_findings
from .preflight_report import Finding, spoken

ARCHITECTURES = ("x86_64", "aarch64", "armv7l")
GIBIBYTE = 1 << 30
# Cores and GiB that upstream calls the least: https://docs.k3s.io/installation/requirements#hardware
LEAST_OF_SERVER, LEAST_OF_AGENT = (2, 2.0), (1, 0.5)
# A machine that is sold with 2 GiB shows less: firmware and kernel keep some.
SHOWN = 0.85
# Other distributions of Kubernetes, by the unit that runs their kubelet.
RIVALS = (
    "k0scontroller.service",
    "k0sworker.service",
    "kubelet.service",
    "rke2-agent.service",
    "rke2-server.service",
    "snap.microk8s.daemon-kubelite.service",
)
# Networks for a whole cluster, by the names of their files; the CNI plugins of a single machine are in nobody's way.
CLUSTER_CNI = re.compile(r"antrea|calico|canal|cilium|kube-?ovn|kube-?router|weave")
SERVER_UNIT, AGENT_UNIT = "k3s.service", "k3s-agent.service"


def host_findings(
    cluster: Cluster, found: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield everything that is wrong on the hosts.

    Args:
        cluster: The inventory.
        found: What preflight_info returned, by host; one that is missing was not asked.
        settings: ``version`` (where k3s_version is empty), ``clock_skew`` in seconds, ``free_disk`` in GiB, and
            ``layer2``: whether pools are announced on the nodes' own networks.
    """
    looks = []
    for node in cluster.nodes:
        facts = found.get(node.host)
        if facts and "architecture" not in facts:
            why = str(facts.get("msg") or "nobody knows why").strip().rsplit("Task failed: ", maxsplit=1)[-1]
            yield Finding(f"the host could not be looked at: {why}", node.host)
        elif facts:
            looks.append(Look(node, cluster, facts, settings))
    for look in looks:
        for rule in RULES:
            yield from rule(look)
    yield from _clones(looks)
    yield from layer2_findings(looks)


def _machine(look: Look) -> Iterator[Finding]:
    if look.facts["architecture"] not in ARCHITECTURES:
        yield look.problem(
            f"the machine is {look.facts['architecture']}, and K3s runs on {', '.join(ARCHITECTURES)}. Take it out of "
            "the inventory."
        )
    if not look.facts["systemd"]:
        yield look.problem("systemd does not run here, and K3s is started by a unit. Boot the host with systemd.")
    skew, allowed = look.facts["clock_skew"], look.settings["clock_skew"]
    if abs(skew) > allowed:
        yield look.problem(
            f"the clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the controller's, and "
            f"preflight_clock_skew allows {allowed}. Certificates would be valid too early or too late: set the time "
            "with an NTP client."
        )


def _room(look: Look) -> Iterator[Finding]:
    facts, wanted = look.facts, look.settings["free_disk"]
    free = facts["disk"]["free"] / GIBIBYTE
    if free < wanted:
        text = (
            f"{facts['disk']['path']}, which {facts['disk']['directory']} is on, has {free:.1f} GiB left, and "
            f"preflight_free_disk wants {wanted}. Make room, or mount a larger file system there."
        )
        # Where K3s runs, it is its images that have taken the room.
        yield look.warning(text) if facts["k3s_version"] else look.problem(text)
    cores, memory = LEAST_OF_SERVER if look.node.is_server else LEAST_OF_AGENT
    has = facts["memory"] / GIBIBYTE
    if has < memory * SHOWN or facts["cores"] < cores:
        yield look.warning(
            f"cores: {facts['cores']}, memory: {has:.1f} GiB. K3s wants at least {cores} and {memory:g} GiB for "
            f"{look.kind}."
        )
    if facts["swap"]:
        yield look.warning(
            "swap is on. K3s starts all the same, but what pods may use and how long they take is less certain: switch "
            "it off with swapoff -a and in /etc/fstab."
        )


def _system(look: Look) -> Iterator[Finding]:
    selinux = look.facts["selinux"]
    if selinux["mode"] == "enforcing" and not selinux["k3s_policy"]:
        yield look.problem(
            "SELinux is enforcing, and the policy of K3s is not installed. Install the packages container-selinux and "
            "k3s-selinux: https://docs.k3s.io/advanced#selinux-support"
        )
    for unit in look.facts["units"]["enabled"]:
        if unit.startswith("nm-cloud-setup."):
            yield look.problem(
                f"{unit} is enabled, and takes the routes of pods away. Disable nm-cloud-setup.service and "
                "nm-cloud-setup.timer, and reboot."
            )
    for firewall in look.facts["firewalls"]:
        yield look.warning(
            f"{firewall} is active. From the other nodes it must let through {open_ports(look.cluster)}."
        )


def _rivals(look: Look) -> Iterator[Finding]:
    units = look.facts["units"]
    for unit in units["running"]:
        if unit in RIVALS:
            yield look.problem(
                f"{unit} runs here, another Kubernetes. Remove that first, or take the host out of the inventory."
            )
    wanted = SERVER_UNIT if look.node.is_server else AGENT_UNIT
    for unit in units["k3s"]:
        if unit not in (SERVER_UNIT, AGENT_UNIT):
            yield look.problem(f"{unit} is here, by which another tool runs K3s. Stop it, and remove the unit first.")
        elif unit != wanted:
            yield look.problem(
                f"{unit} is here, and the host is {look.kind} in the inventory. Correct k3s_servers, or give the host "
                "back first, with playbooks/remove_node.yml."
            )
    for path in look.facts["cni"] if look.cluster.has_flannel else ():
        yield look.problem(
            f"{path} is here, a CNI of your own, and k3s_flannel_backend is {look.backend}. Set k3s_flannel_backend to "
            "none, or remove that CNI."
        )


def _version(look: Look) -> Iterator[Finding]:
    try:
        problem = version_problem(look.facts["k3s_version"], look.version, where="this host")
    except ServingError:
        # A version that nobody can read was refused before, where it is the wanted one; else there is none to compare.
        return
    if problem:
        yield look.problem(problem)


def _clones(looks: Sequence[Look]) -> Iterator[Finding]:
    hosts: dict[str, list[str]] = {}
    for look in looks:
        hosts.setdefault(look.facts["machine_id"], []).append(look.node.host)
    for machine, same in hosts.items():
        if machine and len(same) > 1:
            yield Finding(
                f"{spoken(same)} have one /etc/machine-id, as clones do, and DHCP may give them one address. "
                "Remove it on all but one of them, run systemd-machine-id-setup there, and reboot.",
                is_warning=True,
            )


RULES: tuple[Rule, ...] = (
    _machine,
    kernel_findings,
    _room,
    _system,
    _rivals,
    port_findings,
    _version,
    address_findings,
)

__all__ = ["CLUSTER_CNI", "RIVALS", "host_findings"]
