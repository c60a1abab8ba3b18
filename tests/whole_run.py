# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All tests, lane by lane (tests/lanes.py), and once more what failed, if it is little.

python -m tests.whole_run [--long] [arguments of pytest]

With --long, those that take minutes each run as well.

Hundreds of tests here start programs, cut their connections and fill their disks. One of them that fails once in a
hundred runs would fail every other run of all. So what failed is run again, by itself, on a machine that has nothing
else to do, and must pass there. It is named at the end: it has a fault that is to be mended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

from tests.lanes import ALONE, ASIDE, LONG, TAKES_MINUTES, TOGETHER, TWO_AT_ONCE, WAITING

OK, FAILED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED
TWO_PROCESSES = ("--numprocesses", "2", "--no-loadscope-reorder")
LONG_TOO = "--long"
# More than these are no accident of a busy machine.
AT_MOST_AGAIN = 5
# A lane's own, since two of them run at once.
CACHE = ".cache/pytest-{}"


def command(lane: str, *arguments: str) -> list[str]:
    """Return what runs the tests of a lane, and notes which of them failed."""
    words = [sys.executable, "-m", "pytest", "--lane", lane, "--cache-clear", "--override-ini"]
    processes = TWO_PROCESSES if lane in TWO_AT_ONCE else ()
    return [*words, f"cache_dir={CACHE.format(lane)}", *processes, *arguments]


def failed_in(lane: str) -> list[str]:
    """Return the names of what failed in a lane."""
    try:
        return sorted(json.loads(Path(CACHE.format(lane), "v/cache/lastfailed").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def aside(arguments: Sequence[str], codes: list[int]) -> Iterator[None]:
    """Run the tests that need nothing but a processor meanwhile, and then show what they said."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            # One at a time, which leaves a processor. Linux gives each session a share of its own, and Ansible opens
            # one for each task.
            command(ASIDE, *arguments),
            stdout=log.fileno(),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_give_way,
        )
        try:
            yield
            _show(process, log)
            codes.append(process.returncode)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait()


def _give_way() -> None:
    """Take the processor only when nobody else wants it; where Linux shares it between sessions, this one is last."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("19", encoding="utf-8")


def _show(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    """Print what a process wrote, and what it goes on to write, until it ends."""
    read = 0
    while True:
        is_over = process.poll() is not None
        text = os.pread(log.fileno(), 1 << 20, read)
        if not text and is_over:
            return
        read += len(text)
        sys.stdout.buffer.write(text)
        sys.stdout.flush()
        if not text:
            time.sleep(0.5)


def again(names: Sequence[str]) -> int:
    """Run tests by themselves, and return pytest's exit code."""
    say(f"{len(names)} failed, and are run again, beside nothing else.")
    # One that is skipped this time has not passed.
    code = subprocess.run([sys.executable, "-m", "pytest", "--floor", str(len(names)), *names], check=False).returncode
    if code == OK:
        say("Failed, and passed when run again. They have a fault; their first failure stands above:", *names)
    return code


def say(*lines: str) -> None:
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Return 0 when all passed, at once or when run again; else the first exit code of pytest that is another."""
    long = [LONG] if LONG_TOO in arguments else []
    rest = [each for each in arguments if each != LONG_TOO]
    # All run whatever the first one says.
    codes = [subprocess.run(command(TOGETHER, *rest), check=False).returncode]
    with aside(rest, codes):
        codes += [subprocess.run(command(lane, *rest), check=False).returncode for lane in (WAITING, ALONE, *long)]
    # What else may be wrong is mended by no second run.
    worst = next((code for code in codes if code not in (OK, FAILED)), max(codes))
    code = _second_chance([TOGETHER, WAITING, ALONE, ASIDE, *long]) if worst == FAILED else worst
    if not long:
        say("Left out, since they take minutes each. `make test-all` runs them as well:", *TAKES_MINUTES)
    return code


def _second_chance(lanes: Sequence[str]) -> int:
    names = [name for lane in lanes for name in failed_in(lane)]
    # A file that does not load has no name of a test.
    if not 0 < len(names) <= AT_MOST_AGAIN or not all("::" in name for name in names):
        say(f"{len(names)} failed. Up to {AT_MOST_AGAIN} tests would be run again, and no file that does not load.")
        return FAILED
    return again(names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
