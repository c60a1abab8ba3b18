# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of a rollout: targets that do not answer, second terminals, and loops that were interrupted."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError

from plugins.action import experiment_rollout
from plugins.action.experiment_rollout import ActionModule
from plugins.plugin_utils import _interrupt
from plugins.plugin_utils._events import Events

ARGUMENTS = {"name": "ab", "store_path": "/nowhere"}
HELD = {"by": "anna@far, process 7", "expires_in": 20.0, "renewed": 1.0}
Answer = Mapping[str, Any] | Exception


def tick(phase: str = "analyse", **more: Any) -> dict[str, Any]:
    """Return a tick that is done when its phase is over."""
    return {
        "run": "r1",
        "phase": phase,
        "step": 0,
        "weight": 10.0,
        "weights": {"old": 90, "new": 10},
        "weights_before": None,
        "cause": "",
        "reason": "nothing speaks against it",
        "analysis": None,
        "line": f"1/2 weight 10 {phase}",
        "events": [],
        "wait": 0.0,
        "done": phase in ("succeeded", "rolled_back", "stuck", "paused"),
        **more,
    }


def begun(first: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return what ``begin`` answers: the first tick, or a request that is left with a runner."""
    found = {"tick": first, "held": None, "asked": "", "asked_at": 100.0, "settled": None}
    return {**found, "settings": None, "withheld": False, **more}


def stands(phase: str, **more: Any) -> dict[str, Any]:
    """Return what ``read`` answers, with a runner that lives."""
    state = {**tick(phase), "id": "r1", "percent": 10.0, "handled": [], **more.pop("state", {})}
    found = {"state": state, "holder": HELD["by"], "orphaned": False, "line": "", "events": [], "requests": []}
    return {**found, "outcomes": [], **more}


class Clock:
    """A clock that moves on when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Runner(ActionModule):
    """The action on a target whose answers are written down; the last one of each call is given again and again."""

    def __init__(self, clock: Clock, arguments: Mapping[str, Any], answers: Mapping[str, list[Answer]]) -> None:
        shell = SimpleNamespace(tmpdir=None)
        task = SimpleNamespace(
            args={**ARGUMENTS, **arguments},
            async_val=0,
            check_mode=False,
            diff=False,
            register=None,
            action="modelops.serving.experiment_rollout",
        )
        super().__init__(task, SimpleNamespace(_shell=shell), SimpleNamespace(), None, None, None)
        self.clock = clock
        self.answers = {call: list(each) for call, each in answers.items()}
        self.calls: list[dict[str, Any]] = []

    def _execute_module(self, *, module_args: dict[str, Any], **_more: Any) -> dict[str, Any]:
        self.clock.now += 1.0
        self.calls.append(module_args)
        answers = self.answers[module_args["call"]]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {**answer}

    def called(self, call: str) -> list[dict[str, Any]]:
        return [each for each in self.calls if each["call"] == call]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock, and forget interrupts afterwards: all tests share a process."""
    found = Clock()

    def wait(interrupt: _interrupt.Interrupt, seconds: float) -> None:
        if not interrupt.reason:
            found.now += seconds

    monkeypatch.setattr(experiment_rollout, "time", found)
    monkeypatch.setattr(_interrupt.Interrupt, "wait", wait)
    monkeypatch.setattr(_interrupt, "REASONS", {})
    return found


GONE = AnsibleConnectionFailure("Failed to connect to the host via ssh")
TRANSFER = AnsibleError("failed to transfer file")
FAILED = {"failed": True, "msg": "No space left on device"}
OUTAGES: dict[str, list[Answer]] = {
    "a connection that drops": [GONE, GONE],
    "a module that cannot be sent": [TRANSFER],
    "a module that fails": [FAILED],
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES.keys())
def test_outage_is_waited_for(clock: Clock, outage: list[Answer]) -> None:
    runner = Runner(clock, {}, {"begin": [begun(tick())], "tick": [*outage, tick(), tick("succeeded")]})
    result = runner.run(task_vars={})
    assert (result["failed"], result["phase"]) == (False, "succeeded")
    assert len(runner.called("tick")) == len(outage) + 2


def test_outage_of_what_sends_is_left_to_the_tick(clock: Clock) -> None:
    answers: dict[str, list[Answer]] = {
        "begin": [begun(tick(wait=5.0))],
        "send": [GONE],
        "tick": [GONE, tick(wait=5.0), tick("succeeded")],
    }
    runner = Runner(clock, {"traffic": {"rate": 50, "request": "/nowhere.json"}}, answers)
    assert runner.run(task_vars={})["phase"] == "succeeded"
    assert len(runner.called("send")) >= 2


def test_outage_that_lasts_ends_it_with_a_phase_and_an_event(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    class Heard:
        lost = 0

        def __init__(self, _webhook: object) -> None:
            pass

        def send(self, event: Mapping[str, Any]) -> None:
            told.append((event["event"], event["phase"]))

        def close(self, _seconds: float) -> None:
            pass

    monkeypatch.setattr(experiment_rollout, "Events", Heard)
    runner = Runner(clock, {}, {"begin": [begun(tick())], "tick": [GONE]})
    before = clock.now
    result = runner.run(task_vars={})
    assert (result["failed"], result["phase"], result["weight"]) == (True, "analyse", 10.0)
    assert result["msg"].startswith("ab: the target could not be asked for 30")
    assert "(Failed to connect to the host via ssh). The weights are unchanged at 10. Run it again" in result["msg"]
    assert 300 < clock.now - before < 320
    assert told == [("end", "analyse")]


def test_first_call_on_a_target_that_is_gone_is_ansible_s(clock: Clock) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Runner(clock, {}, {"begin": [GONE]}).run(task_vars={})


# Loops


def test_item_after_an_interrupted_one_is_refused(clock: Clock) -> None:
    """Ansible goes on with the next item of a loop, in the same process."""

    class Interrupted(Runner):
        def _execute_module(self, *, module_args: dict[str, Any], **more: Any) -> dict[str, Any]:
            if module_args["call"] == "tick" and not self.called("tick"):
                os.kill(os.getpid(), signal.SIGTERM)
            return super()._execute_module(module_args=module_args, **more)

    answers: dict[str, list[Answer]] = {"begin": [begun(tick())], "tick": [tick(), tick("rolled_back")]}
    first = Interrupted(clock, {}, answers)
    result = first.run(task_vars={})
    assert (result["failed"], result["phase"]) == (True, "rolled_back")
    assert first.called("tick")[-1]["interrupt"].startswith("SIGTERM of ")
    second = Runner(clock, {"name": "cd"}, answers)
    with pytest.raises(AnsibleActionFail, match=r"^cd: SIGTERM came before it began\. Nothing was changed\.$"):
        second.run(task_vars={})
    assert second.calls == []


# Second terminals

ASKED = begun(held=HELD, asked="a1")
HANDLED = {"handled": ["a1"]}


def put_aside(action: str, at: float = 101.0) -> dict[str, Any]:
    return {"name": "request_ignored", "text": f"{action} makes no sense while the rollout is rolling_back", "at": at}


STUCK = "nobody confirms it; set the weights old 100, new 0 by hand"
ANSWERS: dict[str, tuple[str, list[Answer], tuple[bool, bool, str], str]] = {
    "abort gets through": (
        "abort",
        [stands("analyse"), stands("rolling_back", state=HANDLED), stands("rolled_back", state=HANDLED, holder=None)],
        (False, True, "rolled_back"),
        "rolled_back",
    ),
    "abort ends stuck": (
        "abort",
        [stands("rolling_back", state=HANDLED), stands("stuck", state={**HANDLED, "reason": STUCK}, holder=None)],
        (True, True, "stuck"),
        STUCK,
    ),
    "resume is put aside": (
        "resume",
        [stands("rolling_back", state=HANDLED, events=[put_aside("resume")])],
        (True, False, "rolling_back"),
        "ab: resume makes no sense while the rollout is rolling_back. Nothing was changed.",
    ),
    "promote is put aside": (
        "promote",
        [stands("rolling_back", state=HANDLED, events=[put_aside("promote")])],
        (True, False, "rolling_back"),
        "promote makes no sense",
    ),
    "another one was put aside before": (
        "promote",
        [stands("analyse", state=HANDLED, events=[put_aside("promote", at=99.0), put_aside("pause")])],
        (False, True, "analyse"),
        "",
    ),
    "nobody honours it in time": (
        "pause",
        [stands("analyse")],
        (True, True, "analyse"),
        "ab: pause is asked for; it was not honoured yet,",
    ),
}


@pytest.mark.parametrize(("action", "seen", "ends", "words"), ANSWERS.values(), ids=ANSWERS.keys())
def test_second_terminal_says_what_came_of_it(
    clock: Clock, action: str, seen: list[Answer], ends: tuple[bool, bool, str], words: str
) -> None:
    runner = Runner(clock, {"action": action}, {"begin": [ASKED], "read": seen})
    result = runner.run(task_vars={})
    assert (bool(result.get("failed")), result["changed"], result["phase"]) == ends
    assert words in result["msg"]


def test_second_terminal_takes_over_when_the_lock_expires(clock: Clock) -> None:
    """A runner on another machine that was killed is known to be gone by that alone."""
    gone = stands("analyse", holder=None, orphaned=True)
    answers: dict[str, list[Answer]] = {
        "begin": [ASKED, begun(tick("rolling_back"))],
        "read": [*[stands("analyse")] * 5, gone],
        "tick": [tick("rolled_back")],
    }
    runner = Runner(clock, {"action": "abort"}, answers)
    result = runner.run(task_vars={})
    assert (result["failed"], result["phase"]) == (False, "rolled_back")
    first, second = runner.called("begin")
    # The request that was left is the one that is carried out.
    assert first["token"] == second["token"] == runner.called("tick")[0]["token"]


def test_second_terminal_waits_for_the_lock_of_a_slow_rollout(clock: Clock) -> None:
    slow = begun(held={**HELD, "expires_in": 240.0}, asked="a1")
    runner = Runner(clock, {"action": "abort"}, {"begin": [slow], "read": [stands("analyse")]})
    before = clock.now
    assert runner.run(task_vars={})["failed"]
    assert 250 < clock.now - before < 260


# What is kept on the target

SETTINGS = {"traffic": {"source": "data_plane", "rate": 0.0}, "event_webhook": {"url": "http://127.0.0.1:1/"}}


@pytest.mark.parametrize(("withheld", "posted"), [(False, True), (True, False)], ids=["no headers", "headers"])
def test_events_of_a_run_that_somebody_else_began(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, withheld: bool, posted: bool
) -> None:
    webhooks = []

    def noted(webhook: Mapping[str, Any] | None) -> Events:
        webhooks.append(webhook)
        return Events(None)

    monkeypatch.setattr(experiment_rollout, "Events", noted)
    first = begun(tick(), settings=SETTINGS, withheld=withheld)
    runner = Runner(clock, {"action": "resume"}, {"begin": [first], "tick": [tick("succeeded")]})
    result = runner.run(task_vars={})
    assert [bool(each) for each in webhooks] == [posted]
    assert any("Events are not posted" in each for each in result.get("warnings", ())) is withheld
    # The target reads what it keeps.
    assert "traffic" not in runner.called("tick")[0]
