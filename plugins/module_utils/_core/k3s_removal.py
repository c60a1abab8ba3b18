# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""K3s off a host, and the proof that it is."""

from __future__ import annotations

from typing import Protocol

from .errors import ServingError


class RemainsDoor(Protocol):
    """What K3s left on a host."""

    def look(self) -> list[str]: ...
    def remove(self) -> None: ...


def clear_away(remains: RemainsDoor, *, dry_run: bool) -> list[str]:
    """Remove everything that K3s left, and return what that was, as text."""
    found = remains.look()
    if found and not dry_run:
        remains.remove()
        left = remains.look()
        if left:
            text = ", ".join(left)
            raise ServingError(f"K3s is not gone; still there: {text}. Look at what uses it, and run it again.")
    return found


__all__ = ["RemainsDoor", "clear_away"]
