# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Features and cgroups of kernels that are made of files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from plugins.module_utils._adapters.linux_kernel import LinuxKernel
from tests.fake_hosts import host_tree

RELEASE = "6.1.0-37-amd64"
MODULES = f"/lib/modules/{RELEASE}"


def features(root: Path, files: dict[str, str | bytes]) -> dict[str, str]:
    found: dict[str, str] = LinuxKernel(host_tree(root, files), release=RELEASE).survey()["features"]
    return found


def test_a_distributions_kernel_loads_what_it_lacks(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "/proc/filesystems": "nodev\tsysfs\n\text4\n\n",
        "/sys/module/nf_conntrack/": "",
        f"{MODULES}/modules.dep": (
            "kernel/fs/overlayfs/overlay.ko:\nkernel/drivers/net/veth.ko:\nkernel/net/bridge/bridge.ko:\n"
            "kernel/net/bridge/br_netfilter.ko: kernel/net/bridge/bridge.ko\nkernel/drivers/net/vxlan/vxlan.ko:\n"
            "kernel/net/netfilter/nf_nat.ko:\n"
        ),
        f"{MODULES}/modules.builtin": "kernel/net/netfilter/xt_comment.ko\n",
        f"/boot/config-{RELEASE}": "CONFIG_OVERLAY_FS=m\nCONFIG_WIREGUARD=m\n",
    }
    assert features(tmp_path, files) == {
        "overlay": "loadable",
        "bridge": "loadable",
        "veth": "loadable",
        "br_netfilter": "loadable",
        "nf_conntrack": "ready",
        "nf_nat": "loadable",
        "xt_comment": "ready",
        "vxlan": "loadable",
        # Its configuration has it, and its module is not there: the package of it is not installed.
        "wireguard": "missing",
    }


def test_a_kernel_that_has_all_of_it_needs_no_modules(tmp_path: Path) -> None:
    config = b"CONFIG_BRIDGE=y\nCONFIG_VETH=y\nCONFIG_NF_NAT=y\n# CONFIG_WIREGUARD is not set\n"
    files: dict[str, str | bytes] = {
        "/proc/config.gz": gzip.compress(config),
        "/proc/filesystems": "nodev\toverlay\n",
        "/proc/sys/net/bridge/bridge-nf-call-iptables": "1",
        "/proc/sys/net/netfilter/nf_conntrack_max": "262144",
        "/sys/module/vxlan/": "",
    }
    found = features(tmp_path, files)
    assert {name for name, state in found.items() if state == "ready"} == {
        *("overlay", "bridge", "veth", "br_netfilter", "nf_conntrack", "nf_nat", "vxlan")
    }
    assert (found["wireguard"], found["xt_comment"]) == ("missing", "missing")


def test_of_a_kernel_that_shows_nothing_nothing_is_said(tmp_path: Path) -> None:
    assert set(features(tmp_path, {}).values()) == {"unknown"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, False, id="no modules at all, as in a container"),
        pytest.param({f"{MODULES}/modules.dep": ""}, False, id="its own"),
        pytest.param({f"{MODULES}/modules.dep": "", "/lib/modules/5.10.0-1/modules.dep": ""}, False, id="both"),
        pytest.param({"/lib/modules/6.1.0-38-amd64/modules.dep": ""}, True, id="a newer one's, before the reboot"),
    ],
)
def test_modules_that_an_upgrade_took_away(tmp_path: Path, files: dict[str, str], expected: bool) -> None:
    survey = LinuxKernel(host_tree(tmp_path, files), release=RELEASE).survey()
    assert (survey["release"], survey["has_other_modules"]) == (RELEASE, expected)


V1 = "5:devices:/\n4:memory:/\n2:cpu,cpuacct:/\n1:name=systemd:/init.scope\n0::/init.scope\n"
MOUNTED = {f"/sys/fs/cgroup/{name}/tasks": "" for name in ("memory", "cpu", "systemd", "unified")}
CGROUPS = [
    pytest.param({}, 0, [], id="none"),
    pytest.param(
        {"/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory\n"}, 2, ["cpuset", "cpu", "io", "memory"], id="2"
    ),
    pytest.param({"/sys/fs/cgroup/cgroup.controllers": "\n"}, 2, [], id="2 without controllers"),
    pytest.param({"/proc/self/cgroup": V1, **MOUNTED}, 1, ["cpu", "memory"], id="1, or 1 with 2 beside it"),
    pytest.param({"/proc/self/cgroup": V1}, 0, [], id="1, that nobody mounted"),
    pytest.param({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/": ""}, 0, [], id="2, that nobody mounted"),
]


@pytest.mark.parametrize(("files", "version", "controllers"), CGROUPS)
def test_cgroups(tmp_path: Path, files: dict[str, str], version: int, controllers: list[str]) -> None:
    found = LinuxKernel(host_tree(tmp_path, files), release=RELEASE).cgroup()
    assert found == {"version": version, "controllers": controllers}
