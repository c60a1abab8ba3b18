# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of preflight_info into what a host shows."""

from __future__ import annotations

import sys
import time
from typing import Any, Mapping

from .._adapters.host_tree import HostTree
from .._adapters.ip_addresses import ip_addresses
from .._adapters.k3s_program import K3sProgram
from .._adapters.linux_host import LinuxHost
from .._adapters.linux_kernel import LinuxKernel
from .._adapters.linux_processes import LinuxProcesses
from .._adapters.linux_services import LinuxServices
from .._core.errors import ServingError
from .._core.preflight_host import CLUSTER_CNI, RIVALS
from .._core.preflight_ports import TCP, UDP, watched_ports

ARGUMENTS: dict[str, Any] = {
    "time": {"type": "float", "required": True},
    "api_port": {"type": "int", "default": 6443},
    "directory": {"type": "path", "default": "/var/lib/rancher"},
    "binary": {"type": "path", "default": "/usr/local/bin/k3s"},
}


def preflight_from(params: Mapping[str, Any], *, root: str = "/") -> dict[str, Any]:
    """Return what a host shows; nothing is changed, and nothing is loaded."""
    if not sys.platform.startswith("linux"):
        raise ServingError(f"This host runs {sys.platform}, and K3s runs on Linux. Take it out of the inventory.")
    skew = time.time() - params["time"]
    tree = HostTree(root)
    host, kernel, services = LinuxHost(tree), LinuxKernel(tree), LinuxServices(tree)
    running = services.running()
    return {
        **host.identity(),
        **host.room(params["directory"]),
        **ip_addresses(),
        "clock_skew": round(skew, 1),
        "kernel": kernel.survey(),
        "cgroup": kernel.cgroup(),
        "boot": host.boot(),
        "selinux": host.selinux(),
        "systemd": host.has_systemd(),
        "default_route": host.has_default_route(),
        "units": {
            "running": sorted(running.intersection(RIVALS)),
            "enabled": services.enabled("nm-cloud-setup."),
            "k3s": services.k3s_units(),
        },
        "firewalls": services.firewalls(running),
        "cni": [path for path in services.cni_files() if CLUSTER_CNI.search(path)],
        "listeners": _listeners(LinuxProcesses("/", proc=tree.place("/proc")), services, params["api_port"]),
        "k3s_version": K3sProgram(params["binary"]).version(),
    }


def _listeners(processes: LinuxProcesses, services: LinuxServices, api_port: int) -> list[dict[str, Any]]:
    """Return who listens on a port that a node needs; a socket of the kernel's has no process."""
    watched = set(watched_ports(api_port))
    sockets = [(TCP, each) for each in processes.listeners()] + [(UDP, each) for each in processes.udp_listeners()]
    seen = [(protocol, each) for protocol, each in sockets if (protocol, each.port) in watched]
    holders = processes.holders(each.inode for _protocol, each in seen)
    found = []
    for protocol, each in seen:
        holder = next(iter(holders.get(each.inode, ())), None)
        found.append(
            {
                "protocol": protocol,
                "address": str(each.address),
                "port": each.port,
                "process": holder.name if holder else "",
                "pid": holder.pid if holder else 0,
                "unit": services.unit_of(holder.pid) if holder else "",
            }
        )
    return found


__all__ = ["ARGUMENTS", "preflight_from"]
