# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of Seldon Core v2 ask of a cluster, in three sizes, and what they ask together.

The defaults of its charts are those of `large` for the scheduler and the agent
(https://github.com/SeldonIO/seldon-core, k8s/helm-charts/seldon-core-v2-setup/values.yaml at v2.10.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Iterable, Mapping

from .errors import ServingError

SMALL, MEDIUM, LARGE = "small", "medium", "large"
# The operator is there once, a scheduler and an Envoy in each runtime, and the other three in each model server's pod.
OPERATOR, SCHEDULER, ENVOY, RCLONE, AGENT, MLSERVER = "controller", "scheduler", "envoy", "rclone", "agent", "mlserver"
RUNTIME = (SCHEDULER, ENVOY)
SERVER = (RCLONE, AGENT, MLSERVER)

# What each asks for; memory is its limit as well, but for rclone, which has `memory_limit`. Storage is the same in all
# sizes: what a StatefulSet's claims ask for cannot be changed, so another size would not come into force.
SIZES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    SMALL: {
        OPERATOR: {"cpu": "10m", "memory": "64Mi"},
        SCHEDULER: {"cpu": "50m", "memory": "256Mi", "storage": "1Gi"},
        ENVOY: {"cpu": "50m", "memory": "128Mi"},
        RCLONE: {"cpu": "20m", "memory": "64Mi", "memory_limit": "256Mi"},
        AGENT: {"cpu": "50m", "memory": "256Mi"},
        MLSERVER: {"cpu": "100m", "memory": "1Gi", "storage": "5Gi"},
    },
    MEDIUM: {
        OPERATOR: {"cpu": "10m", "memory": "128Mi"},
        SCHEDULER: {"cpu": "100m", "memory": "512Mi", "storage": "1Gi"},
        ENVOY: {"cpu": "100m", "memory": "256Mi"},
        RCLONE: {"cpu": "50m", "memory": "128Mi", "memory_limit": "512Mi"},
        AGENT: {"cpu": "100m", "memory": "512Mi"},
        MLSERVER: {"cpu": "500m", "memory": "2Gi", "storage": "5Gi"},
    },
    LARGE: {
        OPERATOR: {"cpu": "50m", "memory": "256Mi"},
        SCHEDULER: {"cpu": "250m", "memory": "1Gi", "storage": "1Gi"},
        ENVOY: {"cpu": "500m", "memory": "512Mi"},
        RCLONE: {"cpu": "100m", "memory": "256Mi", "memory_limit": "1Gi"},
        AGENT: {"cpu": "200m", "memory": "1Gi"},
        MLSERVER: {"cpu": "1", "memory": "4Gi", "storage": "5Gi"},
    },
}

QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|[kMGTPE]i?|Ki)?")
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
UNITS: Mapping[str, Decimal] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}


@dataclass(frozen=True)
class Amount:
    """Cores, bytes of memory that are asked for and that are allowed, and bytes of disk."""

    cpu: Decimal = Decimal(0)
    memory: Decimal = Decimal(0)
    memory_limit: Decimal = Decimal(0)
    storage: Decimal = Decimal(0)

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.cpu + other.cpu,
            self.memory + other.memory,
            self.memory_limit + other.memory_limit,
            self.storage + other.storage,
        )

    def times(self, number: int) -> Amount:
        """Return what several of these ask for."""
        return Amount(self.cpu * number, self.memory * number, self.memory_limit * number, self.storage * number)


def quantity(text: Any) -> Decimal:
    """Return a number as Kubernetes writes it, such as 500m or 1Gi."""
    found = QUANTITY.fullmatch(str(text))
    if not found or (found[2] or "") not in UNITS:
        raise ServingError(f"'{text}' is no quantity. Write it as Kubernetes does, such as 500m or 1Gi.")
    return Decimal(found[1]) * UNITS[found[2] or ""]


def amount(asked: Mapping[str, Any]) -> Amount:
    """Return what one part asks for."""
    memory = quantity(asked["memory"])
    return Amount(
        quantity(asked["cpu"]),
        memory,
        quantity(asked["memory_limit"]) if "memory_limit" in asked else memory,
        quantity(asked.get("storage", 0)),
    )


def total(parts: Iterable[Mapping[str, Any]]) -> Amount:
    """Return what several parts ask for together."""
    found = Amount()
    for each in parts:
        found += amount(each)
    return found


def sums(size: Mapping[str, Mapping[str, Any]]) -> dict[str, Amount]:
    """Return what the operator, a runtime, and a model server's pod ask for, each in one place."""
    return {
        "operator": total([size[OPERATOR]]),
        "runtime": total(size[name] for name in RUNTIME),
        "server": total(size[name] for name in SERVER),
    }


__all__ = [
    "LARGE",
    "MEDIUM",
    "MLSERVER",
    "RUNTIME",
    "SERVER",
    "SIZES",
    "SMALL",
    "Amount",
    "amount",
    "quantity",
    "sums",
    "total",
]
