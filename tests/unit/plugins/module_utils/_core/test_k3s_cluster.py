# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who leads, and which versions K3s can step to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.k3s_cluster import leader, parse_version, version_problem

SERVERS = ["one", "two", "three"]
HAS, RUNS = {"has_datastore": True, "state": "inactive"}, {"has_datastore": True, "state": "active"}

LEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "nobody has anything": ({}, "one"),
    "the second has a datastore": ({"one": {"has_datastore": False, "state": "active"}, "two": HAS}, "two"),
    "the third runs with one": ({"two": HAS, "three": RUNS}, "three"),
    "all run": ({"one": RUNS, "two": RUNS, "three": RUNS}, "one"),
}


@pytest.mark.parametrize(("found", "expected"), LEADERS.values(), ids=LEADERS.keys())
def test_leader(found: dict[str, Any], expected: str) -> None:
    assert leader(SERVERS, found) == expected


def test_without_servers_nobody_leads() -> None:
    with pytest.raises(ServingError, match=r"^There is no server\. Set k3s_servers "):
        leader([], {})


def test_versions_are_in_order() -> None:
    order = ["v1.35.9+k3s1", "v1.36.4-rc1+k3s1", "v1.36.4-rc2+k3s1", "v1.36.4+k3s1", "v1.36.4+k3s2", "v1.36.10+k3s1"]
    assert sorted(order, key=parse_version) == order


STEPS: dict[str, tuple[str, str, str]] = {
    "nothing is installed": ("", "v1.36.4+k3s1", ""),
    "the same": ("v1.36.4+k3s1", "v1.36.4+k3s1", ""),
    "a patch": ("v1.36.4+k3s1", "v1.36.5+k3s1", ""),
    "the next minor": ("v1.35.7+k3s1", "v1.36.4+k3s1", ""),
    "two minors": (
        "v1.34.10+k3s1",
        "v1.36.4+k3s1",
        "server-1 has v1.34.10+k3s1, and v1.36.4+k3s1 is more than one minor version away. Set k3s_version to a "
        "release of v1.35 first.",
    ),
    "back": (
        "v1.36.4+k3s1",
        "v1.36.3+k3s1",
        "server-1 has v1.36.4+k3s1, and k3s_version is the older v1.36.3+k3s1; K3s cannot go back. Set k3s_version to "
        "v1.36.4+k3s1 or newer, or restore a snapshot that the older one made.",
    ),
}


@pytest.mark.parametrize(("installed", "wanted", "expected"), STEPS.values(), ids=STEPS.keys())
def test_version_steps(installed: str, wanted: str, expected: str) -> None:
    assert version_problem(installed, wanted, where="server-1") == expected


def test_what_is_no_version() -> None:
    message = "'1.36.4' is no version of K3s. Write it as its release has it, such as v1.36.4+k3s1."
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        parse_version("1.36.4")
