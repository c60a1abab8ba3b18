# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulates rollouts, prints how they end, and writes docs/simulation.md with its chart.

python -m tools.simulate            all of it; the page is written (about two minutes on two cores)
python -m tools.simulate --quick    few runs, to see that it works; the page stays as it is
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from .chart import chart
from .looks import ALPHA, LEARNING, LOOKS
from .scenarios import TESTS, WALKS, Scenario, TestResult, WalkResult, run_tests, run_walks
from .tables import PAGE, TEST_HEAD, WALK_HEAD, markdown_table, test_row, text_table, walk_rows

ROOT = Path(__file__).parents[2]
SEED = 20261124
RUNS, QUICK = {"walks": 1000, "tests": 2000}, {"walks": 20, "tests": 20}


def main() -> int:
    """Simulate, print, write."""
    options = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    options.add_argument("--quick", action="store_true", help="few runs; the page stays as it is")
    quick = options.parse_args().quick
    runs, start = QUICK if quick else RUNS, time.monotonic()
    walks: list[tuple[Scenario, Mapping[str, WalkResult]]] = []
    tests: list[tuple[Scenario, Mapping[str, TestResult]]] = []
    jobs: list[tuple[Callable[..., Any], Scenario, int]] = [
        *((run_walks, scenario, runs["walks"]) for scenario in WALKS),
        *((run_tests, scenario, runs["tests"]) for scenario in TESTS),
    ]
    for place, (scenario, found) in enumerate(_results(jobs), start=1):
        (walks if place <= len(WALKS) else tests).append((scenario, found))
        _progress(f"[simulate {place}/{len(jobs)}] {scenario.name} ({time.monotonic() - start:.0f} s)")
    rows = [row for scenario, found in walks for row in walk_rows(scenario, found)]
    lines = [test_row(scenario, found) for scenario, found in tests]
    print(f"\nWhole walks ({runs['walks']} each)\n\n{text_table(WALK_HEAD, rows)}")
    print(f"\nThe harm test alone ({runs['tests']} runs each)\n\n{text_table(TEST_HEAD, lines)}\n")
    if quick:
        print("Few runs: docs/simulation.md stays as it is.")
        return 0
    margin = 196.0 * (ALPHA * (1.0 - ALPHA) / runs["tests"]) ** 0.5
    page = PAGE.format(
        walk_table=markdown_table(WALK_HEAD, rows),
        test_table=markdown_table(TEST_HEAD, lines),
        learning=LEARNING,
        looks=LOOKS,
        seed=SEED,
        margin=f"{margin:.1f} percentage points",
        **runs,
    )
    (ROOT / "docs" / "simulation.md").write_text(page, encoding="utf-8")
    (ROOT / "docs" / "images" / "simulation.svg").write_text(chart(walks, runs["walks"]), encoding="utf-8")
    print(f"docs/simulation.md is written ({time.monotonic() - start:.0f} s).")
    return 0


def _results(jobs: list[tuple[Callable[..., Any], Scenario, int]]) -> Iterator[tuple[Scenario, Any]]:
    """Yield the results in order, while all cores work."""
    with ProcessPoolExecutor() as pool:
        waiting = [pool.submit(job, scenario, SEED, runs) for job, scenario, runs in jobs]
        for (_job, scenario, _runs), future in zip(jobs, waiting, strict=True):
            yield scenario, future.result()


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
