# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a templating engine, such as strings and lists with marks of their own, into plain data."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """Return a value as plain data; Ansible works out the parts of a container when they are asked for."""
    if hasattr(value, "items"):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


__all__ = ["plain"]
