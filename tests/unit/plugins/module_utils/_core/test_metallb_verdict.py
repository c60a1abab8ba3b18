# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has what was promised, who answers for it, and what MetalLB said of the others."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.metallb_verdict import verdict
from tests.sample_metallb import service

GIVEN = service("front", "192.0.2.200")


def told(addresses: str = "192.0.2.200") -> dict[str, Any]:
    return {"metadata": {"namespace": "web", "name": "front", "annotations": {"metallb.io/loadBalancerIPs": addresses}}}


def status(node: str, name: str = "front") -> dict[str, Any]:
    return {"status": {"node": node, "serviceNamespace": "web", "serviceName": name}}


def endpoints(name: str = "front", *ready: bool | None) -> dict[str, Any]:
    metadata = {"namespace": "web", "labels": {"kubernetes.io/service-name": name}}
    return {"metadata": metadata, "endpoints": [{"conditions": {"ready": each}} for each in ready]}


def event(message: str, at: str, name: str = "front") -> dict[str, Any]:
    return {"involvedObject": {"namespace": "web", "name": name}, "message": message, "lastTimestamp": at}


@pytest.mark.parametrize(
    ("wanted", "services", "sentence"),
    [
        pytest.param("192.0.2.200", [GIVEN], "", id="given"),
        pytest.param(
            "2001:DB8::1,192.0.2.200", [service("front", "192.0.2.200", "2001:db8::1")], "", id="both families"
        ),
        pytest.param("192.0.2.200", [], "web/front has no address, and not 192.0.2.200.", id="gone"),
        pytest.param("192.0.2.200", [service("front")], "web/front has no address, and not 192.0.2.200.", id="none"),
        pytest.param(
            "192.0.2.200,2001:db8::1",
            [GIVEN, service("back", "2001:db8::1")],
            "web/front has 192.0.2.200, and not 192.0.2.200 and 2001:db8::1.",
            id="one of two",
        ),
    ],
)
def test_who_is_without_an_address_is_told(wanted: str, services: Any, sentence: str) -> None:
    assert verdict([told(wanted)], services)["without"] == ([sentence] if sentence else [])


def test_last_warning_about_the_service_is_told() -> None:
    said = [
        event("no addresses left", "2026-01-02T03:04:06Z"),
        event("not allowed by config", "2026-01-02T03:04:07Z"),
        event("of another one", "2026-01-02T03:04:08Z", "back"),
    ]
    (sentence,) = verdict([told()], [service("front")], events=said)["without"]
    assert sentence.endswith(" MetalLB says: not allowed by config")


def heard(**more: Any) -> dict[str, list[str]]:
    found = verdict([told()], [GIVEN], **more)
    assert found["without"] == []
    return {name: sentences for name, sentences in found.items() if sentences}


def test_node_that_answers_is_named() -> None:
    assert heard(statuses=[status("a"), status("b", "back")], slices=[endpoints("front", True)]) == {
        "answered": ["a answers for 192.0.2.200 of web/front."]
    }


@pytest.mark.parametrize(
    ("slices", "kind"),
    [
        pytest.param([endpoints("front", False, True)], "silent", id="a ready pod"),
        pytest.param([endpoints("front", None)], "silent", id="a pod that says nothing about it"),
        pytest.param([endpoints("front", False)], "resting", id="a pod that is not ready"),
        pytest.param([endpoints("front")], "resting", id="no pod"),
        pytest.param([endpoints("back", True)], "resting", id="a pod of another one"),
        pytest.param([], "resting", id="nothing"),
    ],
)
def test_silence_is_a_mistake_only_where_somebody_is_ready(slices: Any, kind: str) -> None:
    assert list(heard(slices=slices, statuses=[status("b", "back"), {}])) == [kind]
