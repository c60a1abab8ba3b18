# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a rollout in a real browser: wide and narrow, light and dark, short and long, and with awkward texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.plugin_utils._rollout_report import write_reports
from tests.browser import Browser
from tests.pages import NARROW, WIDE, Opened, on, opened
from tests.sample_rollouts import REPORTS

SECTIONS = ["verdict", "run", "walk", "gates", "shares", "latency", "failures", "events"]

# Signs and marks that lie outside of the chart's own box, with the half of a mark that may stand over its edge.
OUTSIDE = """
(() => {
  const found = [], room = 24;
  for (const chart of document.querySelectorAll("svg[data-chart]")) {
    const box = chart.getBoundingClientRect();
    for (const each of chart.querySelectorAll("path, rect, use, circle")) {
      const part = each.getBoundingClientRect();
      if (part.left < box.left - room || part.right > box.right + room || part.bottom > box.bottom + 1
          || part.top < box.top - room)
        found.push(chart.dataset.chart + ": " + each.outerHTML.slice(0, 100));
    }
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium") / "profile") as browser:
        yield browser


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Opened:
    """Return the page of a report, opened on a screen."""
    name, width, dark = request.param
    report = REPORTS[name]()
    path = Path(write_reports(report, str(tmp_path))[-1])
    return opened(browser, report, path, width=width, dark=dark)


@on(*REPORTS)
def test_page_fits_the_screen_and_can_be_read(page: Opened) -> None:
    page.require_readable()
    assert page.ask(OUTSIDE) == []


@on(*REPORTS, widths=(WIDE,), schemes=(False,))
def test_page_asks_nobody_and_runs_nothing(page: Opened) -> None:
    page.require_quiet()


@on(*REPORTS, widths=(WIDE,), schemes=(False,))
def test_page_has_every_part(page: Opened) -> None:
    page.require_sections(SECTIONS)
    assert len(page.texts("#events tbody tr")) == len(page.report["events"])
    assert page.texts("#gates tr[data-gate] th") != []
    never = sum(step["state"] == "not_reached" for step in page.report["steps"])
    rows = page.ask("document.querySelectorAll('#walk tr[data-state]').length")
    assert rows == len(page.report["steps"]) - never + bool(never)
    named = "[...document.querySelectorAll('svg[data-chart]')]"
    assert page.ask(f"{named}.every(each => each.querySelector('title').textContent)")
    assert page.ask(f"{named}.every(each => each.querySelector('desc').textContent)")


@on("succeeded", "harmful", "silent", "stuck", "parity")
def test_first_screen_says_what_happened_why_and_what_to_do(page: Opened) -> None:
    outcome = page.report["outcome"]
    (said,) = page.texts("#verdict")
    plain = said.replace("\N{NO-BREAK SPACE}", " ")
    for part in (outcome["headline"], outcome["what"][1:], outcome["why"], outcome["now"], outcome["next"]):
        assert part in plain
    assert page.ask("document.querySelector('#verdict .do').getBoundingClientRect().bottom < 900")
    assert page.ask("document.querySelector('#verdict').getBoundingClientRect().top < 120")


@on("harmful", "many_gates", widths=(WIDE,), schemes=(False,))
def test_every_chart_is_there(page: Opened) -> None:
    charts = page.ask("[...document.querySelectorAll('svg[data-chart]')].map(each => each.dataset.chart)")
    counted = sum(gate["counted"] is not None for gate in page.report["gates"])
    pairs = [f"chart-gate-{number}-{side}" for number in range(1, counted + 1) for side in (1, 2)]
    assert charts == ["walk", *pairs, "chart-shares", "chart-latency", "chart-failures"]
    drawn = "[...document.querySelectorAll('svg[data-chart] .curve')].every(each => each.getTotalLength() > 0)"
    assert page.ask(drawn)


@on("succeeded", "many_gates", schemes=(False,))
def test_synthetic_evidence_is_called_that(page: Opened) -> None:
    words = {True: "so most of the evidence is synthetic", False: "so the evidence is partly synthetic"}
    assert words[page.report["totals"]["synthetic_share"] > 0.5] in page.texts("#verdict .numbers")[0]
    assert "Envoy tries a failed request again" in page.texts("#failures")[0]


@on("long", widths=(WIDE,), schemes=(False,))
def test_what_is_missing_is_said(page: Opened) -> None:
    assert "2 lines of the journal could not be read" in page.texts("#run")[0]
    assert page.ask("document.querySelectorAll('[data-chart=walk] .gap').length") == 1
    assert "nobody watched" in page.texts("#walk .legend")[0]


@on("empty", widths=(NARROW,), schemes=(True,))
def test_an_empty_journal_is_no_empty_page(page: Opened) -> None:
    assert page.ask("document.querySelectorAll('svg[data-chart]').length") == 0
    assert "There is nothing to draw" in page.texts("#walk")[0]


@on("many_gates", schemes=(False,))
def test_tables_stay_tables_for_a_screen_reader(page: Opened) -> None:
    nodes = page.browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert roles.count("image") == len(page.ask("[...document.querySelectorAll('svg[data-chart]')].map(() => 1)"))
    assert roles.count("rowheader") >= len(page.report["gates"]) + len(page.report["events"])
    assert page.ask("document.querySelectorAll(':is(table, thead, tbody, tr, th, td):not([role])').length") == 0


@on("harmful", "long", widths=(WIDE,), schemes=(True,))
def test_paper_is_white(page: Opened) -> None:
    page.require_white_paper()
