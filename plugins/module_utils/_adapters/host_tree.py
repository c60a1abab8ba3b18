# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a host, only read; what is not there or not for this user is as good as nothing."""

from __future__ import annotations

import gzip
import os


class HostTree:
    """Reads below a root, which a test may set to a folder of its own."""

    def __init__(self, root: str = "/") -> None:
        self._root = root

    def place(self, path: str) -> str:
        """Return where an absolute path lies."""
        return os.path.join(self._root, path.lstrip("/"))

    def has(self, path: str) -> bool:
        """Say whether something is there."""
        return os.path.exists(self.place(path))

    def read(self, path: str) -> str | None:
        """Return the text of a file, or None; one that ends in .gz is unpacked."""
        place = self.place(path)
        try:
            if path.endswith(".gz"):
                with gzip.open(place, "rt", encoding="utf-8", errors="replace") as stream:
                    return stream.read()
            with open(place, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except (OSError, EOFError):
            return None

    def text(self, path: str) -> str:
        """Return the text of a file without blanks and zeros at its ends, empty when there is none."""
        return (self.read(path) or "").strip().strip("\0")

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, in order."""
        try:
            return sorted(os.listdir(self.place(path)))
        except OSError:
            return []


__all__ = ["HostTree"]
