# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the JUnit XML of all reports has in common: its texts, and how it is written."""

from __future__ import annotations

from typing import Mapping
from xml.etree import ElementTree

from ._report_text import printable


def written(root: ElementTree.Element) -> str:
    """Return a document as text."""
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def attributes(values: Mapping[str, object]) -> dict[str, str]:
    """Return the attributes of an element, fit for XML."""
    return {name: printable(value) for name, value in values.items()}


def seconds(milliseconds: float) -> str:
    """Return a time as JUnit has it."""
    return f"{milliseconds / 1000.0:.4f}"


__all__ = ["attributes", "seconds", "written"]
