# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, as people write them and as people read them."""

from __future__ import annotations

import math
import re

_PARTS = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def seconds(value: object) -> float | None:
    """Return the seconds of ``90``, ``"90"``, ``"90s"``, ``"1m30s"`` or ``"2h"``; None for what is no duration."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) and value >= 0 else None
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    found = _PARTS.fullmatch(text)
    if not text or not found:
        return None
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600.0 + int(minutes or 0) * 60.0 + float(rest or 0)


def spoken(duration: float) -> str:
    """Return a duration for people: ``40s``, ``1m16s``, ``2h5m``."""
    whole = max(0, math.ceil(duration - 1e-9))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60}s" if whole % 60 else f"{whole // 60}m"
    minutes = round(whole / 60)
    return f"{minutes // 60}h{minutes % 60}m" if minutes % 60 else f"{minutes // 60}h"


__all__ = ["seconds", "spoken"]
