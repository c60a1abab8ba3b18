# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Seldon costs, as its README and the guide have it, is what the sizes add up to.

With UPDATE_GOLDEN=1 in the environment, a run writes the table anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plugins.module_utils._core.seldon_sizes import SIZES, Amount, sums
from tests.support import ROOT

PAGES = (ROOT / "roles/seldon/README.md", ROOT / "docs/guides/capacity.md")
BEGIN, END = "<!-- capacity:begin -->", "<!-- capacity:end -->"
TEAMS = 2


def cell(asked: Amount) -> str:
    """Return cores, memory and disk as people write them."""
    memory, disk = int(asked.memory) // 1024**2, int(asked.storage) // 1024**3
    return f"{asked.cpu * 1000:.0f}m, {memory} MiB" + (f", {disk} GiB of disk" if disk else "")


def together(size: dict[str, Amount], runtimes: int) -> Amount:
    return size["operator"] + size["runtime"].times(runtimes) + size["server"].times(TEAMS)


def table() -> str:
    columns = [sums(size) for size in SIZES.values()]
    rows = {
        "the operator, once": [each["operator"] for each in columns],
        "a scheduler and an Envoy": [each["runtime"] for each in columns],
        "a model server's pod": [each["server"] for each in columns],
        "one more team, `central` or `single`": [each["server"] for each in columns],
        "one more team, `namespaced`": [each["runtime"] + each["server"] for each in columns],
        f"{TEAMS} teams, `central` or `single`": [together(each, 1) for each in columns],
        f"{TEAMS} teams, `namespaced`": [together(each, TEAMS) for each in columns],
    }
    lines = [f"| | {' | '.join(f'`{name}`' for name in SIZES)} |", "| --- | --- | --- | --- |"]
    lines += [f"| {what} | {' | '.join(map(cell, cells))} |" for what, cells in rows.items()]
    return "\n".join(lines)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_table_is_what_the_sizes_add_up_to(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    wanted = f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"
    if os.environ.get("UPDATE_GOLDEN"):
        page.write_text(wanted, encoding="utf-8")
    assert text == wanted or os.environ.get("UPDATE_GOLDEN"), "write it anew with UPDATE_GOLDEN=1"
