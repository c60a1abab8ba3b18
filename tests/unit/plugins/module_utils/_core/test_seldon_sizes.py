# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Seldon's parts ask for: numbers as Kubernetes writes them, and their sums."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.seldon_sizes import SIZES, amount, quantity, sums

MI = 1024**2


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", Decimal("0.5")),
        ("1", Decimal(1)),
        ("1.5", Decimal("1.5")),
        ("1Ki", Decimal(1024)),
        ("2Gi", Decimal(2 * 1024**3)),
        ("1k", Decimal(1000)),
        ("1G", Decimal(1000**3)),
        (3, Decimal(3)),
    ],
)
def test_quantity_is_read_as_kubernetes_writes_it(text: object, number: Decimal) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "1 Gi", "1gi", "-1", "1K", "ki", "many"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    words = re.escape(f"'{text}' is no quantity. Write it as Kubernetes does, such as 500m or 1Gi.")
    with pytest.raises(ServingError, match=f"^{words}$"):
        quantity(text)


def test_memory_is_its_own_limit_unless_there_is_another() -> None:
    assert amount({"cpu": "1", "memory": "1Mi"}).memory_limit == MI
    assert amount({"cpu": "1", "memory": "1Mi", "memory_limit": "2Mi"}).memory_limit == 2 * MI


def test_sums_are_those_of_the_parts() -> None:
    found = sums(SIZES["small"])
    assert found["runtime"].memory == (256 + 128) * MI
    assert found["runtime"].cpu == Decimal("0.1")
    assert found["server"].memory == (64 + 256 + 1024) * MI
    assert found["server"].memory_limit == (256 + 256 + 1024) * MI
    assert found["server"].times(2).storage == 2 * 5 * 1024 * MI


def test_sizes_grow_in_every_part() -> None:
    small, medium, large = (sums(size) for size in SIZES.values())
    for part in small:
        assert small[part].memory < medium[part].memory < large[part].memory
        assert small[part].cpu <= medium[part].cpu <= large[part].cpu
        # What a StatefulSet's claims ask for cannot be changed.
        assert small[part].storage == medium[part].storage == large[part].storage
