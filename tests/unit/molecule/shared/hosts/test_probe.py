# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How findings are put together: what hosts need, a kubelet needs as well."""

from __future__ import annotations

from hosts.probe import FACT, HOSTS, KUBELET, Finding, missing, summary

GOOD = Finding("overlay", HOSTS, True, "works")
BAD = Finding("root", HOSTS, False, "this is user 1000")
SCORE = Finding("oom_score_adj", KUBELET, False, "Permission denied")
KERNEL = Finding("kernel", FACT, True, "6.1")


def test_missing() -> None:
    assert missing([GOOD, SCORE, KERNEL], HOSTS) == []
    assert missing([GOOD, SCORE, KERNEL], KUBELET) == ["oom_score_adj: Permission denied"]
    assert missing([GOOD, BAD, KERNEL], KUBELET) == ["root: this is user 1000"]


def test_summary() -> None:
    found = summary([GOOD, SCORE])
    assert found["hosts"] == {"able": True, "missing": []}
    assert found["kubelet"] == {"able": False, "missing": ["oom_score_adj: Permission denied"]}
    assert found["findings"] == [
        {"name": "overlay", "needed_for": "hosts", "good": True, "found": "works"},
        {"name": "oom_score_adj", "needed_for": "kubelet", "good": False, "found": "Permission denied"},
    ]
