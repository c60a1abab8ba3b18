# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.layout import layout

MLSERVER = {
    "program": "/venv/bin/mlserver",
    "directory": "/d/mlserver",
    "address": "127.0.0.1",
    "http_port": 100,
    "grpc_port": "200",
    "metrics_port": 300,
    "settings": {"debug": False},
    "versions": "mlserver==1",
}
SAMPLES = {"models": ["one", "two"], "request": "/d/samples/request.json"}
READY = {"method": "GET", "question": "ready"}


def wanted(**changes: Any) -> dict[str, Any]:
    """Return an empty layout's values with these in place of theirs."""
    empty = {"namespaces": [], "models": [], "experiments": [], "home": "/home/me", "samples": SAMPLES}
    return {**empty, "mlserver": MLSERVER, **changes}


def names(*all_names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in all_names]


def model(**changes: Any) -> dict[str, Any]:
    return {"name": "one", "namespace": "a", "storage_uri": "/srv/one", **changes}


@pytest.mark.parametrize(
    ("namespaces", "ports"),
    [
        pytest.param([], {}, id="none"),
        pytest.param(["a"], {"a": (100, 200, 300)}, id="the first has the first ports"),
        pytest.param(
            ["b", "c", "a"],
            {"b": (100, 200, 300), "c": (101, 201, 301), "a": (102, 202, 302)},
            id="the next have the next, in the order of the list",
        ),
    ],
)
def test_each_namespace_has_a_server(namespaces: list[str], ports: Mapping[str, tuple[int, int, int]]) -> None:
    laid_out = layout(wanted(namespaces=names(*namespaces)))
    assert laid_out["servers"] == [
        {"namespace": name, "directory": f"/d/mlserver/{name}", "http_port": http, "grpc_port": grpc, "metrics_port": m}
        for name, (http, grpc, m) in ports.items()
    ]
    assert laid_out["folders"] == [{"path": f"/d/mlserver/{name}", "mode": "0700"} for name in namespaces]
    assert [(each["path"], json.loads(each["content"]), each["mode"]) for each in laid_out["files"]] == [
        (
            f"/d/mlserver/{name}/settings.json",
            {"debug": False, "http_port": http, "grpc_port": grpc, "metrics_port": m},
            "0600",
        )
        for name, (http, grpc, m) in ports.items()
    ]


def test_process_is_described_in_full() -> None:
    (process,) = layout(wanted(namespaces=names("a")))["processes"]
    assert len(process.pop("config")) == 64
    assert process == {
        "name": "mlserver-a",
        "command": ["/venv/bin/mlserver", "start", "."],
        "directory": "/d/mlserver/a",
        "environment": {"HOME": "/d/mlserver/a", "OMP_NUM_THREADS": "1"},
        "stop_signal": "TERM",
        "stop_timeout": 15,
        "listens": [
            {
                "address": "127.0.0.1",
                "address_variable": "data_plane_mlserver_address",
                "port": port,
                "variable": variable,
            }
            for port, variable in [
                (100, "data_plane_mlserver_http_port"),
                (200, "data_plane_mlserver_grpc_port"),
                (300, "data_plane_mlserver_metrics_port"),
            ]
        ],
    }


@pytest.mark.parametrize(
    ("changes", "restarted"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"models": [model()]}, [], id="a model, which is loaded without a restart"),
        pytest.param({"namespaces": names("a", "b", "c")}, [], id="a namespace at the end"),
        pytest.param({"namespaces": names("a", "c", "b")}, ["b"], id="a namespace before the last"),
        pytest.param({"mlserver": {**MLSERVER, "settings": {"debug": True}}}, ["a", "b"], id="a setting"),
        pytest.param({"mlserver": {**MLSERVER, "versions": "mlserver==2"}}, ["a", "b"], id="a version"),
        pytest.param({"mlserver": {**MLSERVER, "grpc_port": 201}}, ["a", "b"], id="a port"),
        pytest.param({"mlserver": {**MLSERVER, "program": "/v/bin/mlserver"}}, ["a", "b"], id="the program"),
        pytest.param({"mlserver": {**MLSERVER, "directory": "/e"}}, ["a", "b"], id="the folder, so the environment"),
    ],
)
def test_server_is_restarted_after_a_change_of(changes: Mapping[str, Any], restarted: list[str]) -> None:
    before = wanted(namespaces=names("a", "b"))
    first, then = (
        {each["name"]: each["config"] for each in layout(values)["processes"]}
        for values in (before, {**before, **changes})
    )
    assert [name for name in first if then[name] != first[name]] == [f"mlserver-{name}" for name in restarted]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, {}, id="the least"),
        pytest.param({"namespace": "b"}, {"http": "127.0.0.1:101", "grpc": "127.0.0.1:201"}, id="the second server"),
        pytest.param({"version": "3"}, {"version": 3}, id="a version as text"),
        pytest.param({"requirements": ["sklearn"]}, {"requirements": ["sklearn"]}, id="a requirement"),
        pytest.param({"storage_uri": "~"}, {"storage_uri": "/home/me"}, id="the home"),
        pytest.param({"storage_uri": "~/one"}, {"storage_uri": "/home/me/one"}, id="below the home"),
        pytest.param({"storage_uri": "~you/one"}, {"storage_uri": "~you/one"}, id="the home of another user"),
        pytest.param({"storage_uri": "/srv/~/one"}, {"storage_uri": "/srv/~/one"}, id="a tilde elsewhere"),
    ],
)
def test_model_has_the_addresses_of_its_server(changes: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    given = model(**changes)
    laid_out = layout(wanted(namespaces=names("a", "b"), models=[given]))
    least = {**given, "version": 1, "requirements": [], "http": "127.0.0.1:100", "grpc": "127.0.0.1:200"}
    whole = {**least, **expected}
    assert laid_out["models"] == [whole]
    assert laid_out["routes"] == [{key: whole[key] for key in ("name", "version", "http", "grpc")}]
    assert laid_out["asked"] == [{**laid_out["routes"][0], "namespace": whole["namespace"]}]


def test_models_are_listed_by_namespace_and_strangers_left_out() -> None:
    models = [model(name=f"of-{namespace}", namespace=namespace) for namespace in ("b", "nowhere", "a")]
    laid_out = layout(wanted(namespaces=names("a", "b"), models=models))
    assert [each["name"] for each in laid_out["models"]] == ["of-a", "of-b"]


INFER = {"method": "POST", "question": "infer", "request": "/d/samples/request.json"}


@pytest.mark.parametrize(
    ("experiment", "models", "expected"),
    [
        pytest.param({"candidates": names("two", "one")}, ["two", "one"], INFER, id="samples only"),
        pytest.param({"weights": {"one": 1, "two": 2}}, ["one", "two"], INFER, id="samples only, the short form"),
        pytest.param({"candidates": names("two")}, ["two"], INFER, id="one of the samples"),
        pytest.param({"candidates": names("one", "two", "x")}, ["one", "two", "x"], READY, id="samples and another"),
        pytest.param({"default": "one"}, [], READY, id="no models of its own"),
    ],
)
def test_experiment_is_asked_for_an_inference_or_whether_it_is_ready(
    experiment: Mapping[str, Any], models: list[str], expected: Mapping[str, str]
) -> None:
    values = wanted(namespaces=names("a"), models=[model()], experiments=[{"name": "test", **experiment}])
    assert layout(values)["probes"] == [
        {"header": "one", "model": "one", **READY},
        {
            "header": "test.experiment",
            "experiment": "test",
            "models": models,
            "model": models[0] if models else "one",
            **expected,
        },
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"mlserver": {}}, "KeyError('directory')", id="a value is missing"),
        pytest.param({"models": None}, "TypeError(\"'NoneType' object is not iterable\")", id="no list"),
        pytest.param(
            {"mlserver": {**MLSERVER, "http_port": "x"}},
            "ValueError(\"invalid literal for int() with base 10: 'x'\")",
            id="a port that is no number",
        ),
    ],
)
def test_refused(changes: Mapping[str, Any], problem: str) -> None:
    with pytest.raises(ServingError) as refusal:
        layout(wanted(namespaces=names("a"), **changes))
    assert str(refusal.value) == f"The layout's values are incomplete or malformed: {problem}."
