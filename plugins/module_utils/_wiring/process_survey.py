# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of process_info into a survey of this machine."""

from __future__ import annotations

from typing import Any, Mapping

from .._adapters.linux_processes import LinuxProcesses
from .._core.processes import parse_processes, survey

LISTEN: dict[str, Any] = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "variable": {"type": "str", "required": True},
    "address_variable": {"type": "str"},
}
PROCESS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "config": {"type": "str"},
    "listens": {"type": "list", "elements": "dict", "default": [], "options": LISTEN},
}
ARGUMENTS: dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "processes": {"type": "list", "elements": "dict", "required": True, "options": PROCESS},
}


def survey_from(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conflicts and the state of the declared processes."""
    return survey(parse_processes(params["processes"]), LinuxProcesses(params["directory"]))


__all__ = ["ARGUMENTS", "survey_from"]
