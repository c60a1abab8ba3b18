# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts made of files: a folder that stands for the root of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from plugins.module_utils._adapters.host_tree import HostTree


def host_tree(root: Path, files: Mapping[str, str | bytes]) -> HostTree:
    """Return a host with these files, by absolute path; a path that ends in a slash is a folder."""
    for path, content in files.items():
        place = root / path.lstrip("/")
        if path.endswith("/"):
            place.mkdir(parents=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return HostTree(str(root))
