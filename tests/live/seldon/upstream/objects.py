# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What upstream's programs are told here: servers that announce a qualified name, and an Envoy without routes.

Ports and variables are those of upstream's images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from plugins.module_utils._core.seldon_objects import PATIENCE

ADMIN = 9901
IDENTITY = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
AGENT = {
    "SELDON_SERVER_HTTP_PORT": "9000",
    "SELDON_SERVER_GRPC_PORT": "9500",
    "SELDON_REVERSE_PROXY_HTTP_PORT": "9001",
    "SELDON_REVERSE_PROXY_GRPC_PORT": "9501",
    "SELDON_SCHEDULER_HOST": "seldon-scheduler",
    "SELDON_SERVER_TYPE": "mlserver",
    "SELDON_SERVER_CAPABILITIES": "mlserver,sklearn",
    "SELDON_OVERCOMMIT_PERCENTAGE": "10",
    "SELDON_LOG_LEVEL": "info",
}
MODEL_SERVER = {
    "MLSERVER_HTTP_PORT": "9000",
    "MLSERVER_GRPC_PORT": "9500",
    "MLSERVER_METRICS_PORT": "8082",
    "MLSERVER_LOAD_MODELS_AT_STARTUP": "false",
    "MLSERVER_PARALLEL_WORKERS": "0",
}
# Upstream's probe of rclone has a program of its own, and these numbers.
PROBE = {
    "exec": {"command": ["rclone", "rc", "rc/noop"]},
    "timeoutSeconds": 1,
    "failureThreshold": 1,
    "periodSeconds": 5,
    "initialDelaySeconds": 5,
}
# What makes a server in a namespace of its own reachable from the one Envoy.
ANNOUNCE = {
    "inferenceSvc": "$(POD_NAME).$(POD_NAMESPACE).svc.cluster.local",
    "memoryBytes": "$(MEMORY_REQUEST)",
    "overCommitPercentage": 10,
    "capabilities": ["mlserver", "sklearn"],
}


def server(team: str) -> str:
    """Return the name of a team's server: there is one of each name below a scheduler."""
    return f"mlserver-{team}"


def server_config() -> dict[str, Any]:
    """Return what all servers have in common: the ports that upstream's images have, and who they are."""
    field = {name: {"valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in IDENTITY.items()}
    memory = {"valueFrom": {"resourceFieldRef": {"containerName": "mlserver", "resource": "requests.memory"}}}
    agent = [
        *({"name": name, "value": value} for name, value in AGENT.items()),
        *({"name": name, **value} for name, value in field.items()),
        {"name": "MEMORY_REQUEST", **memory},
    ]
    mlserver = [{"name": name, "value": value} for name, value in MODEL_SERVER.items()]
    containers = [
        {"name": "rclone", "image": "rclone", "livenessProbe": PROBE},
        {"name": "agent", "image": "agent", "env": agent},
        {"name": "mlserver", "image": "mlserver", "env": mlserver},
    ]
    return {"podSpec": {"containers": containers}}


def server_spec(announce: Mapping[str, Any] | None = ANNOUNCE) -> dict[str, Any]:
    """Return a Server that announces a qualified name, or the name that it announces by itself."""
    spec: dict[str, Any] = {"serverConfig": "mlserver", "replicas": 1}
    if announce is not None:
        entry = {"name": "SELDON_REPLICA_CONFIG", "value": json.dumps(announce)}
        rclone = {"name": "rclone", "livenessProbe": PATIENCE}
        spec["podSpec"] = {"containers": [{"name": "agent", "env": [entry]}, rclone]}
    return spec


def bootstrap() -> dict[str, Any]:
    """Return what Envoy needs to get everything from the scheduler."""
    address = {"socket_address": {"address": "seldon-scheduler", "port_value": 9002}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    http2 = {
        "@type": f"type.googleapis.com/{options}",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    source = {"resource_api_version": "V3", "ads": {}}
    return {
        "node": {"cluster": "test-cluster", "id": "test-id"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": ADMIN}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds_cluster"}}],
            },
            "cds_config": source,
            "lds_config": source,
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds_cluster",
                    "type": "LOGICAL_DNS",
                    "connect_timeout": "1s",
                    "load_assignment": {"cluster_name": "xds_cluster", "endpoints": endpoints},
                    "typed_extension_protocol_options": {options: http2},
                }
            ]
        },
    }
