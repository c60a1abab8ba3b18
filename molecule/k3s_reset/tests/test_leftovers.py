# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of K3s on a host that was given back: nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

# The controller is no node.
testinfra_hosts = ["ansible://" + ("k3s_server" if os.environ.get("K3S_NO_KUBELET") else "k3s_cluster")]
GONE = (
    "/etc/rancher",
    "/etc/systemd/system/k3s.service",
    "/etc/systemd/system/k3s.service.env",
    "/etc/systemd/system/k3s-agent.service",
    "/etc/systemd/system/k3s-agent.service.env",
    "/usr/local/bin/crictl",
    "/usr/local/bin/ctr",
    "/usr/local/bin/k3s",
    "/usr/local/bin/kubectl",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/lib/rancher/k3s",
    "/run/k3s",
)


def test_it_was_there_before(host: Any) -> None:
    # Only the stand-in writes it, and it is not K3s's.
    log = host.file("/var/lib/rancher/standin.log")
    if log.exists:
        assert " start " in log.content_string


def test_no_file_is_left(host: Any) -> None:
    assert [path for path in GONE if host.file(path).exists] == []


def test_kubeconfig_has_the_cluster_no_more() -> None:
    kubeconfig = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "kube/config")
    # Merging wrote it, so its absence would prove nothing.
    assert yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["contexts"] == []


def test_no_unit_is_left(host: Any) -> None:
    assert host.run("systemctl list-units --all --plain --no-legend 'k3s*'").stdout == ""
    assert host.run("systemctl list-unit-files --no-legend 'k3s*'").stdout == ""


def test_no_process_is_left_and_nothing_listens(host: Any) -> None:
    assert host.run("pgrep --list-full k3s").stdout == ""
    assert host.check_output("ss -Hltn sport = :6443") == ""


def test_no_link_no_rule_and_no_mount_is_left(host: Any) -> None:
    links = host.check_output("ls /sys/class/net").split()
    assert not set(links) & {"cni0", "flannel.1"}
    assert "KUBE-" not in host.check_output("iptables-save")
    assert "/run/k3s" not in host.file("/proc/mounts").content_string
