# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store keeps of a rollout: which of two records is true, and who holds the lock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plugins.module_utils._core.rollout_record import Holder, Lock, Record, newest, time_to_live
from plugins.module_utils._core.rollout_state import STUCK, SUCCEEDED
from tests.unit.rollout_world import World

STATE = World().state
LOCK = Lock("token", Holder("alice@one", "boot", 7, "42"), 1000.0, 40.0)
RECORD = Record(3, STATE, LOCK, {"name": "ab"}, {"old": 1})


def test_the_higher_number_is_true_and_the_plan_is_kept_alone() -> None:
    later = RECORD.next(replace(STATE, phase=SUCCEEDED), None)
    with_weights = Record.from_dict(later.beside_weights)
    assert newest(None, None) is None
    assert newest(None, RECORD) == RECORD
    assert newest(with_weights, None) == with_weights
    assert newest(Record.from_dict(RECORD.beside_weights), later) == later
    assert newest(with_weights, RECORD) == later


HOLDERS = {
    "heard of lately": (RECORD, 1039.0, True),
    "silent for too long": (RECORD, 1041.0, False),
    "given back": (replace(RECORD, lock=None), 1000.0, False),
    "stuck": (replace(RECORD, state=replace(STATE, phase=STUCK)), 1000.0, False),
}


@pytest.mark.parametrize(("record", "now", "held"), HOLDERS.values(), ids=HOLDERS.keys())
def test_who_holds_it(record: Record, now: float, held: bool) -> None:
    assert (record.holder_at(now) is not None) is held


def test_a_lock_says_whose_it_is() -> None:
    assert LOCK.said(1003.2) == "alice@one, process 7, last heard of 4s ago"
    assert replace(LOCK, holder=Holder("alice@one")).said(1000.0) == "alice@one, last heard of 0s ago"
    assert LOCK.expires_in(1030.0) == 10.0


def test_patience_is_that_of_several_windows() -> None:
    assert [time_to_live(interval) for interval in (1.0, 15.0, 60.0)] == [20.0, 60.0, 240.0]
