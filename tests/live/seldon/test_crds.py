# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of objects that the tests bring in behave as Seldon's do: types are checked, status is apart."""

from __future__ import annotations

from tests.api_server import MERGE, ApiServer
from tests.live.seldon.crds import DEFINITIONS, GROUP, VERSION, path

SPLIT = {"candidates": [{"name": "first", "weight": 70}, {"name": "second", "weight": 30}]}


def experiment(spec: object) -> dict[str, object]:
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Experiment", "metadata": {"name": "split"}, "spec": spec}


def test_status_is_apart_and_generation_counts_specs(api: ApiServer, namespace: str) -> None:
    api.establish(*DEFINITIONS)
    one = path("experiments", namespace, "split")
    api.create(path("experiments", namespace), experiment(SPLIT))
    conditions = [{"type": "Ready", "status": "True", "reason": "experiment active"}]
    api.ask("PATCH", f"{one}/status", {"status": {"conditions": conditions}}, kind=MERGE).require()
    found = api.ask("PATCH", one, {"spec": {**SPLIT, "unknown": 1}, "status": {"conditions": []}}, kind=MERGE).require()
    assert found["spec"] == SPLIT
    assert found["status"]["conditions"] == conditions
    assert found["metadata"]["generation"] == 1


def test_weight_is_a_number_of_any_size_and_sign(api: ApiServer, namespace: str) -> None:
    api.establish(*DEFINITIONS)
    several = path("experiments", namespace)
    refused = api.ask("POST", several, experiment({"candidates": [{"name": "first", "weight": "70"}]}))
    assert refused.status == 422
    assert "weight" in refused.body["message"]
    api.create(several, experiment({"candidates": [{"name": "first", "weight": -1}]}))
