# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts and numbers of a report, fit to be shown."""

from __future__ import annotations

import re

# What XML 1.0 cannot hold, not even escaped (https://www.w3.org/TR/xml/#charsets); HTML drops or mends most of it.
UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x84\x86-\x9f]")
# Between a number and its unit, so that no line breaks there.
SPACE = "\N{NO-BREAK SPACE}"


def printable(text: object) -> str:
    """Return a text with the characters that no page or XML file may hold spelled out."""
    return UNPRINTABLE.sub(lambda found: ascii(found.group())[1:-1], str(text))


def milliseconds(value: float) -> str:
    """Return a time with three digits that count."""
    if value >= 1000.0:
        return f"{value / 1000.0:.2f}{SPACE}s"
    digits = 0 if value >= 100.0 else 1 if value >= 10.0 else 2
    return f"{value:.{digits}f}{SPACE}ms"


def duration(value: float) -> str:
    """Return how long something took, to a tenth of a millisecond where that is much."""
    if value >= 1000.0:
        return milliseconds(value)
    return f"{value:.{1 if value < 10.0 else 0}f}{SPACE}ms"


def percent(share: float, digits: int = 1) -> str:
    """Return a share in percent; only all is 100, and only nothing is 0."""
    edge = 10.0**-digits
    text = f"{share * 100.0:.{digits}f}"
    if float(text) >= 100.0 and share < 1.0:
        text = f">{SPACE}{100.0 - edge:.{digits}f}"
    elif float(text) <= 0.0 < share:
        text = f"<{SPACE}{edge:.{digits}f}"
    elif "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{SPACE}%"


def probability(value: float) -> str:
    """Return a probability with two digits that count."""
    return "less than 0.0001" if value < 0.0001 else f"{value:.2g}"


def span(low: str, high: str) -> str:
    """Return from low to high, with the unit said once."""
    value, _space, unit = low.rpartition(SPACE)
    return f"{value}\N{EN DASH}{high}" if high.endswith(f"{SPACE}{unit}") else f"{low} to {high}"


__all__ = ["SPACE", "duration", "milliseconds", "percent", "printable", "probability", "span"]
