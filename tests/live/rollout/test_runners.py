# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runners of a rollout that are killed, interrupted, doubled, and told what to do from a second terminal."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from plugins.module_utils._adapters.envoy_rollouts import recorded
from plugins.module_utils._core.experiment import Request
from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, wait_for
from tests.live.rollouts import RolloutRun, Rollouts, plan

# Whoever interrupts a runner waits no longer for its end.
INTERRUPTED_SECONDS = 10
HELD = {"weight": 50, "hold": "manual"}


@pytest.fixture
def rollouts(busy: Rollouts) -> Rollouts:
    return busy


WHERE = {
    "preflight": (100, 0),
    "baseline": (100, 0),
    "wait_ready": (50, 50),
    "verify_route": (50, 50),
    "analyse": (50, 50),
    "hold": (50, 50),
}


def test_killed_in_each_phase_it_goes_on_to_the_end(rollouts: Rollouts) -> None:
    wanted = plan(HELD, 100, analysis={"baseline_windows": 1, "post_check_windows": 2})
    ids = set()
    for phase, share in WHERE.items():
        with rollouts.running(wanted, at=phase) as run:
            run.kill_all()
        record = rollouts.record
        assert record is not None
        assert record.lock is not None, "it is orphaned"
        assert rollouts.share() == share, phase
        ids.add(record.state.id)
    # Whoever promotes takes over from a runner that is gone.
    with rollouts.running(None, at="post_check", action="promote") as run:
        run.kill_all()
    done = rollouts.play(wanted)
    assert done.status == 0, done.output
    state = rollouts.ended()
    assert (state.phase, rollouts.share(), {*ids, state.id}) == ("succeeded", (0, 100), {state.id})
    adopted = [text for name, text in rollouts.events() if name == "adopted"]
    assert len(adopted) == len(WHERE) + 1
    assert all(text.endswith("without a runner") for text in adopted)
    assert [(each["step"], each["phase"]) for each in state.skipped] == [(0, "hold")]
    assert [each["phase"] for each in rollouts.outcomes()] == ["succeeded"]


def test_killed_while_paused_or_going_back(rollouts: Rollouts) -> None:
    with rollouts.running(plan(HELD, 100), at="hold") as run:
        paused = rollouts.play(action="pause")
        assert paused.status == 0, paused.output
        assert "pause was asked for by " in paused.said
        assert not run.is_over()
        run.kill_all()
    status = rollouts.play(action="status")
    assert (status.status, status.changed) == (0, 0)
    assert "nobody carries it out any more: run it again to go on, or abort it" in status.said
    with rollouts.running(None, at="wait_ready", action="resume") as run:
        run.kill_all()
    # Whoever asks takes over from a runner that is gone.
    with rollouts.running(None, at="rolling_back", action="abort") as run:
        run.kill_all()
    assert rollouts.share() == (100, 0), "the weights were written with the phase"
    play = rollouts.play()
    assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.cause) == ("rolled_back", "user"), play.output
    assert f"{EXPERIMENT}: the baseline has everything again ({BASELINE} 100, {ENHANCED} 0)" in play.said
    again = rollouts.play(action="abort")
    assert again.status != 0
    assert f"The rollout {state.id} of '{EXPERIMENT}' is over (rolled_back: " in again.said


def test_left_alone_for_too_long_it_goes_back(rollouts: Rollouts) -> None:
    wanted = plan(HELD, 100, policy={"stale_after": "1s"})
    with rollouts.running(wanted, at="hold") as run:
        run.kill_all()
    time.sleep(1)
    play = rollouts.play(wanted)
    assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.cause, rollouts.share()) == ("rolled_back", "stale", (100, 0)), play.output
    assert "because nobody watched it for " in play.said


def test_of_two_runners_one_is_refused(rollouts: Rollouts) -> None:
    wanted = plan(HELD, 100)
    with rollouts.running(wanted) as one, rollouts.running(wanted) as other:
        wait_for(lambda: one.is_over() or other.is_over(), "one is refused")
        winner, loser = (other, one) if one.is_over() else (one, other)
        rollouts.reach(winner, "hold")
        refused = loser.end()
        assert refused.status != 0
        assert f"{EXPERIMENT} is being rolled out by " in refused.said
        assert "Nothing was changed here. Set action to status to look at it" in refused.said
        assert len({line["run"] for line in rollouts.journal()}) == 1
        assert [name for name, _text in rollouts.events()] == ["start", "step", "hold"]
        aborted = rollouts.play(action="abort")
        play = winner.end()
    assert (aborted.status, play.status != 0) == (0, True), aborted.output
    state = rollouts.ended()
    assert (state.phase, state.cause, rollouts.share()) == ("rolled_back", "user", (100, 0))
    assert "because abort was asked for by " in play.said


def test_killed_on_another_machine_whoever_asks_takes_over(rollouts: Rollouts) -> None:
    """Nobody here can see whether a process over there lives, so only the lock says it."""
    with rollouts.running(plan(HELD, 100), at="hold") as run:
        run.kill_all()
    path = rollouts.folder / "record.json"
    record = json.loads(path.read_bytes())
    record["lock"]["holder"]["machine"] = "elsewhere"
    # As by a clock that is ahead: the playbook takes its time to begin, and finds a lock that still holds.
    record["lock"]["renewed"] = time.time() + 40
    path.write_text(json.dumps(record))
    aborted = rollouts.play(action="abort")
    assert aborted.status == 0, aborted.output
    assert "abort is asked for" in aborted.said
    state = rollouts.ended()
    assert (state.phase, state.cause, rollouts.share()) == ("rolled_back", "user", (100, 0)), aborted.output


def test_what_is_put_aside_fails(rollouts: Rollouts) -> None:
    with rollouts.running(plan(HELD, 100), at="hold") as run:
        resumed = rollouts.play(action="resume")
        assert not run.is_over()
    assert resumed.status != 0
    assert f"{EXPERIMENT}: resume makes no sense while the rollout is hold. Nothing was changed." in resumed.said
    assert rollouts.share() == (50, 50)


def test_edit_by_hand_pauses_and_is_shown(rollouts: Rollouts) -> None:
    with rollouts.running(plan(HELD, 100), at="hold") as run:
        edit = {"weights": {BASELINE: 70, ENHANCED: 30}}
        refused = rollouts.plane.play("experiment.yml", variables={"experiment": EXPERIMENT, **edit})
        assert refused.status != 0
        assert f"Experiment '{EXPERIMENT}' is being rolled out by " in refused.said
        assert "Nothing was changed." in refused.said
        assert rollouts.share() == (50, 50)
        forced = rollouts.change_by_module(**edit, force=True)
        assert forced.status == 0, forced.output
        play = run.end()
    assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.cause, rollouts.share()) == ("paused", "external_edit", (70, 30)), play.output
    assert f"somebody else changed the weights: {BASELINE} 50 -> 70, {ENHANCED} 50 -> 30" in play.said
    with rollouts.running(None, at="hold", action="resume"):
        assert rollouts.share() == (50, 50), "the weights of the step are back"


def test_second_terminal_leads_it(rollouts: Rollouts) -> None:
    steps = [{"weight": weight, "hold": "manual"} for weight in (30, 50, 80)]
    with rollouts.running(plan(*steps, 100), at="hold") as run:
        status = rollouts.play(action="status")
        assert (status.status, status.changed) == (0, 0)
        assert f", process {rollouts.holder()}, last heard of " in status.said
        assert "  hold: all gates pass; promote to go on" in status.output

        assert rollouts.play(action="pause").status == 0
        paused = rollouts.reach(run, "paused")
        assert (paused.cause, rollouts.share()) == ("user", (70, 30))
        resumed = rollouts.play(action="resume")
        assert resumed.status == 0, resumed.output
        rollouts.reach(run, "hold", step=0)

        promoted = rollouts.play(action="promote")
        assert promoted.status == 0, promoted.output
        rollouts.reach(run, "hold", step=1)
        assert rollouts.share() == (50, 50)
        assert rollouts.play(action="promote", full=True).status == 0
        play = run.end()
    assert play.status == 0, play.output
    state = rollouts.ended()
    assert (state.phase, rollouts.share()) == ("succeeded", (0, 100))
    assert [(each["step"], each["full"]) for each in state.skipped] == [(0, False), (1, True)]
    walked = {each["number"]: each["state"] for each in rollouts.report()["steps"]}
    assert walked == {0: "passed", 1: "passed", 2: "passed", 3: "skipped", 4: "passed"}


def ctrl_c(run: RolloutRun) -> None:
    run.press_ctrl_c()


def sigterm(run: RolloutRun) -> None:
    run.signal(signal.SIGTERM)


def kill_9_of_the_parent(run: RolloutRun) -> None:
    run.signal(signal.SIGKILL)


ENDS: dict[str, tuple[Callable[[RolloutRun], None], str, str]] = {
    "Ctrl-C, rollback": (ctrl_c, "rollback", "Ctrl-C"),
    "Ctrl-C, hold": (ctrl_c, "hold", "Ctrl-C"),
    "SIGTERM, rollback": (sigterm, "rollback", "SIGTERM"),
    "kill -9 of ansible-playbook alone, hold": (kill_9_of_the_parent, "hold", "the end of ansible-playbook"),
}


@pytest.mark.parametrize(("end", "policy", "words"), ENDS.values(), ids=ENDS.keys())
def test_interrupted_it_ends_soon_as_the_policy_has_it(
    rollouts: Rollouts, end: Callable[[RolloutRun], None], policy: str, words: str
) -> None:
    with rollouts.running(plan(HELD, 100, policy={"on_interrupt": policy}), at="verify_route") as run:
        started = time.monotonic()
        end(run)
        wait_for(run.is_gone, f"nothing of the run goes on: {run.leftovers()}", 3 * INTERRUPTED_SECONDS)
        seconds = time.monotonic() - started
        play = run.end()
    assert play.status != 0
    state = rollouts.ended()
    assert state.cause == "interrupted", state
    assert f"interrupt was asked for by {words} of " in state.reason
    wanted = ("rolled_back", (100, 0)) if policy == "rollback" else ("paused", (50, 50))
    assert (state.phase, rollouts.share()) == wanted, play.output
    assert seconds < INTERRUPTED_SECONDS


OTHER = "another-experiment"


@pytest.fixture
def two(rollouts: Rollouts) -> Iterator[Rollouts]:
    """Return it with a second experiment of the same models."""
    rollouts.store.declare(
        Request.parse({"name": OTHER, "weights": {BASELINE: 100, ENHANCED: 0}}), dry_run=False, force=True
    )
    yield rollouts
    rollouts.store.declare(Request.parse({"name": OTHER, "state": "absent"}), dry_run=False, force=True)


@pytest.mark.parametrize(("end", "words"), [(ctrl_c, "Ctrl-C"), (sigterm, "SIGTERM")], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_it_begins_no_later_plan(two: Rollouts, end: Callable[[RolloutRun], None], words: str) -> None:
    first = plan(HELD, 100, policy={"on_interrupt": "hold"})
    plans = [first, {**plan(HELD, 100), "name": OTHER}]
    run = RolloutRun(two.plane, "rollout.yml", variables={"rollouts": plans})
    try:
        two.reach(run, "hold")
        end(run)
        wait_for(run.is_gone, lambda: f"nothing of the run goes on: {run.leftovers()}", 3 * INTERRUPTED_SECONDS)
        play = run.end()
    finally:
        run.kill_all()
    assert play.status != 0
    assert f"interrupt was asked for by {words} of " in two.ended().reason
    assert recorded(str(two.envoy_directory), OTHER) is None
