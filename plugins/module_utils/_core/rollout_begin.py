# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may carry a rollout out: a new run, one whose runner is gone, or one that somebody asks something of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Callable, Mapping

from .errors import ServingError
from .plan import Plan
from .ports import RolloutStore, RolloutView
from .rollout import Rollout
from .rollout_record import Holder, Lock, Record, time_to_live
from .rollout_runner import Runner, Tick
from .rollout_state import ROLLED_BACK, STUCK, SUCCEEDED, Effects, Event, Request, State

RUN, RETRY = "run", "retry"
# What people ask of a rollout that is under way.
ASKED = ("pause", "resume", "promote", "abort")


@dataclass(frozen=True)
class Wish:
    """What somebody wants of a rollout, and who they are. ``token`` and ``run`` are new names, should they be needed.

    ``plan`` is the plan as it was given, and ``settings`` what was given beside it; None stands for the one that the
    rollout began with, and its settings.
    """

    action: str
    token: str
    run: str
    holder: Holder
    plan: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    full: bool = False


@dataclass(frozen=True)
class Begun:
    """What came of a wish.

    ``tick`` is the first one, under the wish's token. With ``held`` somebody else carries the rollout out; then
    ``asked`` says whether the wish was left as a request for them. ``settled``: it is over, and there is nothing to do.
    """

    tick: Tick | None = None
    held: Lock | None = None
    asked: str = ""
    settled: State | None = None


@dataclass(frozen=True)
class Desk:
    """Takes wishes. ``is_gone`` says whether a holder is known to have ended."""

    name: str
    store: RolloutStore
    clock: Callable[[], float]
    is_gone: Callable[[Holder], bool]

    def take(self, wish: Wish) -> Begun:
        """Begin, take over, or leave a request for whoever carries the rollout out."""
        view, now = self.store.view(self.name), self.clock()
        record = view.record
        held = self.held(record, now)
        if held is not None:
            return self._leave(wish, view, held)
        settled = self.check(wish, view)
        if settled is not None:
            return Begun(settled=settled)
        if record is not None and (wish.action in ASKED or not record.state.is_terminal):
            if wish.action in ASKED:
                self.store.ask(self.name, self._request(wish))
            return self._adopt(wish, view, record, now)
        return self._start(wish, view, now)

    def check(self, wish: Wish, view: RolloutView) -> State | None:
        """Refuse what makes no sense while nobody carries it out, and return the state that leaves nothing to do."""
        record = view.record
        if wish.action in ASKED:
            self._check_asked(wish, record)
        elif view.experiment is None:
            raise ServingError(
                f"There is no experiment {self.name!r}. Declare it first, with playbooks/experiment.yml or in "
                "serving_experiments; a rollout moves its weights."
            )
        plan, _values = self.plan_of(wish, record)
        if record is None:
            return None
        if wish.action in ASKED or not record.state.is_terminal:
            if wish.action == RETRY:
                raise ServingError(
                    f"The rollout of {self.name!r} is {record.state.phase}, and only one that is over can be tried "
                    "again; set action to resume, promote or abort."
                )
            Rollout(plan).refuse_other_plan(record.state)
            return None
        if record.state.phase == STUCK:
            raise ServingError(f"The rollout {record.state.id} of {self.name!r} is stuck: {record.state.reason}.")
        if wish.action == RETRY or not _is_same(record, plan, _versions(view, plan)):
            return None
        if (
            record.state.phase == SUCCEEDED
            and view.experiment
            and view.experiment.weights == dict(record.state.weights)
        ):
            return record.state
        _refuse_again(self.name, record.state)
        return None

    def _check_asked(self, wish: Wish, record: Record | None) -> None:
        if record is None:
            raise ServingError(f"{self.name!r} was never rolled out, so there is nothing to {wish.action}.")
        if record.state.is_terminal and not (record.state.phase == STUCK and wish.action == "abort"):
            raise ServingError(
                f"The rollout {record.state.id} of {self.name!r} is over ({record.state.phase}: "
                f"{record.state.reason}); there is nothing to {wish.action}. Set action to run or retry for a new one."
            )

    def held(self, record: Record | None, now: float) -> Lock | None:
        """Return the lock when its holder is not known to be gone, and was heard of lately."""
        lock = record.holder_at(now) if record else None
        return None if lock is None or self.is_gone(lock.holder) else lock

    def plan_of(self, wish: Wish, record: Record | None) -> tuple[Plan, Mapping[str, Any]]:
        """Return the plan to carry out, and how it was given: by the wish, or when the run began."""
        known = record.plan if record else None
        # What is asked of a run that is under way is asked of the plan that it began with.
        begun_first = wish.action in ASKED and known is not None
        values = known if begun_first or wish.plan is None else wish.plan
        if values is None:
            raise ServingError(
                f"There is no plan for {self.name!r}. Set baseline, candidate, steps and gates, for instance with "
                "-e @playbooks/vars/financial-ab-test.yml."
            )
        return Plan.parse(values), values

    def _leave(self, wish: Wish, view: RolloutView, held: Lock) -> Begun:
        if wish.action not in ASKED or view.record is None:
            return Begun(held=held)
        request = self._request(wish)
        self.store.ask(self.name, request)
        return Begun(held=held, asked=request.id)

    def _request(self, wish: Wish) -> Request:
        return Request(wish.token, wish.action, wish.holder.name, wish.full)

    def _start(self, wish: Wish, view: RolloutView, now: float) -> Begun:
        """Begin a new run."""
        record = view.record
        plan, values = self.plan_of(wish, record)
        state = Rollout(plan).start(wish.run, view.experiment.weights if view.experiment else {}, now)
        settings = self._settings(wish, record)
        fresh = Record(record.sequence if record else 0, state, None, dict(values), settings, _versions(view, plan))
        return self._first(wish, plan, view, fresh, (state, Effects(events=(_begun(plan, wish),))))

    def _adopt(self, wish: Wish, view: RolloutView, record: Record, now: float) -> Begun:
        plan, values = self.plan_of(wish, record)
        outcome: tuple[State, Effects] = (replace(record.state, renewed=now), Effects())
        # A lock that was given back in good order left nothing unwatched.
        if record.lock is not None and record.state.phase != STUCK:
            outcome = Rollout(plan).adopt(record.state, now)
        taken = replace(record, plan=dict(values), settings=self._settings(wish, record))
        return self._first(wish, plan, view, taken, outcome)

    def _settings(self, wish: Wish, record: Record | None) -> dict[str, Any]:
        return dict(wish.settings if wish.plan is not None or record is None else record.settings)

    def _first(
        self, wish: Wish, plan: Plan, view: RolloutView, record: Record, outcome: tuple[State, Effects]
    ) -> Begun:
        runner = Runner(plan, self.store, self.clock)
        lock = Lock(wish.token, wish.holder, outcome[0].renewed, time_to_live(plan.judging.interval))
        if outcome[1].weights is not None:
            # Beside the weights stands nothing of what was given, so that is written alone before them.
            given = record.next(record.state, lock)
            if not self.store.save(self.name, given, expected=record.sequence):
                return self._overtaken()
            record = given
        tick = runner.carry_out(view, record, outcome, lock, {})
        return self._overtaken() if tick.again else Begun(tick=tick)

    def _overtaken(self) -> Begun:
        found = self.store.view(self.name).record
        if found is not None and found.lock is not None:
            return Begun(held=found.lock)
        raise ServingError(f"Somebody else wrote the experiment {self.name!r} at the same moment. Run it again.")


def _versions(view: RolloutView, plan: Plan) -> dict[str, int]:
    return {name: view.models[name].version for name in (plan.baseline, plan.candidate) if name in view.models}


def _is_same(record: Record, plan: Plan, versions: Mapping[str, int]) -> bool:
    return record.state.plan == plan.digest and dict(record.versions) == dict(versions)


def _refuse_again(name: str, state: State) -> None:
    """Refuse to run the very same plan again after it was taken back: a timer must not try it over and over.

    A run that failed or was aborted before its start changed nothing, and what it lacked may be there now.
    """
    if state.phase != ROLLED_BACK:
        return
    raise ServingError(
        f"The rollout {state.id} of {name!r} with this plan is over ({state.phase}: {state.reason}). Set action to "
        "retry for a new run of the same plan.",
        phase=state.phase,
    )


def _begun(plan: Plan, wish: Wish) -> Event:
    steps = " -> ".join(f"mirror {step.mirror}" if step.mirror else f"{step.weight:g}" for step in plan.steps)
    return Event("start", f"{wish.holder.name} rolls out {plan.candidate} against {plan.baseline}: {steps} %")


__all__ = ["ASKED", "RETRY", "RUN", "Begun", "Desk", "Wish"]
