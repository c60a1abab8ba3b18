# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error of this collection: a sentence for people, facts for programs."""

from __future__ import annotations


class ServingError(Exception):
    """Something was attempted and refused or failed.

    The message says what was found, where, and what to set; the facts are returned beside it
    under their own names, so they must not use a key that Ansible reads (``failed``, ``changed``).
    """

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class UnreachableError(ServingError):
    """Nobody answered, so it is not known whether a request was carried out."""


__all__ = ["ServingError", "UnreachableError"]
