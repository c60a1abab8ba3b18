# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of the scheduler and of the store `envoy` in one form, without what differs on purpose.

What is left out is taken out here by name, and has to be there: the filter that renames the model in the place of the
agent (ours), and that a mirror's copies are tried again (theirs).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from plugins.module_utils._core.envoy import mirror_routes, routes
from plugins.module_utils._core.envoy_settings import EnvoySettings
from plugins.module_utils._core.experiment import Request
from plugins.module_utils._core.route_table import Model, RouteTable

Route = dict[str, Any]
Table = dict[str, list[Route]]
RETRY = {"on": "5xx,connect-failure", "count": 5, "base_interval": 0.5}
MODELS = ("base", "better", "shadow")


def ours(experiment: dict[str, Any]) -> Table:
    """Return the routes that the store writes for an experiment."""
    listener = {"address": "127.0.0.1", "port": 9000}
    settings = EnvoySettings.parse(
        {
            **dict.fromkeys(("directory", "envoy", "log"), "unused"),
            **dict.fromkeys(("http", "mirrors", "stats"), listener),
            "retry": RETRY,
            "max_connections": 1,
            "max_body_bytes": 1,
        }
    )
    models = [Model.parse({"name": name, "http": "192.0.2.1:9001", "grpc": "192.0.2.1:9501"}) for name in MODELS]
    table = RouteTable().with_models(models, [Request.parse(experiment)])
    return {
        "main": _sorted([_our_form(each) for each in _routes_of(routes(table, settings))]),
        "mirrors": _sorted([_our_form(each) for each in _routes_of(mirror_routes(table))]),
    }


def theirs(found: Sequence[Route], names: Sequence[str]) -> list[Route]:
    """Return the scheduler's routes of these names, which may stand among others'."""
    return _sorted([copy.deepcopy(each) for each in found if _name(each) in names])


def theirs_mirrored(found: Sequence[Route], names: Sequence[str]) -> list[Route]:
    """Return the scheduler's routes to mirrors."""
    kept = theirs(found, names)
    for each in kept:
        del each["route"]["retry_policy"]
    return kept


def _routes_of(configuration: Route) -> list[Route]:
    found: list[Route] = configuration["virtual_hosts"][0]["routes"]
    return found


def _our_form(route: Route) -> Route:
    """Write a route in the scheduler's words."""
    form = copy.deepcopy(route)
    for each in (form, *form["route"].get("weighted_clusters", {}).get("clusters", [])):
        each.pop("typed_per_filter_config", None)
    for header in form["match"]["headers"]:
        if header.pop("invert_match", False):
            header["present_match"] = False
    for mirror in form["route"].get("request_mirror_policies", []):
        share = mirror["runtime_fraction"]["default_value"]
        # Hundredths are what is meant when nothing is said.
        assert share.pop("denominator") == "HUNDRED"
    return form


def _name(route: Route) -> str:
    return str(route["match"]["headers"][0]["string_match"]["exact"])


def _sorted(found: list[Route]) -> list[Route]:
    """Put routes in one order; the order within a name is kept, since the first that matches wins."""
    return sorted(found, key=lambda each: (_name(each), each["match"]["prefix"]))
