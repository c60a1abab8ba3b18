# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of the collection that these files belong to."""

from __future__ import annotations

import json
import os
import re

_GALAXY_VERSION = re.compile(r"^version: *(\S+)$", re.MULTILINE)


def collection_version() -> str:
    """Return the version of the collection; an installed one has a manifest, a checkout has galaxy.yml."""
    root = os.path.join(os.path.dirname(__file__), "..", "..")
    for name, find in (("MANIFEST.json", _manifest_version), ("galaxy.yml", _galaxy_version)):
        try:
            with open(os.path.join(root, name), encoding="utf-8") as stream:
                return find(stream.read())
        except OSError:
            continue
    return "unknown"


def _manifest_version(text: str) -> str:
    return str(json.loads(text)["collection_info"]["version"])


def _galaxy_version(text: str) -> str:
    found = _GALAXY_VERSION.search(text)
    return found[1] if found else "unknown"


__all__ = ["collection_version"]
