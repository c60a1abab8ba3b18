# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role seldon hands to kubernetes.core.helm, for every topology and size, and for what is set beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.staged_role import arguments, handed, shown

MODULE = "kubernetes.core.helm"
ROLE = "seldon"
INVENTORY = "homelab"
TOPOLOGIES = ("central", "namespaced", "single")
SIZES = ("small", "medium", "large")
KAFKA = {"seldon_pipelines": True, "seldon_kafka_bootstrap": "kafka.example.com:9092"}
MORE: dict[str, dict[str, Any]] = {
    "pipelines": KAFKA,
    "offline": {"serving_artifacts_dir": "/srv/offline", "seldon_wait_timeout": 60},
    "exposed": {
        "seldon_mesh_service_type": "NodePort",
        "seldon_scheduler_service_type": "LoadBalancer",
        "seldon_envoy_replicas": 2,
        "seldon_scheduler_ready_timeout": 30,
        "seldon_namespace": "serving",
        "seldon_setup_values": {"scheduler": {"resources": {"memory": "300Mi"}}},
        "seldon_runtime_values": {"hodometer": {"disable": False}},
    },
}
CASES: dict[str, dict[str, Any]] = {
    **{
        f"{topology}-{size}": {"seldon_topology": topology, "seldon_size": size}
        for topology in TOPOLOGIES
        for size in SIZES
    },
    **MORE,
}
SETUP = "setup.yml: setup | Install the operator"
RUNTIME = "runtime.yml: runtime | Install schedulers and Envoys"
CRDS = "crds.yml: crds | Install the kinds of objects"


def said(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the parameters of each task, by case and by file and name of the task."""
    # What a loop would give.
    places = {"__seldon_runtime": "one-of-the-runtimes", "__seldon_left": "one-that-goes"}
    hosts = {case: {**places, **values} for case, values in CASES.items()}
    place = shown(folder, ROLE, arguments(ROLE, MODULE), hosts, INVENTORY)
    texts = {case: json.loads((place / case).read_text(encoding="utf-8")) for case in hosts}
    return {case: {name: handed(each) for name, each in tasks.items()} for case, tasks in texts.items()}
