# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check as the catalogue has it, and the hops that checks judge."""

from __future__ import annotations

from dataclasses import dataclass

# The hops of the request path, from the caller inwards, and what all of them stand on.
HOPS = {
    "address": "MetalLB address",
    "nginx": "NGINX",
    "mesh": "seldon-mesh",
    "envoy": "Envoy",
    "scheduler": "Scheduler",
    "mlserver": "MLServer",
    "policies": "NetworkPolicies",
    "metrics": "Prometheus",
    "cluster": "Kubernetes",
}
# One machine has no others.
PATH = ("address", "nginx", "mesh", "envoy", "mlserver")

BLOCKER = "blocker"
WARNING = "warning"


@dataclass(frozen=True)
class Rule:
    """A check: the hop it judges, what holds when it passes, and what to look at when it does not."""

    hop: str
    name: str
    severity: str
    hint: str


__all__ = ["BLOCKER", "HOPS", "PATH", "WARNING", "Rule"]
