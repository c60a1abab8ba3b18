# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a good candidate, of bad ones, and of one that nobody can judge."""

from __future__ import annotations

import re

import pytest

from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, NAMESPACES
from tests.live.misbehaving import faults
from tests.live.misbehaving.route_edits import split
from tests.live.rollouts import ERRORS, ROUTE, Rollouts, plan

SLOW_MS = 240
SLOW = {"name": "slow", "kind": "slower_than", "threshold_ms": SLOW_MS / 3, "risk_budget": 0.05}


def weights(*pairs: tuple[int, int]) -> list[dict[str, int]]:
    return [{BASELINE: baseline, ENHANCED: candidate} for baseline, candidate in pairs]


def moved(before: tuple[int, int], after: tuple[int, int]) -> str:
    """Return how Ansible shows a change of weights."""
    lines = [
        f"{sign}    {name}: {weight}"
        for sign, pair in (("-", before), ("+", after))
        for name, weight in zip((BASELINE, ENHANCED), pair, strict=True)
    ]
    return "\n".join(lines)


def test_good_candidate_is_promoted(rollouts: Rollouts) -> None:
    wanted = plan(20, 100, analysis={"baseline_windows": 1})
    with rollouts.called() as callers:
        files = rollouts.files()
        check = rollouts.play(wanted, "--check", "--diff")
        assert check.status == 0, check.output
        assert rollouts.files() == files, "check mode writes nothing"
        play = rollouts.play(wanted, "--diff")
        assert play.status == 0, play.output
        assert play.changed == 1
        done = rollouts.files()
        again = rollouts.play(wanted)
    assert callers.failed == 0

    # A plan says what it takes.
    assert f"Plan of {EXPERIMENT}: {ENHANCED} against {BASELINE}, at " in check.output
    assert re.search(r"^  1 +20 % +[1-9]\d* +\S+  errors$", check.output, re.MULTILINE), check.output
    assert "in all, if the candidate is as good as the baseline." in check.output
    for shown in (check, play):
        assert moved((100, 0), (80, 20)) in shown.output
        assert moved((80, 20), (0, 100)) in shown.output

    # It walked step by step.
    state = rollouts.ended()
    assert (state.phase, state.cause, state.percent) == ("succeeded", "", 100)
    walked = ["wait_ready", "verify_route"]
    assert rollouts.phases() == [
        *("preflight", "baseline", *walked, "analyse", *walked, "post_check", "succeeded"),
    ]
    seen = [line["weights"] for line in rollouts.journal()]
    assert [now for before, now in zip([{}, *seen], seen, strict=False) if now != before] == weights(
        (100, 0), (80, 20), (0, 100)
    )
    assert rollouts.share() == (0, 100)
    assert "the candidate has all of the traffic, and nothing speaks against it" in play.said
    report = rollouts.report()
    assert (report["outcome"]["verdict"], report["run"]["id"]) == ("passed", state.id)
    assert [each["phase"] for each in rollouts.outcomes()] == ["succeeded"]

    # There is nothing left to do.
    assert (again.status, again.changed) == (0, 0), again.output
    assert f"the run {state.id} of this plan succeeded, and its weights are in force" in again.said
    assert rollouts.files() == done


def test_candidate_that_fails_behind_retries_goes_back(rollouts: Rollouts) -> None:
    rollouts.misbehaving.switches[ENHANCED].fail(0.05)
    attempts, failed = rollouts.attempts()
    with rollouts.called() as callers:
        play = rollouts.play(plan(20, 100, gates=[{**ERRORS, "risk_budget": 0.02}]))
    attempts, failed = (now - before for now, before in zip(rollouts.attempts(), (attempts, failed), strict=True))
    assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.cause, rollouts.share()) == ("rolled_back", "harm", (100, 0)), play.output
    assert failed >= 5
    assert attempts < 1000, "it was stopped early"
    # What a second attempt made good is no failure to a caller.
    assert callers.failed <= failed / 5
    assert "of the candidate's requests and 0 % of the baseline's failed: only the candidate's, evidence" in play.said
    assert f"{EXPERIMENT}: the baseline has everything again" in play.said
    totals = rollouts.report()["totals"]
    assert totals["attempts"]["candidate"]["events"] >= 5
    assert totals["attempts"]["baseline"]["events"] == 0
    assert totals["client"]["candidate"]["events"] <= callers.failed
    assert totals["client"]["candidate"]["n"] > 50


def latencies(rollouts: Rollouts) -> list[dict[str, dict[str, float]]]:
    """Return the latencies of both arms in each window that had any."""
    return [line["latency"] for line in rollouts.journal() if line.get("latency")]


def test_candidate_that_is_three_times_slower_goes_back(rollouts: Rollouts) -> None:
    rollouts.misbehaving.switches[ENHANCED].slow(SLOW_MS)
    with rollouts.called():
        play = rollouts.play(plan(50, 100, gates=[ERRORS, SLOW]))
    assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.cause, rollouts.share()) == ("rolled_back", "harm", (100, 0)), play.output
    assert f"were slower than {SLOW_MS / 3:g} ms" in state.reason
    medians = [each["candidate"]["p50"] for each in latencies(rollouts) if "candidate" in each]
    assert max(medians) >= SLOW_MS


def test_candidate_that_answers_wrong_gets_no_traffic(rollouts: Rollouts) -> None:
    rollouts.misbehaving.switches[ENHANCED].wrong(1)
    golden = str(rollouts.plane.directory / "samples" / "golden.json")
    routes = rollouts.files()["listener_0.json"]
    before = rollouts.attempts()
    parity = {"name": "parity", "kind": "prediction_parity", "golden": golden, "agreement": 0.85}
    play = rollouts.play(plan(50, 100, gates=[ERRORS, parity]))
    assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.step) == ("failed", -1), play.output
    assert "parity: 1 measurement failed" in state.reason
    assert "the rollout did not take place, because parity" in play.said
    assert rollouts.files()["listener_0.json"] == routes
    assert rollouts.attempts() == before


def test_without_traffic_it_pauses_and_says_how_many_requests_it_needs(rollouts: Rollouts) -> None:
    wanted = plan(50, 100, analysis={"baseline_windows": 9, "consecutive_error_limit": 1})
    play = rollouts.play(wanted)
    assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.then, state.cause) == ("paused", "baseline", "no_traffic"), play.output
    assert "errors: there were no requests, 2 windows in a row; " in state.reason
    assert "more requests of the candidate are needed" in play.said
    assert rollouts.share() == (100, 0)
    excused = rollouts.play(wanted, fail_on_pause=False)
    assert (excused.status, rollouts.ended().phase) == (0, "paused"), excused.output


def served_share(rollouts: Rollouts) -> float:
    """Return the candidate's share of some calls."""
    routes = [rollouts.plane.infer(ROUTE).route for _ in range(60)]
    return routes.count(f":{ENHANCED}_1:") / len(routes)


ROUTING: dict[str, tuple[int, tuple[int, int], str]] = {
    "the candidate has far more than it should": (10, (50, 50), "rolled_back"),
    "the candidate has less than it should": (50, (90, 10), "paused"),
}


@pytest.mark.parametrize(("percent", "served", "phase"), ROUTING.values(), ids=ROUTING.keys())
def test_wrong_split_is_no_verdict_on_the_candidate(
    rollouts: Rollouts, percent: int, served: tuple[int, int], phase: str
) -> None:
    with (
        rollouts.called(),
        # It has to stay where it is until somebody looks at the routing.
        rollouts.running(plan({"weight": percent, "hold": "manual"}, 100), at="analyse") as run,
    ):
        rollouts.edit_routes(split(*served))
        play = run.end()
    assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.cause) == (phase, "routing"), play.output
    assert f"and {percent} % are configured; this is no verdict on the candidate" in play.said
    assert rollouts.share() == ((100, 0) if phase == "rolled_back" else (100 - percent, percent))
    assert rollouts.report()["outcome"]["verdict"] == "undecided"
    if phase == "paused":
        with rollouts.called(), rollouts.running(None, at="hold", action="resume"):
            assert rollouts.share() == (50, 50)
            # Written again, though the table in the file already said so.
            assert served_share(rollouts) > 0.3


@pytest.mark.parametrize("broken", ["answer 500", "stopped"])
def test_fault_of_both_arms_blames_nobody(rollouts: Rollouts, broken: str) -> None:
    wanted = plan({"weight": 50, "hold": "manual"}, 100, policy={"infrastructure_windows": 2})
    with rollouts.called() as callers, rollouts.running(wanted, at="hold") as run:
        if broken == "stopped":
            for namespace in NAMESPACES:
                faults.supervisorctl(rollouts.plane, "stop", f"mlserver-{namespace}")
        else:
            for switch in rollouts.misbehaving.switches.values():
                switch.fail(1)
        play = run.end()
    try:
        assert play.status != 0
        assert callers.failed > 0
        state = rollouts.ended()
        assert (state.phase, state.cause, rollouts.share()) == ("rolled_back", "infrastructure", (100, 0)), play.output
        assert "the fault of both arms stays, so the baseline has everything again" in play.said
        assert rollouts.phases()[-4:] == ["hold", "paused", "rolling_back", "rolled_back"]
        assert rollouts.report()["outcome"]["verdict"] == "undecided"
    finally:
        if broken == "stopped":
            for namespace in NAMESPACES:
                faults.supervisorctl(rollouts.plane, "start", f"mlserver-{namespace}")
