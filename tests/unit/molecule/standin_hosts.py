# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for the stand-in of k3s: a folder, a port and a process each, on the loopback."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT

PROGRAM = ROOT / "molecule" / "shared" / "files" / "standin_k3s.py"
PATIENCE = 25.0


def program() -> Any:
    """Return the program as a module."""
    spec = importlib.util.spec_from_file_location("standin_k3s", PROGRAM)
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(what: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
    """Return what is true at last."""
    deadline = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


@dataclass
class Host:
    """One host. ``config`` is its config.yaml."""

    name: str
    root: Path
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    # What the program runs under, such as a clock of its own.
    wrapper: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.config['https-listen-port']}"

    @property
    def data(self) -> Path:
        return self.root / "var/lib/rancher/k3s"

    @property
    def journal(self) -> str:
        path = self.root / "journal"
        return path.read_text() if path.exists() else ""

    @property
    def notes(self) -> list[str]:
        return [line.split(" ", 1)[1] for line in (self.root / "var/lib/rancher/standin.log").read_text().splitlines()]

    def file(self, path: str, text: str = "") -> Path:
        """Write a file of the host, and return its path."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def env(self) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if not key.startswith(("K3S_", "KUBECONFIG", "NOTIFY"))}
        return {**own, "STANDIN_ROOT": str(self.root), **self.environment}

    def start(self, *arguments: str) -> Host:
        """Start it as its service manager would, and do not wait."""
        assert self.ended()
        self.file("etc/rancher/k3s/config.yaml", yaml.safe_dump(self.config, default_flow_style=False))
        node_type = ["agent"] if "lb-server-port" in self.config else ["server"]
        with (self.root / "journal").open("w") as journal:
            self.process = subprocess.Popen(
                [*self.wrapper, sys.executable, str(PROGRAM), *node_type, *arguments],
                env=self.env(),
                stderr=journal,
                stdout=journal,
            )
        return self

    def up(self, *arguments: str) -> Host:
        """Start it, and wait until it says that it is ready."""
        self.start(*arguments)
        wait_for(lambda: "is up and running" in self.journal or self.ended())
        assert "is up and running" in self.journal, self.journal
        return self

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def fails(self) -> str:
        """Start it, and return what it said before it gave up."""
        process = self.start().process
        assert process
        assert process.wait(timeout=PATIENCE) == 1, self.journal
        return self.journal

    def says(self, text: str) -> bool:
        """Wait until it says something."""
        return bool(wait_for(lambda: text in self.journal))

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=PATIENCE)

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call the program as the modules do."""
        command = [sys.executable, str(PROGRAM), *arguments]
        return subprocess.run(command, env=self.env(), capture_output=True, text=True, check=False, timeout=PATIENCE)

    def kubectl(self, *arguments: str) -> str:
        done = self.call("kubectl", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def node(self, name: str = "") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", "node", name or self.name, "--output", "json"))
        return found

    def condition(self, kind: str, name: str = "") -> str:
        """Return the status of a condition of a node; empty as long as it has none."""
        done = self.call("kubectl", "get", "node", name or self.name, "--output", "json")
        found = json.loads(done.stdout)["status"]["conditions"] if done.returncode == 0 else []
        return next((str(each["status"]) for each in found if each["type"] == kind), "")

    def is_ready(self, name: str = "") -> bool:
        return self.condition("Ready", name) == "True"


class Site:
    """All hosts of a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.hosts: list[Host] = []

    def server(self, name: str = "server-1", **config: Any) -> Host:
        return self._host(name, {"https-listen-port": free_port(), **_dashed(config)})

    def agent(self, name: str = "agent-1", **config: Any) -> Host:
        return self._host(name, {"lb-server-port": free_port(), **_dashed(config)})

    def _host(self, name: str, config: dict[str, Any]) -> Host:
        own = {"node-name": name, "node-ip": "127.0.0.1", "bind-address": "127.0.0.1", **config}
        host = Host(name, self._folder / f"{len(self.hosts)}-{name}", own)
        host.root.mkdir()
        self.hosts.append(host)
        return host

    def three(self) -> tuple[Host, Host, Host]:
        """Return three servers of one cluster, which run."""
        first = self.server("server-1", cluster_init=True, token="secret").up()
        second, third = (self.server(name, server=first.url, token="secret").up() for name in ("server-2", "server-3"))
        wait_for(lambda: all(first.is_ready(host.name) for host in (first, second, third)))
        return first, second, third


def _dashed(config: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("_", "-"): value for key, value in config.items()}


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Lend hosts, none of which runs afterwards."""
    found = Site(folder)
    try:
        yield found
    finally:
        for host in found.hosts:
            host.stop(signal.SIGKILL)
