# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server leads, and whether a node may go from the version that it has to the one that is wanted."""

from __future__ import annotations

import re
from typing import Any, Mapping, Sequence

from .errors import ServingError

VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)((?:-rc\d+)?)\+k3s(\d+)")


def leader(servers: Sequence[str], found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the server that the others join: one that runs with a datastore, else one that has it, else the first.

    By position alone, a server that comes back empty would begin a second cluster.
    """
    if not servers:
        raise ServingError("There is no server. Set k3s_servers to the names of the servers in the inventory.")
    with_data = [name for name in servers if found.get(name, {}).get("has_datastore")]
    running = [name for name in with_data if found[name].get("state") == "active"]
    return (running or with_data or list(servers))[0]


def parse_version(text: str) -> tuple[int, ...]:
    """Return a version such as ``v1.36.4+k3s1`` in a form that can be compared; a candidate comes before a release."""
    match = VERSION.fullmatch(text.strip())
    if not match:
        raise ServingError(f"'{text}' is no version of K3s. Write it as its release has it, such as v1.36.4+k3s1.")
    major, minor, patch, candidate, build = match.groups()
    return int(major), int(minor), int(patch), int(candidate[3:]) if candidate else 1 << 16, int(build)


def version_problem(installed: str, wanted: str, *, where: str) -> str:
    """Return why a node must not go from one version to another, or nothing."""
    if not installed:
        return ""
    old, new = parse_version(installed), parse_version(wanted)
    if new < old:
        return (
            f"{where} has {installed}, and k3s_version is the older {wanted}; K3s cannot go back. "
            f"Set k3s_version to {installed} or newer, or restore a snapshot that the older one made."
        )
    if new[:1] != old[:1] or new[1] > old[1] + 1:
        return (
            f"{where} has {installed}, and {wanted} is more than one minor version away. "
            f"Set k3s_version to a release of v{old[0]}.{old[1] + 1} first."
        )
    return ""


__all__ = ["leader", "parse_version", "version_problem"]
