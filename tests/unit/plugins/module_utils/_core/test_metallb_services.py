# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that are let go, and addresses that another Service has."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.metallb_plan import plan
from plugins.module_utils._core.metallb_services import MANAGER
from tests.sample_metallb import service, settings

FRONT = {"namespace": "web", "name": "front", "addresses": ["192.0.2.200"]}


def set_by(manager: str, operation: str = "Apply") -> list[dict[str, str]]:
    return [{"manager": "somebody", "operation": "Update"}, {"manager": manager, "operation": operation}]


@pytest.mark.parametrize(
    ("metadata", "released"),
    [
        pytest.param({"managedFields": set_by(MANAGER)}, True, id="ours"),
        pytest.param({"managedFields": set_by(MANAGER, "Update")}, False, id="another way to set it"),
        pytest.param({"managedFields": set_by("modelops.serving")}, False, id="another role's"),
        pytest.param({"annotations": {"metallb.io/loadBalancerIPs": "192.0.2.200"}}, False, id="nobody knows whose"),
    ],
)
def test_only_what_we_told_is_let_go(metadata: dict[str, Any], released: bool) -> None:
    found = plan(settings(), [], [service("front", **metadata), service("other")])["released_services"]
    bare = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "front", "namespace": "web"}}
    assert found == ([bare] if released else [])


def test_what_is_still_wanted_is_not_let_go() -> None:
    ours = service("front", managedFields=set_by(MANAGER))
    assert plan(settings(service_addresses=[FRONT]), [], [ours])["released_services"] == []


SHARED = {"annotations": {"metallb.io/allow-shared-ip": "edge"}}
OTHER = {**FRONT, "name": "back", "addresses": ["192.0.2.201"]}


@pytest.mark.parametrize(
    ("pins", "services", "taken"),
    [
        pytest.param([FRONT], [service("back", "192.0.2.200")], True, id="another one's"),
        pytest.param([FRONT], [service("back", "2001:db8::1", "192.0.2.200")], True, id="one of two"),
        pytest.param([FRONT], [service("front", "192.0.2.200")], False, id="its own"),
        pytest.param([FRONT], [service("back", "192.0.2.201")], False, id="nobody's"),
        pytest.param([FRONT, OTHER], [service("back", "192.0.2.200")], False, id="of one that gets another one"),
        pytest.param(
            [{**FRONT, "sharing_key": "edge"}], [service("back", "192.0.2.200", **SHARED)], False, id="shared"
        ),
        pytest.param(
            [{**FRONT, "sharing_key": "mesh"}], [service("back", "192.0.2.200", **SHARED)], True, id="not with us"
        ),
    ],
)
def test_address_of_another_service_is_told(pins: Any, services: Any, taken: bool) -> None:
    problems = plan(settings(service_addresses=pins), [], services)["problems"]
    words = "metallb_service_addresses gives web/front 192.0.2.200, which web/back has. "
    assert [text.startswith(words) for text in problems] == ([True] if taken else [])
