# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine is, how much room it has and what guards it, read from files made up here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plugins.module_utils._adapters.linux_host import LinuxHost
from tests.fake_hosts import host_tree

MEMINFO = (
    "MemTotal:        2097152 kB\nMemFree:          100 kB\nSwapCached: 5 kB\nSwapTotal:        1024 kB\nHugepages: 0\n"
)


def test_it_says_what_it_is(tmp_path: Path) -> None:
    files = {
        "/proc/sys/kernel/hostname": "pi\n",
        "/etc/machine-id": "3d1219\n",
        "/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    }
    assert LinuxHost(host_tree(tmp_path, files)).identity() == {
        "architecture": os.uname().machine,
        "hostname": "pi",
        "machine_id": "3d1219",
        "board": "Raspberry Pi 4 Model B Rev 1.4",
    }


def test_room_is_told_in_bytes(tmp_path: Path) -> None:
    host = LinuxHost(host_tree(tmp_path, {"/proc/meminfo": MEMINFO}))
    found = host.room("/var/lib/rancher")
    assert (found["memory"], found["swap"], found["cores"]) == (2 << 30, 1 << 20, os.cpu_count())
    # The folder is not there yet, so the nearest one above it says.
    status = os.statvfs(tmp_path)
    assert found["disk"]["directory"] == "/var/lib/rancher"
    assert abs(found["disk"]["free"] - status.f_bavail * status.f_frsize) < 1 << 30
    assert os.path.ismount(found["disk"]["path"])
    assert str(tmp_path).startswith(found["disk"]["path"])


def test_room_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    found = LinuxHost(host_tree(tmp_path, {})).room("/var/lib/rancher")
    assert (found["memory"], found["swap"]) == (0, 0)


@pytest.mark.parametrize("path", ["/boot/firmware/cmdline.txt", "/boot/cmdline.txt"])
def test_flags_of_cgroups_are_found_where_a_raspberry_pi_boots_from(tmp_path: Path, path: str) -> None:
    files = {
        "/proc/cmdline": "console=tty1 cgroup_disable=memory root=PARTUUID=1\n",
        path: "console=tty1 cgroup_memory=1 cgroup_enable=memory\n",
    }
    assert LinuxHost(host_tree(tmp_path, files)).boot() == {
        "running": ["cgroup_disable=memory"],
        "file": path,
        "flags": ["cgroup_memory=1", "cgroup_enable=memory"],
    }


def test_other_machines_have_no_such_file(tmp_path: Path) -> None:
    assert LinuxHost(host_tree(tmp_path, {})).boot() == {"running": [], "file": "", "flags": []}


@pytest.mark.parametrize(
    ("files", "mode", "policy"),
    [
        pytest.param({}, "disabled", False, id="no SELinux"),
        pytest.param({"/sys/fs/selinux/enforce": "0"}, "permissive", False, id="permissive"),
        pytest.param({"/sys/fs/selinux/enforce": "1"}, "enforcing", False, id="enforcing"),
        pytest.param(
            {"/sys/fs/selinux/enforce": "1", "/usr/share/selinux/packages/k3s.pp": ""}, "enforcing", True, id="policy"
        ),
    ],
)
def test_selinux(tmp_path: Path, files: dict[str, str], mode: str, policy: bool) -> None:
    assert LinuxHost(host_tree(tmp_path, files)).selinux() == {"mode": mode, "k3s_policy": policy}


def test_systemd_is_known_by_its_folder(tmp_path: Path) -> None:
    assert not LinuxHost(host_tree(tmp_path / "a", {"/run/": ""})).has_systemd()
    assert LinuxHost(host_tree(tmp_path / "b", {"/run/systemd/system/": ""})).has_systemd()


HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ZEROS, LOCAL = "0" * 32, "fe80" + "0" * 28
ROUTES = [
    pytest.param({}, False, id="no table"),
    pytest.param({"/proc/net/route": HEAD}, False, id="an empty table"),
    pytest.param(
        {"/proc/net/route": f"{HEAD}eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"}, True, id="IPv4"
    ),
    pytest.param(
        {"/proc/net/route": f"{HEAD}eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"},
        False,
        id="a network",
    ),
    pytest.param(
        {"/proc/net/route": f"{HEAD}wg0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n"},
        False,
        id="half of all",
    ),
    pytest.param(
        {"/proc/net/ipv6_route": f"{ZEROS} 00 {ZEROS} 00 {LOCAL} 00000400 00000001 00000000 00000003     eth0\n"},
        True,
        id="IPv6",
    ),
    pytest.param(
        {"/proc/net/ipv6_route": f"{LOCAL} 40 {ZEROS} 00 {ZEROS} 00000100 00000001 00000000 00000001     eth0\n"},
        False,
        id="an IPv6 network",
    ),
    pytest.param(
        {"/proc/net/route": f"{HEAD}eth0\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n"}, False, id="not up"
    ),
    pytest.param(
        {"/proc/net/ipv6_route": f"{ZEROS} 00 {ZEROS} 00 {ZEROS} ffffffff 00000001 00000000 00200200       lo\n"},
        False,
        id="the unreachable one of the kernel",
    ),
]


@pytest.mark.parametrize(("files", "expected"), ROUTES)
def test_default_route(tmp_path: Path, files: dict[str, str], expected: bool) -> None:
    assert LinuxHost(host_tree(tmp_path, files)).has_default_route() is expected
