# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal ends a wait and is remembered; what was there before comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from plugins.plugin_utils import _interrupt
from plugins.plugin_utils._interrupt import Interrupt
from tests.support import ROOT


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget interrupts afterwards: all tests share a process."""
    monkeypatch.setattr(_interrupt, "REASONS", {})


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_a_signal_ends_a_wait(number: signal.Signals, reason: str) -> None:
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert (interrupt.reason, interrupt.seconds) == ("", 0.0)
        started = time.monotonic()
        threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
        interrupt.wait(30)
        assert time.monotonic() - started < 5
        assert interrupt.reason == reason
        assert 0 <= interrupt.seconds < 5
    assert signal.getsignal(number) == before


def test_the_first_of_two_signals_counts() -> None:
    """Ansible passes Ctrl-C on, and then SIGTERM."""
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.reason == "Ctrl-C"


def test_what_comes_later_in_the_process_is_interrupted_too() -> None:
    with Interrupt():
        os.kill(os.getpid(), signal.SIGTERM)
    with Interrupt() as later:
        assert later.reason == "SIGTERM"
        assert later.seconds < 5


def test_a_wait_without_a_signal_takes_its_time() -> None:
    with Interrupt() as interrupt:
        started = time.monotonic()
        interrupt.wait(0.3)
        assert 0.3 <= time.monotonic() - started < 5
        assert interrupt.reason == ""


ORPHAN = """
import os
from plugins.plugin_utils._interrupt import Interrupt

begun, begin = os.pipe()
if os.fork():
    os.read(begun, 1)
    os._exit(0)
with Interrupt() as interrupt:
    os.write(begin, b"x")
    interrupt.wait(30)
    print(interrupt.reason, flush=True)
"""


# The parent ends when nobody looks.
ORPHAN_BETWEEN = """
import os, time
from plugins.plugin_utils._interrupt import Interrupt

begun, begin = os.pipe()
parent = os.getpid()
if os.fork():
    os.read(begun, 1)
    os._exit(0)
with Interrupt() as interrupt:
    pass
os.write(begin, b"x")
while os.getppid() == parent:
    time.sleep(0.01)
with Interrupt() as interrupt:
    print(interrupt.reason, flush=True)
"""


@pytest.mark.parametrize("script", [ORPHAN, ORPHAN_BETWEEN], ids=["during a wait", "between two items"])
def test_a_parent_that_is_gone_ends_a_wait(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("the end of ansible-playbook\n", "")
