# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a smoke test as one page of HTML that needs nothing but itself."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Mapping

from jinja2 import Environment

from ._report_page import environment, printable_values
from ._smoke_charts import curve, waterfall
from ._smoke_text import by_hop, label

TEMPLATE = "smoke_report.html.j2"
# The checks that would have measured; the first that did not pass tells why nothing was.
MEASURING = {
    "hops": ("path.hops", "mlserver.latency", "envoy.latency", "nginx.latency", "path.latency"),
    "latency": ("path.latency", "path.success"),
    "success": ("path.success", "path.latency"),
    "shares": ("envoy.split",),
}


def to_html(report: Mapping[str, Any]) -> str:
    """Return the report as a page."""
    shown = printable_values(report)
    broken = _broken(shown)
    found = {
        "groups": by_hop(shown),
        "broken": broken,
        "remarks": [
            check
            for check in shown["checks"]
            if check["status"] in ("fail", "warn", "error") and not (broken and label(check) == label(broken))
        ],
        "waterfall": waterfall(shown["hops"]),
        "curve": curve(shown["latency"]) if shown["latency"] else None,
        "undecided": any(
            check["id"] == "path.success" and check["status"] in ("skip", "error") for check in shown["checks"]
        ),
        "why": {section: _why(shown, ids) for section, ids in MEASURING.items()},
    }
    return _environment().get_template(TEMPLATE).render(**shown, **found)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(evidence=_evidence, label=label)


def _broken(report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the check that broke first, with the title of its hop."""
    first = report["first_broken"]
    if not first:
        return None
    found = [check for check in report["checks"] if all(check[name] == first[name] for name in ("id", "target"))]
    titles = {hop["name"]: hop["title"] for hop in report["hops"]}
    nothing = {"name": first["id"], "observed": "", "expected": "", "reason": "", "hint": ""}
    return {**nothing, **(found[0] if found else {}), **first, "title": titles.get(first["hop"], first["hop"])}


def _why(report: Mapping[str, Any], ids: tuple[str, ...]) -> str:
    """Return why nothing was measured."""
    reasons = [
        check["reason"] or check["observed"]
        for name in ids
        for check in report["checks"]
        if check["id"] == name and check["status"] != "pass"
    ]
    return next(filter(None, reasons), "This run did not ask for it.")


def _evidence(values: Mapping[str, Any]) -> str:
    """Return evidence for people to read."""
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in values.items()
    )


__all__ = ["to_html"]
