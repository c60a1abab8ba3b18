# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a changed inventory does to units: one is restarted, one leaves, and the others do not notice."""

from __future__ import annotations

from typing import Any

import pytest

# The controller has no data plane.
testinfra_hosts = ["ansible://data_plane"]
CONFIGURATION = "/root/.local/share/modelops-serving/nginx/nginx.conf"
RESTARTED = {"envoy": False, "nginx": True, "mlserver-financial-inference": False}


def units(host: Any) -> dict[str, str]:
    """Return the units that systemd knows, by program."""
    lines = host.check_output("systemctl list-units --all --plain --no-legend 'modelops-serving-*'").splitlines()
    names = [line.split()[0] for line in lines]
    return {name.removesuffix(".service").split("-", 3)[3]: name for name in names}


def test_namespace_that_is_not_wanted_has_no_unit(host: Any) -> None:
    found = units(host)
    assert set(found) == set(RESTARTED)
    files = host.check_output("find /etc/systemd -name 'modelops-serving-*' -type f -printf '%f\n'").split()
    assert sorted(files) == sorted(found.values())
    assert host.check_output("ss -Hltn sport = :18101 or sport = :18201 or sport = :18301") == ""


@pytest.mark.parametrize("program", RESTARTED)
def test_unit_is_restarted_when_its_configuration_changed(host: Any, program: str) -> None:
    written = int(host.check_output("stat --format %%Y %s", CONFIGURATION))
    unit = units(host)[program]
    assert host.service(unit).is_running
    started = host.check_output("systemctl show --timestamp unix --property ExecMainStartTimestamp --value %s", unit)
    assert (int(started.lstrip("@")) >= written) is RESTARTED[program]
