# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notice that somebody wants the work to end, without being cut off in the middle of it.

Ansible runs an action plugin in a process of its own. It passes Ctrl-C on, and then SIGTERM, so the handler may run
twice; and neither ``rescue`` nor ``finally`` would run without one. After SIGTERM, or kill -9, the parent is gone, and
nobody sees what is displayed. The items of a loop come one after the other in that process, and one that fails keeps
it from none of the others: so why the work is to end is remembered as long as the process lives.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

# By process, since a child knows what its parent knew: who its parent was, and why its work is to end.
PARENTS: dict[int, int] = {}
REASONS: dict[int, str] = {}


class Interrupt:
    """While it is entered, signals only set a flag, and every wait ends when it is set.

    It is set from the beginning when this process was told to end before.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._before: dict[int, Any] = {}
        self._parent = PARENTS.setdefault(os.getpid(), os.getppid())
        self._reason = REASONS.get(os.getpid(), "")
        self._since = time.monotonic()

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def reason(self) -> str:
        """Why the work is to end; empty while it is not."""
        if not self._reason and os.getppid() != self._parent:
            self._set("the end of ansible-playbook")
        return self._reason

    @property
    def seconds(self) -> float:
        """Since how many seconds the work is to end."""
        return time.monotonic() - self._since if self.reason else 0.0

    def wait(self, seconds: float) -> None:
        """Wait, at the most until somebody wants the work to end."""
        deadline = time.monotonic() + seconds
        while not self.reason:
            left = deadline - time.monotonic()
            if left <= 0 or self._event.wait(min(left, 0.5)):
                return

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._set("Ctrl-C" if number == signal.SIGINT else "SIGTERM")

    def _set(self, reason: str) -> None:
        if not self._reason:
            self._reason, self._since = reason, time.monotonic()
            REASONS[os.getpid()] = reason
        self._event.set()


__all__ = ["PARENTS", "REASONS", "Interrupt"]
