# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fails in a whole run gets one more chance, and only what may have been an accident."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lanes import AT_MOST_AGAIN
from tests.skip_contract import BROKEN
from tests.support import ROOT, run

INI = """
[pytest]
testpaths = tests
addopts = -p tests.lanes -p tests.skip_contract --import-mode=importlib --continue-on-collection-errors
"""
PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert False\n"
FAILS_ONCE = """
from pathlib import Path
def test_fails_once():
    tried = Path(__file__).with_suffix(".tried")
    if not tried.exists():
        tried.touch()
        assert False
"""
SKIPS = "import pytest\n@pytest.mark.skip(reason='no such part')\ndef test_skips(): pass\n"
AGAIN = "run again"
PASSED_LATER = "FAILED, AND PASSED WHEN RUN AGAIN: tests/{}::test_fails_once."


@dataclass(frozen=True)
class Case:
    """What the two lanes have, and how their run ends."""

    together: str
    alone: str
    exit_code: int
    # Of the words that the run prints, some that must be there, and some that must not.
    says: str
    never: str = "no such words"


CASES = {
    "all pass": Case(PASSES, PASSES, 0, "1 passed, 0 failed, 0 skipped", AGAIN),
    "once, beside others": Case(FAILS_ONCE, PASSES, 0, PASSED_LATER.format("unit/test_suite.py")),
    "once, alone": Case(PASSES, FAILS_ONCE, 0, PASSED_LATER.format("test_suite.py")),
    "once, in both": Case(FAILS_ONCE, FAILS_ONCE, 0, PASSED_LATER.format("unit/test_suite.py")),
    "again": Case(FAILS, PASSES, 1, AGAIN, "AND PASSED"),
    "again, beside one that fails once": Case(FAILS, FAILS_ONCE, 1, "1 passed, 1 failed, 0 skipped"),
    "too many": Case(
        PASSES,
        "\n".join(FAILS.replace("fails", f"fails_{number}") for number in range(AT_MOST_AGAIN + 1)),
        1,
        f"{AT_MOST_AGAIN} are run again",
        "AND PASSED",
    ),
    "a skip that nobody allowed": Case(PASSES + SKIPS, FAILS_ONCE, BROKEN, "does not allow it", AGAIN),
    "a skip that nobody allowed, beside a failure": Case(
        FAILS_ONCE + SKIPS, PASSES, BROKEN, "does not allow it", AGAIN
    ),
    "a file that does not load": Case(
        PASSES, "import nowhere_at_all\n", 1, "these can't be run again: tests/test_suite.py"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_whole_run_ends_as_its_second_chance_says(case: Case, tmp_path: Path) -> None:
    suite = tmp_path / "tests"
    (suite / "unit").mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text(INI, encoding="utf-8")
    (suite / "skips.yml").write_text("floor: {together: 0, alone: 0}\nskips: []\n", encoding="utf-8")
    (suite / "unit" / "test_suite.py").write_text(case.together, encoding="utf-8")
    (suite / "test_suite.py").write_text(case.alone, encoding="utf-8")

    done = run([sys.executable, "-m", "tests.whole_run"], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})

    assert done.status == case.exit_code, done.output
    assert case.says in done.output
    assert case.never not in done.output


def test_what_failed_in_an_earlier_run_is_not_asked_again(tmp_path: Path) -> None:
    suite = tmp_path / "tests"
    (suite / "unit").mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text(INI, encoding="utf-8")
    (suite / "skips.yml").write_text("floor: {together: 0, alone: 0}\nskips: []\n", encoding="utf-8")
    gone = suite / "test_gone.py"
    gone.write_text(FAILS, encoding="utf-8")
    environment = {"PYTHONPATH": str(ROOT)}
    assert run([sys.executable, "-m", "pytest", str(gone)], cwd=tmp_path, env=environment).status == 1
    gone.unlink()
    (suite / "unit" / "test_suite.py").write_text(FAILS_ONCE, encoding="utf-8")
    (suite / "test_suite.py").write_text(PASSES, encoding="utf-8")

    done = run([sys.executable, "-m", "tests.whole_run"], cwd=tmp_path, env=environment)

    assert done.status == 0, done.output
