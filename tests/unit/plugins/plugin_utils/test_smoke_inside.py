# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes inside a cluster are begun once, looked at until they end, and taken away whatever comes."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.plugin_utils import _smoke_inside
from plugins.plugin_utils._smoke_inside import asked_inside


class Steps:
    """Answers steps with what is waited for, then with checks."""

    def __init__(self, *waiting: str, error: BaseException | None = None) -> None:
        self._waiting, self._error = list(waiting), error
        self.asked: list[str] = []
        self.runs: set[str] = set()

    def __call__(self, step: str, run: str) -> dict[str, Any]:
        self.asked.append(step)
        self.runs.add(run)
        if self._error and step == "look":
            raise self._error
        return {"waiting": self._waiting.pop(0) if self._waiting else "", "checks": [step]}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_smoke_inside, "PAUSE_SECONDS", 0)


def test_it_looks_until_nothing_is_waited_for() -> None:
    steps, notes = Steps("the first pods", "the probes"), list[str]()
    assert asked_inside(steps, notes.append, 60)["checks"] == ["look"]
    assert steps.asked == ["start", "look", "look", "end"]
    assert notes == [f"inside the cluster: waiting for {each}" for each in ("the first pods", "the probes")]
    assert len(steps.runs) == 1


def test_what_cannot_begin_ends_at_once() -> None:
    steps = Steps()
    assert asked_inside(steps, lambda _text: None, 60)["checks"] == ["start"]
    assert steps.asked == ["start", "end"]


def test_it_gives_up_when_time_is_over() -> None:
    steps = Steps("pods")
    assert asked_inside(steps, lambda _text: None, 0)["checks"] == ["give_up"]
    assert steps.asked == ["start", "give_up", "end"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("the module failed")], ids=["Ctrl-C", "a fault"])
def test_probes_are_taken_away_whatever_comes(error: BaseException) -> None:
    steps = Steps("pods", error=error)
    with pytest.raises(type(error)):
        asked_inside(steps, lambda _text: None, 60)
    assert steps.asked == ["start", "look", "end"]
