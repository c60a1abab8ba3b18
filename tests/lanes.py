# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two lanes for the tests: those that may run beside others, and those that measure or need a quiet machine.

A pytest plugin. `make test` runs one after the other, the first with two processes (tests/whole_run.py). What failed is
then asked once more, by itself. Without --lane all tests run.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER, ALONE, AGAIN = "together", "alone", "again"
# Where pytest keeps the names of the tests that failed, over both lanes.
FAILED_BEFORE = "cache/lastfailed"
# More than these are no accident of a busy machine.
AT_MOST_AGAIN = 5
# What runs in folders, name spaces, hosts and ports of its own, and waits for conditions, never for a time.
BESIDE_OTHERS = (
    "tests/unit/",
    "tests/house/test_artifact.py",
    "tests/house/test_docs.py",
    "tests/house/test_ingress_picture.py",
    "tests/house/test_lint.py",
    "tests/house/test_oldest_core.py",
    "tests/house/test_report_page.py",
    "tests/house/test_rollout_page.py",
    "tests/house/test_sanity.py",
    "tests/house/test_setup.py",
    "tests/house/test_skip_contract.py",
    "tests/house/test_whole_run.py",
    "tests/live/cluster/",
    "tests/live/edge/",
    "tests/live/metallb/",
    "tests/live/policies/",
    "tests/live/seldon/",
    "tests/live/test_faults.py",
    "tests/live/test_ingress_headers.py",
    "tests/live/test_launch.py",
    "tests/live/test_lifecycle.py",
    "tests/live/test_machines.py",
    "tests/live/test_mlserver_models.py",
    "tests/live/test_refusals.py",
    "tests/live/test_runs.py",
    "tests/live/test_testhosts.py",
    "tests/live/test_train_samples.py",
    "tests/molecule/test_scenarios.py::test_scenario[k3s_",
    "tests/molecule/test_scenarios.py::test_scenario[preflight",
    "tests/molecule/test_scenarios.py::test_scenario[data_plane_systemd",
)
# Files whose tests share nothing that takes long to make: any process takes the next of them. A file that is not here
# stays with one process, which makes what its tests share once.
SPREAD = ("tests/unit/", "tests/live/cluster/", "tests/molecule/")
# Files that are one to the processes: their webhooks have the same ports of this machine.
AS_ONE = ("tests/live/edge/test_releases.py", "tests/live/seldon/test_seldon_releases.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--lane",
        choices=[TOGETHER, ALONE, AGAIN],
        help="only the tests that may run beside others, or the rest, or those that failed before",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    return "some tests failed: they are run again, beside nothing else" if config.getoption("lane") == AGAIN else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("lane")
    if not wanted:
        return
    again = _failed_before(config, items) if wanted == AGAIN else set()
    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        of_this_lane = item.nodeid in again if wanted == AGAIN else lane(item.nodeid) == wanted
        (chosen if of_this_lane else left_out).append(item)
    if left_out:
        items[:] = chosen
        config.hook.pytest_deselected(items=left_out)


def _failed_before(config: pytest.Config, items: list[pytest.Item]) -> set[str]:
    """Return the names of what failed, if it is little enough to be asked again, and nothing but tests."""
    assert config.cache is not None
    failed = set(config.cache.get(FAILED_BEFORE, {}))
    nameless = sorted(failed - {item.nodeid for item in items})
    if nameless:
        pytest.exit(f"these can't be run again: {', '.join(nameless)}", returncode=pytest.ExitCode.TESTS_FAILED)
    if not 0 < len(failed) <= AT_MOST_AGAIN:
        words = f"{len(failed)} tests failed, and 1 to {AT_MOST_AGAIN} are run again"
        pytest.exit(words, returncode=pytest.ExitCode.TESTS_FAILED)
    return failed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("lane") == AGAIN:
        for report in terminalreporter.getreports("passed"):
            terminalreporter.write_line(
                f"FAILED, AND PASSED WHEN RUN AGAIN: {report.nodeid}. It has a fault: look for its first failure above."
            )


def lane(test: str) -> str:
    """Return where a test runs."""
    return TOGETHER if test.startswith(BESIDE_OTHERS) else ALONE


class ByFile(LoadScopeScheduling):
    """Hands tests to the processes, by file where its tests share something."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(SPREAD):
            return nodeid
        return AS_ONE[0] if nodeid.startswith(AS_ONE) else nodeid.partition("::")[0]


# Where xdist is switched off, nobody asks.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)
