# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses for Services: what the table of the scenario `preflight` has no room for."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.address_spans import pool_span
from plugins.module_utils._core.metallb_addresses import parse_pins, pin_findings

POOLS = [("lan", pool_span("192.0.2.200-192.0.2.219", pool="lan")), ("six", pool_span("2001:db8::/120", pool="six"))]


def pin(name: str, *addresses: str, key: str = "") -> dict[str, Any]:
    return {"namespace": "web", "name": name, "addresses": list(addresses), "sharing_key": key}


def said(*pins: dict[str, Any], edge: str = "") -> list[str]:
    return [finding.text for finding in pin_findings(parse_pins(pins), POOLS, edge)]


@pytest.mark.parametrize(
    "pins",
    [
        pytest.param([pin("one", "192.0.2.200"), pin("two", "192.0.2.201")], id="each its own"),
        pytest.param([pin("one", "192.0.2.200", "2001:db8::1")], id="one of each family"),
        pytest.param([pin("one", "192.0.2.200", key="a"), pin("two", "192.0.2.200", key="a")], id="shared with a key"),
        pytest.param([], id="none"),
    ],
)
def test_good_pins_are_silent(pins: list[dict[str, Any]]) -> None:
    assert said(*pins) == []


@pytest.mark.parametrize(
    ("pins", "words"),
    [
        pytest.param(
            [pin("one", "192.0.2.200", key="a"), pin("two", "192.0.2.200", key="b")], "one sharing_key", id="keys"
        ),
        pytest.param([pin("one", "192.0.2.200", key="a"), pin("two", "192.0.2.200")], "one sharing_key", id="one key"),
        pytest.param(
            [pin("one", "2001:db8::1"), pin("two", "2001:DB8:0::1")], "web/one and web/two", id="spelled apart"
        ),
        pytest.param([pin("one", "192.0.2.200", "192.0.2.201")], "one address of each family", id="two of a family"),
        pytest.param([pin("one", "192.0.2.200"), pin("one", "192.0.2.201")], "names web/one 2 times", id="named twice"),
    ],
)
def test_bad_pins_are_told_once(pins: list[dict[str, Any]], words: str) -> None:
    (text,) = said(*pins)
    assert words in text


def test_address_of_the_edge_is_taken() -> None:
    (text,) = said(pin("one", "192.0.2.200"), edge="192.0.2.200")
    assert "which is ingress_address" in text
    assert said(pin("one", "192.0.2.200"), edge="192.0.2.201") == []
