# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The misbehaving runtime does what its switch says, over REST and gRPC, through the path and beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT
from tests.live.misbehaving.hops import ask, ask_grpc, predicted
from tests.live.misbehaving.misbehaving_runtime import is_due
from tests.live.misbehaving.switch import Misbehaving, Switch, running_misbehaving

ROUTE, BASELINE_ROUTE = f"{EXPERIMENT}.experiment", f":{BASELINE}_1:"
SLOW = 300
# A slow answer takes the time of the switch at least. One that is not slow has much room below it.
QUICK_SECONDS = 0.2


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Misbehaving]:
    yield from running_misbehaving(tmp_path_factory.mktemp("misbehaving") / "plane")


@pytest.fixture
def misbehaving(running: Misbehaving) -> Iterator[Misbehaving]:
    """Return the data plane with healthy models."""
    running.heal()
    yield running
    running.heal()


@pytest.fixture
def switch(misbehaving: Misbehaving) -> Switch:
    """Return the switch of the model that misbehaves in these tests; the other one stays healthy."""
    return misbehaving.switches[BASELINE]


def golden(misbehaving: Misbehaving, name: str = BASELINE) -> list[int]:
    return list(misbehaving.plane.golden()["models"][name]["answers"])


DUE = {
    "none": (0, []),
    "a twentieth": (0.05, [20, 40]),
    "three tenths": (0.3, [4, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40]),
    "half": (0.5, list(range(2, 41, 2))),
    "all": (1, list(range(1, 41))),
}


@pytest.mark.parametrize(("share", "numbers"), DUE.values(), ids=DUE.keys())
def test_share_is_spread_evenly(share: float, numbers: list[int]) -> None:
    assert [number for number in range(1, 41) if is_due(number, share)] == numbers


@pytest.mark.parametrize("share", [hundredths / 100 for hundredths in range(101)])
def test_share_is_exact_in_the_long_run(share: float) -> None:
    assert sum(is_due(number, share) for number in range(1, 1001)) == round(1000 * share)


@pytest.mark.parametrize("name", [BASELINE, ENHANCED])
def test_healthy_model_answers_as_the_sample(misbehaving: Misbehaving, name: str) -> None:
    answers = golden(misbehaving, name)
    assert [ask(misbehaving.plane, row, name) for row in range(len(answers))] == [(200, answer) for answer in answers]


def test_healthy_model_answers_as_the_sample_over_grpc(misbehaving: Misbehaving) -> None:
    answers = golden(misbehaving)
    assert [ask_grpc(misbehaving.plane, row) for row in range(len(answers))] == answers


def test_share_fails(misbehaving: Misbehaving, switch: Switch) -> None:
    switch.fail(0.25)
    assert [ask(misbehaving.plane)[0] for _ in range(8)] == [200, 200, 200, 500] * 2
    # The count goes on: REST and gRPC are one model.
    codes = [ask_grpc(misbehaving.plane) for _ in range(4)]
    assert codes == [golden(misbehaving)[0]] * 3 + ["INTERNAL"]


def test_model_that_fails_stays_ready_and_the_other_namespace_answers(misbehaving: Misbehaving, switch: Switch) -> None:
    switch.fail(1)
    assert {ask(misbehaving.plane)[0] for _ in range(5)} == {500}
    ready = f"/v2/models/{BASELINE}_1/ready"
    assert misbehaving.plane.call(ready, port="data_plane_mlserver_http_port", address="127.0.0.1").status == 200
    assert {ask(misbehaving.plane, name=ENHANCED)[0] for _ in range(5)} == {200}


def test_share_is_wrong_with_status_200(misbehaving: Misbehaving, switch: Switch) -> None:
    switch.wrong(0.5)
    right = golden(misbehaving)
    answers = [(200, right[0]), (200, 1 - right[1]), (200, right[2]), (200, 1 - right[3])]
    assert [ask(misbehaving.plane, row) for row in range(4)] == answers
    assert [ask_grpc(misbehaving.plane, row) for row in range(2)] == [right[0], 1 - right[1]]


def test_share_is_slow_and_the_others_do_not_wait_for_it(misbehaving: Misbehaving, switch: Switch) -> None:
    switch.slow(SLOW, share=0.5)

    def seconds(_number: int) -> float:
        started = time.monotonic()
        assert ask(misbehaving.plane)[0] == 200
        return time.monotonic() - started

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(seconds, range(8)))
    assert found[3] < QUICK_SECONDS
    assert found[4] >= SLOW / 1000
    started = time.monotonic()
    assert [ask_grpc(misbehaving.plane) for _ in range(2)] == [golden(misbehaving)[0]] * 2
    assert time.monotonic() - started >= SLOW / 1000


def test_ways_to_misbehave_add_up_and_healing_ends_all(misbehaving: Misbehaving, switch: Switch) -> None:
    switch.slow(SLOW)
    switch.wrong(1)
    started = time.monotonic()
    assert ask(misbehaving.plane) == (200, 1 - golden(misbehaving)[0])
    assert time.monotonic() - started >= SLOW / 1000
    switch.heal()
    started = time.monotonic()
    assert ask(misbehaving.plane) == (200, golden(misbehaving)[0])
    assert time.monotonic() - started < QUICK_SECONDS


def test_path_hides_a_failure_by_another_try_and_passes_a_wrong_answer_on(
    misbehaving: Misbehaving, switch: Switch
) -> None:
    plane = misbehaving.plane
    switch.fail(0.5)
    # Envoy tries no request again that names its route.
    assert [plane.infer(ROUTE, route=BASELINE_ROUTE).status for _ in range(4)] == [200, 500, 200, 500]
    answers = [plane.infer(ROUTE) for _ in range(6)]
    assert {answer.status for answer in answers} == {200}
    switch.heal()
    switch.wrong(1)
    answer = plane.infer(ROUTE, route=BASELINE_ROUTE)
    assert (answer.status, answer.route) == (200, BASELINE_ROUTE)
    assert predicted(answer.body) == 1 - golden(misbehaving)[0]
