# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All tests: both lanes (tests/lanes.py), and once more what failed, if it is little.

Hundreds of tests here start programs, cut their connections and fill their disks. One of them that fails once in a
hundred runs would fail every other run of all. So what failed is run again, by itself, on a machine that has nothing
else to do, and must pass there. It is named at the end: it has a fault that is to be mended.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.lanes import AGAIN, ALONE, TOGETHER

# What failed in earlier runs is forgotten first: both lanes add to it.
FIRST = ("--cache-clear", "--numprocesses", "2", "--no-loadscope-reorder")


def run(lane: str, *arguments: str) -> int:
    """Run the tests of a lane, and return pytest's exit code."""
    return subprocess.run([sys.executable, "-m", "pytest", "--lane", lane, *arguments], check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Return 0 when all passed, at once or when asked again; else the first exit code of pytest that is another."""
    # Both run whatever the first one says.
    codes = [run(TOGETHER, *FIRST, *arguments), run(ALONE, *arguments)]
    if pytest.ExitCode.TESTS_FAILED in codes and set(codes) <= {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        codes = [run(AGAIN, *arguments)]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
