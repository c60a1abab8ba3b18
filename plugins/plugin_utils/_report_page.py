# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages of all reports have in common: how a template is filled, and what its texts may hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Mapping

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ._report_text import duration, milliseconds, percent, printable, probability, span


def environment(**filters: Any) -> Environment:
    """Return what fills the templates of this folder, with filters of a page beside those of all pages."""
    # The templates lie next to this file, also in an installed collection.
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        anchor=anchor,
        duration=duration,
        ms=milliseconds,
        percent=percent,
        probability=probability,
        span=span,
        **filters,
    )
    return found


def printable_values(value: Any) -> Any:
    """Return the same values with every text fit to be shown."""
    if isinstance(value, Mapping):
        return {printable(key): printable_values(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable_values(each) for each in value]
    return printable(value) if isinstance(value, str) else value


def anchor(text: str) -> str:
    """Return a name for a place on the page, which may hold no space."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-")


__all__ = ["anchor", "environment", "printable_values"]
