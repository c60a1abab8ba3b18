# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A route table as Envoy's routes and clusters, the way Seldon Core's scheduler programs them.

Facts from SeldonIO/seldon-core v2.10.2, ``scheduler/pkg/envoy/xdscache/resource.go``: names, matchers, headers, order,
retries. Two things differ because no Seldon agent stands before the model servers here: clusters point at the servers
themselves, and each weighted cluster carries the name that a filter writes into the path (see envoy_bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .envoy_settings import EnvoySettings, Retry
from .errors import ServingError
from .experiment import Candidate, Mirror
from .route_table import Endpoint, Model, RouteTable

Json = Dict[str, Any]

MODEL_HEADER = "seldon-model"
INTERNAL_MODEL_HEADER = "seldon-internal-model"
ROUTE_HEADER = "x-seldon-route"
REWRITE_FILTER = "lua.rewrite"
# The part of a file's route configuration that Envoy carries but does not read: the table the routes were made from.
STATE_KEY = "modelops.serving"

_TYPE = "type.googleapis.com/envoy."


@dataclass(frozen=True)
class Protocol:
    """What tells REST from gRPC in Seldon's routes."""

    name: str
    prefix: str
    rewrite: str

    def cluster(self, model: Model) -> str:
        return f"{model.internal_name}_{self.name}"

    @property
    def mirror_cluster(self) -> str:
        return f"mirror_{self.name}"


HTTP = Protocol("http", "/v2", "rewrite_http")
GRPC = Protocol("grpc", "/inference.GRPCInferenceService", "rewrite_grpc")
PROTOCOLS = (HTTP, GRPC)


@dataclass(frozen=True)
class RouteFile:
    """A listener, its RDS name (also the file's), and its virtual host, all in Seldon's words."""

    listener: str
    name: str
    virtual_host: str

    @property
    def stat_prefix(self) -> str:
        return f"http.{self.listener}.rds.{self.name}"


SELDON_HTTP = RouteFile("seldon_http", "listener_0", "seldon_service")
SELDON_MIRRORS = RouteFile("seldon_mirrors", "listener_1", "seldon_mirror")


def clusters(table: RouteTable, settings: EnvoySettings) -> list[Json]:
    """Return the clusters of every model, and the two through which Envoy sends copies to itself."""
    mirrors = [_cluster(protocol.mirror_cluster, settings.mirrors, protocol) for protocol in PROTOCOLS]
    return mirrors + [
        _cluster(protocol.cluster(model), model.http if protocol is HTTP else model.grpc, protocol)
        for model in table.models
        for protocol in PROTOCOLS
    ]


def routes(table: RouteTable, settings: EnvoySettings) -> Json:
    """Return the route configuration of listener ``seldon_http``, with the table itself inside."""
    found = [
        route
        for name, candidates, mirror in _splits(table)
        for protocol in PROTOCOLS
        for route in [*_sticky(name, candidates, protocol), _plain(name, candidates, mirror, protocol, settings.retry)]
    ]
    return {
        **_route_configuration(SELDON_HTTP, found),
        "metadata": {"filter_metadata": {STATE_KEY: table.as_dict()}},
    }


def mirror_routes(table: RouteTable) -> Json:
    """Return the route configuration of listener ``seldon_mirrors``."""
    found = [
        {
            "name": f"{name}_{protocol.name}_mirror",
            "match": _match(name, protocol, [_absent(ROUTE_HEADER)]),
            "route": {
                "weighted_clusters": {
                    "clusters": [_weighted(table.model(mirror.name), mirror.percent, protocol)],
                },
                "timeout": "0s",
            },
        }
        for name, _candidates, mirror in _splits(table)
        if mirror
        for protocol in PROTOCOLS
    ]
    return _route_configuration(SELDON_MIRRORS, found)


def state_of(route_configuration: Mapping[str, Any]) -> RouteTable:
    """Return the table that a route configuration of ``seldon_http`` was made from."""
    try:
        return RouteTable.parse(route_configuration["metadata"]["filter_metadata"][STATE_KEY])
    except (KeyError, TypeError, AttributeError) as error:
        raise ServingError(f"The route configuration does not carry its experiments ({error!r}).") from error


Split = Tuple[str, List[Tuple[Model, int]], Optional[Mirror]]


def _splits(table: RouteTable) -> list[Split]:
    """Return every route name with the models and weights behind it: models first, then experiments."""
    found: list[Split] = []
    for model in table.models:
        experiment = table.split_of(model.name)
        if experiment:
            found.append((model.name, _weights(table, experiment.candidates), experiment.mirror))
        else:
            found.append((model.name, [(model, 100)], None))
    return found + [(each.route, _weights(table, each.candidates), each.mirror) for each in table.experiments]


def _weights(table: RouteTable, candidates: tuple[Candidate, ...]) -> list[tuple[Model, int]]:
    return [(table.model(each.name), each.weight) for each in candidates]


def _sticky(name: str, candidates: list[tuple[Model, int]], protocol: Protocol) -> list[Json]:
    if len(candidates) < 2:
        return []
    return [
        {
            "name": f"{name}_{protocol.name}_experiment",
            "match": _match(
                name,
                protocol,
                [{"name": ROUTE_HEADER, "string_match": {"contains": f":{model.internal_name}:"}}],
            ),
            "route": {"cluster": protocol.cluster(model), "timeout": "0s"},
            "request_headers_to_add": [
                _header(INTERNAL_MODEL_HEADER, model.internal_name),
                _header(MODEL_HEADER, model.name),
            ],
            "response_headers_to_add": [_route_header(model)],
            "typed_per_filter_config": _rewrite(model, protocol),
        }
        for model, _weight in candidates
    ]


def _plain(
    name: str, candidates: list[tuple[Model, int]], mirror: Mirror | None, protocol: Protocol, retry: Retry
) -> Json:
    action: Json = {
        "weighted_clusters": {"clusters": [_weighted(model, weight, protocol) for model, weight in candidates]},
        "timeout": "0s",
        "retry_policy": retry.as_policy(),
    }
    if mirror:
        share = {"numerator": mirror.percent, "denominator": "HUNDRED"}
        action["request_mirror_policies"] = [
            {"cluster": protocol.mirror_cluster, "runtime_fraction": {"default_value": share}}
        ]
    return {
        "name": f"{name}_{protocol.name}",
        "match": _match(name, protocol, [_absent(ROUTE_HEADER)]),
        "route": action,
    }


def _match(name: str, protocol: Protocol, more: list[Json]) -> Json:
    return {
        "prefix": protocol.prefix,
        "headers": [{"name": MODEL_HEADER, "string_match": {"exact": name}}, *more],
    }


def _absent(header: str) -> Json:
    return {"name": header, "present_match": True, "invert_match": True}


def _weighted(model: Model, weight: int, protocol: Protocol) -> Json:
    return {
        "name": protocol.cluster(model),
        "weight": weight,
        "request_headers_to_remove": [INTERNAL_MODEL_HEADER],
        "request_headers_to_add": [_header(INTERNAL_MODEL_HEADER, model.internal_name)],
        "response_headers_to_add": [_route_header(model)],
        "typed_per_filter_config": _rewrite(model, protocol),
    }


def _rewrite(model: Model, protocol: Protocol) -> Json:
    return {
        REWRITE_FILTER: {
            "@type": f"{_TYPE}extensions.filters.http.lua.v3.LuaPerRoute",
            "name": protocol.rewrite,
            "filter_context": {"model": model.internal_name},
        }
    }


def _header(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}}


def _route_header(model: Model) -> Json:
    return _header(ROUTE_HEADER, f":{model.internal_name}:")


def _route_configuration(file: RouteFile, found: list[Json]) -> Json:
    return {
        "@type": f"{_TYPE}config.route.v3.RouteConfiguration",
        "name": file.name,
        # Without it Envoy accepts a route to a cluster that is not there, and that share of the traffic gets 503.
        "validate_clusters": True,
        "virtual_hosts": [{"name": file.virtual_host, "domains": ["*"], "routes": found}],
    }


def _cluster(name: str, endpoint: Endpoint, protocol: Protocol) -> Json:
    cluster: Json = {
        "@type": f"{_TYPE}config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "lb_policy": "LEAST_REQUEST",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [{"max_retries": 5}]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(endpoint)}}]}],
        },
    }
    if protocol is GRPC:
        options = f"{_TYPE}extensions.upstreams.http.v3.HttpProtocolOptions"
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": options,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return cluster


def socket_address(endpoint: Endpoint) -> Json:
    """Return an endpoint as Envoy writes addresses."""
    return {"socket_address": {"address": endpoint.address, "port_value": endpoint.port}}


__all__ = [
    "REWRITE_FILTER",
    "SELDON_HTTP",
    "SELDON_MIRRORS",
    "RouteFile",
    "clusters",
    "mirror_routes",
    "routes",
    "socket_address",
    "state_of",
]
