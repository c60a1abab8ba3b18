# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with Seldon Core v2 of an inventory's cluster, and with what it is to serve, before there is one."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from .preflight_cluster import SERVING_VARIABLES, Cluster, is_true
from .preflight_report import Finding
from .seldon_problems import runtime_findings, serving_findings

# What the roles' own defaults say where an inventory is silent; a test holds them to it.
CAPABILITIES = (
    "mlserver",
    "alibi-detect",
    "alibi-explain",
    "huggingface",
    "lightgbm",
    "mlflow",
    "python",
    "sklearn",
    "spark-mlib",
    "xgboost",
)
# An inventory that says none of these has no model server.
ASKS_FOR = ("serving_models", "mlserver_servers", "mlserver_secrets", "seldon_size", "seldon_pipelines")


def seldon_findings(cluster: Cluster) -> Iterator[Finding]:
    """Yield everything that is wrong; an inventory that says nothing of models is not judged."""
    said = {name: cluster.shared.get(name) for name in SERVING_VARIABLES}
    if any(said[name] is not None for name in ASKS_FOR):
        settings = _settings(said)
        yield from runtime_findings(settings)
        yield from serving_findings(settings)


def _settings(said: Mapping[str, Any]) -> dict[str, Any]:
    def listed(name: str) -> list[Any]:
        value = said[name]
        return list(value) if isinstance(value, (list, tuple)) else [value] if value else []

    return {
        "state": "present",
        "topology": said["seldon_topology"] or "central",
        "size": said["seldon_size"] or "small",
        "seldon_namespace": said["seldon_namespace"] or "seldon-system",
        "namespaces": listed("serving_namespaces"),
        "pipelines": is_true(said["seldon_pipelines"]),
        "kafka": said["seldon_kafka_bootstrap"] or "",
        "servers": listed("mlserver_servers"),
        "secrets": listed("mlserver_secrets"),
        "models": listed("serving_models"),
        "experiments": listed("serving_experiments"),
        "capabilities": listed("mlserver_capabilities") or list(CAPABILITIES),
    }


__all__ = ["CAPABILITIES", "seldon_findings"]
