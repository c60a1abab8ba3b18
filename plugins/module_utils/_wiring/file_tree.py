# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters into folders and files."""

from __future__ import annotations

from typing import Any, Mapping

from .._adapters.local_tree import LocalTree
from .._core.file_tree import Step, Wanted, next_step

ARGUMENTS: dict[str, dict[str, Any]] = {
    "folders": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"path": {"type": "path", "required": True}, "mode": {"type": "str", "default": "0755"}},
    },
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "required": True},
            "mode": {"type": "str", "default": "0644"},
            "replace": {"type": "bool", "default": True},
        },
    },
    "secrets": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": False,
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "required": True, "no_log": True},
            "mode": {"type": "str", "default": "0600"},
        },
    },
    "links": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "target": {"type": "str", "required": True},
            "replace": {"type": "bool", "default": True},
        },
    },
    "absent": {"type": "list", "elements": "path", "default": []},
}


def bring_about(params: Mapping[str, Any], *, dry_run: bool) -> list[Step]:
    """Make what is wanted, folders first and removals last, and return the steps taken."""
    tree = LocalTree()
    wanted = [Wanted.parse(each) for each in params["folders"] + params["files"]]
    wanted += [Wanted.parse(each, secret=True) for each in params["secrets"]]
    wanted += [Wanted.link(each) for each in params["links"]]
    wanted += [Wanted.nothing(each) for each in params["absent"]]
    planned = [next_step(each, tree.look(each.path)) for each in wanted]
    steps = [step for step in planned if step]
    for step in steps if not dry_run else []:
        tree.take(step)
    return steps


__all__ = ["ARGUMENTS", "bring_about"]
