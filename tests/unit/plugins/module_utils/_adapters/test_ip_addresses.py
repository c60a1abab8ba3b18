# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of a host, as the program ip gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._adapters.ip_addresses import ip_addresses
from plugins.module_utils._core.errors import ServingError

ROWS: list[dict[str, Any]] = [
    {
        "ifname": "lo",
        "flags": ["LOOPBACK", "UP"],
        "addr_info": [{"local": "127.0.0.1", "prefixlen": 8, "scope": "host"}],
    },
    {},
    {
        "ifname": "eth0",
        "link": "if5",
        "flags": ["BROADCAST", "UP"],
        "addr_info": [
            {"family": "inet", "local": "192.0.2.11", "prefixlen": 24, "scope": "global"},
            {"family": "inet6", "local": "2001:db8::11", "prefixlen": 64, "scope": "global"},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
        ],
    },
    {"ifname": "wlan0", "flags": ["BROADCAST"], "addr_info": []},
]


def program(folder: Path, text: str) -> str:
    path = folder / "ip"
    path.write_text(f"#!/bin/sh\n[ \"$*\" = '-json address show' ] && cat <<'END'\n{text}\nEND\n")
    path.chmod(0o755)
    return str(path)


def test_addresses_that_others_can_reach(tmp_path: Path) -> None:
    assert ip_addresses(program(tmp_path, json.dumps(ROWS))) == {
        "interfaces": ["eth0", "wlan0"],
        "addresses": [
            {"interface": "eth0", "address": "192.0.2.11", "prefix": 24},
            {"interface": "eth0", "address": "2001:db8::11", "prefix": 64},
        ],
    }


def test_this_machine_has_a_real_one() -> None:
    found = ip_addresses()
    assert "lo" not in found["interfaces"]
    assert all(each["interface"] in found["interfaces"] for each in found["addresses"])


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"There is no program ip\. Install the package iproute2\."):
        ip_addresses(str(tmp_path / "ip"))


def test_an_old_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"does not work: .* Install a newer iproute2\."):
        ip_addresses(program(tmp_path, "Option -json is unknown"))
