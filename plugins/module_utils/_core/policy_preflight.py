# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the NetworkPolicies of an inventory's cluster, before there is one."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from .policy_flows import DATAFLOW, MODEL_GATEWAY, PIPELINE_GATEWAY, TOPOLOGIES
from .policy_settings import CONTROLLERS, DEFAULTS, PREFIX, read
from .preflight_cluster import NAMESPACES, SHARED_WITH_POLICIES, Cluster, is_true, listed, mapping
from .preflight_report import Finding, spoken

# Which one MetalLB's is by default, the role itself knows.
USUAL = "metallb-system"
# What runs with pipelines, as the walls name it.
PIPELINE_PARTS = (MODEL_GATEWAY, PIPELINE_GATEWAY, DATAFLOW)
# What these may be is said with the edge, which shares them; here the default takes the place of any other value.
JUDGED_WITH_THE_EDGE = {"topology": TOPOLOGIES, "ingress_controller": CONTROLLERS}


def policy_findings(cluster: Cluster) -> Iterator[Finding]:
    """Yield everything that is wrong; an inventory that says nothing of teams and their walls is not judged."""
    said = {name: cluster.shared.get(PREFIX + name) for name in DEFAULTS}
    values = {name: value for name, value in said.items() if value is not None}
    aliases = {}
    for name, shared in SHARED_WITH_POLICIES.items():
        value = cluster.shared.get(shared)
        if name not in values and value is not None and str(value) in JUDGED_WITH_THE_EDGE.get(name, (str(value),)):
            values[name] = value
            aliases[PREFIX + name] = shared
    if not cluster.has_walls or "namespaces" not in values:
        return
    yield from _metallb(cluster, values)
    yield from _pipelines(cluster, values)
    for problem in read(values)[1]:
        for option, shared in aliases.items():
            problem = problem.replace(option, shared)
        yield Finding(problem)


def _pipelines(cluster: Cluster, values: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what pipelines need and the walls would not let through."""
    if not is_true(cluster.shared.get("seldon_pipelines")):
        return
    missing = [name for name in PIPELINE_PARTS if name not in listed(values.get("components"))]
    if missing:
        yield Finding(
            f"seldon_pipelines is true, and the walls would keep {spoken(missing)} from everything. Add "
            f"{'them' if len(missing) > 1 else 'it'} to {PREFIX}components."
        )
    if not values.get("extra_flows"):
        yield Finding(
            "seldon_pipelines is true, and the walls would keep its parts from Kafka. Set "
            f"{PREFIX}extra_flows to their ways there, such as [{{name: kafka, from: {{namespace: seldon-system}}, to: "
            "{cidrs: [198.51.100.7/32]}, ports: [{port: 9092}]}]."
        )


def _metallb(cluster: Cluster, values: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a team in the place of MetalLB, where it is not the usual one: the walls would end its announcements."""
    home = str(cluster.shared.get("metallb_namespace") or "")
    teams = values["namespaces"] if isinstance(values["namespaces"], (list, tuple)) else ()
    if home and home != USUAL and home in [str(mapping(each).get("name")) for each in teams]:
        yield Finding(f"{NAMESPACES} has '{home}', which is metallb_namespace. Set another namespace.")


__all__ = ["policy_findings"]
