# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a template come in, plain data goes out, and what goes out is what the pinned Kubernetes takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from plugins.filter.ingress_objects import ingress_objects
from plugins.filter.ingress_problems import ingress_problems
from plugins.filter.ingress_routes import ingress_routes
from plugins.filter.ingress_secrets import ingress_secrets
from plugins.filter.ingress_stale import ingress_stale
from tests.support import ROOT


class Marked(str):
    """A string with a mark, as a templating engine has them."""


FILES = {"source": Marked("files"), "certificate": "~/a.crt", "key": "~/a.key"}
ENTRIES: list[dict[str, Any]] = [
    {"name": Marked("models"), "host": Marked("ml-api.example.com"), "tls": FILES, "port": 8080},
    {"name": "models-grpc", "host": "grpc.example.com", "protocol": "grpc", "tls": {"source": "private_ca"}},
    {"name": "broken"},
]
PINNED = yaml.safe_load((ROOT / "meta/pins.yml").read_text(encoding="utf-8"))["k3s"]["version"]
MINOR = re.match(r"v(\d+\.\d+)", PINNED)


def marks(value: Any) -> Iterator[Marked]:
    if isinstance(value, dict):
        yield from (mark for pair in value.items() for each in pair for mark in marks(each))
    elif isinstance(value, list):
        yield from (mark for each in value for mark in marks(each))
    elif isinstance(value, Marked):
        yield value


def test_routes_have_what_they_leave_out_and_broken_ones_are_left_out() -> None:
    rest, grpc = ingress_routes(ENTRIES, topology="central")
    assert (rest["path"], rest["port"], rest["namespace"], rest["secret"]) == (
        "/v2",
        8080,
        "seldon-system",
        "models-tls",
    )
    assert (grpc["path"], grpc["port"], grpc["tls"]["source"]) == ("/inference.GRPCInferenceService", 80, "private_ca")
    assert list(marks([rest, grpc])) == []


@pytest.mark.parametrize("controller", ["nginx", "traefik"])
def test_objects_are_plain_data(controller: str) -> None:
    made = ingress_objects(ENTRIES, topology="central", controller=Marked(controller))
    assert len(made) > 1
    assert list(marks(made)) == []


def test_routes_with_material_alone_have_secrets() -> None:
    (secret,) = ingress_secrets(ENTRIES, topology="central", material={"models": {"certificate": "C", "key": "K"}})
    assert secret["metadata"]["name"] == "models-tls"


def test_what_is_left_over_is_told_by_kind_namespace_and_name() -> None:
    found = ingress_objects(ENTRIES, topology="central", controller="nginx")
    wanted = ingress_objects(ENTRIES[:1], topology="central", controller="nginx")
    (stale,) = ingress_stale(found, wanted=wanted, routes=ENTRIES[:1], topology="central")
    assert (stale["kind"], stale["metadata"]["name"]) == ("Ingress", "models-grpc")


def test_files_are_judged_when_they_were_looked_at() -> None:
    edge = {"controller": "nginx", "topology": "central", "address": "192.0.2.7", "routes": ENTRIES[:1], "pools": None}
    assert ingress_problems(edge) == {"problems": [], "warnings": []}
    said = ingress_problems(edge, certificates={"~/a.crt": {"msg": "No such file"}}, keys={})
    assert [each.split(":")[0] for each in said["problems"]] == [
        "The route 'models' cannot use ~/a.crt",
        "The route 'models' cannot use ~/a.key",
    ]


def test_objects_are_those_of_the_pinned_kubernetes() -> None:
    assert MINOR is not None
    material = {name: {"certificate": "C", "key": "K", "authority": "A"} for name in ("models", "models-grpc")}
    made = ingress_objects(ENTRIES, topology="central", controller="nginx")
    made += ingress_secrets(ENTRIES, topology="central", material=material)
    assert {each["kind"] for each in made} == {"Ingress", "Secret"}
    for each in made:
        assert kubernetes_validate.validate(each, MINOR[1], strict=True) == MINOR[1]
