# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every transition of a rollout, in a world without chance, whose time passes when a tick waits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from plugins.module_utils._core.analysis import Measurement
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.rollout import Rollout
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
    Observation,
    Request,
    State,
)
from tests.unit.rollout_world import World, plan_of

OLD, NEW = {"old": 100, "new": 0}, {"old": 0, "new": 100}
BROKEN = {"old": 0.002, "new": 0.05}
PARITY = {"name": "parity", "kind": "prediction_parity", "golden": "golden.json", "min": 1}
ERRORS = {"name": "errors", "kind": "error_rate"}
METRIC = {"name": "auc", "kind": "metric", "query": "auc", "min": 0.9}


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


def broken(world: World) -> None:
    world.fails = dict(BROKEN)


def both_broken(world: World) -> None:
    world.fails = {"old": 0.6, "new": 0.6}


def both_above_the_limit(world: World) -> None:
    world.fails = {"old": 0.06, "new": 0.06}


def baseline_broken(world: World) -> None:
    world.fails = {"old": 0.6, "new": 0.0}


def half_served(world: World) -> None:
    world.served = lambda share: 0.5 if share else 0.0


def starved(world: World) -> None:
    world.served = lambda share: share / 3
    world.probed = False


def two_thirds_more(world: World) -> None:
    world.served = lambda share: share + 0.04 if share else 0.0


def deaf(world: World) -> None:
    world.deaf = True


def silent(world: World) -> None:
    world.rate = 0.0


def few(world: World) -> None:
    world.rate = 0.3


def edited(world: World) -> None:
    world.weights = {"old": 20, "new": 80}


def unready(world: World) -> None:
    world.candidate_ready = False


def deleted(world: World) -> None:
    world.exists = False


def rejected(world: World) -> None:
    world.ready, world.rejected = None, "duplicate name"


def never_ready(world: World) -> None:
    world.ready = None


def unproven(world: World) -> None:
    world.rate, world.probed = 0.0, False


def not_applied(world: World) -> None:
    world.served = lambda _share: 0.0


def bad_metric(world: World) -> None:
    world.values = {"auc": Measurement(0.5)}


def measured(world: World) -> None:
    world.values = {"auc": Measurement(0.95), "parity": Measurement(1.0)}


def asked(action: str, *, full: bool = False) -> Callable[[World], None]:
    def ask(world: World) -> None:
        world.ask(action, full=full)

    return ask


LIMITED = {"gates": [{**ERRORS, "slo": 0.01}]}
HELD = {"steps": [10, {"weight": 50, "hold": "manual", "hold_timeout": "60s"}, 100]}

# What happens, in which phase (and at which percent), with which plan -> the phase in the end, the cause, the reason,
# the candidate's weight.
Case = tuple[Callable[[World], None], tuple[str, float], dict[str, Any], str, str, str, int]

FAILURES: dict[str, Case] = {
    "the candidate fails": (
        broken,
        (ANALYSE, 10),
        {},
        ROLLED_BACK,
        "harm",
        "errors: .* of the candidate's requests and .* of the baseline's failed: .*",
        0,
    ),
    "the candidate fails at a later step": (broken, (ANALYSE, 50), {}, ROLLED_BACK, "harm", "errors: .*", 0),
    "the candidate fails while it is held": (broken, (HOLD, 50), HELD, ROLLED_BACK, "harm", "errors: .*", 0),
    "the candidate fails once it has everything": (
        broken,
        (POST_CHECK, 100),
        {},
        ROLLED_BACK,
        "harm",
        "errors: .* of the candidate's requests failed since it has all of them; .*",
        0,
    ),
    "the candidate fails, and the policy only pauses": (
        broken,
        (ANALYSE, 10),
        {"policy": {"on_harm": "pause"}},
        PAUSED,
        "harm",
        "errors: .*",
        10,
    ),
    "both arms are broken, and stay so": (
        both_broken,
        (ANALYSE, 50),
        {},
        ROLLED_BACK,
        "infrastructure",
        "the fault of both arms stays, so the baseline has everything again: errors: both arms are broken: .*",
        0,
    ),
    "both arms miss the limit, and go on to": (
        both_above_the_limit,
        (ANALYSE, 50),
        LIMITED,
        ROLLED_BACK,
        "infrastructure",
        "the fault of both arms stays, .*: errors: both arms miss the limit of 1 %: .*",
        0,
    ),
    "the baseline is broken before the first percent": (
        baseline_broken,
        (BASELINE, 0),
        {},
        PAUSED,
        "infrastructure",
        "errors: the baseline is broken, so nothing can be compared with it: .*",
        0,
    ),
    "the baseline misses the limit by itself": (
        both_above_the_limit,
        (BASELINE, 0),
        LIMITED,
        PAUSED,
        "infrastructure",
        "errors: the baseline misses the limit of 1 % by itself: 6 % of its requests failed",
        0,
    ),
    "the baseline breaks during the walk": (
        baseline_broken,
        (ANALYSE, 10),
        {"policy": {"infrastructure_windows": 0}},
        PAUSED,
        "infrastructure",
        "errors: the baseline is broken, .*",
        10,
    ),
    "half is served where a tenth is configured": (
        half_served,
        (ANALYSE, 10),
        {},
        ROLLED_BACK,
        "routing",
        "the routing is off: 50 % of .* requests went to the candidate, and 10 % are configured; this is no verdict on "
        "the candidate",
        0,
    ),
    "fewer are served than configured": (
        starved,
        (ANALYSE, 50),
        {},
        PAUSED,
        "routing",
        "the routing is off: 16.7 % of .* requests went to the candidate, and 50 % are configured; .*",
        50,
    ),
    "a few more are served than configured": (two_thirds_more, (ANALYSE, 10), {}, PAUSED, "routing", ".*", 10),
    "no data": (
        deaf,
        (ANALYSE, 10),
        {},
        PAUSED,
        "no_data",
        r"errors: there is no data, 5 windows in a row; \d+ more requests of the candidate are needed",
        10,
    ),
    "no data, and the policy goes back": (
        deaf,
        (ANALYSE, 10),
        {"policy": {"on_no_data": "rollback"}},
        ROLLED_BACK,
        "no_data",
        ".*",
        0,
    ),
    "no data before the first percent": (deaf, (BASELINE, 0), {}, PAUSED, "no_data", "errors: there is no data, .*", 0),
    "no data while it is held": (
        deaf,
        (HOLD, 50),
        {"steps": [10, {"weight": 50, "hold": "manual"}, 100]},
        PAUSED,
        "no_data",
        ".*",
        50,
    ),
    "no data once it has everything": (deaf, (POST_CHECK, 100), {}, PAUSED, "no_data", ".*", 100),
    "no traffic": (
        silent,
        (ANALYSE, 10),
        {},
        PAUSED,
        "no_traffic",
        r"errors: there were no requests, 5 windows in a row; \d+ more requests of the candidate are needed",
        10,
    ),
    "no traffic, and the policy goes back": (
        silent,
        (ANALYSE, 10),
        {"policy": {"on_no_traffic": "rollback"}},
        ROLLED_BACK,
        "no_traffic",
        ".*",
        0,
    ),
    "no traffic before the first percent": (silent, (BASELINE, 0), {}, PAUSED, "no_traffic", ".*", 0),
    "too few requests for the step": (
        few,
        (ANALYSE, 50),
        {"analysis": {"max_step_duration": "5m"}},
        PAUSED,
        "more_requests",
        r"not decided within 5m: errors: \d+ more requests of the candidate are needed",
        50,
    ),
    "too few requests, and the policy goes back": (
        few,
        (ANALYSE, 50),
        {"analysis": {"max_step_duration": "5m"}, "policy": {"on_inconclusive": "rollback"}},
        ROLLED_BACK,
        "more_requests",
        "not decided within 5m: .*",
        0,
    ),
    "too long as a whole": (
        few,
        (ANALYSE, 50),
        {"analysis": {"max_duration": "8m"}},
        PAUSED,
        "deadline",
        "the rollout was not over within 8m",
        50,
    ),
    "somebody edits the weights": (
        edited,
        (ANALYSE, 10),
        {},
        PAUSED,
        "external_edit",
        "somebody else changed the weights: old 90 -> 20, new 10 -> 80",
        80,
    ),
    "somebody edits the weights before the first percent": (
        edited,
        (BASELINE, 0),
        {},
        PAUSED,
        "external_edit",
        "somebody else changed the weights: old 100 -> 20, new 0 -> 80",
        80,
    ),
    "the candidate is not ready any more": (
        unready,
        (ANALYSE, 10),
        {},
        ROLLED_BACK,
        "candidate_not_ready",
        "new is not ready",
        0,
    ),
    "the candidate is not ready before the first percent": (
        unready,
        (BASELINE, 0),
        {},
        ROLLED_BACK,
        "candidate_not_ready",
        "new is not ready",
        0,
    ),
    "the experiment is deleted": (
        deleted,
        (ANALYSE, 10),
        {},
        "aborted",
        "deleted",
        "the experiment ab was deleted; requests to ab.experiment get 404 now",
        10,
    ),
    "the weights are never in force": (
        never_ready,
        (WAIT_READY, 10),
        {},
        STUCK,
        "routing_not_applied",
        "going back could not be confirmed within 5m, after [56] writes: set the weights of ab to old 100, new 0 by "
        "hand, and see where requests go; it went back because the weights were not in force within 1m",
        0,
    ),
    "requests do not follow the weights": (
        not_applied,
        (VERIFY_ROUTE, 50),
        {},
        ROLLED_BACK,
        "routing_not_applied",
        r"\d+ requests within 1m do not show the new weights",
        0,
    ),
    "no request shows whether the weights are in force": (
        unproven,
        (VERIFY_ROUTE, 50),
        {},
        PAUSED,
        "route_unverified",
        "there were no requests within 1m to verify the new weights with",
        50,
    ),
    "a metric fails": (
        bad_metric,
        (ANALYSE, 10),
        {"gates": [ERRORS, METRIC]},
        ROLLED_BACK,
        "limit",
        "auc: 1 measurement failed .*",
        0,
    ),
    "a metric fails in dry run": (
        bad_metric,
        (ANALYSE, 10),
        {"gates": [ERRORS, {**METRIC, "dry_run": True}]},
        SUCCEEDED,
        "",
        ".*",
        100,
    ),
    "pause": (asked("pause"), (ANALYSE, 10), {}, PAUSED, "user", "pause was asked for by alice", 10),
    "pause before the first percent": (asked("pause"), (BASELINE, 0), {}, PAUSED, "user", "pause was .*", 0),
    "abort": (asked("abort"), (ANALYSE, 50), {}, ROLLED_BACK, "user", "abort was asked for by alice", 0),
    "abort before the first percent": (asked("abort"), (BASELINE, 0), {}, ROLLED_BACK, "user", "abort was .*", 0),
    "abort while weights change": (asked("abort"), (WAIT_READY, 10), {}, ROLLED_BACK, "user", "abort was .*", 0),
    "abort while it is held": (asked("abort"), (HOLD, 50), HELD, ROLLED_BACK, "user", "abort was .*", 0),
    "abort while it is verified": (asked("abort"), (VERIFY_ROUTE, 10), {}, ROLLED_BACK, "user", "abort was .*", 0),
    "abort once it has everything": (asked("abort"), (POST_CHECK, 100), {}, ROLLED_BACK, "user", "abort was .*", 0),
    "the runner is ended": (
        asked("interrupt"),
        (ANALYSE, 10),
        {},
        ROLLED_BACK,
        "interrupted",
        "interrupt was asked for by alice",
        0,
    ),
    "the runner is ended, and the policy holds": (
        asked("interrupt"),
        (ANALYSE, 10),
        {"policy": {"on_interrupt": "hold"}},
        PAUSED,
        "interrupted",
        "interrupt was asked for by alice",
        10,
    ),
    "promote": (asked("promote"), (ANALYSE, 10), {}, SUCCEEDED, "", ".*", 100),
    "promote to the end": (asked("promote", full=True), (BASELINE, 0), {}, SUCCEEDED, "", ".*", 100),
    "promote while it is held": (asked("promote"), (HOLD, 50), HELD, SUCCEEDED, "", ".*", 100),
    "promote once it has everything": (asked("promote"), (POST_CHECK, 100), {}, SUCCEEDED, "", ".*", 100),
    "nobody promotes": (
        lambda world: None,
        (HOLD, 50),
        HELD,
        ROLLED_BACK,
        "deadline",
        "nobody promoted it within 1m",
        0,
    ),
    "nobody promotes, and the step goes on": (
        lambda world: None,
        (HOLD, 50),
        {"steps": [{"weight": 50, "hold": "manual", "hold_timeout": 60, "on_hold_timeout": "promote"}, 100]},
        SUCCEEDED,
        "",
        ".*",
        100,
    ),
    "nobody promotes, and the step pauses": (
        lambda world: None,
        (HOLD, 50),
        {"steps": [{"weight": 50, "hold": "manual", "hold_timeout": 60, "on_hold_timeout": "pause"}, 100]},
        PAUSED,
        "deadline",
        "nobody promoted it within 1m",
        50,
    ),
    "resume makes no sense": (asked("resume"), (ANALYSE, 10), {}, SUCCEEDED, "", ".*", 100),
    "another word makes no sense": (asked("dance"), (ANALYSE, 10), {}, SUCCEEDED, "", ".*", 100),
}


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


def test_harm_goes_back_even_while_it_is_paused() -> None:
    world = World().until(ANALYSE, 50).ask("pause")
    world.until(PAUSED)
    broken(world)
    world.run()
    assert (world.state.phase, world.state.cause) == (ROLLED_BACK, "harm")


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


def test_a_lost_lock_stops_at_once_and_writes_nothing() -> None:
    world = World().until(ANALYSE, 10)
    state, effects = Rollout(world.plan).tick(world.state, Observation(lock_lost=True), world.now)
    assert state == world.state
    assert (effects.write, effects.weights, effects.done, effects.release) == (False, None, True, False)


@pytest.mark.parametrize("gap", [20.0, 5000.0], ids=["soon", "late"])
@pytest.mark.parametrize(
    "phase",
    [
        (PREFLIGHT, 0),
        (BASELINE, 0),
        (WAIT_READY, 10),
        (VERIFY_ROUTE, 50),
        (ANALYSE, 10),
        (HOLD, 50),
        (POST_CHECK, 100),
        (PAUSED, 50),
        (ROLLING_BACK, 0),
    ],
    ids=str,
)
def test_another_runner_takes_over(phase: tuple[str, float], gap: float) -> None:
    world = World(plan=plan_of(**(HELD if phase[0] == HOLD else {})))
    if phase[0] in (PAUSED, ROLLING_BACK):
        world.until(ANALYSE, 50).ask("pause" if phase[0] == PAUSED else "abort")
    world.until(*phase)
    world.now += gap
    world.carry_out(*Rollout(world.plan).adopt(world.state, world.now))
    if phase[0] == PAUSED:
        # A pause is not taken back just because somebody looks.
        assert world.state.phase == PAUSED
        world.ask("resume")
    if phase[0] == HOLD and gap < 900:
        world.until(HOLD, 50).ask("promote")
    world.run()
    stale = gap > 900 and phase[1] > 0 and phase[0] != PAUSED
    if stale:
        assert (world.state.phase, world.state.cause) == (ROLLED_BACK, "stale")
        assert re.fullmatch(r"nobody watched it for 1h2[34]m", world.state.reason)
    else:
        assert world.state.phase == (ROLLED_BACK if phase[0] == ROLLING_BACK else SUCCEEDED), world.state.reason


def test_a_late_runner_may_go_on_by_policy() -> None:
    world = World(plan=plan_of(policy={"on_stale_resume": "resume"})).until(ANALYSE, 50)
    world.now += 5000
    world.carry_out(*Rollout(world.plan).adopt(world.state, world.now))
    assert world.state.phase == WAIT_READY
    assert world.run().state.phase == SUCCEEDED


def test_another_plan_is_refused() -> None:
    world = World().until(ANALYSE, 10)
    other = Rollout(plan_of(steps=[20, 100]))
    with pytest.raises(ServingError, match="The rollout run-1 of 'ab' began with another plan"):
        other.adopt(world.state, world.now)


def test_retry_is_a_new_run_with_fresh_evidence() -> None:
    world = World().until(ANALYSE, 10)
    rollout = Rollout(world.plan)
    with pytest.raises(ServingError, match="The rollout of 'ab' is analyse, and only one that is over can be tried"):
        rollout.retry(world.state, "run-2", world.weights, world.now)
    broken(world)
    world.run()
    again = rollout.retry(world.state, "run-2", world.weights, world.now)
    assert (again.id, again.phase, again.step) == ("run-2", PREFLIGHT, -1)
    assert again.evidence["errors"].seen.candidate.n == 0


def test_nothing_happens_after_the_end() -> None:
    world = World().run()
    before = world.state
    effects = world.ask("abort").tick()
    assert world.state == before
    assert (effects.write, effects.done, effects.weights) == (False, True, None)


def test_a_window_without_an_answer_is_no_window_of_the_baseline() -> None:
    world = World().until(BASELINE)
    deaf(world)
    for _tick in range(4):
        world.tick()
    assert (world.state.phase, world.state.windows) == (BASELINE, 0)
    world.deaf = False
    world.until(WAIT_READY, 10)
    assert world.state.evidence["errors"].dispersion.windows == 12


def test_a_mirror_is_judged_before_any_user_is_touched() -> None:
    plan = plan_of(steps=[{"mirror": 50}, 10, 100])
    world = World(plan=plan).until(ANALYSE, 0)
    assert (world.mirror, world.weights) == (50, OLD)
    assert world.run().state.phase == SUCCEEDED
    assert world.mirror == 0
    bad = World(plan=plan, fails=dict(BROKEN)).run()
    assert (bad.state.phase, bad.state.cause, bad.mirror) == (ROLLED_BACK, "harm", 0)
    assert NEW not in [weights for _time, weights in bad.writes]


def test_the_least_time_of_a_step_is_kept() -> None:
    world = World(plan=plan_of(steps=[{"weight": 10, "min_duration": "10m"}, 100])).until(ANALYSE, 10)
    began = world.state.step_since
    world.until(WAIT_READY, 100)
    assert world.now - began >= 600


def test_an_analysis_says_how_long_it_will_take() -> None:
    world = World(plan=plan_of(gates=[{**ERRORS, "risk_budget": 0.001}])).until(ANALYSE, 10)
    world.tick()
    world.tick()
    analysis = world.state.analysis
    assert analysis is not None
    assert analysis["missing"] > 100
    assert analysis["eta_seconds"] == pytest.approx(analysis["missing"] / 10.0, rel=0.5)


def test_every_phase_is_reached_in_these_tests() -> None:
    reached = {PREFLIGHT, *World().run().seen, *[case[3] for case in FAILURES.values()]}
    reached |= {case[1][0] for case in FAILURES.values()} | {case[2] for case in BEFORE.values()} | {ROLLING_BACK}
    assert reached == set(PHASES)


def test_requests_that_were_done_are_forgotten_in_the_end() -> None:
    state: State = replace(World().until(ANALYSE, 10).state, handled=tuple(str(number) for number in range(50)))
    seen = Observation(requests=(Request("new", "resume"),))
    after, _effects = Rollout(plan_of()).tick(state, seen, 2000.0)
    assert len(after.handled) == 50
    assert after.handled[-1] == "new"


ACTIONS = ["pause", "resume", "promote", "abort", "interrupt", "dance"]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_what_is_written_is_whole(seed: int) -> None:
    """Chance pulls at every part of the world; each state is fit for disk, and weights rise for good reasons only."""
    random = Random(seed)
    world = World(plan=plan_of(analysis={"max_step_duration": "10m"}, policy={"pause_timeout": "5m"}))
    events = [broken, both_broken, half_served, starved, deaf, silent, few, edited, unready, never_ready, unproven]
    for _tick in range(300):
        before = world.state
        if random.random() < 0.05:
            random.choice(events)(world)
        if random.random() < 0.3:
            good = World()
            world.fails, world.rate, world.served, world.deaf = good.fails, good.rate, good.served, False
            world.ready = world.candidate_ready = world.probed = True
        if random.random() < 0.04:
            world.ask(random.choice(ACTIONS), full=random.random() < 0.3)
        if random.random() < 0.03 and not before.is_terminal:
            world.now += random.choice([5.0, 2000.0])
            world.carry_out(*Rollout(world.plan).adopt(before, world.now))
            continue
        effects = world.tick()
        assert world.state.phase in PHASES
        assert effects.wait >= 0
        if before.is_terminal and before.phase != STUCK:
            assert world.state == before
        if effects.weights is not None:
            assert world.state.phase in (WAIT_READY, ROLLING_BACK)
            assert dict(effects.weights) == dict(world.state.weights)
        if world.state.percent > before.percent:
            passed = (world.state.analysis or {}).get("phase") == "successful"
            assert passed or world.state.skipped != before.skipped
        if world.state.is_terminal and random.random() < 0.2:
            world.state = Rollout(world.plan).start("again", world.weights, world.now)
            world.requests = []
