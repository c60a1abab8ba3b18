# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has probes run inside a cluster: begins them, looks until they have ended, and takes them away whatever comes."""

from __future__ import annotations

import time
import uuid
from typing import Any, Callable, Dict

from ..module_utils._wiring.smoke_inside import END, GIVE_UP, LOOK, START

PAUSE_SECONDS = 1.0
Step = Callable[[str, str], Dict[str, Any]]


def asked_inside(step: Step, note: Callable[[str], None], timeout: float) -> dict[str, Any]:
    """Return what the call found that was the last; each call is one short step of the run."""
    run = uuid.uuid4().hex[:8]
    deadline = time.monotonic() + timeout
    try:
        found = step(START, run)
        while found["waiting"]:
            note(f"inside the cluster: waiting for {found['waiting']}")
            time.sleep(PAUSE_SECONDS)
            found = step(LOOK if time.monotonic() < deadline else GIVE_UP, run)
        return found
    finally:
        # Also when somebody presses Ctrl-C.
        step(END, run)


__all__ = ["asked_inside"]
