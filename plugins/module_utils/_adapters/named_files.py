# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the files that an option names."""

from __future__ import annotations

from typing import Iterable

from .._core.errors import ServingError


def read_files(paths: Iterable[str], *, option: str) -> dict[str, bytes]:
    """Return the content of each file, or refuse and name the option to set."""
    found = {}
    for path in paths:
        try:
            with open(path, "rb") as stream:
                found[path] = stream.read()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ServingError(f"{path} cannot be read: {reason}. Set {option} to a file that is there.") from error
    return found


__all__ = ["read_files"]
