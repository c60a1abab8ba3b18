# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Good hosts give nothing, and each bad one exactly what is wrong with it; the cases are the scenario's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sample_clusters import HOSTS, SETTINGS, judged, showed


@pytest.mark.parametrize("case", HOSTS, ids=lambda case: case["name"])
def test_hosts_are_judged(case: dict[str, Any]) -> None:
    settings = {**SETTINGS, **case.get("settings", {})}
    expected = {"problems": case["problems"], "warnings": case.get("warnings", [])}
    assert judged(case, found={"hosts": showed(case)}, settings=settings) == expected


@pytest.mark.parametrize("case", HOSTS, ids=lambda case: case["name"])
def test_nothing_of_it_is_the_inventorys_fault(case: dict[str, Any]) -> None:
    """So that hosts with these inventories are looked at at all."""
    assert judged(case)["problems"] == []
