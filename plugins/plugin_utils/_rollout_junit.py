# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a rollout as JUnit XML: a suite for the outcome and one for each step, a case for each gate."""

from __future__ import annotations

from typing import Any, Iterator, Mapping
from xml.etree import ElementTree

from ..module_utils._core.rollout_steps import PARITY
from ._report_junit import attributes, seconds, written
from ._report_text import printable

COUNTED = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
# What blames the candidate is a failure; what could not be told is an error.
OUTCOMES = {"failed": "failure", "undecided": "error"}


def to_junit(report: Mapping[str, Any]) -> str:
    """Return the report as JUnit XML."""
    run = report["run"]
    root = ElementTree.Element("testsuites", attributes({"name": f"rollout {run['experiment']}"}))
    root.append(_outcome(report))
    for step in report["steps"]:
        suite = _suite(report, title(step), step["seconds"])
        for gate in report["gates"]:
            verdict = next((each for each in step["gates"] if each["gate"] == gate["gate"]), None)
            if verdict or (gate["kind"] == PARITY) == (step["number"] == 0):
                suite.append(_case(title(step), gate, *_said(step, gate, verdict)))
        if suite.find("testcase") is not None:
            root.append(suite)
    for node in (*root, root):
        node.attrib.update({name: str(len(list(node.iter(tag)))) for name, tag in COUNTED.items()})
    root.set("time", seconds(1000.0 * run["seconds"]))
    return written(root)


def title(step: Mapping[str, Any]) -> str:
    """Return a step's name."""
    if step["number"] == 0:
        return "0 before the first percent"
    share = f"mirror {step['mirror']}" if step["mirror"] else f"weight {step['weight']:g}"
    return f"{step['number']} {share} %"


def _suite(report: Mapping[str, Any], name: str, took: float) -> ElementTree.Element:
    run = report["run"]
    began = {"timestamp": run["started"].rstrip("Z")} if run["started"] else {}
    about = {"name": name, **began, "hostname": run["target"], "time": seconds(1000.0 * took)}
    suite = ElementTree.Element("testsuite", attributes(about))
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in _properties(report):
        ElementTree.SubElement(properties, "property", attributes({"name": key, "value": value}))
    return suite


def _properties(report: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    run = report["run"]
    yield from (("run", run["id"]), ("candidate", run["candidate"]), ("baseline", run["baseline"]))
    yield from (("phase", report["outcome"]["phase"]), ("weight", f"{report['outcome']['weight']:g}"))


def _outcome(report: Mapping[str, Any]) -> ElementTree.Element:
    """Return the suite of one case that says how the whole came out."""
    found, run = report["outcome"], report["run"]
    suite = _suite(report, "outcome", run["seconds"])
    about = {"classname": "outcome", "name": f"{run['candidate']} gets all of the traffic", "time": seconds(0.0)}
    case = ElementTree.SubElement(suite, "testcase", attributes(about))
    tag = OUTCOMES.get(found["verdict"])
    if tag:
        message = {"message": found["why"] or found["headline"], "type": found["cause"] or found["phase"] or "unknown"}
        ElementTree.SubElement(case, tag, attributes(message)).text = printable(found["sentence"])
    else:
        ElementTree.SubElement(case, "system-out").text = printable(found["sentence"])
    return suite


def _said(
    step: Mapping[str, Any], gate: Mapping[str, Any], verdict: Mapping[str, Any] | None
) -> tuple[str, str, Mapping[str, Any]]:
    """Return the tag of a case, its message, and the verdict that it tells of."""
    state, found = step["state"], verdict or {}
    reason, phase = found.get("reason") or "", found.get("phase")
    if gate["dry_run"]:
        return "skipped", f"dry run, {phase}: {reason}" if phase else "dry run", found
    if phase == "failed":
        return "failure", reason, found
    if state == "not_reached":
        return "skipped", "the walk did not get here", found
    if state == "skipped":
        by = (step["promoted"] or {}).get("by")
        return "skipped", f"skipped by {by}" if by else "skipped by request", found
    if phase is None:
        return "skipped", "not judged in this step", found
    # After the last step nothing is proven any more: it is enough that nothing speaks against it.
    if phase == "successful" or state == "passed":
        return "", "" if phase == "successful" else reason, found
    return "error", reason, found


def _case(
    classname: str, gate: Mapping[str, Any], tag: str, message: str, verdict: Mapping[str, Any]
) -> ElementTree.Element:
    about = {"classname": classname, "name": gate["gate"], "time": seconds(0.0)}
    case = ElementTree.Element("testcase", attributes(about))
    if tag:
        kind = {} if tag == "skipped" else {"type": verdict.get("cause") or gate["kind"] or "gate"}
        ElementTree.SubElement(case, tag, attributes({"message": message, **kind})).text = _words(gate, verdict)
    elif message:
        ElementTree.SubElement(case, "system-out").text = printable(message)
    return case


def _words(gate: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    lines = [("reason", verdict.get("reason")), ("asked", gate["rule"])]
    lines += [(name, f"{value:g}") for name, value in verdict.get("figures", {}).items() if value is not None]
    return printable("\n".join(f"{name}: {text}" for name, text in lines if text))


__all__ = ["title", "to_junit"]
