# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample models answer golden requests, asked at their own MLServers."""

from __future__ import annotations

import json

import pytest

from plugins.module_utils._adapters.parity_source import check, measure_parity
from plugins.module_utils._core.gates import MeasuredGate
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.traffic import Arms
from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, NAMESPACES, DataPlane

NO_SUCH = "no-such-predictor"


def model(data_plane: DataPlane, name: str) -> Model:
    """Return a model as it is routed. The one that its server does not know is of the same server as the candidate."""
    namespace = NAMESPACES[0] if name == BASELINE else NAMESPACES[1]
    settings = json.loads((data_plane.directory / "mlserver" / namespace / "settings.json").read_bytes())
    http, grpc = (Endpoint(settings["host"], settings[f"{kind}_port"]) for kind in ("http", "grpc"))
    return Model(name, 1, http, grpc)


OWN = "the candidate gives 20 of its own 20 golden answers"
PAIRS = {
    "the sample models": (
        BASELINE,
        ENHANCED,
        0.9,
        f"18 of 20 answers agree ({OWN}), the first that differs: request 10, output predict: 0 and 1",
    ),
    "a model and itself": (ENHANCED, ENHANCED, 1.0, f"20 of 20 answers agree ({OWN})"),
    "a candidate that is not loaded": (
        BASELINE,
        NO_SUCH,
        0.0,
        "0 of 20 answers agree, the first that differs: request 1, the candidate: it answers 404: ",
    ),
    "a baseline that is not loaded": (
        NO_SUCH,
        ENHANCED,
        None,
        "the baseline does not give a proper answer to request 1: it answers 404: ",
    ),
}


@pytest.mark.parametrize(("baseline", "candidate", "share", "text"), PAIRS.values(), ids=PAIRS.keys())
def test_parity(data_plane: DataPlane, baseline: str, candidate: str, share: float | None, text: str) -> None:
    path = data_plane.directory / "samples" / "golden.json"
    gate = MeasuredGate("parity", "prediction_parity", source={"golden": str(path)})
    assert check(gate) == ""
    arms = Arms(EXPERIMENT, model(data_plane, candidate), model(data_plane, baseline), is_default=True)
    found = measure_parity(gate, arms, timeout=30, seconds=60)
    assert found.value == share
    assert (found.error or found.note).startswith(text)
