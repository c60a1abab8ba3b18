# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every transition of a rollout, in a world without chance, whose time passes when a tick waits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from plugins.module_utils._core.analysis import Measurement
from plugins.module_utils._core.rollout_state import (
    ANALYSE,
    BASELINE,
    HOLD,
    PAUSED,
    PHASES,
    POST_CHECK,
    PREFLIGHT,
    ROLLED_BACK,
    ROLLING_BACK,
    STUCK,
    SUCCEEDED,
    VERIFY_ROUTE,
    WAIT_READY,
)
from tests.unit.rollout_faults import (
    ERRORS,
    FAILURES,
    NEW,
    OLD,
    PARITY,
    Case,
    asked,
    baseline_broken,
    both_broken,
    broken,
    deaf,
    edited,
    half_served,
    measured,
    rejected,
    silent,
)
from tests.unit.rollout_world import World, plan_of


def test_a_good_candidate_gets_everything() -> None:
    world = World().run()
    assert world.state.phase == SUCCEEDED
    assert [weights for _time, weights in world.writes] == [{"old": 90, "new": 10}, {"old": 50, "new": 50}, NEW]
    assert world.seen == [
        BASELINE,
        *[WAIT_READY, VERIFY_ROUTE, ANALYSE] * 2,
        *[WAIT_READY, VERIFY_ROUTE, POST_CHECK],
        SUCCEEDED,
    ]
    assert world.effects.release
    assert world.state.cursors["log"] <= world.now


def test_weights_and_the_phase_that_waits_for_them_are_one_write() -> None:
    world = World()
    while not world.effects.done:
        effects = world.tick()
        if effects.weights is not None:
            assert world.state.phase in (WAIT_READY, ROLLING_BACK)
            assert dict(effects.weights) == dict(world.state.weights)


def test_an_experiment_that_was_split_goes_back_to_the_baseline_first() -> None:
    world = World(weights={"old": 70, "new": 30}).until(BASELINE)
    assert world.weights == OLD
    assert world.state.original == {"old": 70, "new": 30}


def test_other_candidates_keep_their_share() -> None:
    world = World(weights={"old": 80, "new": 0, "other": 20}).until(ANALYSE, 10)
    assert world.weights == {"old": 72, "new": 8, "other": 20}


@pytest.mark.parametrize("case", FAILURES.values(), ids=FAILURES.keys())
def test_transition(case: Case) -> None:
    happens, (phase, percent), changes, end, cause, reason, weight = case
    world = World(plan=plan_of(**changes))
    measured(world)
    world.until(phase, percent)
    happens(world)
    world.run()
    assert (world.state.phase, world.state.cause) == (end, cause), world.state.reason
    assert re.fullmatch(reason, world.state.reason), world.state.reason
    assert world.weights["new"] == weight
    assert world.effects.release is (end != STUCK)
    assert world.told[-1][0] == end


def test_rejected_weights_go_back() -> None:
    world = World().until(WAIT_READY)
    rejected(world)
    world.tick()
    assert world.state.phase == ROLLING_BACK
    assert world.state.reason == "the weights were rejected: duplicate name"
    world.ready, world.rejected = True, ""
    assert world.run().state.phase == ROLLED_BACK


Before = tuple[dict[str, Any], dict[str, Measurement], str, str]
BEFORE: dict[str, Before] = {
    "something is wrong": (
        {"preflight": ("old is not ready", "the lock is taken")},
        {},
        "failed",
        "old is not ready; the lock is taken",
    ),
    "no answer": ({"preflight": None}, {}, "failed", "the checks before the start gave no answer within 2m"),
    "the candidate is not ready": ({"candidate_ready": False}, {}, "failed", "new is not ready"),
    "the outputs differ": (
        {},
        {"parity": Measurement(0.0, note="3 of 40 outputs differ")},
        "failed",
        "parity: 1 measurement failed (3 of 40 outputs differ, and at least 1 is needed)",
    ),
    "nobody could compare outputs": (
        {},
        {"parity": Measurement(error="the model does not answer")},
        PAUSED,
        "parity: 5 measurements in a row gave no number (the model does not answer)",
    ),
    "the comparison was not made": (
        {},
        {},
        "failed",
        "parity: 1 more successful measurements are needed within 2m",
    ),
    "deleted": (
        {"exists": False},
        {},
        "aborted",
        "the experiment ab was deleted; requests to ab.experiment get 404 now",
    ),
}


@pytest.mark.parametrize("case", BEFORE.values(), ids=BEFORE.keys())
def test_before_the_first_percent_nothing_changes(case: Before) -> None:
    facts, values, phase, reason = case
    world = World(plan=plan_of(gates=[ERRORS, PARITY]), weights={"old": 70, "new": 30}, values=values, **facts)
    world.run()
    assert (world.state.phase, world.state.reason) == (phase, reason)
    assert world.writes == []
    assert world.weights == {"old": 70, "new": 30}


@pytest.mark.parametrize("action", ["abort", "interrupt"])
def test_abort_before_anything_changed_changes_nothing(action: str) -> None:
    world = World(weights={"old": 70, "new": 30}, preflight=None).ask(action).run()
    assert (world.state.phase, world.state.reason) == (
        "aborted",
        f"{action} was asked for by alice; nothing was changed",
    )
    assert world.writes == []


def test_equal_outputs_let_the_walk_begin() -> None:
    world = World(plan=plan_of(gates=[ERRORS, PARITY]), values={"parity": Measurement(1.0)})
    assert world.run().state.phase == SUCCEEDED


def test_a_promotion_waits_for_the_proof_of_the_last_change() -> None:
    world = World().until(VERIFY_ROUTE, 10).ask("promote")
    world.tick()
    assert world.state.handled == ()
    world.run(lambda world: bool(world.state.handled))
    assert world.state.percent == 50
    assert world.state.skipped[0]["by"] == "alice"


def test_what_makes_no_sense_is_said_and_not_asked_again() -> None:
    world = World().until(ANALYSE, 10).ask("resume")
    world.tick()
    assert world.told[-1] == ("request_ignored", "resume makes no sense while the rollout is analyse")
    assert world.state.handled == ("r0",)
    world.tick()
    assert world.told[-1][0] != "request_ignored" or len(world.told) == len(set(world.told))


def test_an_abort_comes_before_all_other_requests() -> None:
    world = World().until(ANALYSE, 10).ask("promote").ask("abort")
    world.tick()
    assert world.state.phase == ROLLING_BACK
    assert world.state.handled == ("r1",)


def test_an_abort_is_possible_even_after_it_got_stuck() -> None:
    world = World().until(ANALYSE, 10)
    world.ready = None
    world.ask("abort").run()
    assert world.state.phase == STUCK
    world.ready = True
    world.ask("abort").run()
    assert world.state.phase == ROLLED_BACK


RESUMED = {
    "a pause by a person": (asked("pause"), {}),
    "no data": (deaf, {}),
    "no traffic": (silent, {}),
    "an edit by somebody else": (edited, {}),
    "a broken baseline": (baseline_broken, {"policy": {"infrastructure_windows": 0}}),
}


@pytest.mark.parametrize("phase", [(BASELINE, 0), (ANALYSE, 10), (ANALYSE, 50)], ids=str)
@pytest.mark.parametrize(("happens", "changes"), RESUMED.values(), ids=RESUMED.keys())
def test_resume_goes_on_where_it_stopped(
    happens: Callable[[World], None], changes: dict[str, Any], phase: tuple[str, float]
) -> None:
    world = World(plan=plan_of(**changes)).until(*phase)
    happens(world)
    world.until(PAUSED)
    before = world.state.evidence["errors"].seen.candidate.n
    good = World()
    world.rate, world.fails, world.deaf = good.rate, good.fails, good.deaf
    world.ask("resume").tick()
    assert world.state.percent == phase[1]
    assert world.state.evidence["errors"].seen.candidate.n >= before, "evidence is kept"
    world.run()
    assert world.state.phase == SUCCEEDED, world.state.reason


def test_a_pause_does_not_use_up_the_time() -> None:
    world = World(plan=plan_of(analysis={"max_duration": "10m"}, policy={"pause_timeout": "2h"})).until(ANALYSE, 50)
    world.ask("pause").tick()
    world.now += 3600
    world.ask("resume").run()
    assert world.state.phase == SUCCEEDED, world.state.reason


def test_a_long_pause_that_ends_with_promote_does_not_use_up_the_time_either() -> None:
    policy = {"pause_timeout": "9h", "on_inconclusive": "rollback"}
    world = World(plan=plan_of(policy=policy)).until(ANALYSE, 10)
    world.ask("pause").tick()
    world.now += 5 * 3600
    world.ask("promote").tick()
    assert world.state.percent == 50
    assert world.run().state.phase == SUCCEEDED, world.state.reason


def test_harm_goes_back_even_while_it_is_paused() -> None:
    world = World().until(ANALYSE, 50).ask("pause")
    world.until(PAUSED)
    broken(world)
    world.run()
    assert (world.state.phase, world.state.cause) == (ROLLED_BACK, "harm")


PROMOTED = {"steps": [10, {"weight": 50, "hold": "manual", "hold_timeout": "20s", "on_hold_timeout": "promote"}, 100]}


def test_a_hold_that_nobody_ended_goes_on_when_the_gates_pass() -> None:
    assert World(plan=plan_of(**PROMOTED)).until(HOLD, 50).run().state.phase == SUCCEEDED


def test_a_hold_that_nobody_ended_does_not_go_on_without_data() -> None:
    world = World(plan=plan_of(**PROMOTED)).until(HOLD, 50)
    deaf(world)
    world.run(lambda world: world.now - world.state.phase_since > 30)
    assert (world.state.phase, world.state.percent) == (HOLD, 50)
    world.deaf = False
    assert world.run().state.phase == SUCCEEDED, world.state.reason


def test_a_manual_gate_in_a_dry_run_says_where_it_would_hold() -> None:
    gate = {"name": "sign-off", "kind": "manual", "steps": [50], "dry_run": True}
    world = World(plan=plan_of(gates=[ERRORS, gate])).run()
    assert world.state.phase == SUCCEEDED
    assert HOLD not in world.seen
    assert [told for told in world.told if told[0] in ("would_hold", "hold")] == [
        ("would_hold", "sign-off (dry run) would hold step 2, until somebody promotes; all gates pass")
    ]


@pytest.mark.parametrize(("choice", "end"), [("pause", PAUSED), ("rollback", ROLLED_BACK)])
def test_a_hold_that_nobody_ended_does_not_wait_for_the_gates_for_ever(choice: str, end: str) -> None:
    changes = {**PROMOTED, "analysis": {"consecutive_error_limit": 999}, "policy": {"on_inconclusive": choice}}
    world = World(plan=plan_of(**changes)).until(HOLD, 50)
    deaf(world)
    began = world.now
    world.until(PAUSED if choice == "pause" else ROLLING_BACK)
    assert world.now - began > 1800
    assert world.state.cause == "no_data"
    assert world.state.reason.startswith("nobody promoted it within 20s, and the gates do not pass within 30m after")
    world.deaf = False
    assert world.run().state.phase == end


def test_a_person_s_pause_ends_the_runner_only_in_the_end() -> None:
    world = World(plan=plan_of(policy={"pause_timeout": "10m"})).until(ANALYSE, 50).ask("pause")
    began = world.now
    world.run()
    assert world.state.phase == PAUSED
    assert world.now - began >= 600


def test_a_shared_fault_that_passes_is_only_a_pause() -> None:
    world = World().until(ANALYSE, 50)
    both_broken(world)
    world.until(PAUSED)
    assert not world.effects.done
    world.fails = World().fails
    world.run()
    assert (world.state.phase, world.state.cause, world.state.percent) == (PAUSED, "infrastructure", 50)
    assert world.ask("resume").run().state.phase == SUCCEEDED


STYLES = {
    ("weight_zero", 3): "weight 0 does not drain clients .*; 3 requests of such clients reached it while it went back",
    ("weight_zero", 0): "weight 0 does not drain clients .*; no requests of such clients reached it while it went back",
    ("remove", 3): "the candidate left the experiment: clients pinned to it get 404 until they drop x-seldon-route",
}


@pytest.mark.parametrize(("case", "text"), STYLES.items(), ids=str)
def test_styles_of_going_back(case: tuple[str, int], text: str) -> None:
    style, pinned = case
    world = World(plan=plan_of(policy={"rollback_style": style}), pinned=pinned).until(ANALYSE, 10)
    world.ask("abort").until(ROLLED_BACK)
    assert world.removed is (style == "remove")
    assert world.weights == OLD
    said = dict(world.told)["sticky"]
    assert re.fullmatch(text, said), said


def test_going_back_is_written_again_until_nothing_arrives() -> None:
    world = World().until(ANALYSE, 10)
    half_served(world)
    world.served = lambda _share: 0.5
    world.until(ROLLING_BACK)
    began = world.now
    world.run(lambda world: world.state.rollback_writes == 3)
    assert world.now - began > 2 * 60
    world.served = lambda share: share
    assert world.run().state.phase == ROLLED_BACK


def test_going_back_without_any_request_ends_and_says_so() -> None:
    world = World().until(ANALYSE, 10)
    world.rate, world.probed = 0.0, False
    world.ask("abort").until(ROLLING_BACK)
    began = world.now
    world.run()
    assert world.state.phase == ROLLED_BACK, world.state.reason
    assert world.state.reason == (
        "abort was asked for by alice; the data plane confirms the baseline's weights, and there were no requests "
        "within 1m to prove them with"
    )
    assert 60 <= world.now - began < 90
    assert world.weights == OLD


def test_going_back_without_any_request_is_not_over_before_the_data_plane_says_so() -> None:
    world = World().until(ANALYSE, 10)
    world.rate, world.probed, world.ready = 0.0, False, None
    assert world.ask("abort").run().state.phase == STUCK


def test_every_phase_is_reached_in_these_tests() -> None:
    reached = {PREFLIGHT, *World().run().seen, *[case[3] for case in FAILURES.values()]}
    reached |= {case[1][0] for case in FAILURES.values()} | {case[2] for case in BEFORE.values()} | {ROLLING_BACK}
    assert reached == set(PHASES)
