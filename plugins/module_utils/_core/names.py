# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that nobody reads, and what was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Iterable


def unknown_names(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return a sentence for each name that is not among the known ones, with the nearest of these."""
    right = sorted(known)
    return [_sentence(name, right) for name in sorted(set(names) - set(right))]


def _sentence(name: str, right: list[str]) -> str:
    nearest = get_close_matches(name, right, n=1)
    if nearest:
        return f"There is no variable '{name}'; did you mean '{nearest[0]}'?"
    return f"There is no variable '{name}'; remove it, or set one of: {', '.join(right)}."


__all__ = ["unknown_names"]
