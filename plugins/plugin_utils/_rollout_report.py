# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a rollout as files: JSON for programs, JUnit XML for build servers, a page for people."""

from __future__ import annotations

import platform
import re
from typing import Any, Mapping

from ansible.release import __version__ as ansible_version

from ._collection import collection_version
from ._report_files import require_directory, to_json, write_files
from ._rollout_junit import to_junit
from ._rollout_page import to_html

# docs/rollout.schema.json describes the first.
WRITERS = {"json": to_json, "xml": to_junit, "html": to_html}


def run_of(name: str, found: Mapping[str, Any], *, target: str, store: str) -> dict[str, Any]:
    """Return what a report is told of a run, from what the module reads of it."""
    state = found["state"]
    return {
        "name": name,
        "run": state["id"],
        "phase": state["phase"],
        "weight": state["percent"],
        "weights": state["weights"],
        "cause": state["cause"],
        "reason": state["reason"],
        "started": state["started"],
        "ended": state["renewed"],
        "target": target,
        "store": store,
        "models": found["versions"],
        "skipped": state["skipped"],
        "versions": {
            "collection": collection_version(),
            "ansible-core": ansible_version,
            "python": platform.python_version(),
        },
    }


def write_reports(report: Mapping[str, Any], directory: str) -> list[str]:
    """Write the report in all its forms into a folder, which is made; return the paths. Each experiment has its own."""
    name = re.sub(r"[^\w.-]+", "-", str(report["run"]["experiment"])) or "unnamed"
    return write_files({f"rollout-{name}.{suffix}": write(report) for suffix, write in WRITERS.items()}, directory)


__all__ = ["require_directory", "run_of", "to_html", "to_json", "to_junit", "write_reports"]
