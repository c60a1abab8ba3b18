# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fails in a whole run gets one more chance, and only what may have been an accident."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lanes import FOR_A_CLOCK, LANES, TAKES_MINUTES, lane
from tests.lanes import LONG as LEFT_OUT
from tests.skip_contract import BROKEN
from tests.support import ROOT, Outcome, run
from tests.whole_run import AT_MOST_AGAIN

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
PASSED_LATER = "They have a fault; their first failure stands above:\n{}::test_fails_once"


TOGETHER, ALONE, ASIDE = "tests/live/edge/test_suite.py", "tests/test_suite.py", "tests/unit/test_suite.py"
WAITING = FOR_A_CLOCK[0]
LONG, _, TAKES_LONG = next(iter(TAKES_MINUTES)).partition("::")


FAILS_THEN_SKIPS = FAILS_ONCE + "    else:\n        __import__('pytest').skip('no such part')\n"


@dataclass(frozen=True)
class Case:
    """What the lanes have, where it is more than a test that passes, and how their run ends."""

    lanes: dict[str, str]
    exit_code: int
    # Of the words that the run prints, some that must be there, and some that must not.
    says: str
    never: str = "no such words"


CASES = {
    "all pass": Case({}, 0, "1 passed, 0 failed, 0 skipped", AGAIN),
    "once, beside others": Case({TOGETHER: FAILS_ONCE}, 0, PASSED_LATER.format(TOGETHER)),
    "once, while it waits": Case({WAITING: FAILS_ONCE}, 0, PASSED_LATER.format(WAITING)),
    "once, alone": Case({ALONE: FAILS_ONCE}, 0, PASSED_LATER.format(ALONE)),
    "once, aside": Case({ASIDE: FAILS_ONCE}, 0, PASSED_LATER.format(ASIDE)),
    "once, and skipped later": Case(
        {ALONE: FAILS_THEN_SKIPS}, BROKEN, "0 tests passed, and 1 had to", "They have a fault"
    ),
    "again": Case({ASIDE: FAILS}, 1, AGAIN, "They have a fault"),
    "again, beside one that fails once": Case({TOGETHER: FAILS, ALONE: FAILS_ONCE}, 1, "1 passed, 1 failed, 0 skipped"),
    "too many": Case(
        {ASIDE: "\n".join(FAILS.replace("fails", f"fails_{number}") for number in range(AT_MOST_AGAIN + 1))},
        1,
        f"{AT_MOST_AGAIN + 1} failed. Up to {AT_MOST_AGAIN} tests would be run again",
        "They have a fault",
    ),
    "a skip that nobody allowed": Case({ASIDE: PASSES + SKIPS, ALONE: FAILS_ONCE}, BROKEN, "does not allow it", AGAIN),
    "a file that does not load": Case(
        {ALONE: "import nowhere_at_all\n"}, 1, "and no file that does not load", "They have"
    ),
}


def whole_run(folder: Path, lanes: dict[str, str], *arguments: str) -> Outcome:
    """Run a suite whose lanes have one file each."""
    for name in (TOGETHER, WAITING, ALONE, ASIDE, *([LONG] if LONG in lanes else [])):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(lanes.get(name, PASSES), encoding="utf-8")
    (folder / "pytest.ini").write_text(INI, encoding="utf-8")
    allowed = f"{{test: '{ALONE}::test_fails_once', reason: rare}}" if FAILS_THEN_SKIPS in lanes.values() else ""
    contract = f"floor: {{{', '.join(f'{each}: 0' for each in LANES)}}}\nskips: [{allowed}]\n"
    (folder / "tests/skips.yml").write_text(contract, encoding="utf-8")
    return run([sys.executable, "-m", "tests.whole_run", *arguments], cwd=folder, env={"PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_whole_run_ends_as_its_second_chance_says(case: Case, tmp_path: Path) -> None:
    done = whole_run(tmp_path, case.lanes)
    assert done.status == case.exit_code, done.output
    assert case.says in done.output
    assert case.never not in done.output


def test_what_failed_in_an_earlier_run_is_not_run_again(tmp_path: Path) -> None:
    assert whole_run(tmp_path, {ALONE: FAILS}).status == 1
    done = whole_run(tmp_path, {ALONE: PASSES, ASIDE: FAILS_ONCE})
    assert done.status == 0, done.output
    assert "1 failed, and are run again" in done.output


def test_what_runs_aside_takes_only_what_others_leave(tmp_path: Path) -> None:
    policy = "import os\ndef test_policy(): assert os.sched_getscheduler(0) == {}\n"
    # This test may run aside itself.
    own = policy.format(os.sched_getscheduler(0))
    done = whole_run(tmp_path, {ASIDE: policy.format("os.SCHED_IDLE"), ALONE: own, TOGETHER: own})
    assert done.status == 0, done.output


def test_what_takes_minutes_is_left_out_unless_all_is_asked_for(tmp_path: Path) -> None:
    lanes = {LONG: f"def {TAKES_LONG}of_it(): assert False\n"}
    done = whole_run(tmp_path, lanes)
    assert done.status == 0, done.output
    assert f"`make test-all` runs them as well:\n{LONG}::{TAKES_LONG}\n" in done.output
    done = whole_run(tmp_path, lanes, "--long")
    assert done.status == 1, done.output
    assert f"FAILED {LONG}::{TAKES_LONG}of_it" in done.output
    assert "Left out" not in done.output


@pytest.mark.parametrize("shorter", TAKES_MINUTES.values())
def test_what_takes_minutes_has_a_shorter_relative(shorter: str) -> None:
    name, _, rest = shorter.partition("::")
    assert (ROOT / name).is_file()
    assert rest.partition("[")[0] in (ROOT / name).read_text(encoding="utf-8")
    assert lane(shorter) != LEFT_OUT
