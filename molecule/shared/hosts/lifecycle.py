# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts come up, lose their power, start again and go."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hosts import cgroups, guard, network, nspawn, root, state, unshare
from hosts.image import image
from hosts.shell import HostError, run, say, wait
from hosts.state import Host, Process, Scenario

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
LAUNCHERS = {"nspawn": nspawn, "unshare": unshare}
# They stand between values in what mount and systemd-nspawn are told.
FORBIDDEN = re.compile(r"[,:\\\s]")
START_SECONDS = 90


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for."""

    scenario: str
    hosts: Sequence[str]
    folder: Path
    launcher: str = "auto"
    owner: int = 0
    binds: Sequence[str] = ()
    cgroups: str = "auto"


def up(wanted: Wanted) -> Scenario:
    """Bring up hosts, and return them when all of them answer."""
    _refuse(wanted)
    known = state.load(wanted.folder)
    if known is not None:
        if [host.name for host in known.hosts] == list(wanted.hosts) and all(
            host.launcher.lives for host in known.hosts
        ):
            return known
        raise HostError(f"{wanted.folder} holds other hosts, or some that do not run. Remove them first: down.")
    scenario = _plan(wanted, image())
    began = time.monotonic()
    try:
        scenario.save()
        scenario = _make(scenario)
    except BaseException:
        for change in down(scenario):
            say(change)
        raise
    say(f"{scenario.name}: {len(scenario.hosts)} hosts answer after {time.monotonic() - began:.1f} s")
    return scenario


def _refuse(wanted: Wanted) -> None:
    for name in wanted.hosts:
        if not NAME.fullmatch(name):
            raise HostError(f"'{name}' is no name for a host.")
    if len(set(wanted.hosts)) < len(wanted.hosts):
        raise HostError("Two hosts have one name.")
    if FORBIDDEN.search(str(wanted.folder)):
        raise HostError(f"The name of the folder {wanted.folder} has a space, comma, colon or backslash in it.")
    missing = [bind for bind in wanted.binds if not Path(bind.partition(":")[0]).exists()]
    if missing:
        raise HostError(f"There is no {', '.join(missing)} here for the hosts to see.")


def _plan(wanted: Wanted, tree: Path) -> Scenario:
    return Scenario(
        name=wanted.scenario,
        number=state.take_number(),
        folder=wanted.folder.absolute(),
        technology=_technology() if wanted.launcher == "auto" else wanted.launcher,
        image=tree,
        hosts=tuple(Host(name, index) for index, name in enumerate(wanted.hosts, 1)),
        groups=tuple(cgroups.own_folders()),
        binds=tuple(wanted.binds),
        cgroups=wanted.cgroups,
        owner=Process.of(wanted.owner) if wanted.owner else Process(),
        before=guard.values(),
    )


def _technology() -> str:
    return "nspawn" if shutil.which("systemd-nspawn") else "unshare"


def _make(scenario: Scenario) -> Scenario:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", scenario.bridge, "-f", str(scenario.key))
    scenario.ssh_config.write_text(_ssh_config(scenario), encoding="utf-8")
    network.lay(scenario)
    root.lay(scenario)
    for host in scenario.hosts:
        root.build(scenario, host)
    return _launch(scenario, scenario.hosts)


def _ssh_config(scenario: Scenario) -> str:
    hosts = "".join(f"Host {host.name}\n  HostName {scenario.address(host)}\n" for host in scenario.hosts)
    return (
        f"{hosts}Host *\n  User root\n  IdentityFile {scenario.key}\n  IdentitiesOnly yes\n  LogLevel ERROR\n"
        "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
    )


def _launch(scenario: Scenario, hosts: Sequence[Host]) -> Scenario:
    """Start hosts side by side, and wait until each of them answers and is safe."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    for host in hosts:
        network.plug(scenario, host)
        processes[host.name] = process = _start_launcher(scenario, host)
        scenario = scenario.with_host(replace(host, launcher=Process.of(process.pid), cut=False))
        scenario.save()
    for host in hosts:
        _wait_for(scenario, host, processes[host.name])
        guard.refuse_unsafe(host.name, Path("/proc", str(cgroups.first_process(scenario.host_groups(host)))))
    return scenario


def _start_launcher(scenario: Scenario, host: Host) -> subprocess.Popen[bytes]:
    launcher = LAUNCHERS[scenario.technology]
    groups = scenario.host_groups(host)
    environment: Mapping[str, str] = {**os.environ, **launcher.environment(scenario)}
    with (scenario.place(host) / "console.log").open("ab") as log:
        return subprocess.Popen(
            launcher.command(scenario, host),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=lambda: cgroups.enter(groups),
        )


def _wait_for(scenario: Scenario, host: Host, process: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            log = (scenario.place(host) / "console.log").read_text(encoding="utf-8", errors="replace")
            raise HostError(f"{host.name} ended with {process.returncode} at its start:\n{log[-2000:]}")
        return _banner(scenario.address(host)) == b"SSH"

    wait(answers, f"{host.name} to answer on port 22", seconds=START_SECONDS)


def _banner(address: str) -> bytes:
    with contextlib.suppress(OSError), socket.create_connection((address, 22), timeout=2) as connection:
        return connection.recv(3)
    return b""


def cut(scenario: Scenario, name: str) -> Scenario:
    """Take a host's power away: its processes and its network are gone at once, its files stay."""
    host = scenario.host(name)
    scenario = scenario.with_host(replace(host, cut=True))
    scenario.save()
    _stop(scenario, host)
    return scenario


def start(scenario: Scenario, name: str) -> Scenario:
    """Give a host its power back, and wait until it answers."""
    host = scenario.host(name)
    if host.launcher.lives:
        return scenario
    _stop(scenario, host)
    return _launch(scenario, [host])


def _stop(scenario: Scenario, host: Host) -> None:
    cgroups.kill(scenario.host_groups(host), host.name)
    network.unplug(scenario, host)
    cgroups.remove(scenario.host_groups(host))
    # The launcher had no time to do it.
    with contextlib.suppress(OSError):
        Path("/run/systemd/nspawn/propagate", scenario.label(host)).rmdir()
    with contextlib.suppress(OSError):
        info = (scenario.place(host) / "root").stat()
        Path(f"/run/systemd/nspawn/locks/inode-{info.st_dev}:{info.st_ino}").unlink()


def down(scenario: Scenario) -> list[str]:
    """Remove hosts with all that belongs to them; return what they changed on this machine."""
    for host in scenario.hosts:
        _stop(scenario, host)
    root.clear(scenario)
    network.clear(scenario)
    changed = guard.differences(scenario.before, guard.values())
    scenario.forget()
    return changed


def abandoned(scenario: Scenario) -> bool:
    """Say whether nobody will come to remove these hosts."""
    if scenario.owner.pid:
        return not scenario.owner.lives
    return not any(host.launcher.lives or host.cut for host in scenario.hosts)
