# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process is told from another one that has its number later, or is on another machine."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from plugins.module_utils._adapters.process_identity import holder_here, is_gone
from plugins.module_utils._core.rollout_record import Holder


def test_a_process_that_runs_is_there_and_one_that_ended_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        holder = holder_here("alice@one", process.pid)
        assert holder.born
        assert not is_gone(holder)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(holder), "it has ended, and only its parent keeps its number"
    assert is_gone(holder)


def test_a_number_that_is_used_again_is_another_process() -> None:
    holder = holder_here("alice@one", os.getpid())
    assert not is_gone(holder)
    assert is_gone(replace(holder, born="1"))


def test_of_another_machine_nothing_is_known(tmp_path: Path) -> None:
    holder = holder_here("alice@one", os.getpid())
    assert not is_gone(replace(holder, machine="another boot", born="1"))
    assert not is_gone(Holder("alice@one"))
    assert holder_here("alice@one", 1, proc=str(tmp_path)) == Holder("alice@one", "", 1, "")
