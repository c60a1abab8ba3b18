# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left on a host whose data plane was removed: Debian's packages, and nothing else."""

from __future__ import annotations

from typing import Any

# The controller has no data plane.
testinfra_hosts = ["ansible://data_plane"]
FOLDER = "/root/.local/share/modelops-serving"


def test_no_unit_is_left(host: Any) -> None:
    assert host.check_output("systemctl list-units --all --plain --no-legend 'modelops-serving-*'") == ""
    # It ends with 1 when it finds none.
    assert host.run("systemctl list-unit-files --no-legend 'modelops-serving-*'").stdout == ""
    assert host.check_output("find /etc/systemd /run/systemd -name 'modelops-serving-*'") == ""


def test_no_file_is_left(host: Any) -> None:
    assert host.check_output("find / -xdev -path '*modelops*' -not -path '/sys/*' -not -path '/proc/*'") == ""
    assert host.check_output("ls /root/.local/share") == ""
    assert not host.file(FOLDER).exists


def test_no_process_is_left_and_nothing_listens(host: Any) -> None:
    assert host.run("pgrep --list-full 'nginx|envoy|mlserver'").stdout == ""
    ports = host.check_output("ss -Hltn").splitlines()
    assert [line.split()[3] for line in ports if not line.split()[3].endswith(":22")] == []


def test_package_stays(host: Any) -> None:
    assert host.package("nginx").is_installed
