# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of somebody else's text as fits into a sentence."""

from __future__ import annotations

MOST = 120


def brief(text: str) -> str:
    """Return a text on one line, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= MOST else f"{flat[:MOST]}..."


__all__ = ["brief"]
