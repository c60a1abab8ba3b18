# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of playbooks that are watched while they go on, to start two at once or to cut one short."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.live.data_plane import PLAY_SECONDS, ROOT, DataPlane, Play

MARK = "TEST_RUN"
# Ansible loses an interrupt that comes while it starts a task; people press the keys again.
PRESS_AGAIN_SECONDS = 0.5


class Run:
    """A run of a playbook in the background, with a process group of its own, as a shell gives it."""

    def __init__(self, plane: DataPlane, playbook: str, *, variables: Mapping[str, Any] | None = None) -> None:
        command, environment = plane.command(playbook, variables=variables)
        self.mark = uuid.uuid4().hex
        self._plane = plane
        self._log = plane.directory.parent / f"{self.mark}.log"
        # Else the name of a task appears only with its first result.
        environment = {**environment, MARK: self.mark, "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "true"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_over(self) -> bool:
        return self._process.poll() is not None

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def end(self) -> Play:
        """Wait for the end."""
        return Play(self._process.wait(PLAY_SECONDS), self.output())

    def interrupt_at(self, task: str) -> Play:
        """Press Ctrl-C when a task has begun, and return how the run ended."""
        deadline = time.monotonic() + PLAY_SECONDS
        while f" : {task}" not in self.output():
            assert self._process.poll() is None, f"ended before '{task}':\n{self.output()}"
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.01)
        while time.monotonic() < deadline:
            # A terminal sends it to all of the foreground.
            os.killpg(self._process.pid, signal.SIGINT)
            try:
                return Play(self._process.wait(PRESS_AGAIN_SECONDS), self.output())
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(f"cannot be interrupted:\n{self.output()}")

    def leftovers(self) -> dict[int, str]:
        """Return what the run started and what is still there, apart from the data plane's own programs."""
        mark = f"{MARK}={self.mark}".encode()
        programs = self._plane.processes()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if int(folder.name) not in programs and mark in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found

    def is_gone(self) -> bool:
        return not self.leftovers()
