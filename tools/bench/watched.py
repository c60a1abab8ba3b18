# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout that goes on until it was watched for long enough, carried out by ansible-playbook as anybody's is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live.data_plane import ROOT
from tools.bench.callers import calling
from tools.bench.calls import CALLS, PAYLOAD, TICK, Call
from tools.bench.figures import NotMeasuredError
from tools.bench.rollouts import plan, rolling_out
from tools.bench.section import Bench, places

# Callers a second, so that each tick has requests to count and lines of the log to read.
RATE = 50.0
# From one tick to the next nobody waits for longer than this: what is measured is the tick.
INTERVAL = "0.05s"
# What a tick may take on a busy machine, before the whole run counts as stuck.
SECONDS_PER_TICK, SECONDS_TO_BEGIN = 4.0, 60.0
# After Ctrl-C it goes back within ten seconds, and ansible-playbook ends.
SECONDS_TO_END = 40.0
PROGRESS_EVERY = 100
LOG = "log"


@dataclass(frozen=True)
class Watched:
    """The ticks of a rollout, and what was sent to the target for one of them."""

    ticks: Sequence[Call]
    payload: bytes


def watched(bench: Bench) -> Watched:
    """Return the ticks of a rollout; all sections of one bench look at the same one."""
    folder = bench.folder / "watched"
    if not folder.exists():
        folder.mkdir()
        _watch(bench, folder)
    return Watched(_enough_ticks(bench, folder), (folder / PAYLOAD).read_bytes())


def _enough_ticks(bench: Bench, folder: Path) -> list[Call]:
    ticks = _ticks(folder)
    if len(ticks) < bench.sizes.ticks:
        words = (folder / LOG).read_text(errors="replace")[-2000:]
        raise NotMeasuredError(f"{len(ticks)} of {bench.sizes.ticks} ticks: {words}")
    return ticks


def _ticks(folder: Path) -> list[Call]:
    calls = folder / CALLS
    lines = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
    return [call for call in map(Call.parse, lines) if call.name == TICK]


def _watch(bench: Bench, folder: Path) -> None:
    """Roll out with a step that never ends, until there were enough ticks; then press Ctrl-C."""
    wanted = bench.sizes.ticks
    endless = plan([{"weight": 50, "min_duration": "3h"}, 100], interval=INTERVAL, baseline_windows=1)
    command, environment = bench.plane.command("rollout.yml", variables={"rollout": endless})
    limit = SECONDS_TO_BEGIN + wanted * SECONDS_PER_TICK
    bench.say(f"a rollout of {wanted} ticks")
    place = places(bench.plane)[2]
    with rolling_out(bench.plane), calling(place, RATE, limit + SECONDS_TO_END), (folder / LOG).open("wb") as output:
        process = subprocess.Popen(
            # The first word is ansible-playbook itself.
            [sys.executable, "-m", "tools.bench.watched_playbook", str(folder), *command[1:]],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(bench, process, folder, time.monotonic() + limit)
        finally:
            _interrupt(process)
        # Before the callers are judged: of a run that ended too soon this is the reason.
        _enough_ticks(bench, folder)


def _wait_for(bench: Bench, process: subprocess.Popen[Any], folder: Path, deadline: float) -> None:
    wanted, told = bench.sizes.ticks, 0
    while process.poll() is None and time.monotonic() < deadline:
        seen = len(_ticks(folder))
        if seen >= wanted:
            return
        if seen // PROGRESS_EVERY > told:
            told = seen // PROGRESS_EVERY
            bench.say(f"{seen} of {wanted} ticks")
        time.sleep(0.5)


def _interrupt(process: subprocess.Popen[Any]) -> None:
    """End it as a terminal does, and wait: the worker gives the baseline everything back when its parent is gone."""
    deadline = time.monotonic() + SECONDS_TO_END
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
