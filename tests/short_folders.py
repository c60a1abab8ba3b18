# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One folder with a short path for all that a run of the tests writes, since the path of a socket ends at 107 bytes.

A pytest plugin. pytest's own folder has the user's name and the number of the run in its path, so that what fits on
one machine does not on the next. It is removed at the end of a run in which nothing failed; --basetemp names another.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

PREFIX = "mo-"
OURS = pytest.StashKey[Path]()


# Before pytest reads the option. A process of xdist has a folder below that of the process which started it.
@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.basetemp is None:
        config.stash[OURS] = Path(tempfile.mkdtemp(prefix=PREFIX))
        config.option.basetemp = str(config.stash[OURS])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    nothing_failed = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR)
    if OURS in session.config.stash and exitstatus in nothing_failed:
        shutil.rmtree(session.config.stash[OURS], ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if OURS in config.stash and config.stash[OURS].exists():
        terminalreporter.write_line(f"what the tests wrote is kept in {config.stash[OURS]}")
