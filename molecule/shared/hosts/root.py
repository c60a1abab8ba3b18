# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file system of a host: a layer of its own over the image, kept until the host is removed."""

from __future__ import annotations

import uuid
from functools import partial
from pathlib import Path

from hosts import network
from hosts.shell import HostError, mounts, remove_tree, run, wait
from hosts.state import Host, Scenario

# A role may set these; a host writes and reads a copy of its own.
SYSCTLS = (
    *("fs/file-max", "fs/inotify/max_queued_events", "fs/inotify/max_user_instances", "fs/inotify/max_user_watches"),
    *("kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys", "kernel/panic", "kernel/panic_on_oops"),
    *("kernel/pid_max", "net/netfilter/nf_conntrack_max", "vm/max_map_count", "vm/overcommit_memory"),
    *("vm/panic_on_oom", "vm/swappiness"),
)


def lay(scenario: Scenario) -> None:
    """Make the folder of all hosts, in memory where the file system cannot hold a layer."""
    place = scenario.folder / "hosts"
    place.mkdir()
    if run("stat", "--file-system", "--format=%T", str(place)).strip() == "overlayfs":
        run("mount", "-t", "tmpfs", scenario.bridge, str(place))


def build(scenario: Scenario, host: Host) -> None:
    """Make a host's file system, with the files that are its own."""
    place = scenario.place(host)
    for name in ("changes", "work", "root", "data"):
        (place / name).mkdir(parents=True)
    layers = f"lowerdir={scenario.image},upperdir={place / 'changes'},workdir={place / 'work'},volatile"
    run("mount", "-t", "overlay", scenario.label(host), "-o", layers, str(place / "root"))
    root = place / "root"
    for name, text in _files(scenario, host).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "root/.ssh").chmod(0o700)
    (root / "var/lib/rancher").mkdir(parents=True)


def _files(scenario: Scenario, host: Host) -> dict[str, str]:
    addresses = [scenario.address, *([scenario.address6] if network.has_six() else [])]
    names = "".join(f"{address(other)} {other.name}\n" for other in scenario.hosts for address in addresses)
    found = {
        "etc/hostname": f"{host.name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n::1 localhost\n{names}",
        # An unreachable name server costs seconds each time that somebody asks it. Here nobody answers at once.
        "etc/resolv.conf": "nameserver 127.0.0.1\n",
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "root/.ssh/authorized_keys": scenario.key.with_suffix(".pub").read_text(encoding="ascii"),
    }
    for name in SYSCTLS:
        # Only what exists outside has a place inside.
        if Path("/proc/sys", name).exists():
            value = Path("/proc/sys", name).read_text(encoding="ascii")
            found[f"var/lib/testhost/sysctl/{name}"] = value
    return found


def clear(scenario: Scenario) -> None:
    """Take the file systems of all hosts away."""
    labels = {scenario.bridge, *(scenario.label(host) for host in scenario.hosts)}
    for point, source in mounts():
        if source in labels:
            wait(partial(_unmounted, point), f"{point} to be free", seconds=5)
    remove_tree(scenario.folder / "hosts")


def _unmounted(point: Path) -> bool:
    try:
        run("umount", str(point))
    except HostError:
        return False
    return True
