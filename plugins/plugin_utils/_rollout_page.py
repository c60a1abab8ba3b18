# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a rollout as one page of HTML that needs nothing but itself."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Mapping

from jinja2 import Environment

from ..module_utils._core.durations import spoken
from ._report_page import environment, printable_values
from ._report_text import SPACE, percent
from ._rollout_charts import evidence, failures, latency, shares
from ._rollout_walk import walk

TEMPLATE = "rollout_report.html.j2"


def to_html(report: Mapping[str, Any]) -> str:
    """Return the report as a page."""
    shown = printable_values(report)
    found = {
        "walk": walk(shown),
        "evidence": evidence(shown),
        "shares": shares(shown),
        "latencies": latency(shown),
        "failures": failures(shown),
    }
    return _environment().get_template(TEMPLATE).render(**shown, **found)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(spoken=spoken, whole=_whole, rate=_rate, part=_part, tight=_tight)


def _whole(value: float) -> str:
    """Return a count with its thousands apart."""
    return f"{value:,.0f}"


def _rate(arm: Mapping[str, Any]) -> str:
    """Return the share of an arm's events."""
    return percent(arm["events"] / arm["n"], 2) if arm["n"] else "none"


def _part(value: float) -> str:
    """Return a percent as it was configured."""
    return f"{value:g}{SPACE}%"


def _tight(text: str) -> str:
    """Return a text in which no line ends between a number and its unit."""
    return re.sub(r"(?<=\d) (?=%|ms\b)", SPACE, text)


__all__ = ["to_html"]
