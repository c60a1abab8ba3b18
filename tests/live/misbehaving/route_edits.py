# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody may do to Envoy's watched files by hand, each as an edit of the file's resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ROUTES, CLUSTERS = "listener_0.json", "clusters.json"


def other_weights(resources: list[Any]) -> None:
    """Exchange the weights of every split; the table in the file says what it said."""
    for route in _routes(resources):
        split = route["route"].get("weighted_clusters", {}).get("clusters", [])
        if len(split) == 2:
            split[0]["weight"], split[1]["weight"] = split[1]["weight"], split[0]["weight"]


def split(*weights: int) -> Callable[[list[Any]], None]:
    """Return an edit that splits requests by other weights, the baseline's first; the table says what it said."""

    def edit(resources: list[Any]) -> None:
        for route in _routes(resources):
            found = route["route"].get("weighted_clusters", {}).get("clusters", [])
            for each, weight in zip(found, weights, strict=False):
                each["weight"] = weight

    return edit


def no_routes(resources: list[Any]) -> None:
    """Take all routes away; the table in the file says what it said."""
    _routes(resources).clear()


def refused(resources: list[Any]) -> None:
    """Declare other weights in a file that Envoy refuses, so that it goes on with the routes that it has."""
    other_weights(resources)
    for experiment in resources[0]["metadata"]["filter_metadata"]["modelops.serving"]["experiments"]:
        first, second = experiment["candidates"]
        first["weight"], second["weight"] = second["weight"], first["weight"]
    _routes(resources)[0]["route"] = {"cluster": "gone"}


def wrong_server(name: str, other: str, protocol: str = "http") -> Callable[[list[Any]], None]:
    """Return an edit that leads to a model at the server of another one."""

    def edit(resources: list[Any]) -> None:
        addresses = {each["name"]: _address(each) for each in resources}
        addresses[f"{name}_1_{protocol}"]["port_value"] = addresses[f"{other}_1_{protocol}"]["port_value"]

    return edit


def _routes(resources: list[Any]) -> list[Any]:
    (host,) = resources[0]["virtual_hosts"]
    found: list[Any] = host["routes"]
    return found


def _address(cluster: dict[str, Any]) -> dict[str, Any]:
    (endpoints,) = cluster["load_assignment"]["endpoints"]
    (endpoint,) = endpoints["lb_endpoints"]
    found: dict[str, Any] = endpoint["endpoint"]["address"]["socket_address"]
    return found
