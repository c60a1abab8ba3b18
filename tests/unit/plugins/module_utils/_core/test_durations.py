# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations are read as people write them, and said as people read them."""

from __future__ import annotations

import pytest

from plugins.module_utils._core.durations import seconds, spoken

READ = {
    "a number": (90, 90.0),
    "a fraction": (0.5, 0.5),
    "a number as text": ("90", 90.0),
    "seconds": ("15s", 15.0),
    "tenths": ("0.2s", 0.2),
    "minutes": ("2m", 120.0),
    "hours": ("4h", 14400.0),
    "all of them": ("1h2m3s", 3723.0),
    "nothing": ("", None),
    "a unit alone": ("m", None),
    "another unit": ("3d", None),
    "the wrong order": ("3s1m", None),
    "negative": (-1, None),
    "endless": (float("inf"), None),
    "a yes": (True, None),
    "none": (None, None),
}


@pytest.mark.parametrize(("value", "wanted"), READ.values(), ids=READ.keys())
def test_seconds(value: object, wanted: float | None) -> None:
    assert seconds(value) == wanted


SAID = {0: "0s", 0.2: "1s", 40: "40s", 60: "1m", 76: "1m16s", 3600: "1h", 7500: "2h5m", 14400: "4h"}


@pytest.mark.parametrize(("value", "wanted"), SAID.items(), ids=SAID.values())
def test_spoken(value: float, wanted: str) -> None:
    assert spoken(value) == wanted
