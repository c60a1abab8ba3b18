# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of smoke_test, and what they say of the path, of budgets, and of where experiments are declared."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

from .._adapters.named_files import read_files
from .._core.errors import ServingError
from .._core.request_path import RequestPath, endpoint, parse_experiment, parse_model, parse_samples
from .._core.smoke_latency import Budgets
from .kubernetes import API_OPTIONS
from .smoke_cluster import CLUSTER
from .smoke_inside import INSIDE
from .smoke_metrics import METRICS

Spec = Dict[str, Dict[str, Any]]

# From the innermost hop outwards, after a cluster's objects and the first connection: what a hop needs is known when it
# is asked.
GROUPS = ("cluster", "address", "mlserver", "envoy", "mesh", "inside", "nginx", "latency", "load", "metrics")

ADDRESS: Spec = {
    "address": {"type": "str", "required": True},
    "http_port": {"type": "int", "required": True},
    "grpc_port": {"type": "int"},
    "grpc_host": {"type": "str"},
    "grpc_hosts": {"type": "dict", "default": {}},
    "ca_path": {"type": "path"},
    "ca": {"type": "str"},
}
ENVOY: Spec = {
    "address": {"type": "str", "required": True},
    "http_port": {"type": "int", "required": True},
    "stats_port": {"type": "int"},
}
MESH: Spec = {"address": {"type": "str", "required": True}, "http_port": {"type": "int", "required": True}}
MODEL: Spec = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "version": {"type": "int", "default": 1},
    "http": {"type": "str"},
    "grpc": {"type": "str"},
}
CANDIDATE: Spec = {"name": {"type": "str", "required": True}, "weight": {"type": "int", "required": True}}
EXPERIMENT: Spec = {
    "name": {"type": "str", "required": True},
    "candidates": {"type": "list", "elements": "dict", "required": True, "options": CANDIDATE},
    "default": {"type": "str"},
    "ready": {"type": "bool"},
}
BUDGETS: Spec = {
    "p50_ms": {"type": "float", "default": 11.0},
    "p95_ms": {"type": "float", "default": 18.0},
    "p99_ms": {"type": "float", "default": 25.0},
    "success_percent": {"type": "float", "default": 99.8},
    "nginx_ms": {"type": "list", "elements": "float", "default": [2.0, 3.0]},
    "envoy_ms": {"type": "list", "elements": "float", "default": [2.0, 3.0]},
    "mlserver_ms": {"type": "list", "elements": "float", "default": [5.0, 7.0]},
}
ARGUMENTS: Spec = {
    "profile": {"type": "str", "choices": ["quick", "full"], "default": "quick"},
    "groups": {"type": "list", "elements": "str", "choices": list(GROUPS), "default": list(GROUPS)},
    "host": {"type": "str", "default": "ml-api.local"},
    "hosts": {"type": "dict"},
    "address": {"type": "dict", "required": True, "options": ADDRESS},
    "cluster": {"type": "dict", "options": CLUSTER},
    "mesh": {"type": "dict", "options": MESH},
    "envoy": {"type": "dict", "options": ENVOY},
    "models": {"type": "list", "elements": "dict", "default": [], "options": MODEL},
    "samples": {"type": "list", "elements": "path", "default": []},
    "store": {"type": "str", "choices": ["envoy", "kubernetes"], "default": "envoy"},
    "store_path": {"type": "path"},
    "experiments": {"type": "list", "elements": "dict", "options": EXPERIMENT},
    "metrics": {"type": "dict", "options": METRICS},
    "body_limit": {"type": "int"},
    "closed_ports": {"type": "list", "elements": "int", "default": []},
    "rate": {"type": "float"},
    "requests": {"type": "int"},
    "timeout": {"type": "float", "default": 5.0},
    "budgets": {"type": "dict", "default": {}, "apply_defaults": True, "options": BUDGETS},
    "enforce_budgets": {"type": "bool", "default": True},
    "report_directory": {"type": "path"},
    "inside": {"type": "dict", "options": INSIDE},
    "known": {"type": "list", "elements": "dict", "default": []},
    "load": {
        "type": "dict",
        "options": {"target": {"type": "str", "required": True}, "requests": {"type": "int", "required": True}},
    },
}


class Profile:
    """How much is asked. Shares can be told apart to about ten points by 500 requests, to five by 2,000."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        quick = params["profile"] == "quick"
        self.rate = float(params.get("rate") or (125.0 if quick else 50.0))
        self.requests = int(params.get("requests") or (500 if quick else 2000))
        self.rounds = 50 if quick else 300
        self.calls = 150 if quick else 500


def request_path_from(params: Mapping[str, Any]) -> RequestPath:
    """Return the path that the options describe."""
    samples = parse_samples(read_files(params["samples"], option="samples"))
    envoy, mesh = params["envoy"] or {}, params["mesh"] or {}
    http = endpoint(params["address"], "http_port")
    if http is None:
        raise ServingError("address has the http_port 0; set the port on which NGINX serves REST.")
    path = RequestPath(
        host=params["host"],
        http=http,
        grpc=endpoint(params["address"], "grpc_port"),
        roots=_roots(params["address"]),
        mesh=endpoint(mesh, "http_port"),
        envoy=endpoint(envoy, "http_port"),
        envoy_stats=endpoint(envoy, "stats_port"),
        models=tuple(parse_model(each, samples) for each in params["models"]),
        experiments=tuple(parse_experiment(each) for each in params["experiments"] or ()),
        body_limit=params["body_limit"],
        closed_ports=tuple(params["closed_ports"]),
        other_grpc_host=params["address"]["grpc_host"] or "",
        hosts=params["hosts"],
        grpc_hosts=params["address"]["grpc_hosts"],
    )
    for experiment in path.experiments:
        for name in experiment.weights:
            path.model(name)
    return path


def _roots(address: Mapping[str, Any]) -> str:
    """Return the certificates to trust, out of a file or as they are given."""
    path = address["ca_path"]
    if path and address["ca"]:
        raise ServingError("address has both ca_path and ca; set one of them.")
    return read_files([path], option="ca_path of address")[path].decode() if path else address["ca"] or ""


def store_options(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what experiment_info is asked for; nothing where there is no store."""
    if params["store"] == "kubernetes":
        if not params["cluster"]:
            raise ServingError("store is kubernetes, and cluster says nothing of one; set cluster.")
        given = {name: params["cluster"][name] for name in API_OPTIONS}
        return {"store": "kubernetes", **{name: value for name, value in given.items() if value is not None}}
    return {"store": "envoy", "store_path": params["store_path"]} if params["store_path"] else {}


def experiments_from(found: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return experiments of a store as this module takes them: on a cluster those of the platform's own namespaces."""
    cluster = params["cluster"] if params["store"] == "kubernetes" else None
    homes = [*cluster["namespaces"], cluster["seldon_namespace"]] if cluster else []
    return [
        {
            "name": each["name"],
            "candidates": [{key: one[key] for key in ("name", "weight")} for one in each["candidates"]],
            "default": each.get("default"),
            # What Seldon says of it is a check by itself.
            "ready": None if cluster else each["ready"],
        }
        for each in found
        if not cluster or each["namespace"] in homes
    ]


def budgets_from(params: Mapping[str, Any]) -> Budgets:
    """Return the budgets that the options set."""
    values = dict(params["budgets"])
    for name in ("nginx_ms", "envoy_ms", "mlserver_ms"):
        if len(values[name]) != 2 or not 0 <= values[name][0] <= values[name][1] or not values[name][1]:
            raise ServingError(f"{name} of budgets is {values[name]}; set two numbers, the lower one first.")
        values[name] = tuple(values[name])
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        if values[name] <= 0:
            raise ServingError(f"{name} of budgets is {values[name]:g}; set milliseconds above 0.")
    if not 0 < values["success_percent"] <= 100:
        raise ServingError(
            f"success_percent of budgets is {values['success_percent']:g}; set a percentage above 0, 100 at most."
        )
    return Budgets(**values)


__all__ = ["ARGUMENTS", "GROUPS", "Profile", "budgets_from", "experiments_from", "request_path_from", "store_options"]
