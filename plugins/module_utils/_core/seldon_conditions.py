# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Seldon says of an experiment, and how far it is to be believed.

Its conditions name no generation, so right after a change they may still speak of the state before. What the scheduler
refuses is told as ``ModelReady`` False, on the experiment, some four seconds later, and never taken back; the other
conditions stay as they were. While a change comes into force, ``ExperimentReady`` turns False and True again. Texts are
in ``reason``. (Seldon Core v2, operator/controllers/mlops/experiment_controller.go and
operator/scheduler/experiment.go, 2.10.)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Mapping

EXPERIMENT_READY, REJECTED = "ExperimentReady", "ModelReady"
EXPECTED = (EXPERIMENT_READY, "CandidatesReady", "MirrorReady", "Ready")
FRESH_SECONDS = 2.0


@dataclass(frozen=True)
class Condition:
    """One thing that Seldon says, and since when."""

    type: str
    status: str
    text: str = ""
    since: str = ""

    @property
    def said(self) -> str:
        return f"{self.type} is {self.status}" + (f" ({self.text})" if self.text else "")

    def as_dict(self) -> dict[str, str]:
        """Return plain data."""
        return {"type": self.type, "status": self.status, "reason": self.text, "since": self.since}


Conditions = Mapping[str, Condition]


class Word(Enum):
    """What the conditions amount to."""

    CONFIRMED = "confirmed"
    # All is well, and nothing moved: they may speak of the state before.
    UNMOVED = "unmoved"
    WAITING = "waiting"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Judgement:
    """A word, and the sentence to it."""

    word: Word
    text: str


def conditions_of(resource: Mapping[str, Any]) -> dict[str, Condition]:
    """Return the conditions of a resource, by type."""
    found = {}
    for each in (resource.get("status") or {}).get("conditions") or ():
        text = str(each.get("reason") or each.get("message") or "")
        name = str(each.get("type"))
        found[name] = Condition(name, str(each.get("status")), text, str(each.get("lastTransitionTime") or ""))
    return found


def judge(before: Conditions, now: Conditions) -> Judgement:
    """Say whether Seldon took a change, from what it said before the change and what it says now."""
    refusal = now.get(REJECTED)
    if refusal and refusal.status == "False" and refusal != before.get(REJECTED):
        return Judgement(Word.REJECTED, refusal.text or "without a reason")
    faults = [now[name].said if name in now else f"{name} is not set" for name in EXPECTED if not _is_true(now, name)]
    if faults:
        return Judgement(Word.WAITING, "; ".join(faults) if now else "Seldon says nothing of it")
    earlier = before.get(EXPERIMENT_READY)
    if earlier and earlier.since == now[EXPERIMENT_READY].since:
        # A refusal in the same words as an earlier one looks like nothing at all.
        again = f"; perhaps Seldon refuses it, as it refused another change: {refusal.text}" if refusal else ""
        said = f"{EXPERIMENT_READY} is True since {earlier.since}, which is before the change{again}"
        return Judgement(Word.UNMOVED, said)
    return Judgement(Word.CONFIRMED, f"{EXPERIMENT_READY} is True since {now[EXPERIMENT_READY].since}")


def is_fresh(now: Conditions, time: float) -> bool:
    """Whether Seldon spoke so lately that, in whole seconds, it could speak again without a difference."""
    since = now[EXPERIMENT_READY].since if EXPERIMENT_READY in now else ""
    try:
        moment = datetime.fromisoformat(since.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return False
    return abs(time - moment) <= FRESH_SECONDS


def is_ready(now: Conditions) -> bool:
    """Whether Seldon says that an experiment that nobody changes is in force; an old refusal may be outdated."""
    return all(_is_true(now, name) for name in EXPECTED) and not _refused_last(now)


def _refused_last(now: Conditions) -> bool:
    refusal = now.get(REJECTED)
    # Times are of the form 2026-11-26T03:31:02Z, so the later one is the greater text.
    return bool(refusal and refusal.status == "False" and refusal.since > now[EXPERIMENT_READY].since)


def _is_true(now: Conditions, name: str) -> bool:
    return name in now and now[name].status == "True"


__all__ = [
    "FRESH_SECONDS",
    "Condition",
    "Conditions",
    "Judgement",
    "Word",
    "conditions_of",
    "is_fresh",
    "is_ready",
    "judge",
]
