# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both models are asked at their own servers, within the time there is, and a bad file is said before that."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._adapters.parity_source import MOST_REQUESTS, check, measure_parity
from plugins.module_utils._core.analysis import ERROR, FAILED, Measurement, measure
from plugins.module_utils._core.gates import Limits, MeasuredGate
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.traffic import Arms
from tests.unit.model_server import ADDRESS, Served, inference, served, tensor

Lend = Callable[..., Served]


@pytest.fixture
def lend() -> Iterator[Lend]:
    """Return a way to start servers of models, each of which makes an answer of the first input element."""
    with ExitStack() as stack:

        def start(
            model: str, label: Callable[[int], Any], status: int = 200, datatype: str = "INT64", **more: Any
        ) -> Served:
            def answer(path: str, body: bytes) -> tuple[int, bytes]:
                assert path == f"/v2/models/{model}/infer"
                (element,) = json.loads(body)["inputs"][0]["data"]
                return status, inference(model, tensor("predict", [label(element)], datatype))

            return stack.enter_context(served(answer, **more))

        yield start


def model(name: str, port: int) -> Model:
    return Model(name, 1, Endpoint(ADDRESS, port), Endpoint(ADDRESS, 1))


def arms(baseline: Served, candidate: Served) -> Arms:
    return Arms("ab", model("new", candidate.port), model("old", baseline.port), is_default=True)


def golden(folder: Path, count: int = 4, **more: Any) -> MeasuredGate:
    """Return a gate whose golden requests have 0, 1, 2 and so on as their input."""
    requests = [{"inputs": [tensor("x", [number])]} for number in range(count)]
    path = folder / "golden.json"
    path.write_text(json.dumps({"requests": requests, **more}))
    return MeasuredGate("parity", "prediction_parity", source={"golden": str(path)})


def is_odd(element: int) -> int:
    return element % 2


def is_large(element: int) -> int:
    return int(element > 1)


def test_agreement(lend: Lend, tmp_path: Path) -> None:
    baseline, candidate = lend("old_1", is_odd), lend("new_1", is_large)
    assert measure_parity(golden(tmp_path), arms(baseline, candidate), timeout=5) == Measurement(
        0.5, note="2 of 4 answers agree, the first that differs: request 2, output predict: 1 and 0"
    )
    assert [len(each.asked) for each in (baseline, candidate)] == [4, 4]


def test_a_model_that_breaks_its_own_golden_answers(lend: Lend, tmp_path: Path) -> None:
    gate = golden(tmp_path, models={"new": {"answers": [0, 1, [0], 0]}, "old": {"answers": [1, 1, 1, 1]}})
    found = measure_parity(gate, arms(lend("old_1", is_odd), lend("new_1", is_odd)), timeout=5)
    assert found == Measurement(
        0.75,
        note="3 of 4 answers agree (the candidate gives 3 of its own 4 golden answers), the first that differs: "
        "request 4, the candidate's own golden answer: [0], and it answers [1]",
    )


TOLERANCES: dict[str, tuple[dict[str, Any], float]] = {
    "its own": ({}, 0.25),
    "a relative one, as a text": ({"rtol": "0.05"}, 1.0),
    "an absolute one": ({"rtol": 0, "atol": 0.05}, 0.5),
}


@pytest.mark.parametrize(("tolerance", "share"), TOLERANCES.values(), ids=TOLERANCES.keys())
def test_the_gate_sets_the_tolerance(lend: Lend, tmp_path: Path, tolerance: dict[str, Any], share: float) -> None:
    gate = golden(tmp_path)
    both = arms(lend("old_1", float, datatype="FP64"), lend("new_1", lambda x: 1.04 * x, datatype="FP64"))
    changed = replace(gate, source={**gate.source, **tolerance})
    assert measure_parity(changed, both, timeout=5).value == share


def test_a_candidate_that_does_not_answer_does_not_agree(lend: Lend, tmp_path: Path) -> None:
    baseline = lend("old_1", is_odd)
    found = measure_parity(golden(tmp_path), arms(baseline, lend("new_1", is_odd, status=500)), timeout=5)
    assert found.value == 0.0
    assert "the first that differs: request 1, the candidate: it answers 500: {" in found.note
    gone = Arms("ab", model("new", 1), model("old", baseline.port), is_default=True)
    assert measure_parity(golden(tmp_path), gone, timeout=5) == Measurement(
        0.0,
        note="0 of 4 answers agree, the first that differs: request 1, the candidate: 127.0.0.1:1 refuses "
        "connections: nothing listens there",
    )


def test_a_baseline_that_does_not_answer_is_an_error(lend: Lend, tmp_path: Path) -> None:
    candidate = lend("new_1", is_odd)
    gone = Arms("ab", model("new", candidate.port), model("old", 1), is_default=True)
    assert measure_parity(golden(tmp_path), gone, timeout=5) == Measurement(
        error="the baseline does not give a proper answer to request 1: 127.0.0.1:1 refuses connections: nothing "
        "listens there"
    )
    # There is no use in asking on.
    assert len(candidate.asked) == 1


SHORT: dict[str, tuple[Callable[[int], int], float, float | None]] = {
    "all of them agree": (is_odd, 1.0, None),
    "one differs, and the others could make up for it": (is_large, 0.5, None),
    "one differs, and nothing can make up for it": (is_large, 1.0, 0.5),
}


@pytest.mark.parametrize(("label", "minimum", "value"), SHORT.values(), ids=SHORT.keys())
def test_fewer_than_wanted_never_pass(
    lend: Lend, tmp_path: Path, label: Callable[[int], int], minimum: float, value: float | None
) -> None:
    both = arms(lend("old_1", is_odd, pause=0.1), lend("new_1", label))
    gate = replace(golden(tmp_path), limits=Limits(minimum, math.inf, minimum, math.inf))
    found = measure_parity(gate, both, timeout=5, seconds=0.25)
    assert found.value == value
    said = found.error if value is None else found.note
    assert "2 of 4 golden requests were compared within 0.25 seconds" in said
    assert measure(found, gate.limits)[0] == (ERROR if value is None else FAILED)


def test_what_to_do_about_fewer_than_wanted_is_said(lend: Lend, tmp_path: Path) -> None:
    both = arms(lend("old_1", is_odd, pause=0.1), lend("new_1", is_odd))
    assert measure_parity(golden(tmp_path), both, timeout=5, seconds=0.25) == Measurement(
        error="2 of 2 answers agree (2 of 4 golden requests were compared within 0.25 seconds): too few to tell; set "
        "golden of gate 'parity' to a file with at most 2 requests"
    )


def test_a_slow_candidate_is_not_blamed_when_the_time_is_over(lend: Lend, tmp_path: Path) -> None:
    both = arms(lend("old_1", is_odd), lend("new_1", is_odd, pause=1.0))
    started = time.monotonic()
    found = measure_parity(golden(tmp_path), both, timeout=5, seconds=0.2)
    assert time.monotonic() - started < 0.6
    assert found == Measurement(error="0 of 4 golden requests were compared within 0.2 seconds")


def test_a_candidate_that_is_slower_than_its_own_time_is(lend: Lend, tmp_path: Path) -> None:
    both = arms(lend("old_1", is_odd), lend("new_1", is_odd, pause=1.0))
    gate = replace(golden(tmp_path), limits=Limits(1.0, math.inf, 1.0, math.inf))
    found = measure_parity(gate, both, timeout=0.1, seconds=0.25)
    assert found.value == 0.0
    assert "request 1, the candidate: 127.0.0.1:" in found.note
    assert "did not answer within 0.1 seconds" in found.note


def test_no_more_than_the_first_ones_are_asked(lend: Lend, tmp_path: Path) -> None:
    baseline = lend("old_1", is_odd)
    found = measure_parity(
        golden(tmp_path, MOST_REQUESTS + 1), arms(baseline, lend("new_1", is_odd)), timeout=5, seconds=60
    )
    assert found.note == "200 of 200 answers agree (200 of 201 golden requests were compared)"
    assert len(baseline.asked) == MOST_REQUESTS


def test_a_file_that_cannot_be_used_is_said_beforehand(lend: Lend, tmp_path: Path) -> None:
    both = arms(lend("old_1", is_odd), lend("new_1", is_odd))
    gate = golden(tmp_path)
    path = tmp_path / "golden.json"
    assert check(gate) == ""
    path.write_text("[]")
    wanted = f"{path} cannot be used: it holds no golden requests (TypeError("
    assert check(gate).startswith(wanted)
    assert measure_parity(gate, both, timeout=5).error.startswith(wanted)
    path.unlink()
    assert check(gate) == (
        f"{path} cannot be read: No such file or directory. Set golden of gate 'parity' to a file that is there."
    )
    assert measure_parity(gate, both, timeout=5) == Measurement(error=check(gate))
