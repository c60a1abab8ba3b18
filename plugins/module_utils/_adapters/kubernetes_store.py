# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ExperimentStore on Seldon's Experiment resources.

A change goes: read, look around, refuse what Seldon could not do, write if the resource still is what was read, and
wait until Seldon says that it took the change and the request path shows the new split. What is not confirmed is put
back, if it still is what we wrote. In check mode the API server itself checks the write, and keeps nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Callable

from .._core.errors import ServingError, UnreachableError
from .._core.ports import Change, Reading
from .._core.seldon_experiment import change_of, difference, is_same, resource_of, spec_of
from .._core.seldon_surroundings import problems

if TYPE_CHECKING:
    from .._core.experiment import Experiment, Request
    from .._core.seldon_experiment import Seen
    from .kubernetes_wait import Wait
    from .seldon_cluster import SeldonCluster

ATTEMPTS = 5
LONGEST_PAUSE = 0.4
# How often, and seconds apart, an API server that was lost at a write is asked what became of it.
LOOKS, LOOK_PAUSE = 5, 1.0


@dataclass(frozen=True)
class _Plan:
    """What was read, and what is to become of it."""

    name: str
    seen: Seen | None
    before: Experiment | None
    wanted: Experiment | None
    # Why what was read makes no sense as an experiment, if it does not.
    fault: str = ""

    @property
    def is_done(self) -> bool:
        if self.seen is None or self.wanted is None:
            return self.seen is None and self.wanted is None
        return not self.seen.is_leaving and is_same(self.seen.spec, self.wanted)

    @property
    def pair(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after, for people."""
        raw = {"name": self.seen.name, **self.seen.spec} if self.seen else {}
        return (
            self.before.as_dict() if self.before and self.seen and is_same(self.seen.spec, self.before) else raw,
            self.wanted.as_dict() if self.wanted else {},
        )


class KubernetesStore:
    """Experiments of one namespace of a cluster."""

    def __init__(
        self,
        cluster: SeldonCluster,
        wait: Wait,
        *,
        take_over: bool,
        sleep: Callable[[float], None],
        chance: Callable[[], float],
    ) -> None:
        """``take_over``: change also what another program holds. ``chance``: numbers from 0 to 1."""
        self._cluster = cluster
        self._wait = wait
        self._take_over = take_over
        self._sleep = sleep
        self._chance = chance

    def read(self) -> Reading:
        """Return the declared experiments; those that make no sense are told as warnings."""
        experiments, warnings = [], []
        for seen in self._cluster.listed():
            try:
                experiments.append(seen.experiment())
            except ServingError as error:
                warnings.append(f"{seen.title} is left out. {error}")
        return Reading(tuple(experiments), self._cluster.list_version, warnings=tuple(warnings))

    def declare(self, request: Request, *, dry_run: bool, force: bool = False) -> Change:
        """Bring one experiment to the requested state; ``force`` does so also while somebody rolls it out."""
        plan = self._plan(request)
        if plan.is_done or (plan.wanted is None and plan.seen is not None and plan.seen.is_leaving):
            return self._confirm(plan, dry_run=dry_run)
        warnings = self._refuse(plan, force=force)
        if not dry_run:
            self._wait.before_change(plan.seen, plan.before, plan.wanted)
        written = self._write(plan, request, dry_run=dry_run, force=force)
        if written is None:
            # Somebody else did the same meanwhile.
            return self._confirm(self._plan(request), dry_run=dry_run)
        done, seen = written
        before, after = done.pair
        change = Change(before, after, changed=True, warnings=warnings)
        if dry_run:
            return change
        outcome = self._wait.for_change(done.seen, done.before, seen, done.wanted)
        return replace(change, live=outcome.live, warnings=(*warnings, *outcome.warnings), observed=outcome.observed)

    # Read

    def _plan(self, request: Request) -> _Plan:
        seen = self._cluster.read(request.name)
        before, fault = None, ""
        if seen is not None and request.present:
            if seen.is_pipeline:
                raise ServingError(
                    f"{seen.title} splits pipelines, and only experiments with models are supported. Nothing was "
                    "changed. Change it with kubectl, or declare another name."
                )
            if seen.is_leaving:
                raise ServingError(
                    f"{seen.title} is being deleted and waits for {_finalizers(seen)}. Nothing was changed. Run this "
                    "again when it is gone."
                )
        try:
            before = seen.experiment() if seen else None
        except ServingError as error:
            fault = str(error)
        try:
            return _Plan(request.name, seen, before, request.applied_to(before), fault)
        except ServingError as error:
            raise ServingError(f"{error} {fault}".strip(), **error.facts) from error

    def _refuse(self, plan: _Plan, *, force: bool) -> tuple[str, ...]:
        self._refuse_held(plan.seen, force=force)
        keeper = plan.seen.keeper() if plan.seen else ""
        kept = (f"{keeper} keeps this experiment, too, and puts its own back unless it is told not to.",)
        if plan.wanted is None:
            return kept if keeper else ()
        forbidden, unknown = problems(self._cluster.surroundings(), plan.wanted, plan.before)
        if forbidden:
            raise ServingError(
                f"Experiment {plan.name!r} in namespace {self._cluster.namespace!r} is refused: "
                f"{'; '.join(forbidden)}. Nothing was changed.",
                problems=forbidden,
            )
        doubts = (f"It could not be found out {'; '.join(unknown)}.",) if unknown else ()
        return (*doubts, *(kept if keeper else ()))

    def _refuse_held(self, seen: Seen | None, *, force: bool) -> None:
        if seen is None:
            return
        by = "" if force else seen.lock_at(self._cluster.now)
        if by:
            raise ServingError(
                f"{seen.title} is being rolled out by {by}. Nothing was changed. Wait for its end, or abort it; "
                "the module experiment changes it all the same with force: true, which pauses the rollout."
            )
        keeper = "" if self._take_over else seen.keeper()
        if keeper:
            raise ServingError(
                f"{seen.title} belongs to {keeper}, which would put its own back. Nothing was changed. Change it "
                "there; or take its spec out of what that program keeps, in Argo CD by ignoreDifferences on "
                "/spec/candidates, and set take_over: true."
            )

    # Write

    def _write(self, plan: _Plan, request: Request, *, dry_run: bool, force: bool) -> tuple[_Plan, Seen | None] | None:
        """Return what was written over, and what it is now; None when somebody else had done it by then."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                is_written, seen = self._attempt(plan, dry_run=dry_run)
            except UnreachableError:
                # Whether it was carried out is seen by looking.
                is_written, seen = self._was_carried_out(plan, dry_run=dry_run)
            if is_written:
                return plan, seen
            self._sleep(LONGEST_PAUSE * attempt / ATTEMPTS * self._chance())
            again = self._plan(request)
            if again.is_done:
                return None
            self._refuse_other(plan, again)
            self._refuse_held(again.seen, force=force)
            plan = again
        raise ServingError(
            f"Experiment {request.name!r} in namespace {self._cluster.namespace!r} changed under each of {ATTEMPTS} "
            "writes, though its spec stayed the same. Nothing was changed. Run this again."
        )

    def _attempt(self, plan: _Plan, *, dry_run: bool) -> tuple[bool, Seen | None]:
        if plan.wanted is None and plan.seen is not None:
            return self._cluster.delete(plan.seen, dry_run=dry_run), None
        if plan.wanted is None:
            return True, None
        if plan.seen is None:
            found = self._cluster.create(resource_of(self._cluster.namespace, plan.wanted), dry_run=dry_run)
        else:
            found = self._cluster.patch(plan.seen.name, change_of(plan.seen, plan.wanted), dry_run=dry_run)
        return found is not None, found

    def _was_carried_out(self, plan: _Plan, *, dry_run: bool) -> tuple[bool, Seen | None]:
        if dry_run:
            return False, None
        now = self._look_again(plan.name)
        if plan.wanted is None:
            return now is None or now.is_leaving, None
        is_there = now is not None and not now.is_leaving and is_same(now.spec, plan.wanted)
        return is_there, now if is_there else None

    def _look_again(self, name: str) -> Seen | None:
        why = ""
        for _look in range(LOOKS):
            try:
                return self._cluster.read(name)
            except UnreachableError as error:
                why = str(error)
            self._sleep(LOOK_PAUSE)
        raise ServingError(
            f"{why} It was lost while experiment {name!r} in namespace {self._cluster.namespace!r} was written, and "
            "whether that was carried out could not be found out. Run this again when it answers."
        )

    def _refuse_other(self, plan: _Plan, again: _Plan) -> None:
        """Refuse to write over what somebody else wrote since it was read."""
        old, new = plan.seen, again.seen
        if old is not None and new is not None:
            what = difference(old.spec, new.spec) if old.spec != new.spec else ""
        elif new is not None:
            what = "it was not there, and is there now"
        else:
            what = "it was there, and was deleted" if old is not None else ""
        if what:
            raise ServingError(
                f"Experiment {plan.name!r} in namespace {self._cluster.namespace!r} was changed by somebody else "
                f"meanwhile: {what}. Nothing was changed by this task. Look at it, and run this again.",
                found=new.spec if new else {},
                wanted=spec_of(plan.wanted) if plan.wanted else {},
            )

    # Confirm

    def _confirm(self, plan: _Plan, *, dry_run: bool) -> Change:
        """Return what nobody has to write; whether it is in force is asked, apart from check mode."""
        before, after = plan.pair
        change = Change(before, after, changed=False)
        if dry_run:
            return change
        outcome = self._wait.for_same(plan.seen, plan.wanted)
        return replace(change, live=outcome.live, warnings=outcome.warnings, observed=outcome.observed)


def _finalizers(seen: Seen) -> str:
    return "its finalizers " + (", ".join(seen.metadata.get("finalizers") or ()) or "(none)")


__all__ = ["KubernetesStore"]
