# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a test run to tests/skips.yml: which tests may be skipped, and how many must pass at least.

A pytest plugin. It ends every run with one line that counts, and fails the run when the contract is broken.
The floor, and rows that match no test, are judged only when the whole suite ran, or a lane of it (tests/lanes.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

# The code of a run that broke the contract: no second run of what failed mends that.
BROKEN = 16
# From harmless to bad: a test's worst phase decides.
OUTCOMES = ("passed", "skipped", "failed")


@dataclass(frozen=True)
class Contract:
    """What tests/skips.yml promises."""

    floor: int
    skips: dict[str, str]

    @classmethod
    def read(cls, path: Path, lane: str) -> Contract:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        floors = data["floor"]
        floor = sum(value for name, value in floors.items() if lane in ("", name))
        return cls(floor=floor, skips={row["test"]: row["reason"] for row in data["skips"]})

    def allows(self, test: str) -> bool:
        return any(fnmatchcase(test, pattern) for pattern in self.skips)


@dataclass
class Run:
    """What happened, test by test."""

    contract: Contract
    whole: bool
    root: Path
    # Where the run looks for tests (testpaths).
    suite: tuple[str, ...]
    # How many tests have to pass, though the run is not whole.
    least: int = 0
    # Empty where nobody knows: the processes of a lane collect, not the one that counts.
    collected: list[str] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, test: str, outcome: str, reason: str = "") -> None:
        worst = max(outcome, self.outcomes.get(test, "passed"), key=OUTCOMES.index)
        self.outcomes[test] = worst
        if outcome == "skipped":
            self.reasons[test] = reason

    def count(self, outcome: str) -> int:
        return Counter(self.outcomes.values())[outcome]

    def breaches(self) -> list[str]:
        """Return what breaks the contract, in words."""
        skipped = sorted(test for test, outcome in self.outcomes.items() if outcome == "skipped")
        found = [
            f"{test} was skipped ({self.reasons[test]}), and tests/skips.yml does not allow it"
            for test in skipped
            if not self.contract.allows(test)
        ]
        # What failed is told as such, and is no skip.
        if self.count("passed") + self.count("failed") < self.least:
            found.append(f"{self.count('passed')} tests passed, and {self.least} had to")
        if not self.whole:
            return found
        found += [
            f"tests/skips.yml allows '{pattern}', and no test has such a name: remove the row"
            for pattern in self.contract.skips
            if self.collected and not self.knows(pattern)
        ]
        if self.count("passed") < self.contract.floor:
            found.append(f"{self.count('passed')} tests passed, the floor in tests/skips.yml is {self.contract.floor}")
        return found

    def knows(self, pattern: str) -> bool:
        """Tell whether a row has a test: of this run, or of a file that a scenario runs by its path."""
        if not pattern.startswith(self.suite):
            return (self.root / pattern.partition("::")[0]).is_file()
        return any(fnmatchcase(test, pattern) for test in {*self.collected, *self.outcomes})


KEY = pytest.StashKey[Run]()
# Options that leave tests out.
NARROWING = ("keyword", "markexpr", "deselect", "lf", "collectonly")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--floor", type=int, default=0, help="how many tests pass at least, whichever are run")


def pytest_configure(config: pytest.Config) -> None:
    # A process of a lane hands everything on.
    if hasattr(config, "workerinput"):
        return
    # An option is absent where its plugin is switched off.
    narrowed = any(getattr(config.option, name, None) for name in NARROWING)
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS and not narrowed
    lane = getattr(config.option, "lane", None) or ""
    contract = Contract.read(config.rootpath / "tests/skips.yml", lane)
    config.stash[KEY] = Run(contract, whole, config.rootpath, tuple(config.getini("testpaths")), config.option.floor)
    config.pluginmanager.register(Recorder(config.stash[KEY]), "skip-contract-recorder")


class Recorder:
    """Listens to pytest, for one run."""

    def __init__(self, run: Run) -> None:
        self.run = run

    # Before a lane leaves anything out.
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.run.collected = [item.nodeid for item in items]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome != "passed":
            self.run.add(report.nodeid, report.outcome, why(report))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # A test that was made ready has not passed: it may be cut off.
        if report.when == "setup" and report.outcome == "passed":
            return
        # An expected failure is a skip under another name: fix the code, or list the skip.
        outcome = "failed" if hasattr(report, "wasxfail") else report.outcome
        self.run.add(report.nodeid, outcome, why(report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        ran = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.TESTS_FAILED)
        if session.exitstatus in ran and self.run.breaches():
            session.exitstatus = BROKEN
        elif session.exitstatus in ran and self.run.count("failed"):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or config.option.collectonly:
            return
        for breach in self.run.breaches():
            reporter.write_line(f"Skip contract: {breach}.", red=True)
        reporter.write_line(", ".join(f"{self.run.count(name)} {name}" for name in ("passed", "failed", "skipped")))


def why(report: pytest.CollectReport | pytest.TestReport) -> str:
    """Return the reason of a skip in one line."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return " ".join(text.removeprefix("Skipped: ").split())
