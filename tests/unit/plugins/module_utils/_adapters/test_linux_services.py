# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs is known by its cgroup, and units by their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.module_utils._adapters.linux_services import LinuxServices
from tests.fake_hosts import host_tree

CGROUPS = [
    pytest.param("0::/system.slice/k3s.service\n", "k3s.service", id="version 2"),
    pytest.param(
        "4:memory:/system.slice/kubelet.service\n1:name=systemd:/system.slice/kubelet.service\n",
        "kubelet.service",
        id="1",
    ),
    pytest.param("0::/user.slice/user-0.slice/user@0.service/app.slice/x.service\n", "x.service", id="a user's own"),
    pytest.param("0::/system.slice/k3s.service/kubepods.slice/pod1/abc\n", "kubepods.slice", id="a pod"),
    pytest.param("9:name=systemd:/kubepods/besteffort/pod1/abc\n0::/\n", "kubepods", id="a pod in version 1"),
    pytest.param("0::/user.slice/user-0.slice/session-3.scope\n", "", id="somebody's shell"),
    pytest.param("0::/\n", "", id="the root"),
    pytest.param("", "", id="nothing to read"),
]


@pytest.mark.parametrize(("text", "unit"), CGROUPS)
def test_unit_of_a_process(tmp_path: Path, text: str, unit: str) -> None:
    services = LinuxServices(host_tree(tmp_path, {"/proc/7/cgroup": text, "/proc/meminfo": ""}))
    assert (services.unit_of(7), services.running()) == (unit, {unit} - {""})


def test_a_process_that_has_ended_has_no_unit(tmp_path: Path) -> None:
    assert LinuxServices(host_tree(tmp_path, {"/proc/8/": ""})).unit_of(9) == ""


def test_units_that_start_with_the_machine(tmp_path: Path) -> None:
    files = {
        "/etc/systemd/system/timers.target.wants/nm-cloud-setup.timer": "",
        "/etc/systemd/system/multi-user.target.wants/nm-cloud-setup.service": "",
        "/etc/systemd/system/multi-user.target.wants/ssh.service": "",
        # Installed, and not enabled.
        "/usr/lib/systemd/system/nm-cloud-setup.timer": "",
    }
    services = LinuxServices(host_tree(tmp_path, files))
    assert services.enabled("nm-cloud-setup.") == ["nm-cloud-setup.service", "nm-cloud-setup.timer"]


UNITS = {
    "/etc/systemd/system/k3s.service": "ExecStartPre=/bin/x\nExecStart=/usr/local/bin/k3s \\\n    server \\\n",
    "/etc/systemd/system/k3s-node.service": "[Service]\nExecStart=/usr/local/bin/k3s agent --server https://x\n",
    "/run/systemd/transient/k3s-init.service": "ExecStart=/opt/bin/k3s-v1.36 --debug server --cluster-init\n",
    "/usr/lib/systemd/system/k3s.service": "[Service]\nExecStart=/usr/bin/k3s server\n",
    "/etc/systemd/system/k3s-backup.service": "[Service]\nExecStart=/usr/local/bin/k3s etcd-snapshot save\n",
    "/etc/systemd/system/k3s-watch.service": "[Service]\nExecStart=/usr/bin/curl https://server/agent\n",
    "/etc/systemd/system/edge.service": "[Service]\nExecStart=/opt/k3s agent\n",
    "/etc/systemd/system/nginx.service": "[Service]\nExecStart=/usr/sbin/nginx server\n",
}


def test_units_that_run_k3s_are_told_from_those_that_only_use_it(tmp_path: Path) -> None:
    services = LinuxServices(host_tree(tmp_path, UNITS))
    assert services.k3s_units() == ["edge.service", "k3s-init.service", "k3s-node.service", "k3s.service"]


@pytest.mark.parametrize(
    ("conf", "running", "expected"),
    [
        pytest.param(None, set(), [], id="none"),
        pytest.param("ENABLED=no\n", {"ssh.service"}, [], id="installed only"),
        pytest.param("# x\nENABLED=yes\n", set(), ["ufw"], id="ufw"),
        pytest.param('LOGLEVEL=low\nenabled = "Yes"\n', set(), ["ufw"], id="ufw, written otherwise"),
        pytest.param(None, {"firewalld.service"}, ["firewalld"], id="firewalld"),
        pytest.param("ENABLED=yes\n", {"firewalld.service"}, ["firewalld", "ufw"], id="both"),
    ],
)
def test_firewalls(tmp_path: Path, conf: str | None, running: set[str], expected: list[str]) -> None:
    tree = host_tree(tmp_path, {} if conf is None else {"/etc/ufw/ufw.conf": conf})
    assert LinuxServices(tree).firewalls(running) == expected


def test_networks_for_containers(tmp_path: Path) -> None:
    tree = host_tree(tmp_path, {"/etc/cni/net.d/10-calico.conflist": "", "/etc/cni/net.d/calico-kubeconfig": ""})
    assert LinuxServices(tree).cni_files() == ["/etc/cni/net.d/10-calico.conflist", "/etc/cni/net.d/calico-kubeconfig"]
