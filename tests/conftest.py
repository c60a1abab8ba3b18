# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests share: the order from cheap to slow, and an environment that says nothing about the machine."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Fixed seeds: a run on another day finds what this one finds.
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")
ROOT = Path(__file__).resolve().parent.parent

# The first match decides. What is not named runs between the house and the scenarios.
ORDER = ("tests/unit/", "tests/house/test_lint.py", "tests/house/test_skip_contract.py", "tests/house/")
LAST = "tests/molecule/"
# A property of a test: what the run says at its end.
LAST_LINE = "last line"


def pytest_configure() -> None:
    # A run in the background of a shell ignores Ctrl-C, and so would every program it starts, also those that tests
    # interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A make that a test starts is a make of its own, also when make started the tests, and was told how.
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS", "TESTS"):
        os.environ.pop(name, None)
    # The tools of the venv come first, as if it were activated; molecule calls them by name.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"])
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    os.environ.setdefault("MOLECULE_GLOB", "molecule/*/molecule.yml")


def pytest_report_header() -> str:
    folder = os.environ.get("SERVING_ARTIFACTS")
    return f"k3s: real, {folder}/k3s" if folder else "k3s: stand-in (SERVING_ARTIFACTS names no folder with a real one)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for each in ("passed", "failed") for report in terminalreporter.getreports(each)]
    lines = [str(value) for report in reports for name, value in report.user_properties if name == LAST_LINE]
    for line in dict.fromkeys(lines):
        terminalreporter.write_line(line)


def place(item: pytest.Item) -> int:
    """Return how late a test runs."""
    if item.nodeid.startswith(LAST):
        return len(ORDER) + 1
    return next((index for index, prefix in enumerate(ORDER) if item.nodeid.startswith(prefix)), len(ORDER))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=place)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT
