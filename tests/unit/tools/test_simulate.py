# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulation: its tests and engines decide as they say, and its page and chart are whole."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from scipy import stats

from plugins.module_utils._core.sequential import Pair, Tally
from tests.support import ROOT
from tools.simulate.chart import chart
from tools.simulate.engines import ENGINES, PROMOTED, ROLLED_BACK, UNDECIDED, walk
from tools.simulate.looks import detections, z_test
from tools.simulate.scenarios import WALKS, run_tests, run_walks
from tools.simulate.tables import ENGINE_NAMES, number, percent, text_table
from tools.simulate.traffic import Traffic, World

HEALTHY, BAD, SLEEPY = World(50, 0.002, 0.002), World(50, 0.002, 0.2), World(2, 0.002, 0.002)


def test_z_is_the_root_of_scipy_s_chi_square() -> None:
    pair = Pair(Tally(400, 12), Tally(3600, 40))
    statistic = stats.chi2_contingency([[12, 388], [40, 3560]], correction=False)[0]
    assert z_test(pair) ** 2 == pytest.approx(statistic)


ENDS = {
    ("ours", HEALTHY): PROMOTED,
    ("ours", BAD): ROLLED_BACK,
    ("ours", SLEEPY): UNDECIDED,
    ("Argo", HEALTHY): PROMOTED,
    ("Argo", BAD): ROLLED_BACK,
    ("Flagger", HEALTHY): PROMOTED,
    ("Flagger", BAD): ROLLED_BACK,
    ("z-test", BAD): ROLLED_BACK,
}


@pytest.mark.parametrize(("case", "verdict"), ENDS.items(), ids=[f"{name}-{world}" for name, world in ENDS])
def test_engine(case: tuple[str, World], verdict: str) -> None:
    outcome = walk(*case, (1, 2))
    assert outcome.verdict == verdict
    assert outcome.requests == round(case[1].rate * 15) * outcome.windows
    assert 0 < outcome.candidate < outcome.requests


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert run_walks(WALKS[2], 7, 3) == run_walks(WALKS[2], 7, 3)
    assert run_walks(WALKS[2], 7, 3) != run_walks(WALKS[2], 8, 3)


def test_false_alarms_have_no_time() -> None:
    scenario = next(each for each in WALKS if not each.world.is_harmful)
    assert {result.requests for result in run_tests(scenario, 3, 3).values()} == {None}


def test_harm_is_found_by_every_test() -> None:
    found = detections(BAD, (1, 1))
    assert all(each.candidate and each.requests for each in found.values())


def test_clumps_come_whole() -> None:
    window = Traffic(World(50, 0.05, 0.05, clump=5), (1,)).window(0.5)
    assert window.candidate.events > 0
    assert window.candidate.events % 5 == window.baseline.events % 5 == 0


@pytest.mark.parametrize(("count", "text"), [(39.0, "39"), (999.4, "999"), (5387.5, "5.4k"), (120_000.0, "120k")])
def test_number(count: float, text: str) -> None:
    assert number(count) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.025, "2.5 %"), (0.5, "50 %"), (0.998, "99.8 %"), (1.0, "100 %")]
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


def test_table_for_the_terminal() -> None:
    assert text_table(("a", "bb"), [("ccc", "d")]) == "a    bb\n---  --\nccc  d"


def test_chart_has_every_bar_and_follows_the_reader_s_scheme() -> None:
    results = [(scenario, run_walks(scenario, 5, 2)) for scenario in WALKS[-2:]]
    drawn = chart(results, 2)
    root = ET.fromstring(drawn)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {scenario.name for scenario, _found in results} <= set(texts)
    assert sum(text == "ours" for text in texts) == 2
    assert "prefers-color-scheme: dark" in drawn
    width, height = (float(value) for value in root.attrib["viewBox"].split()[2:])
    for bar in root.iter("{http://www.w3.org/2000/svg}rect"):
        right = float(bar.get("x", 0)) + float(bar.attrib["width"])
        bottom = float(bar.get("y", 0)) + float(bar.attrib["height"])
        assert right <= width
        assert bottom <= height


def test_page_tells_what_the_command_simulates() -> None:
    """A scenario that was added or renamed asks for `make simulate`."""
    page = ROOT.joinpath("docs", "simulation.md").read_text(encoding="utf-8")
    for scenario in WALKS:
        assert f"| {scenario.name} |" in page
    engines = [line.split(" | ")[1] for line in page.splitlines() if line.startswith("|") and line.count(" | ") == 7]
    assert engines[1:] == [ENGINE_NAMES[engine] for _scenario in WALKS for engine in ENGINES]
