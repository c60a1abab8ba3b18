# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated routes against what Seldon's scheduler programs (SeldonIO/seldon-core v2.10.2, scheduler/pkg/envoy)."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.envoy import clusters, mirror_routes, routes, state_of
from plugins.module_utils._core.envoy_settings import EnvoySettings
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Request
from plugins.module_utils._core.route_table import Model, RouteTable

SETTINGS = EnvoySettings.parse(
    {
        "directory": "/srv/envoy",
        "envoy": "/srv/venv/bin/envoy",
        "log": "/srv/logs/envoy.log",
        "http": {"address": "127.0.0.1", "port": "19000"},
        "mirrors": {"address": "127.0.0.1", "port": 19001},
        "stats": {"address": "127.0.0.1", "port": 19003},
        "retry": {"on": "5xx,connect-failure", "count": "5", "base_interval": "0.5"},
        "max_connections": 5000,
        "max_body_bytes": 1048576,
    }
)


def table(*experiments: dict[str, Any]) -> RouteTable:
    models = [
        Model.parse({"name": name, "version": version, "http": f"127.0.0.1:{port}", "grpc": f"127.0.0.1:{port + 100}"})
        for name, version, port in (("baseline", 1, 18100), ("enhanced", 2, 18101), ("shadow", 1, 18102))
    ]
    return RouteTable().with_models(models, [Request.parse(each) for each in experiments])


AB = {"name": "ab", "weights": {"baseline": 70, "enhanced": 30}, "default": "baseline"}
MIRRORED = {**AB, "mirror": {"name": "shadow", "percent": 20}}


def listed(found: dict[str, Any]) -> list[dict[str, Any]]:
    (host,) = found["virtual_hosts"]
    assert host["domains"] == ["*"]
    return list(host["routes"])


def named(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [route for route in listed(found) if route["name"] == name]


# Route names in order, REST only; gRPC's are the same with the other ending.
ORDER: dict[str, tuple[RouteTable, list[str]]] = {
    "no experiment: one plain route a model, no sticky ones": (
        table(),
        ["baseline_http", "enhanced_http", "shadow_http"],
    ),
    "a default: its own route splits too, sticky routes stand before plain ones": (
        table(AB),
        ["baseline_http_experiment"] * 2
        + ["baseline_http", "enhanced_http", "shadow_http"]
        + ["ab.experiment_http_experiment"] * 2
        + ["ab.experiment_http"],
    ),
    "no default: only the experiment's route splits": (
        table({"name": "ab", "weights": {"baseline": 1, "enhanced": 1}}),
        ["baseline_http", "enhanced_http", "shadow_http"]
        + ["ab.experiment_http_experiment"] * 2
        + ["ab.experiment_http"],
    ),
    "one candidate: no sticky route": (
        table({"name": "ab", "weights": {"baseline": 1}}),
        ["baseline_http", "enhanced_http", "shadow_http", "ab.experiment_http"],
    ),
}


@pytest.mark.parametrize(("given", "expected"), ORDER.values(), ids=ORDER.keys())
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_routes_in_order(given: RouteTable, expected: list[str], protocol: str) -> None:
    found = [
        route["name"] for route in listed(routes(given, SETTINGS)) if f"_{protocol}" in route["name"].split(".")[-1]
    ]
    assert found == [name.replace("_http", f"_{protocol}") for name in expected]


PREFIX = {"http": "/v2", "grpc": "/inference.GRPCInferenceService"}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("name", ["ab.experiment", "baseline"])
def test_plain_route(name: str, protocol: str) -> None:
    (route,) = named(routes(table(AB), SETTINGS), f"{name}_{protocol}")
    assert route["match"] == {
        "prefix": PREFIX[protocol],
        "headers": [
            {"name": "seldon-model", "string_match": {"exact": name}},
            {"name": "x-seldon-route", "present_match": True, "invert_match": True},
        ],
    }
    action = route["route"]
    assert action["timeout"] == "0s"
    assert action["retry_policy"] == {
        "retry_on": "5xx,connect-failure",
        "num_retries": 5,
        "retry_back_off": {"base_interval": "0.500s"},
    }
    assert "request_mirror_policies" not in action
    split = [
        (
            each["name"],
            each["weight"],
            each["request_headers_to_remove"],
            each["request_headers_to_add"],
            each["response_headers_to_add"],
            each["typed_per_filter_config"]["lua.rewrite"]["name"],
            each["typed_per_filter_config"]["lua.rewrite"]["filter_context"],
        )
        for each in action["weighted_clusters"]["clusters"]
    ]
    assert split == [
        (
            f"{internal}_{protocol}",
            weight,
            ["seldon-internal-model"],
            [{"header": {"key": "seldon-internal-model", "value": internal}}],
            [{"header": {"key": "x-seldon-route", "value": f":{internal}:"}}],
            f"rewrite_{protocol}",
            {"model": internal},
        )
        for internal, weight in (("baseline_1", 70), ("enhanced_2", 30))
    ]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_sticky_routes(protocol: str) -> None:
    found = named(routes(table(MIRRORED), SETTINGS), f"ab.experiment_{protocol}_experiment")
    assert [route["match"] for route in found] == [
        {
            "prefix": PREFIX[protocol],
            "headers": [
                {"name": "seldon-model", "string_match": {"exact": "ab.experiment"}},
                {"name": "x-seldon-route", "string_match": {"contains": f":{internal}:"}},
            ],
        }
        for internal in ("baseline_1", "enhanced_2")
    ]
    # Neither retries nor copies: a caller who comes back gets the one candidate, once.
    assert [route["route"] for route in found] == [
        {"cluster": f"{internal}_{protocol}", "timeout": "0s"} for internal in ("baseline_1", "enhanced_2")
    ]
    assert found[1]["request_headers_to_add"] == [
        {"header": {"key": "seldon-internal-model", "value": "enhanced_2"}},
        {"header": {"key": "seldon-model", "value": "enhanced"}},
    ]
    assert found[1]["response_headers_to_add"] == [{"header": {"key": "x-seldon-route", "value": ":enhanced_2:"}}]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_mirror(protocol: str) -> None:
    for name in ("ab.experiment", "baseline"):
        (plain,) = named(routes(table(MIRRORED), SETTINGS), f"{name}_{protocol}")
        assert plain["route"]["request_mirror_policies"] == [
            {
                "cluster": f"mirror_{protocol}",
                "runtime_fraction": {"default_value": {"numerator": 20, "denominator": "HUNDRED"}},
            }
        ]
        (copy,) = named(mirror_routes(table(MIRRORED)), f"{name}_{protocol}_mirror")
        assert copy["match"] == plain["match"]
        (cluster,) = copy["route"]["weighted_clusters"]["clusters"]
        assert (cluster["name"], cluster["weight"]) == (f"shadow_1_{protocol}", 20)
    (other,) = named(routes(table(MIRRORED), SETTINGS), f"enhanced_{protocol}")
    assert "request_mirror_policies" not in other["route"]


def test_no_mirror_no_mirror_routes() -> None:
    assert listed(mirror_routes(table(AB))) == []


def test_envoy_must_know_every_cluster_of_a_route() -> None:
    assert routes(table(AB), SETTINGS)["validate_clusters"] is True
    assert mirror_routes(table(AB))["validate_clusters"] is True


def test_clusters() -> None:
    found = {each["name"]: each for each in clusters(table(AB), SETTINGS)}
    assert list(found) == [
        *("mirror_http", "mirror_grpc"),
        *("baseline_1_http", "baseline_1_grpc"),
        *("enhanced_2_http", "enhanced_2_grpc"),
        *("shadow_1_http", "shadow_1_grpc"),
    ]

    def port(name: str) -> int:
        (endpoints,) = found[name]["load_assignment"]["endpoints"]
        (endpoint,) = endpoints["lb_endpoints"]
        return int(endpoint["endpoint"]["address"]["socket_address"]["port_value"])

    assert [port(name) for name in found] == [19001, 19001, 18100, 18200, 18101, 18201, 18102, 18202]
    for name, each in found.items():
        assert each["lb_policy"] == "LEAST_REQUEST"
        assert each["connect_timeout"] == "5s"
        assert each["circuit_breakers"] == {"thresholds": [{"max_retries": 5}]}
        assert ("typed_extension_protocol_options" in each) == name.endswith("_grpc")


def test_routes_carry_their_table() -> None:
    assert state_of(routes(table(MIRRORED), SETTINGS)) == table(MIRRORED)


@pytest.mark.parametrize("found", [{}, {"metadata": {}}, {"metadata": {"filter_metadata": {"modelops.serving": None}}}])
def test_routes_without_a_table_are_no_state(found: dict[str, Any]) -> None:
    with pytest.raises(ServingError, match="does not carry its experiments"):
        state_of(found)


@pytest.mark.parametrize(
    "change",
    [{"retry": None}, {"http": {"address": "127.0.0.1"}}, {"max_connections": "many"}],
    ids=["no retry", "no port", "not a number"],
)
def test_bad_settings_are_refused(change: dict[str, Any]) -> None:
    values = {
        "directory": "/srv/envoy",
        "envoy": "envoy",
        "log": "log",
        "retry": {"on": "5xx", "count": 1, "base_interval": 1},
        "max_connections": 1,
        "max_body_bytes": 1,
        **{name: {"address": "127.0.0.1", "port": 1} for name in ("http", "mirrors", "stats")},
        **change,
    }
    with pytest.raises(ServingError, match="incomplete or malformed"):
        EnvoySettings.parse(values)
