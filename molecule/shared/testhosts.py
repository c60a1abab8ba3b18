#!/usr/bin/env python3
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings up systemd hosts for a molecule scenario, and removes them without a trace.

  testhosts.py up SCENARIO --hosts server-1,agent-1
  testhosts.py cut server-1; testhosts.py start server-1
  testhosts.py down

All of a scenario's hosts are known by one folder: --state, or `testhosts` in $MOLECULE_EPHEMERAL_DIRECTORY. Progress
goes to standard error, the answer (with --json for programs) to standard output. It needs root, and Debian's packages
mmdebstrap and systemd-container.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from hosts import lifecycle, probe, state
from hosts.image import image
from hosts.lifecycle import Wanted
from hosts.shell import HostError, say
from hosts.state import Scenario


def arguments(words: list[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="testhosts.py", description="Systemd hosts for one scenario.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", type=Path, help="the scenario's folder")
    common.add_argument("--json", action="store_true", help="answer for a program")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("up", parents=[common], help="bring up hosts")
    command.add_argument("scenario")
    command.add_argument("--hosts", required=True, type=lambda text: text.split(","), help="names, with commas between")
    command.add_argument("--launcher", choices=["auto", *lifecycle.LAUNCHERS], default="auto")
    command.add_argument("--owner", type=int, default=0, help="the process whose end makes gc remove the hosts")
    command.add_argument("--bind", action="append", default=[], help="a path of this machine that hosts see: FROM[:TO]")
    command.add_argument("--cgroups", choices=["auto", "2"], default="auto", help="their version that hosts see")
    for name, text in {"cut": "take a host's power away", "start": "give it back"}.items():
        command = commands.add_parser(name, parents=[common], help=text)
        command.add_argument("host")
    for name, text in {
        "down": "remove the hosts",
        "status": "say which hosts there are",
        "gc": "remove what runs left that are over",
        "image": "make the hosts' image",
        "probe": "say what this machine can do",
    }.items():
        commands.add_parser(name, parents=[common], help=text)
    return parser.parse_args(words)


def folder(asked: argparse.Namespace) -> Path:
    """Return the scenario's folder."""
    given: Path | None = asked.state
    if given is None and os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY"):
        given = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "testhosts")
    if given is None:
        raise HostError("Which hosts? Name their folder: --state FOLDER.")
    return given.absolute()


def known(asked: argparse.Namespace) -> Scenario:
    """Return the hosts that are up."""
    scenario = state.load(folder(asked))
    if scenario is None:
        raise HostError(f"There are no hosts in {folder(asked)}.")
    return scenario


def described(scenario: Scenario) -> dict[str, Any]:
    """Return what others need to reach the hosts."""
    return {
        "scenario": scenario.name,
        "launcher": scenario.technology,
        "bridge": scenario.bridge,
        "identity_file": str(scenario.key),
        "ssh_config": str(scenario.ssh_config),
        "hosts": [
            {
                "name": host.name,
                "address": scenario.address(host),
                "address6": scenario.address6(host),
                "running": host.launcher.lives,
                "root": str(scenario.place(host) / "root"),
                "console": str(scenario.place(host) / "console.log"),
            }
            for host in scenario.hosts
        ],
    }


def answer(asked: argparse.Namespace, scenario: Scenario) -> None:
    found = described(scenario)
    if asked.json:
        sys.stdout.write(f"{json.dumps(found)}\n")
        return
    for host in found["hosts"]:
        running = "running" if host["running"] else "off"
        sys.stdout.write(f"{host['name']} {host['address']} {host['address6']} {running}\n")
    sys.stdout.write(f"ssh -F {found['ssh_config']} {found['hosts'][0]['name']}\n")


def down(scenario: Scenario | None) -> None:
    """Remove hosts; fail when the machine is not as it was."""
    if scenario is None:
        return
    changed = lifecycle.down(scenario)
    sys.stdout.write(f"{scenario.name}: {len(scenario.hosts)} hosts are gone\n")
    if changed:
        raise HostError(f"The hosts are gone, and this machine is not as it was before them: {'; '.join(changed)}.")


def gc() -> None:
    """Remove what runs left that are over."""
    state.drop_numbers_without_hosts()
    failures = []
    for folder in [scenario.folder for scenario in state.all_known()]:
        # Somebody may be at work on them.
        with state.locked(folder):
            scenario = state.load(folder)
            if scenario is None or not lifecycle.abandoned(scenario):
                continue
            say(f"Removing the hosts of {scenario.name} in {folder}")
            try:
                down(scenario)
            except HostError as failure:
                failures.append(str(failure))
    if failures:
        raise HostError("\n".join(failures))


def say_findings(asked: argparse.Namespace) -> None:
    """Say what this machine can do; fail when it cannot hold hosts."""
    found = probe.findings()
    if asked.json:
        sys.stdout.write(f"{json.dumps(probe.summary(found))}\n")
    else:
        for each in found:
            mark = {False: "no  ", True: "yes "}[each.good] if each.needed_for else "    "
            sys.stdout.write(f"{mark}{each.name}: {each.found}\n")
    missing = probe.missing(found, probe.HOSTS)
    if missing:
        raise HostError(f"No test hosts here: {'; '.join(missing)}.")


def act(asked: argparse.Namespace) -> None:
    """Do what was asked for."""
    if asked.command == "gc":
        gc()
    elif asked.command == "probe":
        say_findings(asked)
    elif asked.command == "image":
        sys.stdout.write(f"{image()}\n")
    else:
        with state.locked(folder(asked)):
            act_on_hosts(asked)


def act_on_hosts(asked: argparse.Namespace) -> None:
    if asked.command == "up":
        options = {"launcher": asked.launcher, "owner": asked.owner, "binds": asked.bind, "cgroups": asked.cgroups}
        answer(asked, lifecycle.up(Wanted(asked.scenario, asked.hosts, folder(asked), **options)))
    elif asked.command == "down":
        down(state.load(folder(asked)))
    elif asked.command == "cut":
        answer(asked, lifecycle.cut(known(asked), asked.host))
    elif asked.command == "start":
        answer(asked, lifecycle.start(known(asked), asked.host))
    else:
        answer(asked, known(asked))


def main() -> int:
    # A run that is ended takes its hosts along.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        act(arguments(sys.argv[1:]))
    except (HostError, OSError, subprocess.SubprocessError) as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
