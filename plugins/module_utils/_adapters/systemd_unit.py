# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One unit of systemd, by systemctl and journalctl."""

from __future__ import annotations

import os
import subprocess
import time

from .._core.errors import ServingError
from .._core.k3s_unit import ABSENT, Unit

CALL_SECONDS = 60
PROPERTIES = ("LoadState", "ActiveState", "UnitFileState", "NRestarts")


class SystemdUnit:
    """Asks for a unit and starts it. Waiting is left to the caller, since a start may last for ever."""

    def __init__(self, name: str) -> None:
        self._name = name

    def look(self) -> Unit:
        """Return what systemd says."""
        text = self._call("show", "--property", ",".join(PROPERTIES), self._name)
        found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if found.get("LoadState") in ("not-found", None):
            return Unit()
        return Unit(
            state=found.get("ActiveState", ABSENT),
            enabled=found.get("UnitFileState") == "enabled",
            restarts=int(found.get("NRestarts") or 0),
        )

    def enable(self) -> None:
        """Have it start with the machine."""
        self._call("enable", "--quiet", self._name)

    def restart(self) -> None:
        """Start it with the unit file as it is now, or start it again, and do not wait for it."""
        self._call("daemon-reload")
        # The counter of starts by systemd itself, and a state of failure, are those of an earlier start.
        self._call("reset-failed", self._name, tolerated=True)
        self._call("restart", "--no-block", self._name)

    def journal(self, since: float, lines: int = 300) -> str:
        """Return the last lines that it wrote since a time; empty where there is no journal."""
        command = ["journalctl", "--unit", self._name, "--output", "cat", "--no-pager", "--lines", str(lines)]
        return _run([*command, "--since", f"@{int(since)}"]).stdout

    def _call(self, *arguments: str, tolerated: bool = False) -> str:
        done = _run(["systemctl", *arguments])
        if done.returncode and not tolerated:
            said = (done.stderr or done.stdout).strip()
            raise ServingError(f"`systemctl {' '.join(arguments)}` failed: {said}")
        return done.stdout


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=CALL_SECONDS,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError as error:
        raise ServingError(f"There is no {command[0]} here. K3s runs on hosts with systemd.") from error
    except subprocess.TimeoutExpired as error:
        raise ServingError(f"`{' '.join(command)}` did not end within {CALL_SECONDS} s.") from error


class Clock:
    """The real time."""

    def epoch(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds, which nobody sets."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


__all__ = ["Clock", "SystemdUnit"]
