# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher that uses systemd-nspawn."""

from __future__ import annotations

from hosts.state import Host, Scenario

# What a host may never do, since there is only one clock and one kernel.
FORBIDDEN = ("CAP_SYS_TIME", "CAP_SYS_MODULE", "CAP_SYS_BOOT", "CAP_WAKE_ALARM")


def environment(scenario: Scenario) -> dict[str, str]:
    """Return what the command has to find in its environment."""
    # Only the part of /proc/sys that belongs to the host's own network is writable.
    found = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
    return found | ({"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"} if scenario.cgroups == "2" else {})


def command(scenario: Scenario, host: Host) -> list[str]:
    """Return the command that is the host."""
    place = scenario.place(host)
    return [
        "systemd-nspawn",
        "--boot",
        "--quiet",
        "--register=no",
        "--keep-unit",
        f"--directory={place / 'root'}",
        f"--machine={scenario.label(host)}",
        f"--hostname={host.name}",
        f"--network-namespace-path=/run/netns/{scenario.label(host)}",
        "--console=pipe",
        "--capability=all",
        f"--drop-capability={','.join(FORBIDDEN)}",
        "--system-call-filter=@known",
        f"--bind={place / 'data'}:/var/lib/rancher",
        *(f"--bind={source}:{target}" for source, target in pairs(scenario)),
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
    ]


def pairs(scenario: Scenario) -> list[tuple[str, str]]:
    """Return the paths of this machine that hosts see, each with its place there."""
    parts = [bind.partition(":") for bind in scenario.binds]
    return [(source, target or source) for source, _, target in parts]
