# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of this host, by the program ip."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from .._core.errors import ServingError

CALL_SECONDS = 20


def ip_addresses(program: str = "ip") -> dict[str, Any]:
    """Return the interfaces but for loopback, and their addresses with the length of their networks' prefixes.

    Addresses that are good on one link or this host alone are left out.
    """
    rows = [row for row in _ask(program) if "LOOPBACK" not in row.get("flags", ())]
    return {
        "interfaces": [row["ifname"] for row in rows],
        "addresses": [
            {"interface": row["ifname"], "address": each["local"], "prefix": each["prefixlen"]}
            for row in rows
            for each in row.get("addr_info") or ()
            if each.get("scope") == "global"
        ],
    }


def _ask(program: str) -> list[dict[str, Any]]:
    # An ordinary user's path may lack it.
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    try:
        done = subprocess.run(
            [program, "-json", "address", "show"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=CALL_SECONDS,
            env={**os.environ, "PATH": path},
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
    except FileNotFoundError as error:
        raise ServingError("There is no program ip. Install the package iproute2.") from error
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise ServingError(f"`ip -json address show` does not work: {error}. Install a newer iproute2.") from error
    # It leaves an empty entry for what it has no address of.
    return [row for row in found if "ifname" in row]


__all__ = ["ip_addresses"]
