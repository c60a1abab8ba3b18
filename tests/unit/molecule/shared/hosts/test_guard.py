# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts must not have changed on the machine under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosts import guard
from hosts.guard import BOOT, CLOCK
from hosts.shell import HostError

BEFORE = {CLOCK: "1000.0", BOOT: "one", "vm/swappiness": "60", "kernel/panic": "0"}

CHANGES: dict[str, tuple[dict[str, str], list[str]]] = {
    "nothing": ({}, []),
    "the clock is kept right": ({CLOCK: "1001.5"}, []),
    "the clock goes an hour ahead": ({CLOCK: "4600.0"}, ["the clock of this machine moved by +3600.0 s"]),
    "the clock goes back": ({CLOCK: "990.0"}, ["the clock of this machine moved by -10.0 s"]),
    "two settings": (
        {"vm/swappiness": "10", "kernel/panic": "5"},
        ["kernel.panic was '0' and is '5'", "vm.swappiness was '60' and is '10'"],
    ),
    "a setting that was not there": ({"vm/new": "1"}, []),
    "another start of the machine": ({BOOT: "two", CLOCK: "5.0", "vm/swappiness": "1"}, []),
}


@pytest.mark.parametrize(("changes", "found"), CHANGES.values(), ids=CHANGES.keys())
def test_differences(changes: dict[str, str], found: list[str]) -> None:
    assert guard.differences(BEFORE, BEFORE | changes) == found


def test_values_are_the_same_a_moment_later() -> None:
    before = guard.values()
    assert {"vm/overcommit_memory", "kernel/panic", "fs/inotify/max_user_instances", "net/ipv4/ip_forward"} <= set(
        before
    )
    assert guard.differences(before, guard.values()) == []


STATUS = "Name:\tsystemd\nCapEff:\t{effective:016x}\nCapBnd:\t{bound:016x}\n"
MOUNTS = "21 20 0:5 / /proc rw - proc proc rw\n22 21 0:5 /sys /proc/sys {options},nosuid - proc proc rw\n"
SAFE = 0x1F7FCBEFFFF
CLOCK_BIT = 1 << 25

HOSTS: dict[str, tuple[int, int, str, str]] = {
    "safe": (SAFE, SAFE, "ro", ""),
    "may set the clock": (SAFE | CLOCK_BIT, SAFE, "ro", "server-1 may set the clock of this machine (CapEff has"),
    "could let a child set it": (
        SAFE,
        SAFE | CLOCK_BIT,
        "ro",
        "server-1 may set the clock of this machine (CapBnd has",
    ),
    "may set the kernel": (SAFE, SAFE, "rw", "server-1 may change the kernel settings of this machine"),
}


@pytest.mark.parametrize(("effective", "bound", "options", "text"), HOSTS.values(), ids=HOSTS.keys())
def test_refuse_unsafe(tmp_path: Path, effective: int, bound: int, options: str, text: str) -> None:
    (tmp_path / "status").write_text(STATUS.format(effective=effective, bound=bound), encoding="utf-8")
    (tmp_path / "mountinfo").write_text(MOUNTS.format(options=options), encoding="utf-8")
    assert said(tmp_path).startswith(text)
    assert bool(text) == bool(said(tmp_path))


def test_refuse_host_without_a_first_process(tmp_path: Path) -> None:
    assert said(tmp_path / "none") == "server-1 has no first process that could be looked at."


def test_refuse_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tsystemd\n", encoding="utf-8")
    (tmp_path / "mountinfo").write_text(MOUNTS.format(options="ro"), encoding="utf-8")
    assert said(tmp_path).startswith("server-1 may set the clock")


def said(process: Path) -> str:
    try:
        guard.refuse_unsafe("server-1", process)
    except HostError as failure:
        return str(failure)
    return ""
