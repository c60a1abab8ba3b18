# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the runs of modules on each host, and writes the counts down when the play is over."""

from __future__ import annotations

DOCUMENTATION = r"""
name: count_modules
type: aggregate
short_description: Count the runs of modules on each host
description:
  - Writes them as JSON to the file that the variable C(COUNT_MODULES) names.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """A module that ran says with which arguments; what the controller does by itself does not."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "count_modules"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._runs: Counter[str] = Counter()

    def _count(self, result: Any) -> None:
        # What is not to be logged says that it is censored, and nothing else.
        if "invocation" in result._result or "censored" in result._result:
            self._runs[str(result._task_fields.get("delegate_to") or result._host.get_name())] += 1

    def v2_runner_on_ok(self, result: Any) -> None:
        self._count(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._count(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        Path(os.environ["COUNT_MODULES"]).write_text(json.dumps(self._runs), encoding="utf-8")
