# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a smoke test as files: JSON for programs, JUnit XML for build servers, a page for people."""

from __future__ import annotations

from typing import Any, Mapping

from ._report_files import require_directory, to_json, write_files
from ._smoke_junit import to_junit
from ._smoke_page import to_html

# docs/smoke_test.schema.json describes the first.
WRITERS = {"smoke_test.json": to_json, "smoke_test.xml": to_junit, "smoke_test.html": to_html}


def write_reports(report: Mapping[str, Any], directory: str) -> list[str]:
    """Write the report in all its forms into a folder, which is made; return the paths."""
    return write_files({name: write(report) for name, write in WRITERS.items()}, directory)


__all__ = ["require_directory", "to_html", "to_json", "to_junit", "write_reports"]
