# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Seldon says of an experiment is judged as its source has it: text by text, and never by Ready alone."""

from __future__ import annotations

import pytest

from plugins.module_utils._core.seldon_conditions import EXPECTED, Word, conditions_of, is_fresh, is_ready, judge

EARLY, LATE = "2026-11-26T03:31:02Z", "2026-11-26T03:31:04Z"
Said = dict[str, tuple[str, str, str]]


def resource(said: Said) -> dict[str, object]:
    conditions = [
        {"type": kind, "status": status, "reason": reason, "lastTransitionTime": since}
        for kind, (status, reason, since) in said.items()
    ]
    return {"status": {"conditions": conditions}}


def ready(since: str, **others: tuple[str, str, str]) -> Said:
    return {**dict.fromkeys(EXPECTED, ("True", "", since)), **others}


REFUSED = ("False", "default is no candidate", EARLY)
CASES = {
    "nothing moved": (ready(EARLY), ready(EARLY), Word.UNMOVED, "which is before the change"),
    "it moved": (ready(EARLY), ready(LATE), Word.CONFIRMED, LATE),
    "a new one": ({}, ready(LATE), Word.CONFIRMED, LATE),
    "not a word yet": ({}, {}, Word.WAITING, "Seldon says nothing of it"),
    "in between": (
        ready(EARLY),
        ready(LATE, ExperimentReady=("False", "Candidates not ready", LATE)),
        Word.WAITING,
        "ExperimentReady is False (Candidates not ready)",
    ),
    "the mirror is not there": (
        ready(EARLY),
        ready(LATE, MirrorReady=("False", "Mirror not ready", LATE)),
        Word.WAITING,
        "MirrorReady is False (Mirror not ready)",
    ),
    "one is missing": ({}, {"ExperimentReady": ("True", "", LATE)}, Word.WAITING, "CandidatesReady is not set"),
    "Ready stays, and it was refused": (ready(EARLY), ready(EARLY, ModelReady=REFUSED), Word.REJECTED, REFUSED[1]),
    "refused before": (ready(EARLY, ModelReady=REFUSED), ready(LATE, ModelReady=REFUSED), Word.CONFIRMED, LATE),
    "perhaps refused again, in the same words": (
        ready(EARLY, ModelReady=REFUSED),
        ready(EARLY, ModelReady=REFUSED),
        Word.UNMOVED,
        "perhaps Seldon refuses it, as it refused another change: default is no candidate",
    ),
    "refused again, otherwise": (
        ready(EARLY, ModelReady=REFUSED),
        ready(LATE, ModelReady=("False", "duplicate", LATE)),
        Word.REJECTED,
        "duplicate",
    ),
    "refused without a word": ({}, {"ModelReady": ("False", "", EARLY)}, Word.REJECTED, "without a reason"),
}


@pytest.mark.parametrize(("before", "now", "word", "text"), CASES.values(), ids=CASES.keys())
def test_conditions_are_judged(before: Said, now: Said, word: Word, text: str) -> None:
    found = judge(conditions_of(resource(before)), conditions_of(resource(now)))
    assert found.word is word
    assert text in found.text


READY = {
    "all is well": (ready(EARLY), True),
    "one is not": (ready(EARLY, Ready=("Unknown", "", EARLY)), False),
    "one is missing": ({"Ready": ("True", "", EARLY)}, False),
    "refused before it was well": (ready(LATE, ModelReady=REFUSED), True),
    "refused since it was well": (ready(EARLY, ModelReady=("False", "", LATE)), False),
}


@pytest.mark.parametrize(("said", "wanted"), READY.values(), ids=READY.keys())
def test_experiment_that_nobody_changes_is_ready_or_not(said: Said, wanted: bool) -> None:
    assert is_ready(conditions_of(resource(said))) is wanted


def test_text_of_a_condition_is_its_reason_or_else_its_message() -> None:
    found = conditions_of({"status": {"conditions": [{"type": "Ready", "status": "False", "message": "no"}]}})
    assert found["Ready"].said == "Ready is False (no)"
    assert conditions_of({}) == {}


@pytest.mark.parametrize(("seconds", "wanted"), [(0.0, True), (1.9, True), (3.0, False)])
def test_word_of_just_now_is_fresh(seconds: float, wanted: bool) -> None:
    spoken = 1795663862.0
    assert is_fresh(conditions_of(resource(ready(EARLY))), spoken + seconds) is wanted
    assert not is_fresh(conditions_of(resource(ready("never"))), spoken)
