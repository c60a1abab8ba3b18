# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of experiment_rollout: calls the module tick by tick, shows each, and ends well when interrupted."""

from __future__ import annotations

import getpass
import socket
import time
import uuid
from datetime import datetime, timezone
from typing import Any, Mapping

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils._core.errors import ServingError
from ..module_utils._core.plan import Plan
from ..module_utils._core.rollout_begin import ASKED
from ..module_utils._core.rollout_report import build_report
from ..module_utils._core.rollout_state import ABORTED, PAUSED, ROLLED_BACK, ROLLING_BACK, STUCK, SUCCEEDED
from ..module_utils._core.weights import weights_at
from ..module_utils._wiring.rollout import own_holder
from ..module_utils._wiring.rollout_options import ARGUMENTS, plan_values
from ..plugin_utils._events import Events
from ..plugin_utils._interrupt import Interrupt
from ..plugin_utils._progress import Progress
from ..plugin_utils._report_files import require_directory
from ..plugin_utils._rollout_report import run_of, write_reports
from ..plugin_utils._rollout_text import outcome_text, plan_text, status_text

MODULE = "modelops.serving.experiment_rollout"
# Whoever ends it waits for no longer than ten seconds, the report included.
INTERRUPTED_SECONDS = 7.5
# A target that cannot be reached is tried again for so long, and the weights stay as they are meanwhile.
OUTAGE_SECONDS = 300.0
OUTAGE_WAIT = 2.0
# A request of a second terminal is honoured at the next tick; this is how long to wait for it, or for so long after
# the runner's lock, as it was at first, has to be renewed.
ASKED_SECONDS, RENEWED_SECONDS = 60.0, 10.0
POLL_SECONDS = 0.5
# A part of the wait for the next tick is needed to call the module that sends.
SEND_OVERHEAD = 0.6
SEND_SECONDS, LEAST_SECONDS = 2.0, 0.4
MOST_HASTE = 2.0
EVENT_SECONDS = 2.0
REQUEST_IGNORED = "request_ignored"


class ActionModule(ActionBase):
    """Carries a rollout out. What is decided is decided by the module, on the target, and kept there."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        self._vars = task_vars or {}
        self._progress = Progress()
        self._before: list[dict[str, Any]] = []
        self._probed: list[dict[str, Any]] = []
        self._sent_at = time.monotonic()
        self._verdict = ""
        self._weights: tuple[dict[str, int], float] = ({}, 0.0)
        self._given_up = ""
        _validated, self._params = self.validate_argument_spec(argument_spec=ARGUMENTS)
        self._name = str(self._params["name"])
        try:
            values = plan_values(self._params)
            if values is not None and self._params["action"] not in ASKED:
                # What is wrong with the plan is said before anything is asked.
                Plan.parse(values)
            if self._params["action"] == "status":
                return self._status()
            if self._params["action"] == "plan" or (self._task.check_mode and self._params["action"] not in ASKED):
                return self._plan()
            if self._task.check_mode:
                return self._would_ask()
            return self._carry_out()
        except ServingError as error:
            raise AnsibleActionFail(str(error), result=error.facts) from error

    # What changes nothing

    def _plan(self) -> dict[str, Any]:
        """Show what each step takes; fail when it cannot begin, or cannot succeed."""
        found = self._call("plan")
        self._progress.say(f"\n{plan_text(found)}")
        problems = [*found["problems"], *found["estimate"]["problems"]]
        result: dict[str, Any] = {
            "changed": self._params["action"] != "plan" and not found["settled"],
            "msg": "; ".join(problems) or "nothing is known that must keep it from success",
            **self._whole({"plan": found["plan"], "estimate": found["estimate"]}),
        }
        if self._task.diff:
            result["diff"] = self._steps(found)
        return {**result, "failed": bool(problems)}

    def _would_ask(self) -> dict[str, Any]:
        """Say what would be asked of the rollout; what makes no sense is refused as without check mode."""
        self._call("check")
        return {"changed": True, "msg": f"{self._params['action']} would be asked of the rollout of {self._name}"}

    def _steps(self, found: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the weights before and after each step."""
        plan, before, diffs = found["plan"], dict(found["weights"]), []
        for step in plan["steps"]:
            after = weights_at(step["weight"], found["weights"], baseline=plan["baseline"], candidate=plan["candidate"])
            diffs.append(self._diff(before, after))
            before = after
        return diffs

    def _diff(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "before_header": f"weights of {self._name}",
            "after_header": f"weights of {self._name}",
            "before": dict(before),
            "after": dict(after),
        }

    def _status(self) -> dict[str, Any]:
        found = self._call("read")
        text = status_text(self._name, found)
        self._progress.say(f"\n{text}")
        more = {key: found[key] for key in ("holder", "orphaned", "outcomes", "requests")}
        state = found["state"]
        shown = {} if state is None else self._state_facts(state)
        return {"changed": False, "msg": text, **shown, **self._whole(more)}

    def _whole(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Return what only those want to read who asked for it: the terminal has shown it in fewer words."""
        return {} if self._task.register is None and not self._progress.is_verbose else facts

    # What carries a rollout out

    def _carry_out(self) -> dict[str, Any]:
        if self._params["report_directory"]:
            require_directory(self._params["report_directory"])
        with Interrupt() as self._interrupt:
            if self._interrupt.reason:
                # The next item of a loop comes all the same, maybe with nobody there to watch it.
                raise AnsibleActionFail(
                    f"{self._name}: {self._interrupt.reason} came before it began. Nothing was changed."
                )
            new = self._new()
            begun = self._begin(new)
            while begun["asked"]:
                asked = self._follow(begun)
                if asked is not None:
                    return asked
                begun = self._begin(new)
            if begun["settled"]:
                state = begun["settled"]
                text = f"{self._name}: the run {state['id']} of this plan succeeded, and its weights are in force"
                self._progress.say(f"\n{text}.")
                return {"changed": False, "msg": text, **self._state_facts(state)}
            warnings = self._take_settings(begun)
            self._events = Events(self._params["event_webhook"])
            tick = self._walk(begun["tick"])
            result = self._outcome(tick)
            self._tell("end", result["msg"], tick)
            self._events.close(EVENT_SECONDS)
        if self._events.lost:
            warnings.append(f"{self._events.lost} events did not reach the webhook ({self._events.last_problem})")
        return {**result, "warnings": warnings} if warnings else result

    def _new(self) -> dict[str, Any]:
        """Return the names under which it is carried out, or asked for."""
        self._token = uuid.uuid4().hex
        return {
            "token": self._token,
            "run": f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}",
            "holder": own_holder(f"{getpass.getuser()}@{socket.gethostname()}").as_dict(),
        }

    def _begin(self, new: Mapping[str, Any]) -> dict[str, Any]:
        """Get the right to carry it out; wait for a runner that may be gone, and refuse beside one that is not."""
        heard = None
        while True:
            found = self._call("begin", **new)
            held = found["held"]
            if held is None or found["asked"]:
                return found
            if heard is not None and held["renewed"] != heard:
                raise AnsibleActionFail(
                    f"{self._name} is being rolled out by {held['by']}. Nothing was changed here. Set action to status "
                    "to look at it, or to pause, promote or abort to ask something of it.",
                    result={"phase": "held", "holder": held["by"]},
                )
            if heard is None:
                text = f"{held['by']} carries it out; waiting up to {held['expires_in']:.0f} s to see whether they live"
                self._progress.note(text)
            heard = held["renewed"]
            self._interrupt.wait(min(POLL_SECONDS * 2, held["expires_in"] + 0.1))
            if self._interrupt.reason:
                raise AnsibleActionFail(f"Interrupted by {self._interrupt.reason}. Nothing was changed.")

    def _take_settings(self, begun: Mapping[str, Any]) -> list[str]:
        """Go on with what the run began with: whoever resumes it may have given neither a plan nor its traffic.

        What is known on the target alone is said.
        """
        warnings = []
        given = self._params["event_webhook"]
        if begun["settings"]:
            self._params.update({"event_webhook": None, **begun["settings"]})
        if begun["withheld"]:
            self._params["event_webhook"] = given
            if not given:
                warnings.append(
                    "Events are not posted: event_webhook has headers, which stay on the target. Set the plan, with "
                    "its event_webhook, to have them posted."
                )
        if self._params["event_webhook"]:
            self._params["event_webhook"].setdefault("timeout", EVENT_SECONDS)
        return warnings

    def _walk(self, tick: dict[str, Any]) -> dict[str, Any]:
        """Tick until nobody has to wait any more."""
        self._show(tick)
        heard = time.monotonic()
        while not tick["done"]:
            if self._interrupt.seconds > INTERRUPTED_SECONDS:
                return tick
            self._wait(tick)
            reason = self._interrupt.reason
            more = {"interrupt": f"{reason} of {getpass.getuser()}@{socket.gethostname()}"} if reason else {}
            probed, self._probed = self._probed, []
            try:
                tick = self._call("tick", token=self._token, probed=probed, **more)
            # A connection that fails is no failure of an action, nor is a module that could not be sent.
            except AnsibleError as error:
                outage = time.monotonic() - heard
                if outage > OUTAGE_SECONDS or self._interrupt.seconds > INTERRUPTED_SECONDS:
                    self._given_up = (
                        f"{self._name}: the target could not be asked for {outage:.0f} s ({error}). The weights are "
                        f"unchanged at {tick['weight']:g}. Run it again to go on, or abort it."
                    )
                    return tick
                self._progress.note(f"[rollout {self._name}] weights unchanged at {tick['weight']:g}: {error}")
                self._interrupt.wait(OUTAGE_WAIT)
                continue
            heard = time.monotonic()
            self._show(tick)
        return tick

    def _wait(self, tick: Mapping[str, Any]) -> None:
        """Wait for the next tick, and send traffic meanwhile where the rollout is told to."""
        wait = min(tick["wait"], POLL_SECONDS) if self._interrupt.reason else tick["wait"]
        deadline = time.monotonic() + wait
        rate = float(self._params["traffic"]["rate"])
        while rate > 0 and not self._interrupt.reason and time.monotonic() < deadline:
            now = time.monotonic()
            seconds = min(SEND_SECONDS, max(LEAST_SECONDS, deadline - now - SEND_OVERHEAD))
            # What a late tick left unsent is sent faster, but never as a burst: that would be a load of another kind.
            count = round(rate * min(now - self._sent_at, MOST_HASTE * seconds))
            if count < 1:
                break
            self._sent_at = now
            try:
                self._probed.append(self._call("send", requests=count, seconds=seconds)["probed"])
            except AnsibleError as error:
                # What becomes of a rollout without traffic is decided by the tick.
                self._progress.note(f"[rollout {self._name}] nothing was sent: {error}")
                break
        self._interrupt.wait(max(0.0, deadline - time.monotonic()))

    def _follow(self, begun: Mapping[str, Any]) -> dict[str, Any] | None:
        """Wait until the runner has honoured a request, and return what came of it; None when the runner is gone."""
        action, held = self._params["action"], begun["held"]
        self._progress.note(f"{held['by']} carries it out; {action} is asked for")
        deadline = time.monotonic() + max(ASKED_SECONDS, held["expires_in"] + RENEWED_SECONDS)
        while True:
            found = self._call("read")
            state = found["state"]
            is_handled = begun["asked"] in state["handled"]
            is_going_back = action == "abort" and state["phase"] == ROLLING_BACK
            if is_handled and not is_going_back:
                return self._answered(found, begun["asked_at"])
            if found["holder"] is None:
                return None
            # Going back ends by itself, if only by being stuck.
            if self._interrupt.reason or (not is_handled and time.monotonic() > deadline):
                how = "is not over yet" if is_handled else "was not honoured yet, and is as soon as that is possible"
                text = (
                    f"{self._name}: {action} is asked for; it {how}. Set action to status to look again, or to abort "
                    "to give the baseline everything."
                )
                return {"failed": True, "changed": True, "msg": text, **self._state_facts(state)}
            self._interrupt.wait(POLL_SECONDS)

    def _answered(self, found: Mapping[str, Any], asked_at: float) -> dict[str, Any]:
        """Return what came of a request; one that was put aside, or did not get through, fails."""
        action, state = self._params["action"], found["state"]
        text = status_text(self._name, {**found, "events": []})
        self._progress.say(f"\n{text}")
        facts = self._state_facts(state)
        if action == "abort" and not self._is_fine(state["phase"]):
            over = outcome_text(self._name, {**state, "weight": state["percent"]})
            return {"failed": True, "changed": True, "msg": over, **facts}
        for event in found["events"]:
            # Requests are put aside by what they ask for.
            is_new = event["name"] == REQUEST_IGNORED and (event["at"] or 0.0) >= asked_at
            if is_new and event["text"].startswith(f"{action} "):
                text = f"{self._name}: {event['text']}. Nothing was changed. Set action to status to look at it."
                return {"failed": True, "changed": False, "msg": text, **facts}
        return {"changed": True, "msg": text, **facts}

    def _state_facts(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return self._facts({**state, "weight": state["percent"]})

    # What is told

    def _show(self, tick: Mapping[str, Any]) -> None:
        """Show a tick, and whatever happened at it."""
        if tick["weights_before"] is not None:
            self._before.append(self._diff(tick["weights_before"], tick["weights"]))
        self._tell_verdict(tick)
        self._weights = tick["weights"], tick["weight"]
        if tick["line"] and (self._params["progress"] == "normal" or tick["events"] or tick["done"]):
            self._progress.tick(tick["line"], tick["phase"])
        for event in tick["events"]:
            if event["text"] not in tick["line"]:
                self._progress.tick(f"[rollout {self._name}] {event['name']}: {event['text']}", tick["phase"])
            self._tell(event["name"], event["text"], tick)

    def _tell_verdict(self, tick: Mapping[str, Any]) -> None:
        """Tell what the gates say when that changes; it is said of the weights at which it was found."""
        analysis = tick["analysis"] or {}
        verdict = f"{self._weights[1]:g} {analysis.get('phase', '')}"
        if analysis.get("verdicts") and verdict != self._verdict:
            self._verdict = verdict
            weights, weight = self._weights
            found = {**tick, "weights": weights, "weight": weight}
            self._tell("verdict", f"{analysis['phase']}: {'; '.join(analysis['reasons'])}", found)

    def _tell(self, name: str, text: str, tick: Mapping[str, Any]) -> None:
        self._events.send(
            {
                "event": name,
                "text": text,
                "rollout": self._name,
                "run": tick["run"],
                "phase": tick["phase"],
                "weight": tick["weight"],
                "weights": tick["weights"],
                "at": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            }
        )

    def _outcome(self, tick: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of the task: what is over and good succeeds, all else fails and says so."""
        text = self._given_up or outcome_text(self._name, tick)
        reason = self._interrupt.reason
        if reason:
            text = f"Interrupted by {reason}. {text}"
        reports = self._report()
        self._progress.say(f"\n{text}")
        if reports:
            self._progress.say(f"Report: {reports[-1]}")
        result = {"changed": bool(self._before), "msg": text, "reports": reports, **self._facts(tick)}
        if self._task.diff:
            result["diff"] = self._before
        return {**result, "failed": bool(reason or self._given_up) or not self._is_fine(tick["phase"])}

    def _is_fine(self, phase: str) -> bool:
        if phase == SUCCEEDED:
            return True
        if phase == PAUSED:
            return self._params["action"] == "pause" or not self._params["fail_on_pause"]
        return self._params["action"] == "abort" and phase in (ROLLED_BACK, ABORTED)

    def _report(self) -> list[str]:
        """Write the report; that it cannot be written undoes no rollout."""
        directory = self._params["report_directory"]
        # Whoever ends it does not wait for a target that does not answer.
        if not directory or (self._given_up and self._interrupt.reason):
            return []
        try:
            found = self._call("journal")
            target = str(self._vars.get("inventory_hostname", ""))
            run = run_of(self._name, found, target=target, store=str(self._params["store"]))
            return write_reports(build_report(run, found["plan"], found["lines"]), directory)
        except (ServingError, AnsibleError) as error:
            self._progress.note(f"there is no report: {error}")
            return []

    def _call(self, call: str, **more: Any) -> dict[str, Any]:
        """Run the module on the target."""
        found = self._execute_module(
            module_name=MODULE,
            module_args={**self._task.args, **more, "call": call},
            task_vars=self._vars,
        )
        if found.get("failed"):
            raise AnsibleActionFail(str(found.get("msg", "The module failed.")), result=found)
        for warning in found.get("warnings") or ():
            self._progress.note(str(warning))
        return dict(found)

    def _facts(self, tick: Mapping[str, Any]) -> dict[str, Any]:
        """Return what programs are told of a rollout."""
        phase = tick["phase"]
        return {
            "phase": phase,
            "run": tick.get("run") or tick.get("id"),
            "step": int(tick["step"]) + 1,
            "weight": tick["weight"],
            "weights": dict(tick["weights"]),
            "cause": tick["cause"],
            "reason": tick["reason"],
            "rolled_back": phase == ROLLED_BACK,
            "needs_human": phase == STUCK,
            **self._whole({"analysis": tick.get("analysis")}),
        }
