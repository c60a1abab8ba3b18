# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Envoy and models asked through NGINX alone, as on a cluster: what is found of them, and whom it blames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, DataPlane
from tests.live.misbehaving.smoke import Report, options_for, smoke_test

# A number that no model has: Seldon counts versions by itself.
OTHER_VERSION = 7
LEFT_TO_NGINX = {
    "envoy.refusals": [""],
    "envoy.sticky": [EXPERIMENT],
    "envoy.internal_header": [EXPERIMENT],
    **{f"mlserver.{each}": [BASELINE, ENHANCED] for each in ("echo", "golden", "malformed")},
}


def from_outside(plane: DataPlane, folder: Path, **options: Any) -> Report:
    """Run the smoke test as somebody who knows the address alone."""
    known = options_for(plane)
    models = [{"name": each["name"], "namespace": each["namespace"]} for each in known["models"]]
    models = [{**each, "version": OTHER_VERSION} for each in models]
    return smoke_test(plane, folder, envoy=None, models=models, **options)


def test_what_cannot_be_asked_by_itself_is_asked_through_nginx(data_plane: DataPlane, tmp_path: Path) -> None:
    report = from_outside(data_plane, tmp_path, requests=20)
    passed = report.checks("pass")
    for id_, targets in LEFT_TO_NGINX.items():
        for target in targets:
            assert f"{id_} {target}".strip() in passed, report
    assert passed[f"envoy.sticky {EXPERIMENT}"]["observed"] == f"{BASELINE}: 20 of 20, {ENHANCED}: 20 of 20"
    # MLServer's own error for a shape without its data would be tried again on the way, and counted.
    assert "all 6 refused" in passed[f"mlserver.malformed {BASELINE}"]["observed"]


def test_answers_that_are_not_the_golden_ones_are_the_models_fault(data_plane: DataPlane, tmp_path: Path) -> None:
    (path,) = options_for(data_plane)["samples"]
    samples = json.loads(Path(path).read_bytes())
    samples["models"][BASELINE]["answers"][0] += 1
    other = tmp_path / "samples.json"
    other.write_text(json.dumps(samples), encoding="utf-8")
    report = from_outside(data_plane, tmp_path, samples=[str(other)], requests=20)
    failed = report.checks("fail")
    assert set(failed) == {f"mlserver.golden {BASELINE}"}, report
    assert "request 1: " in failed[f"mlserver.golden {BASELINE}"]["observed"]
    assert report.content["first_broken"]["hop"] == "mlserver"
