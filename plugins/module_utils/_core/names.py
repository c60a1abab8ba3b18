# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names: what the API of a cluster takes as one, which nobody reads, and what was probably meant."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Iterable

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LONGEST_NAME = 253


def is_object_name(name: str) -> bool:
    """Say whether most objects of a cluster can have this name, such as a Node."""
    return bool(OBJECT_NAME.fullmatch(name)) and len(name) <= LONGEST_NAME


def unknown_names(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return a sentence for each name that is not among the known ones, with the nearest of these."""
    right = sorted(known)
    return [_sentence(name, right) for name in sorted(set(names) - set(right))]


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like another, or nothing."""
    return next(iter(get_close_matches(name, sorted(known), n=1)), "")


def _sentence(name: str, right: list[str]) -> str:
    nearest = nearest_name(name, right)
    if nearest:
        return f"There is no variable '{name}'; did you mean '{nearest}'?"
    return f"There is no variable '{name}'; remove it, or set one of: {', '.join(right)}."


__all__ = ["is_object_name", "nearest_name", "unknown_names"]
