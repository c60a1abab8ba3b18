# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster on systemd hosts of its own, by the playbooks, with the stand-in for K3s."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.live.data_plane import Play
from tests.support import COLLECTIONS, ROOT, run

TESTHOSTS = ROOT / "molecule/shared/testhosts.py"
STANDIN = ROOT / "molecule/shared/files/standin_k3s.py"
PLAY_SECONDS = 240
CONTEXT = "homelab"
WAIT_SECONDS = 60
TASK = re.compile(r"^TASK \[modelops\.serving\.k3s : (.*)\] \*+$", re.MULTILINE)
CONNECTION = (
    "-o ControlMaster=auto -o ControlPersist=30s -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no "
    "-o IdentitiesOnly=yes -o ConnectTimeout=5 -o ServerAliveInterval=3 -o ServerAliveCountMax=2"
)


class Running:
    """A run of a playbook in the background."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def end(self) -> Play:
        """Wait for its end, for a limited time."""
        return Play(self._process.wait(PLAY_SECONDS), self.output())

    def kill(self) -> None:
        """Kill it with all that it started here."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Cluster:
    """Hosts that are up, named for what they are: server-1, agent-1."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self.names = list(names)
        self._state = folder / "hosts"
        found = json.loads(self._testhosts("up", "cluster", "--hosts", ",".join(names), "--json", owner=True))
        self.addresses = {each["name"]: each["address"] for each in found["hosts"]}
        self._key, self._ssh_config = found["identity_file"], found["ssh_config"]
        self.artifacts = folder / "artifacts"
        self.artifacts.mkdir()
        self.release(STANDIN.read_bytes())
        self.kubeconfig = folder / "kube" / "config"
        self.variables: dict[str, Any] = {}
        self._runs = 0

    @property
    def gateway(self) -> str:
        """The address of this machine, as the hosts see it."""
        return ".".join([*self.addresses[self.names[0]].split(".")[:3], "1"])

    def release(self, program: bytes) -> str:
        """Put a program where the role takes it from, and return its checksum."""
        (self.artifacts / "k3s").write_bytes(program)
        return hashlib.sha256(program).hexdigest()

    # Hosts

    def _testhosts(self, *words: str, owner: bool = False) -> str:
        more = ["--owner", str(os.getpid())] if owner else []
        command = [sys.executable, str(TESTHOSTS), *words, "--state", str(self._state), *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def cut(self, name: str) -> None:
        """Take a host's power away."""
        self._testhosts("cut", name)

    def start(self, name: str) -> None:
        """Give it back."""
        self._testhosts("start", name)

    def down(self) -> None:
        self._testhosts("down")

    def on(self, name: str, command: str) -> str:
        """Run a command on a host, which has to work."""
        return run(["ssh", "-F", self._ssh_config, name, command], timeout=60).require()

    def write(self, name: str, path: str, text: str) -> None:
        """Write a file on a host."""
        self.on(name, f"mkdir -p {os.path.dirname(path)} && printf '%s' '{text}' > {path}")

    # Runs

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Play:
        """Run a playbook to its end."""
        command, environment = self._command(playbook, arguments, variables)
        done = run(command, env=environment, timeout=PLAY_SECONDS)
        return Play(done.status, done.output)

    @contextmanager
    def playing(self, playbook: str, **variables: Any) -> Iterator[Running]:
        """Run a playbook in the background, and leave nothing of it."""
        command, environment = self._command(playbook, (), variables)
        self._runs += 1
        running = Running(command, {**os.environ, **environment}, self._folder / f"run-{self._runs}.log")
        try:
            yield running
        finally:
            running.kill()

    def _command(
        self, playbook: str, arguments: Sequence[str], variables: Mapping[str, Any]
    ) -> tuple[list[str], dict[str, str]]:
        inventory = self._folder / "inventory.json"
        inventory.write_text(json.dumps(self._inventory()))
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("--inventory", str(inventory), "--extra-vars", json.dumps({**self.variables, **variables})),
            *(str(ROOT / "playbooks" / playbook), *arguments),
        ]
        environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._folder / "cp"),
            "PYTHONUNBUFFERED": "1",
        }
        return command, environment

    def _inventory(self) -> dict[str, Any]:
        groups: dict[str, dict[str, Any]] = {"k3s_server": {}, "k3s_agent": {}}
        for name, address in self.addresses.items():
            groups["k3s_server" if name.startswith("server") else "k3s_agent"][name] = {"ansible_host": address}
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        program = (self.artifacts / "k3s").read_bytes()
        shared = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": self._key,
            "ansible_ssh_common_args": CONNECTION,
            "ansible_python_interpreter": "/usr/bin/python3",
            "k3s_servers": list(groups["k3s_server"]),
            "k3s_artifacts_directory": str(self.artifacts),
            "k3s_sha256": {each: hashlib.sha256(program).hexdigest() for each in ("amd64", "arm64")},
            "k3s_kubeconfig": str(self.kubeconfig),
            "k3s_kubeconfig_context": CONTEXT,
            "k3s_wait_timeout": WAIT_SECONDS,
        }
        children = {group: {"hosts": hosts} for group, hosts in groups.items()}
        return {
            "all": {
                "vars": shared,
                "children": {"control": {"hosts": {"localhost": local}}, "k3s_cluster": {"children": children}},
            }
        }

    # What the stand-in did

    def starts(self, name: str) -> int:
        """Return how often K3s was started on a host."""
        log = self.on(name, "cat /var/lib/rancher/standin.log 2>/dev/null || true")
        return sum(" start " in line for line in log.splitlines())

    def nodes(self, by: str = "server-1") -> dict[str, str]:
        """Return the nodes that the cluster knows, each with its condition Ready."""
        found = json.loads(self.on(by, "k3s kubectl get nodes --output json"))["items"]
        return {
            each["metadata"]["name"]: next(
                one["status"] for one in each["status"]["conditions"] if one["type"] == "Ready"
            )
            for each in found
        }
