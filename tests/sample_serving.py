# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says of two teams on Seldon Core v2, for the tests of what that leads to."""

from __future__ import annotations

from typing import Any

CAPABILITIES = ["mlserver", "python", "sklearn"]
MINIO: dict[str, Any] = {
    "name": "minio",
    "namespace": "team-a",
    "data": {"s3": {"name": "s3", "type": "s3", "parameters": {"provider": "Minio", "secret_access_key": "hush"}}},
}


def model(name: str, team: str = "team-a", **more: Any) -> dict[str, Any]:
    """Return a model, as an inventory has it."""
    return {"name": name, "namespace": team, "requirements": ["sklearn"], "storage_uri": f"gs://models/{name}", **more}


def settings(**changes: Any) -> dict[str, Any]:
    """Return what both roles are told."""
    return {
        "state": "present",
        "topology": "central",
        "size": "small",
        "seldon_namespace": "seldon-system",
        "namespaces": [{"name": "team-a"}, {"name": "team-b"}],
        "pipelines": False,
        "kafka": "",
        "removed_namespaces": [],
        "remove_foreign": False,
        "servers": [],
        "secrets": [MINIO],
        "models": [model("baseline"), model("enhanced", "team-b")],
        "experiments": [
            {
                "name": "ab",
                "default": "baseline",
                "candidates": [{"name": "baseline", "weight": 70}, {"name": "enhanced", "weight": 30}],
            }
        ],
        "capabilities": CAPABILITIES,
        "budgets": True,
        **changes,
    }
