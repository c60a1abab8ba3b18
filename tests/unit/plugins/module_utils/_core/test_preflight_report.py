# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of several hosts is said once, and problems are told from doubts."""

from __future__ import annotations

import pytest

from plugins.module_utils._core.preflight_report import Finding, report, spoken


def test_hosts_with_the_same_share_a_line() -> None:
    findings = [
        Finding("the disk is full.", "agent-1"),
        Finding("There is no server."),
        Finding("swap is on.", "agent-1", is_warning=True),
        Finding("the disk is full.", "agent-2"),
        Finding("the disk is full.", "agent-1"),
    ]
    assert report(findings) == {
        "problems": ["agent-1, agent-2: the disk is full.", "There is no server."],
        "warnings": ["agent-1: swap is on."],
    }


def test_one_sentence_may_be_a_problem_here_and_a_doubt_there() -> None:
    findings = [Finding("the disk is full.", "agent-1"), Finding("the disk is full.", "agent-2", is_warning=True)]
    assert report(findings) == {
        "problems": ["agent-1: the disk is full."],
        "warnings": ["agent-2: the disk is full."],
    }


def test_nothing_is_nothing() -> None:
    assert report([]) == {"problems": [], "warnings": []}


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed_as_people_do(names: list[str], text: str) -> None:
    assert spoken(names) == text
