# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is noted of each call of a module. Imports next to nothing: the memory of who imports it is measured."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

CALLS, PAYLOAD, TICK = "calls.jsonl", "payload.py", "tick"


@dataclass(frozen=True)
class Call:
    """One call: its name, how many seconds it took, and the bytes that two processes held when it was over.

    ``built`` and ``ran`` are what of the seconds passed while the module was built, and while it ran. ``processor`` is
    what it took of a core on the target, where the target is this machine.
    """

    name: str
    seconds: float
    built: float
    ran: float
    processor: float
    worker: int
    playbook: int

    def line(self) -> str:
        """Return it as a line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def parse(cls, line: str) -> Call:
        """Read such a line."""
        return cls(**json.loads(line))
