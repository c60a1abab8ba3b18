# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters into a store of experiments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Mapping

from .._adapters.envoy_admin import EnvoyAdmin
from .._adapters.envoy_files import EnvoyFiles
from .._adapters.envoy_store import EnvoyStore
from .._core.errors import ServingError
from .._core.ports import experiment_view

if TYPE_CHECKING:
    from .._core.envoy_settings import EnvoySettings
    from .._core.ports import Live

Spec = Dict[str, Dict[str, Any]]

ENVOY_OPTIONS: Spec = {
    "store_path": {"type": "path", "required": True},
    "wait_timeout": {"type": "float", "default": 10.0},
}
STORE_OPTIONS: Spec = {"store": {"type": "str", "choices": ["envoy"], "default": "envoy"}, **ENVOY_OPTIONS}


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


def envoy_store(params: Mapping[str, Any]) -> EnvoyStore:
    """Return the store that ``store_path`` names."""
    path = params["store_path"]
    if not os.path.isabs(path):
        raise ServingError(f"store_path {path!r} is relative; set an absolute path.")

    def admin(settings: EnvoySettings) -> EnvoyAdmin:
        return EnvoyAdmin(settings.admin_socket)

    return EnvoyStore(EnvoyFiles(path), admin, wait_timeout=params["wait_timeout"])


def live_view(live: Live | None) -> tuple[str | None, dict[str, Any]]:
    """Return the version in force and the experiments in it, by name, for people."""
    if live is None:
        return None, {}
    return live.version, {each.name: experiment_view(each) for each in live.experiments}


__all__ = ["ENVOY_OPTIONS", "STORE_OPTIONS", "envoy_store", "experiment_options", "live_view"]
