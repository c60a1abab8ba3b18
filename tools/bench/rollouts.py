# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts of the sample experiment, and what they leave behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plugins.module_utils._adapters.rollout_files import RolloutFiles
from plugins.module_utils._core.experiment import Request
from plugins.module_utils._wiring.store import envoy_store
from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, DataPlane, experiment

GATE = "errors"


def plan(steps: Sequence[Any], *, risk_budget: float = 0.005, **analysis: Any) -> dict[str, Any]:
    """Return a plan with one gate, which counts failed attempts."""
    return {
        "name": EXPERIMENT,
        "baseline": BASELINE,
        "candidate": ENHANCED,
        "steps": list(steps),
        "gates": [{"name": GATE, "kind": "error_rate", "risk_budget": risk_budget}],
        "analysis": analysis,
    }


def rollout_folder(plane: DataPlane) -> Path:
    """Return the folder of what is kept of the experiment's rollouts."""
    return plane.directory / "envoy" / "rollouts" / EXPERIMENT


def journal(plane: DataPlane) -> list[dict[str, Any]]:
    """Return the ticks of the last rollout."""
    return list(RolloutFiles(str(rollout_folder(plane))).journal())


@contextmanager
def rolling_out(plane: DataPlane) -> Iterator[None]:
    """Let rollouts move the weights; in the end the experiment is as it came up, and nothing tells of them."""
    try:
        yield
    finally:
        store = envoy_store({"store_path": str(plane.directory / "envoy"), "wait_timeout": 10.0})
        store.declare(Request.parse({"name": EXPERIMENT, "state": "absent"}), dry_run=False, force=True)
        shutil.rmtree(rollout_folder(plane), ignore_errors=True)
        store.declare(Request.parse(experiment()), dry_run=False, force=True)
