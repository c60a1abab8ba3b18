# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of paths and topologies can be read in a browser: no text leaves its box or lies on another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.support import ROOT

PICTURES = ("cluster-path", "request-path", "topology-central", "topology-namespaced", "topology-single")
# Lines of text may come closer than the whole height of their letters.
STRAYS = """(() => {
  const within = (one, other) => one.x >= other.x && one.y >= other.y
    && one.x + one.width <= other.x + other.width && one.y + one.height <= other.y + other.height;
  const meet = (one, other, slack) => one.x < other.x + other.width && other.x < one.x + one.width
    && one.y + slack < other.y + other.height && other.y + slack < one.y + one.height;
  const boxes = [...document.querySelectorAll("rect.box, rect.file")].map(each => each.getBBox());
  const page = document.querySelector("rect.page").getBBox();
  const texts = [...document.querySelectorAll("text")].map(each => [each.textContent, each.getBBox()]);
  const found = [];
  for (const [text, place] of texts) {
    if (!within(place, page)) found.push(`${text} leaves the page`);
    for (const box of boxes) if (meet(place, box, 0) && !within(place, box)) found.push(`${text} leaves its box`);
    for (const [other, its] of texts) if (text < other && meet(place, its, 3)) found.push(`${text} lies on ${other}`);
  }
  return found;
})()"""
CONTRAST = """(() => {
  const light = color => {
    const parts = color.match(/[0-9.]+/g).slice(0, 3).map(part => part / 255);
    const [red, green, blue] = parts.map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  const fill = each => light(getComputedStyle(each).fill);
  const grounds = [...document.querySelectorAll("rect")].map(fill);
  const texts = [...document.querySelectorAll("text")].map(fill);
  return Math.min(...texts.flatMap(text => grounds.map(ground => ratio(text, ground))));
})()"""
# What WCAG 2.1 asks of small text, 1.4.3.
READABLE = 4.5


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser") / "profile") as started:
        yield started


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_picture_can_be_read(name: str, dark: bool, browser: Browser) -> None:
    path: Path = ROOT / "docs" / "images" / f"{name}.svg"
    browser.open(path, width=880, dark=dark)
    assert browser.ask(STRAYS) == []
    assert browser.ask(CONTRAST) >= READABLE
    assert browser.ask("document.querySelector('title').textContent && document.querySelector('desc').textContent")
