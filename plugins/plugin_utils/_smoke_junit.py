# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a smoke test as JUnit XML: a suite for each hop, a case for each check."""

from __future__ import annotations

from typing import Any, Mapping, Sequence
from xml.etree import ElementTree

from ._report_junit import attributes, seconds, written
from ._report_text import printable
from ._smoke_text import by_hop, label

# The statuses that JUnit knows. A warning is a pass with words beside it.
TAGS = {"fail": "failure", "error": "error", "skip": "skipped"}
COUNTED = {"failures": "fail", "errors": "error", "skipped": "skip"}


def to_junit(report: Mapping[str, Any]) -> str:
    """Return the report as JUnit XML."""
    root = ElementTree.Element("testsuites", {"name": "smoke_test", **_totals(report["checks"])})
    run = report["run"]
    for name, title, checks in by_hop(report):
        about = {"name": name, "timestamp": str(run["started"]).rstrip("Z"), "hostname": run["target"]}
        suite = ElementTree.SubElement(root, "testsuite", attributes({**about, **_totals(checks)}))
        properties = ElementTree.SubElement(suite, "properties")
        for key, value in {"run": run["id"], "hop": title, "host": run["host"], "address": run["address"]}.items():
            ElementTree.SubElement(properties, "property", attributes({"name": key, "value": value}))
        for check in checks:
            suite.append(_case(name, check))
    return written(root)


def _case(hop: str, check: Mapping[str, Any]) -> ElementTree.Element:
    about = {"classname": hop, "name": f"{label(check)}: {check['name']}", "time": seconds(check["duration_ms"])}
    case = ElementTree.Element("testcase", attributes(about))
    status = check["status"]
    words = _words(check)
    if status in TAGS:
        first = check["reason"] or (f"observed {check['observed']}" if check["observed"] else check["name"])
        message = {"message": first, **({} if status == "skip" else {"type": check["severity"]})}
        ElementTree.SubElement(case, TAGS[status], attributes(message)).text = words
    elif status == "warn":
        ElementTree.SubElement(case, "system-out").text = f"warning\n{words}"
    return case


def _words(check: Mapping[str, Any]) -> str:
    lines = [(name, check[name]) for name in ("observed", "expected", "reason", "hint")]
    return printable("\n".join(f"{name}: {text}" for name, text in lines if text))


def _totals(checks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    counted = {name: str(sum(check["status"] == status for check in checks)) for name, status in COUNTED.items()}
    return {"tests": str(len(checks)), **counted, "time": seconds(sum(check["duration_ms"] for check in checks))}


__all__ = ["to_junit"]
