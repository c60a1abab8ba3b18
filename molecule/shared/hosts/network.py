# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario's network: a bridge, and a namespace for each host. There is no way out of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hosts.shell import HostError, run
from hosts.state import Host, Scenario

NAMESPACES = Path("/run/netns")


def lay(scenario: Scenario) -> None:
    """Make the bridge. What hosts send elsewhere ends there."""
    bridge = scenario.bridge
    four, six = scenario.gateways
    _batch(
        f"link add {bridge} type bridge",
        f"addr add {four}/24 dev {bridge}",
        *([f"addr add {six}/64 dev {bridge} nodad"] if has_six() else []),
        f"link set {bridge} up",
    )
    for family in ("ipv4", "ipv6"):
        forwarding = Path(f"/proc/sys/net/{family}/conf/{bridge}/forwarding")
        if forwarding.exists() and forwarding.read_text(encoding="ascii").strip() != "0":
            # The value of this one interface.
            forwarding.write_text("0\n", encoding="ascii")


def plug(scenario: Scenario, host: Host) -> None:
    """Make a host's namespace, with an interface whose addresses never change."""
    label, link = scenario.label(host), scenario.link(host)
    four, six = scenario.gateways
    run("ip", "netns", "add", label)
    _batch(
        f"link add {link} type veth peer name eth0 netns {label}",
        f"link set {link} master {scenario.bridge} up",
    )
    _batch(
        "link set lo up",
        f"link set eth0 address {scenario.hardware_address(host)}",
        f"addr add {scenario.address(host)}/24 dev eth0",
        *([f"addr add {scenario.address6(host)}/64 dev eth0 nodad"] if has_six() else []),
        "link set eth0 up",
        f"route add default via {four}",
        *([f"route add default via {six}"] if has_six() else []),
        namespace=label,
    )


def unplug(scenario: Scenario, host: Host) -> None:
    """Remove a host's namespace, and what was added to its interface."""
    # A namespace goes at its leisure, and its interface with it. Ours has to be gone now.
    with contextlib.suppress(HostError):
        run("ip", "link", "del", scenario.link(host))
    if (NAMESPACES / scenario.label(host)).exists():
        run("ip", "netns", "del", scenario.label(host))


def clear(scenario: Scenario) -> None:
    """Remove the bridge."""
    if Path("/sys/class/net", scenario.bridge).exists():
        run("ip", "link", "del", scenario.bridge)


def has_six() -> bool:
    """Say whether this machine speaks IPv6."""
    return Path("/proc/net/if_inet6").exists()


def _batch(*lines: str, namespace: str = "") -> None:
    run("ip", *(["-netns", namespace] if namespace else []), "-batch", "-", given="\n".join(lines))
