# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The skip contract, run on small suites that break it in each way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.skip_contract import BROKEN

PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert False\n"
SKIPS = "import pytest\n@pytest.mark.skip(reason='no such part')\ndef test_skips(): pass\n"
ALLOWED = "[{test: 'tests/test_suite.py::test_skips', reason: no such part}]"


@dataclass(frozen=True)
class Case:
    """A suite, its contract, and how the run ends."""

    suite: str
    last_line: str
    exit_code: int
    floor: int = 1
    skips: str = "[]"
    arguments: tuple[str, ...] = ()
    breach: str = ""


CASES = {
    "all pass": Case(PASSES, "1 passed, 0 failed, 0 skipped", 0),
    "a listed skip": Case(PASSES + SKIPS, "1 passed, 0 failed, 1 skipped", 0, skips=ALLOWED),
    "an unlisted skip": Case(
        PASSES + SKIPS,
        "1 passed, 0 failed, 1 skipped",
        BROKEN,
        breach="*tests/test_suite.py::test_skips was skipped (no such part), and tests/skips.yml does not allow it.",
    ),
    "an unlisted skip in a part of the suite": Case(
        PASSES + SKIPS, "1 passed, 0 failed, 1 skipped", BROKEN, arguments=("tests",), breach="*does not allow it."
    ),
    "a file that skips itself": Case(
        "import pytest\npytest.skip('not here', allow_module_level=True)\n",
        "0 passed, 0 failed, 1 skipped",
        BROKEN,
        floor=0,
        breach="*tests/test_suite.py was skipped (not here), and tests/skips.yml does not allow it.",
    ),
    "fewer than the floor": Case(
        PASSES,
        "1 passed, 0 failed, 0 skipped",
        BROKEN,
        floor=2,
        breach="*1 tests passed, the floor in tests/skips.yml is 2.",
    ),
    "fewer than the floor, by path": Case(
        PASSES, "1 passed, 0 failed, 0 skipped", 0, floor=2, arguments=("tests/test_suite.py",)
    ),
    "fewer than the floor, by name": Case(
        PASSES, "1 passed, 0 failed, 0 skipped", 0, floor=2, arguments=("-k", "passes")
    ),
    "a lane has a floor of its own": Case(
        PASSES, "1 passed, 0 failed, 0 skipped", 0, floor=2, arguments=("--lane", "alone")
    ),
    "a lane without its tests": Case(
        PASSES,
        "0 passed, 0 failed, 0 skipped",
        BROKEN,
        arguments=("--lane", "together"),
        breach="*0 tests passed, the floor*",
    ),
    "a row without a test": Case(
        PASSES,
        "1 passed, 0 failed, 0 skipped",
        BROKEN,
        skips=ALLOWED,
        breach="*no test has such a name: remove the row.",
    ),
    "a row of a file outside the suite": Case(
        PASSES, "1 passed, 0 failed, 0 skipped", 0, skips='[{test: "verify/test_else.py::*", reason: else}]'
    ),
    "a row of a file outside the suite that is not there": Case(
        PASSES,
        "1 passed, 0 failed, 0 skipped",
        BROKEN,
        skips='[{test: "verify/test_gone.py::*", reason: gone}]',
        breach="*no test has such a name: remove the row.",
    ),
    "no test at all": Case("", "0 passed, 0 failed, 0 skipped", BROKEN, breach="*0 tests passed, the floor*"),
    "cut off in a test": Case(
        PASSES + "def test_cut_off(): raise KeyboardInterrupt\n", "1 passed, 0 failed, 0 skipped", 2
    ),
    "a failure": Case(PASSES + FAILS, "1 passed, 1 failed, 0 skipped", 1),
    "a failure and an unlisted skip": Case(
        PASSES + FAILS + SKIPS, "1 passed, 1 failed, 1 skipped", BROKEN, breach="*does not allow it."
    ),
    "an error before the test": Case(PASSES + "def test_other(nowhere): pass\n", "1 passed, 1 failed, 0 skipped", 1),
    "an error after the test": Case(
        "import pytest\n@pytest.fixture\ndef late():\n    yield\n    assert False\ndef test_late(late): pass\n",
        "0 passed, 1 failed, 0 skipped",
        1,
        floor=0,
    ),
    "a file that does not load": Case("import nowhere_at_all\n", "0 passed, 1 failed, 0 skipped", 2, floor=0),
    "an expected failure": Case(
        PASSES + "import pytest\n@pytest.mark.xfail\n" + FAILS, "1 passed, 1 failed, 0 skipped", 1
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_run_ends_as_the_contract_says(
    case: Case, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(root))
    # The tools' own plugins only cost time here.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makefile(
        ".ini",
        pytest="[pytest]\ntestpaths = tests\naddopts = -p tests.lanes -p tests.skip_contract --import-mode=importlib",
    )
    folder = pytester.mkdir("tests")
    contract = f"floor: {{together: {case.floor}, alone: 0, aside: 0}}\nskips: {case.skips}\n"
    (folder / "skips.yml").write_text(contract, encoding="utf-8")
    (folder / "test_suite.py").write_text(case.suite, encoding="utf-8")
    (pytester.mkdir("verify") / "test_else.py").touch()

    result = pytester.runpytest_subprocess(*case.arguments)

    assert result.outlines[-1] == case.last_line
    assert result.ret == case.exit_code
    if case.breach:
        result.stdout.fnmatch_lines([f"Skip contract: {case.breach}"])
    else:
        result.stdout.no_fnmatch_line("Skip contract*")
