# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that show what an action plugin does, while it does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible.utils.display import Display

if TYPE_CHECKING:
    from ..module_utils._core.smoke import Result

# Ansible prints colours on a terminal only.
COLOURS = {"pass": "green", "fail": "red", "warn": "bright purple", "error": "bright purple", "skip": "cyan"}
PHASES = {
    "succeeded": "green",
    "paused": "bright purple",
    "hold": "bright purple",
    "rolling_back": "red",
    "rolled_back": "red",
    "failed": "red",
    "aborted": "red",
    "stuck": "red",
}
WORDS = {"pass": "ok", "fail": "FAIL", "warn": "warn", "error": "error", "skip": "skip"}


class Progress:
    """Prints to wherever ansible-playbook prints."""

    def __init__(self) -> None:
        self._display = Display()

    @property
    def is_verbose(self) -> bool:
        """Whether somebody asked for more than usual."""
        return bool(self._display.verbosity)

    def check(self, result: Result) -> None:
        """Show a check that has just been asked."""
        text = result.observed or result.reason
        if result.observed and result.reason:
            text = f"{result.observed}: {result.reason}"
        took = f"{result.duration_ms:.0f} ms" if result.status != "skip" else ""
        line = f"  {WORDS[result.status]:<5} {result.label:<50} {took:>8}  {text}".rstrip()
        self._display.display(line, color=COLOURS[result.status])

    def tick(self, text: str, phase: str) -> None:
        """Show where a rollout stands."""
        self._display.display(text, color=PHASES.get(phase))

    def note(self, text: str) -> None:
        """Show what goes on between checks."""
        self._display.display(f"  {'...':<5} {text}", color="bright gray")

    def say(self, text: str) -> None:
        """Show what everybody should read."""
        self._display.display(text)


__all__ = ["Progress"]
