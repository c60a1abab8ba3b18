# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file Envoy starts with: two listeners in Seldon's names, their routes and clusters watched as files, and stats.

Listeners are static and only their routes are dynamic: a listener that changes drains its connections, which keep the
old routes meanwhile.
"""

from __future__ import annotations

from typing import Any, Dict

from .envoy import (
    REWRITE_FILTER,
    SELDON_HTTP,
    SELDON_MIRRORS,
    RouteFile,
    socket_address,
)
from .envoy_settings import EnvoySettings
from .route_table import Endpoint

Json = Dict[str, Any]

_TYPE = "type.googleapis.com/envoy."
ADMIN_CLUSTER = "admin_interface_cluster"
# Envoy's own default, and room for a gRPC frame around the largest message.
DEFAULT_BUFFER_BYTES = 1024 * 1024
FRAME_BYTES = 64 * 1024

# Seldon's first filter: a caller who names the model in the path need not name it in the header.
PATH_TO_HEADER = r"""
function envoy_on_request(handle)
  local headers = handle:headers()
  if (headers:get("seldon-model") or "") ~= "" or (headers:get("x-seldon-route") or "") ~= "" then
    return
  end
  local path = headers:get(":path")
  local model = string.match(path, "^/v2/models/([^/?]+)")
  local pipeline = string.match(path, "^/v2/pipelines/([^/?]+)")
  if model then
    headers:replace("seldon-model", model)
  elseif pipeline then
    headers:replace("seldon-model", pipeline .. ".pipeline")
  end
end
"""

# What Seldon's agent does beside the server: whatever model the path names, the chosen candidate's own name goes in.
# Of a name with a dot only the part before it goes, so a path that names an experiment ends in the server's 404, as
# behind the agent. All other paths but health and metadata are refused: the server's repository API would let any
# caller unload models.
REWRITE_HTTP = r"""
function envoy_on_request(handle)
  local model = handle:filterContext():get("model")
  local headers = handle:headers()
  local path = headers:get(":path")
  local rest = string.match(path, "^/v2/models/[^/?.]+(.*)$")
  if rest then
    headers:replace(":path", "/v2/models/" .. model .. rest)
  elseif not (string.match(path, "^/v2/models/[^/?]+") or string.match(path, "^/v2/health/[a-z]+$")
              or string.match(path, "^/v2/?$")) then
    handle:respond({[":status"] = "404"}, "")
  end
end
"""

# The same for gRPC, where the name is the message's first field (tag 0x0A, then its length): five bytes of frame
# header, of which the first tells compression and four give the length. Compressed frames are left alone.
# A stream is not buffered, or it would wait for its own end.
REWRITE_GRPC = r"""
local RENAMED = {ModelInfer = true, ModelReady = true, ModelMetadata = true}
local PASSED = {ModelStreamInfer = true, ServerLive = true, ServerReady = true, ServerMetadata = true}

function envoy_on_request(handle)
  local model = handle:filterContext():get("model")
  local method = string.match(handle:headers():get(":path"), "^/inference%.GRPCInferenceService/([A-Za-z]+)$")
  if not RENAMED[method] then
    if not PASSED[method] then
      handle:respond({[":status"] = "200", ["content-type"] = "application/grpc", ["grpc-status"] = "12"}, "")
    end
    return
  end
  local body = handle:body()
  if body == nil or body:length() < 5 then
    return
  end
  local bytes = body:getBytes(0, body:length())
  if string.byte(bytes, 1) ~= 0 then
    return
  end
  local rest = string.sub(bytes, 6)
  if string.byte(rest, 1) == 10 then
    local length = string.byte(rest, 2)
    if length > 127 then
      return
    end
    rest = string.sub(rest, 3 + length)
  end
  local message = "\10" .. string.char(#model) .. model .. rest
  local size = #message
  local frame = string.char(0, math.floor(size / 16777216) % 256, math.floor(size / 65536) % 256,
                            math.floor(size / 256) % 256, size % 256)
  body:setBytes(frame .. message)
end
"""


def bootstrap(settings: EnvoySettings) -> Json:
    """Return Envoy's bootstrap: routes and clusters come from the files beside it."""
    resources = [
        _listener(SELDON_HTTP, settings, _rds(SELDON_HTTP, settings)),
        _listener(SELDON_MIRRORS, settings, _rds(SELDON_MIRRORS, settings)),
        _stats_listener(settings.stats),
    ]
    return {
        **_common(settings),
        "dynamic_resources": {"cds_config": _watched(f"{settings.directory}/clusters.json")},
        "static_resources": {"listeners": resources, "clusters": [_admin_cluster(settings)]},
    }


def static_copy(settings: EnvoySettings, *, clusters: list[Json], routes: Json, mirror_routes: Json) -> Json:
    """Return a bootstrap with everything inline, for ``envoy --mode validate``, which does not read watched files."""
    listeners = [
        _listener(SELDON_HTTP, settings, {"route_config": _untyped(routes)}),
        _listener(SELDON_MIRRORS, settings, {"route_config": _untyped(mirror_routes)}),
    ]
    return {
        **_common(settings),
        "static_resources": {"listeners": listeners, "clusters": [_untyped(cluster) for cluster in clusters]},
    }


def _common(settings: EnvoySettings) -> Json:
    monitor = f"{_TYPE}extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "node": {"id": "modelops-serving", "cluster": "modelops-serving"},
        # The admin interface can stop Envoy, so only the owner may open its socket.
        "admin": {"address": {"pipe": {"path": settings.admin_socket, "mode": 0o600}}},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": monitor,
                        "max_active_downstream_connections": settings.max_connections,
                    },
                }
            ]
        },
    }


def _watched(path: str) -> Json:
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}


def _rds(file: RouteFile, settings: EnvoySettings) -> Json:
    source = _watched(f"{settings.directory}/{file.name}.json")
    return {"rds": {"route_config_name": file.name, "config_source": source}}


def _listener(file: RouteFile, settings: EnvoySettings, route_source: Json) -> Json:
    endpoint = settings.http if file is SELDON_HTTP else settings.mirrors
    filters = [
        _lua("lua", {"default_source_code": {"inline_string": PATH_TO_HEADER}}),
        _lua(
            REWRITE_FILTER,
            {
                "source_codes": {
                    "rewrite_http": {"inline_string": REWRITE_HTTP},
                    "rewrite_grpc": {"inline_string": REWRITE_GRPC},
                },
                # The route was chosen by now; choosing again would draw another candidate.
                "clear_route_cache": False,
            },
        ),
    ]
    # The filter that renames a gRPC message holds it whole, with its frame, and this is how much it may hold.
    limit = max(DEFAULT_BUFFER_BYTES, settings.max_body_bytes + FRAME_BYTES)
    return {
        **_http_listener(file.listener, endpoint, filters, route_source),
        "per_connection_buffer_limit_bytes": limit,
    }


def _http_listener(name: str, endpoint: Endpoint, filters: list[Json], route_source: Json) -> Json:
    manager = {
        "@type": f"{_TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "AUTO",
        "generate_request_id": False,
        "http_filters": [*filters, _filter("envoy.filters.http.router", "router.v3.Router")],
        **route_source,
    }
    return {
        "name": name,
        "address": socket_address(endpoint),
        # With port sharing, Envoy's default, a second Envoy on the same port would take half the calls unnoticed.
        "enable_reuse_port": False,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _stats_listener(endpoint: Endpoint) -> Json:
    routes = [
        {"match": {"path": path}, "route": {"cluster": ADMIN_CLUSTER}} for path in ("/ready", "/stats/prometheus")
    ]
    hosts = [{"name": "stats", "domains": ["*"], "routes": routes}]
    return _http_listener("stats", endpoint, [], {"route_config": {"name": "stats", "virtual_hosts": hosts}})


def _admin_cluster(settings: EnvoySettings) -> Json:
    address = {"pipe": {"path": settings.admin_socket}}
    return {
        "name": ADMIN_CLUSTER,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": ADMIN_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _lua(name: str, config: Json) -> Json:
    return _filter(name, "lua.v3.Lua", config)


def _filter(name: str, kind: str, config: Json | None = None) -> Json:
    return {"name": name, "typed_config": {"@type": f"{_TYPE}extensions.filters.http.{kind}", **(config or {})}}


def _untyped(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key != "@type"}


__all__ = ["bootstrap", "static_copy"]
