# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""preflight_info on this machine: it shows what the judgement asks for, and who has a port."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from plugins.module_utils._wiring.preflight import preflight_from
from tests.sample_clusters import HOSTS, SETTINGS, SHOWED, judged


def look(**options: Any) -> dict[str, Any]:
    params = {"time": time.time(), "api_port": 6443, "directory": "/var/lib/rancher", "binary": "/nowhere/k3s"}
    return preflight_from({**params, **options})


def shape(value: Any) -> Any:
    """Return the names in a value, all the way down; lists and features are long or short as they please."""
    return {key: shape(each) for key, each in value.items()} if isinstance(value, dict) else None


def test_it_shows_just_what_the_samples_of_hosts_show() -> None:
    assert shape(look()) == shape(SHOWED)


def test_it_shows_listeners_as_the_samples_do() -> None:
    samples = [
        each
        for case in HOSTS
        for host in (case.get("showed") or {}).values()
        for each in (host or {}).get("listeners", ())
    ]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        [listener] = [each for each in look(api_port=port)["listeners"] if each["port"] == port]
    assert (listener["protocol"], listener["address"], listener["pid"]) == ("tcp", "127.0.0.1", os.getpid())
    assert listener["process"]
    assert {frozenset(each) for each in samples} == {frozenset(listener)}


def test_addresses_have_what_the_samples_have() -> None:
    assert all(set(each) == {"interface", "address", "prefix"} for each in look()["addresses"])


def test_the_clock_is_compared_with_the_controllers() -> None:
    assert 59 <= look(time=time.time() - 60)["clock_skew"] <= 70


def test_what_it_shows_can_be_judged() -> None:
    found = {"server-1": look(time=time.time() - 3600)}
    problems = judged({}, found={"hosts": found}, settings=SETTINGS)["problems"]
    assert any(each.startswith("server-1: the clock is 3600 s ahead of the controller's") for each in problems)
