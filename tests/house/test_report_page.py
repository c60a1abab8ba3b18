# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a smoke test in a real browser: wide and narrow, light and dark, and with texts that fit nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plugins.plugin_utils._smoke_report import write_reports
from tests.browser import Browser
from tests.sample_reports import REPORTS, TITLES

WIDE, NARROW = 1280, 390
SECTIONS = ["verdict", "run", "path", "hops", "latency", "success", "shares", "checks"]
# https://www.w3.org/TR/WCAG21/#contrast-minimum
ENOUGH_CONTRAST = 4.5

# What stands out of the screen, or is cut by the box it lies in.
OVERFLOWING = """
(() => {
  const found = [], wide = document.documentElement.clientWidth;
  for (const each of document.querySelectorAll("body *")) {
    if (each.closest(".hidden, thead, symbol, defs") || each.closest("svg") && each.tagName !== "text") continue;
    const box = each.getBoundingClientRect();
    if (box.width && (box.left < -0.5 || box.right > wide + 0.5)) found.push(each.outerHTML.slice(0, 120));
    const inline = each.tagName === "text" || getComputedStyle(each).display === "inline";
    if (!inline && each.scrollWidth > each.clientWidth + 1)
      found.push("cut: " + each.outerHTML.slice(0, 120));
  }
  return found;
})()
"""

# The texts in a chart whose boxes overlap, or that a line crosses: nobody could read them.
COLLIDING = """
(() => {
  const found = [];
  for (const chart of document.querySelectorAll("svg[data-chart]")) {
    const texts = [...chart.querySelectorAll("text")].map(each => [each.textContent, each.getBoundingClientRect()]);
    texts.forEach(([text, a], index) => texts.slice(index + 1).forEach(([other, b]) => {
      // The boxes of two lines may touch.
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4)
        found.push(text + " | " + other);
    }));
    const inside = (x, y, box) => x > box.left && x < box.right && y > box.top + 3 && y < box.bottom - 3;
    const lines = [...chart.querySelectorAll(".limit")].map(each => each.getBoundingClientRect());
    const curve = chart.querySelector(".curve"), points = [];
    for (let at = 0; curve && at <= curve.getTotalLength(); at += 1)
      points.push(curve.getPointAtLength(at).matrixTransform(curve.getScreenCTM()));
    for (const each of chart.querySelectorAll("text.strong[text-anchor]")) {
      const box = each.getBoundingClientRect();
      if (points.some(point => inside(point.x, point.y, box))) found.push(each.textContent + " | the curve");
      if (lines.some(a => inside(a.left, Math.min(Math.max(a.top, (box.top + box.bottom) / 2), a.bottom), box)))
        found.push(each.textContent + " | a budget's line");
    }
  }
  return found;
})()
"""

# The contrast of every text with what lies behind it.
CONTRASTS = """
(() => {
  const parse = text => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = colour => colour.slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const over = (top, below) => {
    const alpha = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map(index => top[index] * alpha + below[index] * (1 - alpha));
  };
  const behind = element => {
    const layers = [];
    for (let each = element; each; each = each.parentElement)
      layers.unshift(parse(getComputedStyle(each).backgroundColor));
    return layers.reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || element.closest(".hidden, title, desc, symbol")) continue;
    const style = getComputedStyle(element), ground = behind(element);
    const colour = parse(element.closest("text") ? style.fill : style.color);
    let opacity = 1;
    for (let each = element; each; each = each.parentElement) opacity *= getComputedStyle(each).opacity;
    const [a, b] = [light(over([...colour.slice(0, 3), opacity], ground)), light(ground)];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text.slice(0, 60)]);
  }
  return found;
})()
"""


@dataclass(frozen=True)
class Opened:
    """A page on a screen."""

    browser: Browser
    report: dict[str, Any]
    path: Path

    def ask(self, expression: str) -> Any:
        return self.browser.ask(expression)

    def texts(self, selector: str) -> list[str]:
        """Return the visible texts of the elements that a selector finds."""
        found: list[str] = self.ask(
            f"[...document.querySelectorAll({selector!r})].map(each => each.innerText ?? each.textContent)"
        )
        return [" ".join(text.split()) for text in found]


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
    browser.open(path, width=width, dark=dark)
    assert browser.ask("innerWidth") == width
    assert browser.ask("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    return Opened(browser, report, path)


def on(*names: str, widths: tuple[int, ...] = (WIDE, NARROW), schemes: tuple[bool, ...] = (False, True)) -> Any:
    """Open the page of each report on each screen."""
    cases = [(name, width, dark) for name in names for width in widths for dark in schemes]
    words = [f"{name}-{width}-{'dark' if dark else 'light'}" for name, width, dark in cases]
    return pytest.mark.parametrize("page", cases, ids=words, indirect=True)


@on(*REPORTS)
def test_page_fits_the_screen_and_can_be_read(page: Opened) -> None:
    assert page.ask("document.documentElement.scrollWidth <= innerWidth")
    assert page.ask(OVERFLOWING) == []
    assert page.ask(COLLIDING) == []
    contrasts = page.ask(CONTRASTS)
    assert len(contrasts) > 100
    assert [text for contrast, text in contrasts if contrast < ENOUGH_CONTRAST] == []


@on(*REPORTS, widths=(WIDE,), schemes=(False,))
def test_page_asks_nobody_and_runs_nothing(page: Opened) -> None:
    assert page.browser.requests == [page.path.as_uri()]
    assert page.ask("document.scripts.length") == 0
    attributes = "[...document.querySelectorAll('*')].flatMap(each => each.getAttributeNames())"
    assert {name for name in page.ask(attributes) if name.startswith("on")} == set()


@on(*REPORTS, schemes=(False,))
def test_page_has_every_part(page: Opened) -> None:
    assert page.ask("[...document.querySelectorAll('section')].map(each => each.id)") == SECTIONS
    assert page.ask("[...document.querySelectorAll('section')].every(each => each.innerText.length > 20)")
    assert page.texts("#path .title") == list(TITLES.values())
    assert len(page.texts("#checks tr[data-status]")) == len(page.report["checks"])
    assert page.ask("document.documentElement.lang") == "en"
    ids = page.ask("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    links = page.ask("[...document.querySelectorAll('a')].map(each => decodeURIComponent(each.hash.slice(1)))")
    assert set(links) <= set(ids)


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
    page.browser.open(page.path, width=750, dark=True, media="print")
    assert page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.ask(OVERFLOWING) == []
    assert [text for contrast, text in page.ask(CONTRASTS) if contrast < ENOUGH_CONTRAST] == []
