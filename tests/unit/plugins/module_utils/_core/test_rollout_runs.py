# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One runner after another, the end, the mirror, and what is said on the way."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

import pytest

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
from tests.unit.rollout_faults import (
    BROKEN,
    ERRORS,
    HELD,
    NEW,
    OLD,
    both_broken,
    broken,
    deaf,
    edited,
    few,
    half_served,
    never_ready,
    silent,
    starved,
    unproven,
    unready,
)
from tests.unit.rollout_world import World, plan_of


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
        world.until(HOLD, 50)
        assert world.state.reason == "promote to go on within 1m, else rollback"
        world.ask("promote")
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
