# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters into a store of experiments."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Dict, Mapping

from .._adapters.envoy_admin import EnvoyAdmin
from .._adapters.envoy_files import EnvoyFiles
from .._adapters.envoy_rollouts import recorded
from .._adapters.envoy_store import EnvoyStore
from .._adapters.process_identity import is_gone
from .._core.errors import ServingError
from .._core.ports import experiment_view
from .._core.seldon_conditions import conditions_of, is_ready
from .kubernetes import API_OPTIONS, cluster_from, kubernetes_store

if TYPE_CHECKING:
    from .._adapters.kubernetes_store import KubernetesStore
    from .._core.envoy_settings import EnvoySettings
    from .._core.ports import Live

Spec = Dict[str, Dict[str, Any]]

WAIT_SECONDS = 10.0

ENVOY_OPTIONS: Spec = {
    "store_path": {"type": "path", "required": True},
    "wait_timeout": {"type": "float", "default": WAIT_SECONDS},
}
STORE_OPTIONS: Spec = {
    "store": {"type": "str", "choices": ["envoy", "kubernetes"], "default": "envoy"},
    "store_path": {"type": "path"},
    "namespace": {"type": "str"},
    "wait_timeout": {"type": "float"},
    **API_OPTIONS,
}
REQUIRED_IF = [("store", "envoy", ["store_path"])]


def experiment_options() -> Spec:
    """Return the options that say what an experiment is to be."""
    return {
        "name": {"type": "str", "required": True},
        "candidates": {
            "type": "list",
            "elements": "dict",
            "options": {"name": {"type": "str", "required": True}, "weight": {"type": "int", "required": True}},
        },
        "weights": {"type": "dict"},
        "default": {"type": "str"},
        "mirror": {
            "type": "dict",
            "options": {"name": {"type": "str", "required": True}, "percent": {"type": "int", "required": True}},
        },
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def store_from(params: Mapping[str, Any]) -> EnvoyStore | KubernetesStore:
    """Return the store in which experiments are declared."""
    return kubernetes_store(params) if params["store"] == "kubernetes" else envoy_store(params)


def experiments_from(params: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what a store has, for people, and what to warn of."""
    if params["store"] == "kubernetes":
        return _cluster_experiments(params)
    reading = envoy_store(params).read()
    version, live = live_view(reading.live)
    declared = [experiment_view(each) for each in reading.experiments]
    experiments = [{**each, "ready": live.get(each["name"]) == each} for each in declared]
    found = {"experiments": experiments, "declared_version": reading.version, "live_version": version}
    return found, reading.warnings


def _cluster_experiments(params: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    cluster = cluster_from(params)
    experiments, warnings = [], []
    for seen in sorted(cluster.listed(), key=lambda each: (each.name, each.namespace)):
        try:
            view = experiment_view(seen.experiment())
        except ServingError as error:
            warnings.append(f"{seen.title} is left out. {error}")
            continue
        conditions = conditions_of(seen.resource)
        said = [each.as_dict() for each in conditions.values()]
        ready = is_ready(conditions) and not seen.is_leaving
        experiments.append({**view, "namespace": seen.namespace, "ready": ready, "conditions": said})
    found = {"experiments": experiments, "declared_version": cluster.list_version, "live_version": None}
    return found, tuple(warnings)


def envoy_store(params: Mapping[str, Any]) -> EnvoyStore:
    """Return the store that ``store_path`` names."""
    path = params["store_path"]
    if not os.path.isabs(path):
        raise ServingError(f"store_path {path!r} is relative; set an absolute path.")

    def admin(settings: EnvoySettings) -> EnvoyAdmin:
        return EnvoyAdmin(settings.admin_socket)

    def rolled_out_by(name: str) -> str:
        now = time.time()
        try:
            record = recorded(path, name)
        except ServingError:
            # Nobody can carry on with a record that cannot be read.
            return ""
        held = record.holder_at(now) if record else None
        return "" if held is None or is_gone(held.holder) else held.said(now)

    timeout = WAIT_SECONDS if params["wait_timeout"] is None else params["wait_timeout"]
    return EnvoyStore(EnvoyFiles(path), admin, wait_timeout=timeout, rolled_out_by=rolled_out_by)


def live_view(live: Live | None) -> tuple[str | None, dict[str, Any]]:
    """Return the version in force and the experiments in it, by name, for people."""
    if live is None:
        return None, {}
    return live.version or None, {each.name: experiment_view(each) for each in live.experiments}


__all__ = [
    "ENVOY_OPTIONS",
    "REQUIRED_IF",
    "STORE_OPTIONS",
    "envoy_store",
    "experiment_options",
    "experiments_from",
    "live_view",
    "store_from",
]
