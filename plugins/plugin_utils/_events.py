# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell a webhook what happens, beside the work and never in its way."""

from __future__ import annotations

import json
import queue
import threading
import time
from typing import Any, Mapping

from ansible.module_utils.urls import open_url

# What nobody takes in time is dropped, and counted.
MOST_WAITING = 100


class Events:
    """Posts events in order from a thread of its own. Whoever sends one never waits."""

    def __init__(self, webhook: Mapping[str, Any] | None) -> None:
        self._webhook = webhook
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(MOST_WAITING)
        self.lost = 0
        self.last_problem = ""
        self._thread = threading.Thread(target=self._work, daemon=True) if webhook else None
        if self._thread is not None:
            self._thread.start()

    def send(self, event: Mapping[str, Any]) -> None:
        """Hand an event over."""
        if self._thread is None:
            return
        try:
            self._waiting.put_nowait(dict(event))
        except queue.Full:
            self._lose("the webhook is too slow")

    def close(self, seconds: float) -> None:
        """Wait so long, at the most, for what is still to be posted; what is left then is lost."""
        if self._thread is None:
            return
        deadline = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.02)
        left = self._waiting.unfinished_tasks
        if left:
            self.lost += left
            self.last_problem = self.last_problem or "the webhook is too slow"

    def _work(self) -> None:
        while True:
            event = self._waiting.get()
            try:
                if event is not None:
                    self._post(event)
            finally:
                self._waiting.task_done()

    def _post(self, event: Mapping[str, Any]) -> None:
        webhook = self._webhook or {}
        try:
            open_url(
                webhook["url"],
                data=json.dumps(event).encode(),
                headers={"Content-Type": "application/json", **(webhook.get("headers") or {})},
                method="POST",
                timeout=webhook["timeout"],
                follow_redirects="none",
            ).close()
        # Whatever keeps it from being posted must not end the thread.
        except Exception as error:
            self._lose(type(error).__name__ + (f": {error}" if str(error) else ""))

    def _lose(self, problem: str) -> None:
        self.lost += 1
        self.last_problem = problem


__all__ = ["Events"]
