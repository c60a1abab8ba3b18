# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Request
from plugins.module_utils._core.route_table import Endpoint, Model, RouteTable


def model(name: str, version: int = 1) -> Model:
    return Model.parse({"name": name, "version": version, "http": "127.0.0.1:9000", "grpc": "127.0.0.1:9500"})


def request(name: str, **values: Any) -> Request:
    return Request.parse({"name": name, **values})


TABLE = RouteTable().with_models(
    [model("baseline"), model("enhanced"), model("shadow")],
    [request("ab", weights={"baseline": 70, "enhanced": 30}, default="baseline")],
)

REFUSED: dict[str, tuple[Request, str]] = {
    "an unknown candidate": (
        request("other", weights={"enhanced": 1, "nobody": 1}),
        "experiment 'other': model 'nobody' is not known (known: baseline, enhanced, shadow)",
    ),
    "an unknown mirror": (
        request("other", weights={"enhanced": 1}, mirror={"name": "nobody", "percent": 1}),
        "model 'nobody' is not known",
    ),
    "the default of another experiment": (
        request("other", weights={"baseline": 1, "enhanced": 1}, default="baseline"),
        "model 'baseline' is the default of more than one experiment (ab, other); set another default",
    ),
}


@pytest.mark.parametrize(("asked", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_request_is_refused(asked: Request, message: str) -> None:
    with pytest.raises(ServingError, match=re.escape(message)):
        TABLE.with_request(asked)


def test_request_changes_one_experiment_only() -> None:
    grown = TABLE.with_request(request("second", weights={"enhanced": 1, "shadow": 1}))
    changed = grown.with_request(request("ab", weights={"baseline": 1, "enhanced": 1}))
    assert changed.experiment("second") == grown.experiment("second")
    assert changed.experiment("ab") != grown.experiment("ab")
    assert changed.with_request(request("ab", state="absent")).experiment("ab") is None


def test_model_in_use_cannot_leave() -> None:
    with pytest.raises(ServingError, match="experiment 'ab': model 'enhanced' is not known"):
        TABLE.with_models([model("baseline"), model("shadow")])


def test_model_and_its_experiment_leave_together() -> None:
    left = TABLE.with_models([model("baseline")], [request("ab", state="absent")])
    assert left.as_dict() == {"models": [model("baseline").as_dict()], "experiments": []}


def test_experiments_not_named_stay() -> None:
    assert TABLE.with_models(TABLE.models).experiments == TABLE.experiments


@pytest.mark.parametrize(
    ("models", "requests", "message"),
    [
        ([model("a"), model("a")], [], "Models are declared more than once: a."),
        ([model("a")], [request("x", weights={"a": 1})] * 2, "Experiment 'x' is declared more than once."),
    ],
    ids=["a model twice", "an experiment twice"],
)
def test_twice_is_refused(models: list[Model], requests: list[Request], message: str) -> None:
    with pytest.raises(ServingError, match=re.escape(message)):
        RouteTable().with_models(models, requests)


def test_table_survives_a_round_trip() -> None:
    assert RouteTable.parse(TABLE.as_dict()) == TABLE


@pytest.mark.parametrize(
    "text",
    ["localhost:80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "[::1]:80", "127.0.0.1:80 ", "1.2.3.4:\uff15"],
)
def test_bad_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ServingError, match="is not an endpoint"):
        Endpoint.parse(text)


@pytest.mark.parametrize(("name", "version"), [("a.b", 1), ("A", 1), ("a", 0), ("a", -1)])
def test_bad_model_is_refused(name: str, version: int) -> None:
    with pytest.raises(ServingError, match="is refused"):
        model(name, version)
