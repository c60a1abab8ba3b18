# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call of the module answers beside headers that may be secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from plugins.module_utils._core.errors import ServingError
from plugins.modules import experiment_rollout

# A tenant is a header too, and Ansible masks whatever contains it.
HEADERS = {"X-Scope-OrgID": "1", "Authorization": "Bearer sesame"}
GIVEN: dict[str, Any] = {
    "name": "ab",
    "store_path": "/nowhere",
    "call": "tick",
    "gates": [{"name": "somebody", "kind": "webhook", "url": "http://127.0.0.1:1/", "headers": HEADERS}],
    "event_webhook": {"url": "http://127.0.0.1:1/", "headers": HEADERS},
    "traffic": {"prometheus": {"url": "http://127.0.0.1:1/", "headers": HEADERS}},
}
FOUND = {"tick": {"wait": 1.0, "weight": 10.0, "step": 1, "line": "1/5 weight 10", "weights": {"old": 91, "new": 10}}}


def answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], call: type[Any]) -> dict[str, Any]:
    """Return what the module prints when its calls are answered by ``call``."""
    monkeypatch.setattr(experiment_rollout, "RolloutCall", call)
    with patch_module_args(GIVEN), pytest.raises(SystemExit):
        experiment_rollout.main()
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


class Tells:
    def __init__(self, params: dict[str, Any]) -> None:
        assert params["event_webhook"]["headers"] == HEADERS

    def run(self) -> dict[str, Any]:
        return FOUND


class Refuses(Tells):
    def run(self) -> dict[str, Any]:
        raise ServingError("no data for 10 windows", phase="paused", weight=10.0)


def test_numbers_and_words_are_what_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(monkeypatch, capsys, Tells)
    assert found["tick"] == FOUND["tick"]
    assert "sesame" not in json.dumps(found)
    assert set(found["invocation"]["module_args"]["event_webhook"]["headers"]) == set(HEADERS)


def test_refusals_are_what_they_are(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(monkeypatch, capsys, Refuses)
    assert (found["failed"], found["msg"], found["weight"]) == (True, "no data for 10 windows", 10.0)
    assert "sesame" not in json.dumps(found)
