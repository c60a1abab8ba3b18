# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the NetworkPolicies of an inventory's cluster, before there is one."""

from __future__ import annotations

from typing import Iterator

from .policy_flows import TOPOLOGIES
from .policy_settings import CONTROLLERS, DEFAULTS, PREFIX, read
from .preflight_cluster import SHARED_WITH_POLICIES, Cluster
from .preflight_report import Finding

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
    for problem in read(values)[1]:
        for option, shared in aliases.items():
            problem = problem.replace(option, shared)
        yield Finding(problem)


__all__ = ["policy_findings"]
