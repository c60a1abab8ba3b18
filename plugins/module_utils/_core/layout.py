# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a data plane has once for each namespace, model and experiment."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Dict, List, Mapping, Sequence

from .errors import ServingError

PORTS = ("http_port", "grpc_port", "metrics_port")
ROUTED = ("name", "version", "http", "grpc")
IS_READY = {"method": "GET", "question": "ready"}
Rows = List[Dict[str, Any]]


@dataclass(frozen=True)
class Server:
    """The MLServer of a namespace."""

    namespace: str
    directory: str
    http_port: int
    grpc_port: int
    metrics_port: int

    @property
    def ports(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in PORTS}


def servers_of(namespaces: Sequence[Mapping[str, Any]], mlserver: Mapping[str, Any]) -> list[Server]:
    """Return a server for each namespace, its ports the first ones plus its place in the list."""
    return [
        Server(
            str(namespace["name"]),
            f"{mlserver['directory']}/{namespace['name']}",
            **{name: int(mlserver[name]) + place for name in PORTS},
        )
        for place, namespace in enumerate(namespaces)
    ]


def settings_file(server: Server, settings: Mapping[str, Any]) -> dict[str, Any]:
    content = json.dumps({**settings, **server.ports}, indent=4, sort_keys=True)
    return {"path": f"{server.directory}/settings.json", "content": content, "mode": "0600"}


def process_of(server: Server, mlserver: Mapping[str, Any]) -> dict[str, Any]:
    """Return the process of a server; ``config`` stands for all that its restart depends on."""
    process: dict[str, Any] = {
        "name": f"mlserver-{server.namespace}",
        "command": [mlserver["program"], "start", "."],
        "directory": server.directory,
        "environment": {"HOME": server.directory, "OMP_NUM_THREADS": "1"},
        "stop_signal": "TERM",
        "stop_timeout": 15,
        "listens": [
            {
                "address": mlserver["address"],
                "address_variable": "data_plane_mlserver_address",
                "port": port,
                "variable": f"data_plane_mlserver_{name}",
            }
            for name, port in server.ports.items()
        ],
    }
    config = json.dumps([process, mlserver["settings"], mlserver["versions"]])
    return {**process, "config": sha256(config.encode()).hexdigest()}


def model_of(model: Mapping[str, Any], server: Server, *, address: str, home: str) -> dict[str, Any]:
    """Return a model with the addresses of its server; a "~" in front of its folder is the home."""
    uri = str(model["storage_uri"])
    return {
        "name": model["name"],
        "namespace": model["namespace"],
        "version": int(model.get("version", 1)),
        "requirements": model.get("requirements", []),
        "storage_uri": home + uri[1:] if uri == "~" or uri.startswith("~/") else uri,
        "http": f"{address}:{server.http_port}",
        "grpc": f"{address}:{server.grpc_port}",
    }


def probe_of(experiment: Mapping[str, Any], samples: Mapping[str, Any], *, fallback: str) -> dict[str, Any]:
    """Return how an experiment is asked: for an inference where there is a request, since it splits samples only."""
    models = [each["name"] for each in experiment.get("candidates", [])] + list(experiment.get("weights", {}))
    is_sampled = models and set(models) <= set(samples["models"])
    return {
        "header": f"{experiment['name']}.experiment",
        "experiment": experiment["name"],
        "models": models,
        # The header alone decides where the call goes, but its path names a model.
        "model": models[0] if models else fallback,
        **({"method": "POST", "question": "infer", "request": samples["request"]} if is_sampled else IS_READY),
    }


def layout(wanted: Mapping[str, Any]) -> dict[str, Rows]:
    """Return the rows that the tasks and templates of the role go through."""
    try:
        mlserver = wanted["mlserver"]
        servers = servers_of(wanted["namespaces"], mlserver)
        models = [
            model_of(model, server, address=mlserver["address"], home=wanted["home"])
            for server in servers
            for model in wanted["models"]
            if model["namespace"] == server.namespace
        ]
        fallback = next((model["name"] for model in wanted["models"]), "")
        return {
            "servers": [asdict(server) for server in servers],
            "folders": [{"path": server.directory, "mode": "0700"} for server in servers],
            "files": [settings_file(server, mlserver["settings"]) for server in servers],
            "processes": [process_of(server, mlserver) for server in servers],
            "models": models,
            "routes": [{key: model[key] for key in ROUTED} for model in models],
            "asked": [{key: model[key] for key in (*ROUTED, "namespace")} for model in models],
            "probes": [
                *({"header": model["name"], "model": model["name"], **IS_READY} for model in models),
                *(probe_of(each, wanted["samples"], fallback=fallback) for each in wanted["experiments"]),
            ],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ServingError(f"The layout's values are incomplete or malformed: {error!r}.") from error


__all__ = ["layout"]
