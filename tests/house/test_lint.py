# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The linters, one test each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import files, run

SHELL = sorted(
    str(path) for path in files() if path.suffix == ".sh" or path.as_posix() == ".ci/run" or "shell" in path.parts
)

LINTERS = {
    "ansible-lint": ["ansible-lint", "--offline", "--strict", "--nocolor"],
    "yamllint": ["yamllint", "--strict", "."],
    "ruff check": ["ruff", "check", "--no-cache", "."],
    "ruff format": ["ruff", "format", "--no-cache", "--check", "--diff", "."],
    "mypy": ["mypy"],
    "shellcheck": ["shellcheck", *SHELL],
    "changelog fragments": ["antsibull-changelog", "lint"],
}


@pytest.mark.parametrize("command", LINTERS.values(), ids=LINTERS.keys())
def test_linter_finds_nothing(command: list[str], tmp_path: Path) -> None:
    # Some of them leave a log or a cache in the home folder.
    run(command, env={"HOME": str(tmp_path)}).require()
