# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until a cluster's experiment is in force: Seldon says that it took it, and the request path shows the split.

What Seldon refuses, and what is not confirmed in time, is put back, if it still is what was written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Mapping, Sequence

from .._core.errors import ServingError, UnreachableError
from .._core.ports import Live
from .._core.request_path import ROUTE
from .._core.seldon_conditions import FRESH_SECONDS, Judgement, Word, conditions_of, is_fresh, is_ready, judge
from .._core.seldon_experiment import difference, return_of
from .._core.split_proof import MOST, RouteProof, model_of, routes_of

if TYPE_CHECKING:
    from .._core.experiment import Experiment
    from .._core.request_path import Answer
    from .._core.seldon_experiment import Seen
    from .._core.split_proof import Route
    from .seldon_cluster import SeldonCluster

POLL_SECONDS = 0.2
RETURN_ATTEMPTS = 5
UNPROVEN = (
    "The request path was not asked, so it is not proven that callers get this split: set request_path. Seldon says "
)


@dataclass(frozen=True)
class Outcome:
    """What is in force, as far as it was proven, and what to say of it."""

    live: Live | None = None
    warnings: tuple[str, ...] = ()
    observed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Wait:
    """Looks at one cluster, and asks its request path where there is one to ask."""

    def __init__(
        self,
        cluster: SeldonCluster,
        ask: Callable[[Route], Sequence[Answer]] | None,
        *,
        timeout: float,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._ask = ask
        self._timeout = timeout
        self._sleep = sleep
        self._clock = clock

    def before_change(self, seen: Seen | None, before: Experiment | None, wanted: Experiment | None) -> None:
        """Wait until a change can be seen in Seldon's conditions, where nothing else tells of it."""
        is_told = self._ask and any(route.is_moved for route in routes_of(before, wanted))
        if seen and not is_told and is_fresh(conditions_of(seen.resource), self._cluster.now):
            self._sleep(FRESH_SECONDS)

    def for_change(
        self, seen: Seen | None, before: Experiment | None, written: Seen | None, wanted: Experiment | None
    ) -> Outcome:
        """Return when a change is in force; raise when Seldon refuses it, or it does not come into force in time."""
        deadline = self._clock() + self._timeout
        proofs = self._proofs(before, wanted)
        if written is None or wanted is None:
            return self._gone(seen, proofs, deadline)
        told = conditions_of(seen.resource) if seen else {}
        said = Judgement(Word.WAITING, "Seldon was not asked")
        while self._clock() < deadline:
            try:
                now = self._still(written)
            except UnreachableError as error:
                said = Judgement(Word.WAITING, str(error))
                self._sleep(POLL_SECONDS)
                continue
            said = judge(told, conditions_of(now.resource))
            if said.word is Word.REJECTED:
                raise self._undone(seen, written, f"Seldon refuses it: {said.text}")
            is_told = any(each.route.is_moved for each in proofs)
            if (said.word is Word.CONFIRMED and proofs) or (said.word is Word.UNMOVED and is_told):
                proofs = self._asked(proofs)
                if all(each.is_proven for each in proofs):
                    return Outcome(Live(str(now.generation), (wanted,)), observed=_observed(proofs))
                if all(each.is_proven or each.is_all_one for each in proofs):
                    return Outcome(warnings=(_undecided(proofs, said),), observed=_observed(proofs))
            elif said.word is Word.CONFIRMED:
                return Outcome(warnings=(f"{UNPROVEN}that {said.text}.",))
            self._sleep(POLL_SECONDS)
        raise self._undone(
            seen, written, f"it did not come into force within {self._timeout:g} s: {_told(said, proofs)}"
        )

    def for_same(self, seen: Seen | None, wanted: Experiment | None) -> Outcome:
        """Return what is in force of an experiment that nobody had to change; raise when callers get another split."""
        deadline = self._clock() + self._timeout
        if seen is None:
            return Outcome()
        if wanted is None:
            return self._gone(seen, (), deadline)
        conditions, proofs = conditions_of(seen.resource), self._proofs(wanted, wanted)
        faults = "; ".join(each.said for each in conditions.values() if each.status != "True")
        said = faults or ("all is well" if conditions else "nothing of it")
        if not proofs:
            told = f"{seen.title} is declared so already, and Seldon says: {said}."
            return Outcome(warnings=() if is_ready(conditions) else (told,))
        while self._clock() < deadline:
            proofs = self._asked(proofs)
            if all(each.is_proven for each in proofs):
                return Outcome(Live(str(seen.generation), (wanted,)), observed=_observed(proofs))
            self._sleep(POLL_SECONDS)
        raise ServingError(
            f"{seen.title} is declared so already, and callers get something else: {_doubts(proofs)}. Seldon says: "
            f"{said}. Look at the scheduler's log, and whether the models are ready.",
            observed=_observed(proofs),
        )

    def _gone(self, seen: Seen | None, proofs: Sequence[RouteProof], deadline: float) -> Outcome:
        """Wait until a deleted experiment is gone, and its route with it."""
        while seen is not None:
            try:
                now = self._cluster.read(seen.name)
            except UnreachableError:
                now = seen
            if now is None or now.metadata["uid"] != seen.metadata["uid"]:
                break
            if self._clock() >= deadline:
                held = ", ".join(now.metadata.get("finalizers") or ()) or "none"
                raise ServingError(
                    f"{seen.title} was deleted, and is still there after {self._timeout:g} s (finalizers: {held}). "
                    "Seldon's operator takes its finalizer away when the scheduler has ended the experiment: look at "
                    "the logs of both. Where there is no operator any more, take the finalizer away with kubectl."
                )
            self._sleep(POLL_SECONDS)
        while proofs and not all(each.is_proven for each in proofs):
            if self._clock() >= deadline:
                doubts = _doubts(proofs)
                if not proofs[0].is_proven:
                    raise ServingError(f"The experiment was deleted, and callers still get something else: {doubts}.")
                return Outcome(warnings=(f"The experiment is gone, and the request path is not as it was: {doubts}.",))
            proofs = self._asked(proofs)
            self._sleep(POLL_SECONDS)
        return Outcome(Live("", ()) if proofs else None, observed=_observed(proofs))

    def _still(self, written: Seen) -> Seen:
        now = self._cluster.read(written.name)
        if now is None or now.is_leaving or now.metadata["uid"] != written.metadata["uid"]:
            raise ServingError(f"{written.title} was written, and deleted by somebody else before it was in force.")
        if now.spec != written.spec:
            raise ServingError(
                f"{written.title} was written, and changed by somebody else before it was in force: "
                f"{difference(written.spec, now.spec)}. What they wrote was left as it is."
            )
        return now

    def _proofs(self, before: Experiment | None, after: Experiment | None) -> Sequence[RouteProof]:
        return [RouteProof(route) for route in routes_of(before, after)] if self._ask else []

    def _asked(self, proofs: Sequence[RouteProof]) -> Sequence[RouteProof]:
        """Return the proofs with more answers, where more are needed."""
        found = []
        for proof in proofs:
            if not proof.is_proven and not proof.is_all_one and self._ask:
                for answer in self._ask(proof.route):
                    proof = _with(proof, answer)
            found.append(proof)
        return found

    def _undone(self, seen: Seen | None, written: Seen, why: str) -> ServingError:
        """Put back what was there, and return what to say of it."""
        try:
            done = self._put_back(seen, written)
        except ServingError as error:
            done = f"It could not be put back ({error}), and stays as it was written"
        return ServingError(f"{written.title} was written, and {why}. {done}.")

    def _put_back(self, seen: Seen | None, written: Seen) -> str:
        if seen is not None:
            is_back = self._cluster.patch(seen.name, return_of(written, seen), dry_run=False) is not None
            return "What was there before was put back" if is_back else "Somebody changed it meanwhile; it stays so"
        for _attempt in range(RETURN_ATTEMPTS):
            now = self._cluster.read(written.name)
            if now is None or now.metadata["uid"] != written.metadata["uid"] or now.spec != written.spec:
                return "Somebody changed it meanwhile; it stays so"
            if self._cluster.delete(now, dry_run=False):
                return "It was new, and was deleted again"
        return "It could not be deleted again, since its status kept changing; run this again with state: absent"


def _with(proof: RouteProof, answer: Answer) -> RouteProof:
    model = model_of(answer.route)
    if model:
        return proof.add(model)
    if answer.status == 404:
        return proof.add("", f"no route answers ({answer.brief})", is_absent=True)
    return proof.add("", answer.brief if answer.status != 200 else f"an answer without {ROUTE}")


def _undecided(proofs: Sequence[RouteProof], said: Judgement) -> str:
    doubts = _doubts(proofs)
    return (
        f"The new split is too close to the old one to be proven by {MOST} answers: {doubts}. Seldon says {said.text}."
    )


def _observed(proofs: Sequence[RouteProof]) -> dict[str, dict[str, int]]:
    return {each.route.header: dict(each.counts) for each in proofs}


def _doubts(proofs: Sequence[RouteProof]) -> str:
    return "; ".join(
        f"seldon-model: {each.route.header} is answered by {each.said}, wanted is {_shares(each.route)}"
        + (f" (last: {each.last_fault})" if each.last_fault else "")
        for each in proofs
        if not each.is_proven
    )


def _shares(route: Route) -> str:
    if route.new is None:
        return "no answer"
    return ", ".join(f"{model} {share * 100:.3g} %" for model, share in route.new.items())


def _told(said: Judgement, proofs: Sequence[RouteProof]) -> str:
    return f"{said.text}; {_doubts(proofs)}" if proofs else said.text


__all__ = ["Outcome", "Wait"]
