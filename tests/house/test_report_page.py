# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a smoke test in a real browser: wide and narrow, light and dark, and with texts that fit nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.plugin_utils._smoke_report import write_reports
from tests.browser import Browser
from tests.pages import NARROW, WIDE, Opened, on, opened
from tests.sample_reports import REPORTS, TITLES

SECTIONS = ["verdict", "run", "path", "hops", "latency", "success", "shares", "checks"]


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


@on(*REPORTS, widths=(WIDE,), schemes=(False,))
def test_page_asks_nobody_and_runs_nothing(page: Opened) -> None:
    page.require_quiet()


@on(*REPORTS, schemes=(False,))
def test_page_has_every_part(page: Opened) -> None:
    page.require_sections(SECTIONS)
    assert page.texts("#path .title") == list(TITLES.values())
    assert len(page.texts("#checks tr[data-status]")) == len(page.report["checks"])


@on("passed", "remarks", schemes=(False,))
def test_charts_show_what_was_measured(page: Opened) -> None:
    charts = page.ask("[...document.querySelectorAll('svg[data-chart]')].map(each => each.dataset.chart)")
    assert charts == ["waterfall", "curve", "share", "share"]
    named = "[...document.querySelectorAll('svg[data-chart]')].every(each => each.querySelector('title').textContent)"
    assert page.ask(named)
    measured = [hop["title"] for hop in page.report["hops"] if hop["median_ms"] is not None]
    assert page.texts("[data-chart=waterfall] text.title:not([text-anchor])") == [*measured, "Together"]
    assert page.texts("[data-chart=curve] text.strong") == ["P50 ≤ 11 ms", "P95 ≤ 18 ms", "P99 ≤ 25 ms"]
    words = {"proven": "proven", "within": "within noise", "missed": "missed"}
    verdicts = [words[each["verdict"]] for each in page.report["latency"]["percentiles"]]
    assert page.texts("#percentiles td:last-child") == verdicts


@on("passed", "remarks", widths=(WIDE, NARROW), schemes=(False,))
def test_dots_lie_on_the_curve(page: Opened) -> None:
    distances = page.ask("""
      (() => {
        const path = document.querySelector(".curve"), matrix = path.getScreenCTM(), points = [];
        for (let at = 0; at <= path.getTotalLength(); at += 1) {
          const point = path.getPointAtLength(at).matrixTransform(matrix);
          points.push([point.x, point.y]);
        }
        return [...document.querySelectorAll("[data-chart=curve] .dot")].map(dot => {
          const box = dot.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
          const level = points.filter(point => Math.abs(point[1] - y) < 2);
          return Math.min(...level.map(point => Math.abs(point[0] - x)));
        });
      })()
    """)
    assert len(distances) == 3
    # A bucket is two percent wide.
    assert max(distances) < 9, distances


@on("broken", schemes=(False,))
def test_broken_page_opens_with_what_to_do(page: Opened) -> None:
    (said,) = page.texts("#verdict")
    assert said.startswith("Failed at NGINX")
    assert "Check NGINX's upstream" in said
    assert page.ask("document.querySelector('#first-broken').getBoundingClientRect().top < 450")
    skipped = page.texts("#checks tr[data-status=skip] + tr.detail")
    assert len(skipped) == 6
    assert set(skipped) == {"NGINX is broken: nginx.route"}
    assert page.texts("#path .is-fail") == ["NGINX failed"]


@on("invalid", widths=(WIDE,), schemes=(False,))
def test_invalid_page_shows_no_number(page: Opened) -> None:
    assert "INVALID" in page.texts("#latency")[0]
    assert page.ask("document.querySelectorAll('#latency table, #latency figure').length") == 0


@on("remarks", schemes=(False,))
def test_tables_stay_tables_for_a_screen_reader(page: Opened) -> None:
    nodes = page.browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = Counter(node["role"]["value"] for node in nodes if not node["ignored"])
    checks = len(page.report["checks"])
    assert roles["rowheader"] == checks + 4
    assert roles["row"] > checks
    assert roles["columnheader"] == 6 + 6 + 5 * 5
    assert roles["image"] == 4
    # Chromium knows a table whatever its boxes look like; other browsers must be told.
    assert page.ask("document.querySelectorAll(':is(table, thead, tbody, tr, th, td):not([role])').length") == 0


@on("broken", widths=(WIDE,), schemes=(False,))
def test_columns_of_all_groups_stand_below_each_other(page: Opened) -> None:
    heads = "[...document.querySelectorAll('#checks thead th')].map(each => each.getBoundingClientRect().left)"
    assert len(page.ask(heads)) == 25
    assert len(set(page.ask(heads))) == 5


@on("remarks", widths=(WIDE,), schemes=(True,))
def test_paper_is_white(page: Opened) -> None:
    page.require_white_paper()
