# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written down of hosts, and what follows from a scenario's number."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hosts import state
from hosts.shell import HostError
from hosts.state import Host, Process, Scenario


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "REGISTRY", tmp_path / "registry")
    return tmp_path / "registry"


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return Scenario(
        name="demo",
        number=200,
        folder=tmp_path / "folder",
        technology="nspawn",
        image=tmp_path / "image",
        hosts=(Host("server-1", 1, Process(12, "34")), Host("agent-1", 2, cut=True)),
        groups=(Path("/sys/fs/cgroup/pids"),),
        binds=("/mnt:/mnt",),
        cgroups="2",
        owner=Process(1, "2"),
        before={"vm/swappiness": "60"},
    )


def test_names_and_addresses_follow_from_the_number(scenario: Scenario) -> None:
    host = scenario.host("agent-1")
    assert (scenario.bridge, scenario.link(host), scenario.label(host)) == ("th200", "th200-2", "th200-agent-1")
    assert (scenario.address(host), scenario.address6(host)) == ("10.77.200.12", "fd77:c8::12")
    assert scenario.hardware_address(host) == "02:77:00:c8:00:02"
    assert scenario.host_groups(host) == [Path("/sys/fs/cgroup/pids/th200-agent-1")]
    # The kernel takes no longer name for a link.
    assert len(replace(scenario, number=254).link(Host("x", 244))) <= 15


def test_what_was_saved_is_known_from_the_folder_and_from_the_registry(scenario: Scenario) -> None:
    scenario.save()
    assert state.load(scenario.folder) == scenario
    assert state.all_known() == [scenario]
    (scenario.folder / "state.json").unlink()
    assert state.load(scenario.folder) == scenario
    scenario.forget()
    assert state.load(scenario.folder) is None
    assert state.all_known() == []


def test_forget_leaves_what_others_put_in_the_folder(scenario: Scenario) -> None:
    scenario.save()
    scenario.key.touch()
    (scenario.folder / "mine").touch()
    scenario.forget()
    assert [path.name for path in scenario.folder.iterdir()] == ["mine"]


def test_each_run_takes_a_number_of_its_own(registry: Path) -> None:
    first, second = state.take_number(), state.take_number()
    assert first != second
    state.drop_numbers_without_hosts()
    assert (registry / str(first)).exists(), "it may be about to write its state down"
    long_ago = time.time() - state.UNWRITTEN_SECONDS - 1
    os.utime(registry / str(first), (long_ago, long_ago))
    state.drop_numbers_without_hosts()
    assert state.take_number() == first


def test_numbers_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "NUMBERS", range(250, 251))
    state.take_number()
    with pytest.raises(HostError, match=r"^All numbers are taken; .*/registry says by whom\.$"):
        state.take_number()


def test_process_is_known_by_its_start_too() -> None:
    sleep = subprocess.Popen(["sleep", "60"])
    try:
        process = Process.of(sleep.pid)
        assert process.lives
        assert not replace(process, began="1").lives
        sleep.kill()
        end = time.monotonic() + 10
        while process.lives:
            assert time.monotonic() < end, "over, although nobody has collected it"
    finally:
        sleep.kill()
        sleep.wait()
    assert not process.lives
    assert not Process().lives


def test_one_works_on_a_scenario_at_a_time(tmp_path: Path, registry: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait(10)
        with state.locked(tmp_path / "folder"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with state.locked(tmp_path / "folder"):
        inside.set()
        time.sleep(0.1)
        order.append("first")
    thread.join(10)
    with pytest.raises(HostError), state.locked(tmp_path / "folder"):
        raise HostError("in vain")
    assert order == ["first", "second"]
    assert list(registry.iterdir()) == [], "no lock stays behind"
