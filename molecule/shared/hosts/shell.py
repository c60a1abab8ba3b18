# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all parts need: run a command, wait for something, and say how far it is."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


class HostError(Exception):
    """What did not work, in words for whoever asked for it."""


def say(text: str) -> None:
    """Say how far it is; the answer itself goes to the other stream."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run(*command: str, given: str = "") -> str:
    """Run a command that has to work, and return what it said."""
    done = subprocess.run(
        command, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise HostError(f"{shlex.join(command)} ended with {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def mounts() -> list[tuple[Path, str]]:
    """Return what is mounted, the last first: where, and the name of the source."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        found.append((Path(before.split()[4]), after.split()[1]))
    return found[::-1]


def remove_tree(path: Path) -> None:
    """Remove a folder as far as possible, but never through a mount what is somebody else's."""
    below = [point for point, _ in mounts() if point.is_relative_to(path.resolve())]
    if below:
        raise HostError(f"{path} stays: {below[0]} is mounted in it.")
    shutil.rmtree(path, ignore_errors=True)


def wait(condition: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Wait until a condition holds; say so every five seconds."""
    began = time.monotonic()
    spoken = began
    pause = 0.005
    while not condition():
        now = time.monotonic()
        if now - began > seconds:
            raise HostError(f"Gave up after {seconds:.0f} s: {what}.")
        if now - spoken > 5:
            say(f"Waiting for {now - began:.0f} s: {what}")
            spoken = now
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
