# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which host the role mlserver has experiments and models asked, whatever routes there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sample_serving import model
from tests.staged_role import shown

A, B, GRPC = "team-a.example.com", "team-b.example.com", "grpc.example.com"
TLS = {"source": "private_ca"}
GIVEN: dict[str, Any] = {
    "ingress_address": "192.0.2.200",
    "serving_namespaces": [{"name": "team-a"}, {"name": "team-b"}],
    "serving_models": [model("first"), model("second", "team-b")],
}
TWO = [{"name": "a", "host": A, "namespace": "team-a"}, {"name": "b", "host": B, "namespace": "team-b"}]
# What each inventory says, then who calls by which host: of team-a, of team-b, and what no one model is asked.
CASES: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    "two teams, each with a mesh": ({"seldon_topology": "namespaced", "ingress_routes": TWO}, (A, B, A)),
    "one team of two has a route": ({"seldon_topology": "namespaced", "ingress_routes": TWO[1:]}, ("", B, B)),
    "one mesh for all": ({"ingress_routes": [{"name": "m", "host": A}]}, (A, A, A)),
    "REST in so many words": ({"ingress_routes": [{"name": "m", "host": A, "protocol": "rest"}]}, (A, A, A)),
    "gRPC comes first": (
        {"ingress_routes": [{"name": "g", "host": GRPC, "protocol": "grpc", "tls": TLS}, {"name": "m", "host": A}]},
        (A, A, A),
    ),
    "a route to something else comes first": (
        {"ingress_routes": [{"name": "x", "host": B, "service": "other"}, {"name": "m", "host": A}]},
        (A, A, A),
    ),
    "only gRPC": ({"ingress_routes": [{"name": "g", "host": GRPC, "protocol": "grpc"}]}, ("", "", "")),
    "no routes": ({}, ("", "", "")),
    "no address": ({"ingress_address": "", "ingress_routes": [{"name": "m", "host": A}]}, ("", "", A)),
}
ASKED = "{{ [__mlserver_request_path.host, __mlserver_rest_route.host | default('')] | to_json }}"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the host of each team's callers, and that of all others, by inventory."""
    hosts = {
        f"{number}-{team}": {**GIVEN, **said, "__mlserver_called_in": team}
        for number, (said, _hosts) in enumerate(CASES.values())
        for team in ("team-a", "team-b")
    }
    place = shown(tmp_path_factory.mktemp("ways"), "mlserver", ASKED, hosts)
    answers = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in place.iterdir()}
    return {name: [answers[f"{number}-team-a"][0], *answers[f"{number}-team-b"]] for number, name in enumerate(CASES)}


@pytest.mark.parametrize("name", CASES)
def test_callers_come_by_a_route_to_the_mesh_that_knows_them(name: str, found: dict[str, list[str]]) -> None:
    assert tuple(found[name]) == CASES[name][1]
