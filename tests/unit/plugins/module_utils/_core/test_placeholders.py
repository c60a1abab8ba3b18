# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of a rollout in whatever a gate asks."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.placeholders import filled
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.traffic import Arms

PLACE = Endpoint("192.0.2.1", 80)
ARMS = Arms("ab", Model("new", 2, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=True)

FILLED: dict[str, tuple[Any, Any]] = {
    "a query": (
        'auc{model="$candidate"} / auc{model="$baseline"}',
        'auc{model="new"} / auc{model="old"}',
    ),
    "versions": ("$candidate_version,$baseline_version", "new_2,old_1"),
    "the experiment, and a text beside it": ("$experiment.experiment-$candidate-x", "ab.experiment-new-x"),
    "an end of its own": ("${candidate_version}_http $candidate_version_http", "new_2_http $candidate_version_http"),
    "other dollars": (
        "$ $$ $other $candidates $Candidate code=~'5.*$'",
        "$ $$ $other $candidates $Candidate code=~'5.*$'",
    ),
    "deep inside": ({"models": [{"name": "$candidate"}, 1, None, True]}, {"models": [{"name": "new"}, 1, None, True]}),
    "not in a key": ({"$candidate": ("$baseline",)}, {"$candidate": ["old"]}),
    "no text": (0.5, 0.5),
}


@pytest.mark.parametrize(("given", "found"), FILLED.values(), ids=FILLED.keys())
def test_filled(given: Any, found: Any) -> None:
    assert filled(given, ARMS) == found
