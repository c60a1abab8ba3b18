# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far models are: what was said before a change says nothing of what came after."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.seldon_states import experiments_lost, model_states

Object = dict[str, Any]
WANTED = {"metadata": {"namespace": "team-a", "name": "iris"}, "spec": {"server": "mlserver-team-a"}}


def told(state: str, status: str, reason: str = "", since: str = "1") -> list[Object]:
    own = {"type": "ModelReady", "status": status, "message": state, "reason": reason, "lastTransitionTime": since}
    return [own, {"type": "Ready", "status": status, "lastTransitionTime": since}]


def live(conditions: list[Object], generation: int = 1) -> Object:
    return {"metadata": {**WANTED["metadata"], "generation": generation}, "status": {"conditions": conditions}}


READY, FAILED = told("ModelAvailable", "True"), told("ModelFailed", "False", "no such bucket")
CASES: dict[str, tuple[list[Object], list[Object], bool, list[str]]] = {
    "ready": ([live(READY)], [], True, []),
    "ready, and not changed": ([live(READY)], [live(READY)], True, []),
    "ready, before it was changed": (
        [live(READY, 2)],
        [live(READY)],
        False,
        ["team-a/iris: ModelAvailable"],
    ),
    "ready again": ([live(told("ModelAvailable", "True", since="2"), 2)], [live(READY)], True, []),
    "failed": ([live(FAILED)], [], True, ["team-a/iris: ModelFailed, no such bucket"]),
    "failed, before it was changed": (
        [live(FAILED, 2)],
        [live(FAILED)],
        False,
        ["team-a/iris: ModelFailed, no such bucket"],
    ),
    "on its way": ([live(told("ModelProgressing", "False"))], [], False, ["team-a/iris: ModelProgressing"]),
    "waits for a server": (
        [live(told("ScheduleFailed", "False", "no matching servers"))],
        [],
        False,
        ["team-a/iris: ScheduleFailed, no matching servers"],
    ),
    "nothing is said of it": ([live([])], [], False, ["team-a/iris: no state yet"]),
    "gone": ([], [], False, ["team-a/iris is not there."]),
}


@pytest.mark.parametrize("name", CASES)
def test_state_of_a_model(name: str) -> None:
    now, before, done, sentences = CASES[name]
    found = model_states([WANTED], now, before)
    assert (found["done"], found["problems"]) == (done, sentences)
    assert found["pods"] == ([{"namespace": "team-a", "name": "mlserver-team-a-0"}] if sentences else [])


def test_every_replica_of_a_server_may_have_the_reason() -> None:
    server = {"metadata": {"namespace": "team-a", "name": "mlserver-team-a"}, "spec": {"replicas": 2}}
    found = model_states([WANTED], [live(FAILED)], [], [server])["pods"]
    assert [each["name"] for each in found] == ["mlserver-team-a-0", "mlserver-team-a-1"]


UNPLACED = told("ScheduleFailed", "False", "no matching servers")


@pytest.mark.parametrize(
    ("now", "before", "done"),
    [
        ([live(UNPLACED)], [], True),
        ([live(UNPLACED, 2)], [live(UNPLACED)], False),
        ([live(told("ModelProgressing", "False"))], [], False),
    ],
    ids=["no place", "no place, before it was changed", "on its way"],
)
def test_a_model_without_a_place_has_failed_once_servers_had_time(
    now: list[Object], before: list[Object], done: bool
) -> None:
    assert model_states([WANTED], now, before, settled=True)["done"] is done
    assert model_states([WANTED], now, before)["done"] is False


def test_experiments_that_are_not_in_force_are_named() -> None:
    def experiment(name: str, **said: str) -> Object:
        conditions = [{"type": each, "status": status} for each, status in said.items()]
        return {"metadata": {"namespace": "team-a", "name": name}, "status": {"conditions": conditions}}

    good = dict.fromkeys(("ExperimentReady", "CandidatesReady", "MirrorReady", "Ready"), "True")
    found = [experiment("b"), experiment("a", **{**good, "Ready": "False"}), experiment("good", **good)]
    first, second = experiments_lost(found)
    assert first.startswith("team-a/a: ")
    assert "Ready is False" in first
    assert second == "team-a/b: Seldon says nothing of it"
