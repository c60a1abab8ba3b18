# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a smoke test as its page and its XML name them, in the order of the path."""

from __future__ import annotations

from typing import Any, Mapping


def label(check: Mapping[str, Any]) -> str:
    """Return a check's id with its target."""
    return f"{check['id']}[{check['target']}]" if check["target"] else str(check["id"])


def by_hop(report: Mapping[str, Any]) -> list[tuple[str, str, list[Mapping[str, Any]]]]:
    """Return name, title and checks of every hop that has checks, in the order of the path."""
    titles = {str(hop["name"]): str(hop["title"]) for hop in report["hops"]}
    names = {
        **titles,
        **{str(check["hop"]): str(check["hop"]) for check in report["checks"] if check["hop"] not in titles},
    }
    groups = [(name, title, [c for c in report["checks"] if c["hop"] == name]) for name, title in names.items()]
    return [group for group in groups if group[2]]


__all__ = ["by_hop", "label"]
