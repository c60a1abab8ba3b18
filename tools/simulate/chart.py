# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walks as a chart: for each scenario and engine a bar, divided into promoted, rolled back and undecided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from .scenarios import Scenario, WalkResult
from .tables import ENGINE_NAMES, percent

WIDTH = 860
_LEFT, _RIGHT, _TOP = 190, 20, 74
_BAR, _GAP, _GROUP = 17, 3, 40
# A part too narrow for its number has none; the table beside the chart has it.
_READABLE = 44

_STYLE = """
    text { font: 13px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2328; }
    .title { font-size: 16px; font-weight: 600; }
    .group { font-weight: 600; }
    .quiet { fill: #59636e; }
    .on { fill: #ffffff; font-size: 12px; }
    .promoted { fill: #1a6fb5; } .back { fill: #b3500f; } .undecided { fill: #6e7781; }
    .page { fill: #ffffff; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .quiet { fill: #9198a1; }
      .on { fill: #0d1117; }
      .promoted { fill: #6cb6ff; } .back { fill: #f0a35e; } .undecided { fill: #9aa4ae; }
      .page { fill: #0d1117; }
    }
"""


def chart(results: Sequence[tuple[Scenario, Mapping[str, WalkResult]]], runs: int) -> str:
    """Return the chart as an SVG that follows the reader's light or dark scheme."""
    parts, top = [], _TOP
    for scenario, engines in results:
        parts.append(f'<text class="group" x="16" y="{top + 13}">{escape(scenario.name)}</text>')
        top += 21
        for engine, result in engines.items():
            parts += _row(engine, result, top)
            top += _BAR + _GAP
        top += _GROUP - 21
    height = top - 6
    said = "How walks end: promoted, rolled back or undecided, by scenario and engine; the table has the numbers."
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{said}">',
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>',
            f'<text class="title" x="16" y="28">How {runs} walks end, each</text>',
            *_legend(),
            *parts,
            "</svg>\n",
        ]
    )


def _legend() -> list[str]:
    parts = []
    for place, (name, text) in enumerate(
        (("promoted", "promoted"), ("back", "rolled back"), ("undecided", "undecided, says so"))
    ):
        x = 16 + 120 * place
        parts.append(f'<rect class="{name}" x="{x}" y="42" width="12" height="12" rx="2"/>')
        parts.append(f'<text class="quiet" x="{x + 18}" y="53">{text}</text>')
    return parts


def _row(engine: str, result: WalkResult, top: int) -> list[str]:
    name = ENGINE_NAMES[engine]
    label = "" if engine == "ours" else ' class="quiet"'
    parts = [f'<text{label} x="{_LEFT - 10}" y="{top + 13}" text-anchor="end">{name}</text>']
    left, whole = float(_LEFT), WIDTH - _LEFT - _RIGHT
    for kind, share in (("promoted", result.promoted), ("back", result.rolled_back), ("undecided", result.undecided)):
        width = whole * share
        if width > 0:
            parts.append(f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"/>')
        if width >= _READABLE:
            parts.append(f'<text class="on" x="{left + 6:.1f}" y="{top + 13}">{percent(share)}</text>')
        left += width
    return parts


__all__ = ["WIDTH", "chart"]
