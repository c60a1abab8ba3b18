# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments of an inventory, declared by the role mlserver, and proven at the path that callers take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.live.edge.plays import Played, play
from tests.live.seldon.stand_in import HOST
from tests.live.seldon.world import BASELINE, ENHANCED, World


def declare(world: World, folder: Path, *words: str, weights: dict[str, int]) -> Played:
    """Declare one experiment, as the playbook would after the models."""
    team = world.namespace
    models = [{"name": each, "namespace": team, "storage_uri": "gs://models/x"} for each in (BASELINE, ENHANCED)]
    said = {
        "seldon_topology": "namespaced",
        "serving_namespaces": [{"name": "another"}, {"name": team}],
        "ingress_address": "192.0.2.200",
        "ingress_routes": [
            {"name": "another", "host": "another.example.com", "namespace": "another"},
            {"name": "ours", "host": HOST, "namespace": team, "protocol": "rest"},
        ],
        "serving_models": models,
        "serving_experiments": [{"name": "ab", "default": BASELINE, "weights": weights}],
    }
    # The stand-in has another address and port than an ingress has; the host is the one that the role finds.
    said_of_path = {**world.mesh.request_path, "host": "{{ __mlserver_hosts[__mlserver_called_in] | default('') }}"}
    path = json.dumps({"__mlserver_request_path": said_of_path})
    parts = ("experiments.yml",)
    return play(folder, "mlserver", parts, world.api.kubeconfig(), said, "--extra-vars", path, *words)


def test_inventory_is_declared_once_and_proven_each_time(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(world.api.kubeconfig()))
    weights = {BASELINE: 70, ENHANCED: 30}
    assert declare(world, tmp_path, weights=weights).changed == 1
    assert world.weights("ab") == weights
    assert world.read("ab")["spec"]["default"] == BASELINE
    assert declare(world, tmp_path, weights=weights).changed == 0
    # A scheduler that lost it says that all is well, and callers get something else.
    world.quirks(is_idle=True, is_silent=True)
    world.mesh.routes.splits.clear()
    refusal = declare(world, tmp_path, weights=weights).refusal
    assert "ab" in refusal
