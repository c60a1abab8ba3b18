# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts beside a running Envoy: one write for weights and record, and of two writers one proceeds."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plugins.module_utils._adapters.envoy_files import EnvoyFiles
from plugins.module_utils._adapters.envoy_rollouts import EnvoyRollouts
from plugins.module_utils._adapters.process_identity import is_gone
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Candidate
from plugins.module_utils._core.plan import Plan
from plugins.module_utils._core.ports import TrafficChange
from plugins.module_utils._core.rollout import Rollout
from plugins.module_utils._core.rollout_begin import Begun, Desk, Wish
from plugins.module_utils._core.rollout_record import Holder, Lock, Record
from plugins.module_utils._core.rollout_state import Request
from plugins.module_utils._wiring.store import envoy_store
from tests.live.envoy_process import EnvoyProcess, request

BASELINE, ENHANCED = "baseline-predictor", "enhanced-predictor"
PLAN = {
    "name": "ab",
    "baseline": BASELINE,
    "candidate": ENHANCED,
    "steps": [10, 100],
    "gates": [{"kind": "error_rate"}],
}
FOUND = {BASELINE: 70, ENHANCED: 30}


@pytest.fixture
def envoy(tmp_path: Path) -> Iterator[EnvoyProcess]:
    process = EnvoyProcess(tmp_path / "envoy")
    process.start()
    try:
        process.declare_models()
        yield process
    finally:
        process.kill()


def rollouts(envoy: EnvoyProcess) -> EnvoyRollouts:
    store = envoy_store({"store_path": str(envoy.directory), "wait_timeout": 2.5})
    return EnvoyRollouts(store, EnvoyFiles(str(envoy.directory)), wait_timeout=2.5)


def record(sequence: int = 1, run: str = "run-1", *, held_for: float = 20.0) -> Record:
    state = Rollout(Plan.parse(PLAN)).start(run, FOUND, time.time())
    return Record(sequence, state, Lock("token", Holder("alice@one"), time.time(), held_for), PLAN)


def weights(candidate: int, found: dict[str, int] = FOUND) -> TrafficChange:
    candidates = (Candidate(BASELINE, 100 - candidate), Candidate(ENHANCED, candidate))
    return TrafficChange(found, candidates, None, ENHANCED)


def routes(envoy: EnvoyProcess) -> bytes:
    return (envoy.directory / "listener_0.json").read_bytes()


def test_a_tick_without_weights_leaves_envoy_alone(envoy: EnvoyProcess) -> None:
    before = routes(envoy)
    assert rollouts(envoy).save("ab", record(), expected=0)
    assert routes(envoy) == before
    view = rollouts(envoy).view("ab")
    assert (view.record, view.is_live, view.is_reachable) == (record_as_read(envoy), True, True)
    assert view.record is not None
    assert view.record.plan == PLAN


def record_as_read(envoy: EnvoyProcess) -> Record:
    return Record.from_dict(json.loads((envoy.directory / "rollouts" / "ab" / "record.json").read_bytes()))


def test_weights_and_record_are_one_write(envoy: EnvoyProcess) -> None:
    store = rollouts(envoy)
    store.save("ab", record(), expected=0)
    later = record(2)
    assert store.save("ab", later, expected=1, change=weights(10))
    assert envoy.live_weights() == {BASELINE: 90, ENHANCED: 10}
    # The record that is kept alone is the one before: whoever is killed now loses nothing.
    assert record_as_read(envoy).sequence == 1
    view = store.view("ab")
    assert view.record is not None
    assert (view.record.sequence, view.record.plan) == (2, PLAN)
    carried = json.loads(routes(envoy))["resources"][0]["metadata"]["filter_metadata"]["modelops.serving"]
    assert carried["rollouts"]["ab"]["plan"] is None
    assert not envoy.store().declare(request(90, 10), dry_run=True).changed


STALE = {
    "another record was written": (3, FOUND),
    "somebody else moved the weights": (1, {BASELINE: 1, ENHANCED: 1}),
}


@pytest.mark.parametrize(("expected", "found"), STALE.values(), ids=STALE.keys())
def test_nothing_is_written_over_what_somebody_else_wrote(
    envoy: EnvoyProcess, expected: int, found: dict[str, int]
) -> None:
    store = rollouts(envoy)
    store.save("ab", record(), expected=0)
    before = envoy.contents()
    assert not store.save("ab", record(expected + 1), expected=expected, change=weights(10, found))
    assert envoy.contents() == before
    assert not store.save("ab", record(9), expected=8)


def test_of_many_who_begin_at_once_one_proceeds(envoy: EnvoyProcess) -> None:
    found: list[Begun | Exception] = []

    def begin(number: int) -> None:
        wish = Wish("run", f"token-{number}", f"run-{number}", Holder(f"user{number}@one"), PLAN)
        try:
            found.append(Desk("ab", rollouts(envoy), time.time, is_gone).take(wish))
        except ServingError as error:
            found.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [each for each in found if isinstance(each, Begun) and each.tick]
    losers = [each for each in found if isinstance(each, Begun) and each.held]
    assert (len(winners), len(losers)) == (1, 7)


def test_an_experiment_that_is_rolled_out_is_left_alone_unless_forced(envoy: EnvoyProcess) -> None:
    rollouts(envoy).save("ab", record(), expected=0)
    store = envoy_store({"store_path": str(envoy.directory), "wait_timeout": 5.0})
    with pytest.raises(ServingError, match=r"'ab' is being rolled out by alice@one, last heard of .* ago\. Nothing"):
        store.declare(request(50, 50), dry_run=False)
    assert envoy.live_weights() == FOUND
    assert not store.declare(request(70, 30), dry_run=False).changed, "what changes nothing is no change"
    assert store.declare(request(50, 50), dry_run=False, force=True).changed


FREE = {
    "given back": lambda found: replace(found, lock=None),
    "silent for too long": lambda found: replace(found, lock=replace(found.lock, renewed=time.time() - 100)),
}


@pytest.mark.parametrize("change", FREE.values(), ids=FREE.keys())
def test_an_experiment_that_nobody_rolls_out_may_be_changed(envoy: EnvoyProcess, change: object) -> None:
    assert callable(change)
    rollouts(envoy).save("ab", change(record()), expected=0)
    store = envoy_store({"store_path": str(envoy.directory), "wait_timeout": 5.0})
    assert store.declare(request(50, 50), dry_run=False).changed


def test_a_record_that_nobody_can_read_keeps_nobody_from_changing_weights(envoy: EnvoyProcess) -> None:
    rollouts(envoy).save("ab", record(), expected=0)
    path = envoy.directory / "rollouts" / "ab" / "record.json"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ServingError, match="is not whole JSON"):
        rollouts(envoy).view("ab")
    store = envoy_store({"store_path": str(envoy.directory), "wait_timeout": 5.0})
    assert store.declare(request(50, 50), dry_run=False).changed


def test_an_experiment_that_ends_takes_its_record_along(envoy: EnvoyProcess) -> None:
    store = rollouts(envoy)
    store.save("ab", record(held_for=0), expected=0)
    store.save("ab", record(2, held_for=0), expected=1, change=weights(10))
    envoy.store().declare(request(state="absent"), dry_run=False)
    view = store.view("ab")
    assert view.experiment is None
    assert view.record is not None
    assert view.record.sequence == 1


def test_an_envoy_that_is_away_writes_no_weights_but_a_record(envoy: EnvoyProcess) -> None:
    store = rollouts(envoy)
    store.save("ab", record(), expected=0)
    envoy.kill()
    started = time.monotonic()
    with pytest.raises(ServingError, match=r"Envoy did not answer within 2\.5 s"):
        store.save("ab", record(2), expected=1, change=weights(10))
    assert time.monotonic() - started < 4
    assert store.save("ab", record(2), expected=1)
    view = store.view("ab")
    assert (view.is_reachable, view.is_live) == (False, False)
    assert view.experiment is not None
    assert view.experiment.weights == FOUND


def test_requests_of_a_second_terminal(envoy: EnvoyProcess) -> None:
    store = rollouts(envoy)
    store.save("ab", record(), expected=0)
    asked = (Request("r1", "pause", "bob@two"), Request("r2", "abort", "bob@two"))
    for each in asked:
        store.ask("ab", each)
    assert store.view("ab").requests == asked
    store.forget("ab", ("r1",))
    assert store.view("ab").requests == asked[1:]
    store.note("ab", {"run": "run-1", "events": []})
    # Another run begins with nothing asked and nothing noted.
    store.save("ab", record(2, "run-2"), expected=1)
    assert (store.view("ab").requests, store.journal("ab")) == ((), [])
