# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results as rows of text, and as the page docs/simulation.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .scenarios import Scenario, TestResult, WalkResult

TEST_HEAD = ("scenario (baseline and candidate)", "z-test at every look", "mSPRT", "ours, not discounted", "ours")
WALK_HEAD = (
    "scenario (0.2 % of the baseline's fail)",
    "engine",
    "promoted",
    "rolled back",
    "undecided",
    "minutes",
    "requests",
    "candidate's",
)
ENGINE_NAMES = {
    "z-test": "z-test at every look",
    "Argo": "thresholds, as Argo",
    "Flagger": "thresholds, as Flagger",
    "ours": "ours",
}


def percent(share: float) -> str:
    """Return a share as a percentage of few digits, more of them close to none and to all."""
    return f"{100.0 * share:.1f} %" if 0.0 < share < 0.1 or 0.9 < share < 1.0 else f"{100.0 * share:.0f} %"


def number(count: float) -> str:
    """Return a count that people can compare: two digits from a thousand on."""
    if count < 1000:
        return f"{count:.0f}"
    return f"{count / 1000.0:.1f}k" if count < 100_000 else f"{count / 1000.0:.0f}k"


def test_row(scenario: Scenario, results: Mapping[str, TestResult]) -> tuple[str, ...]:
    """Return the row of a scenario: how often each test finds harm, and after how many requests."""
    cells = []
    for result in results.values():
        taken = "" if result.requests is None else f" · {number(result.requests)} / {number(result.candidate or 0)}"
        cells.append(percent(result.found) + taken)
    return (scenario.name, *cells)


def walk_rows(scenario: Scenario, results: Mapping[str, WalkResult]) -> list[tuple[str, ...]]:
    """Return the rows of a scenario, one for each engine."""
    return [
        (
            scenario.name if place == 0 else "",
            ENGINE_NAMES[engine],
            percent(result.promoted),
            percent(result.rolled_back),
            percent(result.undecided),
            f"{result.minutes:.1f}",
            number(result.requests),
            number(result.candidate),
        )
        for place, (engine, result) in enumerate(results.items())
    ]


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for the terminal."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a page."""
    rule = "|".join("---" for _cell in head)
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)])


PAGE = """# Simulation

How often does a rollout take back a good candidate, and how soon a bad one? `make simulate` answers with seeded
requests, and writes this page. All its numbers come from that command; the same seeds give the same numbers.

![Of {walks} walks each: how many were promoted, rolled back, or left undecided](images/simulation.svg)

## Whole walks

Steps of 5, 10, 25 and 50 %, then everything; windows of 15 seconds; {walks} walks a row. Of the baseline's requests
0.2 % fail. Minutes and requests are medians over all walks, the baseline's {learning} windows before the first percent
not counted.

{walk_table}

- **z-test at every look**: a two-sided z-test at 5 % after every window; eight windows without a finding go on.
- **thresholds, as Argo**: eight windows a step; a window fails below 99 % success; more than three failed windows of a
  step take the candidate back (`failureLimit: 3`).
- **thresholds, as Flagger**: steps of 10 % up to 50 %, a check a minute, at least 99 % success; the fifth failed check
  takes the candidate back (`threshold: 5`).
- **ours**: the gate `error_rate` with its defaults: `risk_budget` 0.5 %, `alpha_harm` and `alpha_promote` 5 %,
  `min_requests` 300, `max_step_duration` 30 minutes. The code is that of the rollout (`_core/evidence.py`).

A window without requests of the candidate is no failure for the threshold engines.

How to read it: a candidate that fails as rarely as the baseline should be promoted, one that fails more often should go
back, and with two requests a second nobody can know within half an hour, so the honest answer is "undecided".
A threshold sees a candidate of 0.5 % only when chance carries a window above 1 %; with more traffic it sees it less,
not more, because windows vary less.

The last rows show the price of caution: until ten failures of the baseline were seen, nobody knows how failures clump,
so the evidence for harm counts a fifth. At two requests a second that is most of the first step, and a candidate that
fails 5 % of its requests is mostly paused, not taken back.

## The harm test alone

{looks} windows at 50 requests a second, a quarter of them at each of 5, 10, 25 and 50 %; each test may look after every
window and is set to 5 %. In rows that begin with "equal", every finding is a false alarm. In the others the two numbers
are the median of all requests and of the candidate's until the finding. {tests} runs a row.

{test_table}

- **mSPRT** is the normal mixture with a spread of effects of 0.5 %. Its promise holds for many failures only.
- **ours, not discounted** takes failures to be independent. **ours** divides the logarithm of its evidence by the
  overdispersion of {learning} windows of the baseline where there are clumps or shocks. Common shocks cancel without
  that: there the discount only costs time.
- A test that keeps its promise stays at or below 5 % in the first rows; the margin of error is {margin} there.

Seeds: {seed} and the number of the run, one generator (PCG64 of NumPy) for each run and engine.
"""


__all__ = [
    "PAGE",
    "TEST_HEAD",
    "WALK_HEAD",
    "markdown_table",
    "number",
    "percent",
    "test_row",
    "text_table",
    "walk_rows",
]
