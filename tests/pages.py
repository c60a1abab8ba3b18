# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a report in a real browser: on which screens it is opened, and what holds for every one of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Browser

WIDE, NARROW = 1280, 390
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

    def require_readable(self) -> None:
        """Require that all of it lies on the screen, that no text covers another, and that it stands out."""
        assert self.ask("document.documentElement.scrollWidth <= innerWidth")
        assert self.ask(OVERFLOWING) == []
        assert self.ask(COLLIDING) == []
        contrasts = self.ask(CONTRASTS)
        assert len(contrasts) > 20
        assert [text for contrast, text in contrasts if contrast < ENOUGH_CONTRAST] == []

    def require_quiet(self) -> None:
        """Require that it asks nobody for anything, and runs nothing."""
        assert self.browser.requests == [self.path.as_uri()]
        assert self.ask("document.scripts.length") == 0
        attributes = "[...document.querySelectorAll('*')].flatMap(each => each.getAttributeNames())"
        assert {name for name in self.ask(attributes) if name.startswith("on")} == set()

    def require_sections(self, wanted: list[str]) -> None:
        """Require these sections, each with something to say, and links that lead somewhere."""
        assert self.ask("[...document.querySelectorAll('section')].map(each => each.id)") == wanted
        assert self.ask("[...document.querySelectorAll('section')].every(each => each.innerText.length > 20)")
        assert self.ask("document.documentElement.lang") == "en"
        ids = self.ask("[...document.querySelectorAll('[id]')].map(each => each.id)")
        assert [name for name, count in Counter(ids).items() if count > 1] == []
        links = self.ask("[...document.querySelectorAll('a')].map(each => decodeURIComponent(each.hash.slice(1)))")
        assert set(links) <= set(ids)

    def require_white_paper(self) -> None:
        """Require that it is printed dark on white, whatever the screen is."""
        self.browser.open(self.path, width=750, dark=True, media="print")
        assert self.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert self.ask(OVERFLOWING) == []
        assert [text for contrast, text in self.ask(CONTRASTS) if contrast < ENOUGH_CONTRAST] == []


def opened(browser: Browser, report: dict[str, Any], path: Path, *, width: int, dark: bool) -> Opened:
    """Open a page on a screen."""
    browser.open(path, width=width, dark=dark)
    assert browser.ask("innerWidth") == width
    assert browser.ask("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    return Opened(browser, report, path)


def on(*names: str, widths: tuple[int, ...] = (WIDE, NARROW), schemes: tuple[bool, ...] = (False, True)) -> Any:
    """Open the page of each report on each screen."""
    cases = [(name, width, dark) for name in names for width in widths for dark in schemes]
    words = [f"{name}-{width}-{'dark' if dark else 'light'}" for name, width, dark in cases]
    return pytest.mark.parametrize("page", cases, ids=words, indirect=True)
