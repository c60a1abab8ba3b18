# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole data plane, brought up by the playbooks in a folder of its own, and ways to call it."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "127.0.77.3"
HOST = "ml-api.local"
EXPERIMENT = "financial-ab-test-experiment"
BASELINE, ENHANCED, SHADOW = "baseline-predictor", "enhanced-predictor", "shadow-predictor"
PORTS = (
    "data_plane_http_port",
    "data_plane_grpc_port",
    "data_plane_envoy_http_port",
    "data_plane_envoy_mirrors_port",
    "data_plane_envoy_stats_port",
)
PORTS_PER_NAMESPACE = tuple(f"data_plane_mlserver_{kind}_port" for kind in ("http", "grpc", "metrics"))
# More than Envoy holds by default.
BODY_SIZE = "3m"
NAMESPACES = ("financial-inference", "financial-research")
# Where the search for free ports begins; below the ports of scenarios, and of those that the kernel lends to clients.
FIRST_PORT, PORT_BLOCKS = 22000, 256
# One namespace more than there are at first has room.
PORTS_PER_KIND = len(NAMESPACES) + 1
_LENT: list[socket.socket] = []
PLAY_SECONDS = 600


@dataclass(frozen=True)
class Answer:
    """What came back from a call."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def route(self) -> str | None:
        return self.headers.get("x-seldon-route")

    @property
    def model(self) -> str:
        return str(json.loads(self.body)["model_name"])


@dataclass(frozen=True)
class Play:
    """How a run of ansible-playbook ended."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        return sum(int(count) for count in re.findall(r"changed=(\d+)", self.output))

    @property
    def said(self) -> str:
        """What it printed as one line: Ansible wraps its messages."""
        return re.sub(r"\s+", " ", self.output)

    def require(self) -> Play:
        """Return a run that had to work."""
        __tracebackhide__ = True
        assert self.status == 0, self.output
        return self


def model(name: str, namespace: str, sample: str, version: int = 1) -> dict[str, Any]:
    """Return a model as inventories write it, stored among the samples."""
    return {
        "name": name,
        "namespace": namespace,
        "version": version,
        "requirements": ["sklearn"],
        "storage_uri": "{{ data_plane_directory }}/samples/" + sample,
    }


def experiment(baseline: int = 70, enhanced: int = 30, **more: Any) -> dict[str, Any]:
    """Return the sample experiment with these weights."""
    return {"name": EXPERIMENT, "default": BASELINE, "weights": {BASELINE: baseline, ENHANCED: enhanced}, **more}


@dataclass
class DataPlane:
    """A data plane in ``directory``, and the variables that put it there."""

    directory: Path
    variables: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.variables = {
            "data_plane_directory": str(self.directory),
            "data_plane_venv": sys.prefix,
            "data_plane_address": ADDRESS,
            "data_plane_samples": True,
            "data_plane_body_size": BODY_SIZE,
            "serving_namespaces": [{"name": name} for name in NAMESPACES],
            "serving_models": [
                model(BASELINE, NAMESPACES[0], BASELINE),
                model(ENHANCED, NAMESPACES[1], ENHANCED),
                model(SHADOW, NAMESPACES[1], ENHANCED),
            ],
            "serving_experiments": [experiment()],
            **free_ports(),
            **self.variables,
        }

    def play(self, playbook: str, *arguments: str, variables: Mapping[str, Any] | None = None) -> Play:
        """Run a playbook of the collection, and return how it ended."""
        command, environment = self.command(playbook, *arguments, variables=variables)
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PLAY_SECONDS,
            check=False,
        )
        return Play(done.returncode, done.stdout)

    def command(
        self, playbook: str, *arguments: str, variables: Mapping[str, Any] | None = None
    ) -> tuple[list[str], dict[str, str]]:
        """Return the command and the environment of :meth:`play`."""
        collections = self.directory.parent / "collections" / "ansible_collections" / "modelops"
        collections.mkdir(parents=True, exist_ok=True)
        if not (collections / "serving").is_symlink():
            (collections / "serving").symlink_to(ROOT)
        known = json.dumps({**self.variables, **(variables or {})})
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("--inventory", str(ROOT / "inventories" / "local")),
            *("--extra-vars", known),
            str(ROOT / "playbooks" / playbook),
            *arguments,
        ]
        # What it prints is read while it runs.
        known_to_all = {"ANSIBLE_COLLECTIONS_PATH": str(collections.parent.parent), "PYTHONUNBUFFERED": "1"}
        return command, {**os.environ, **known_to_all}

    def up(self, *arguments: str, variables: Mapping[str, Any] | None = None) -> Play:
        """Bring it up, and demand that this works."""
        play = self.play("data_plane.yml", *arguments, variables=variables)
        assert play.status == 0, play.output
        return play

    def down(self) -> Play:
        """Remove it, and demand that this works."""
        play = self.play("reset.yml")
        assert play.status == 0, play.output
        return play

    def declare(self, baseline: int, enhanced: int) -> None:
        """Move the weights of the sample experiment with the ad hoc playbook."""
        weights = {"experiment": EXPERIMENT, "weights": {BASELINE: baseline, ENHANCED: enhanced}}
        play = self.play("experiment.yml", variables=weights)
        assert play.status == 0, play.output

    def call(
        self,
        path: str = f"/v2/models/{BASELINE}/infer",
        *,
        seldon_model: str | None = None,
        route: str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        port: str = "data_plane_http_port",
        address: str = ADDRESS,
        timeout: float = 30,
    ) -> Answer:
        """Call through NGINX, or with another port another hop; a POST where there is a body."""
        sent = {"Host": HOST, "Content-Type": "application/json", **(headers or {})}
        if seldon_model is not None:
            sent["seldon-model"] = seldon_model
        if route is not None:
            sent["x-seldon-route"] = route
        connection = http.client.HTTPConnection(address, self.variables[port], timeout=timeout)
        try:
            connection.request("POST" if body is not None else "GET", path, body=body, headers=sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def infer(self, seldon_model: str | None = None, name: str = BASELINE, **more: Any) -> Answer:
        """Ask for a prediction of one held-out row."""
        return self.call(f"/v2/models/{name}/infer", seldon_model=seldon_model, body=self.payload(), **more)

    def payload(self) -> bytes:
        """Return a request body with one held-out row."""
        return json.dumps(self.golden()["requests"][0]).encode()

    def golden(self) -> dict[str, Any]:
        """Return the held-out rows, and what each model answers."""
        return dict(json.loads((self.directory / "samples" / "golden.json").read_bytes()))

    def certificate(self) -> ssl.SSLContext:
        """Return a context that trusts this data plane's certificate alone."""
        return ssl.create_default_context(cafile=str(self.directory / "nginx" / "tls.crt"))

    def stats(self) -> str:
        """Return Envoy's metrics, as Prometheus would see them."""
        answer = self.call("/stats/prometheus", port="data_plane_envoy_stats_port", address="127.0.0.1")
        assert answer.status == 200
        return answer.body.decode()

    def processes(self) -> dict[int, str]:
        """Return the command line of every process that runs inside the directory, by pid."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                inside = Path(os.readlink(folder / "cwd")).is_relative_to(self.directory)
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if inside and command:
                found[int(folder.name)] = command
        return found

    def pid(self, pattern: str) -> int:
        """Return the one process whose command line matches."""
        found = [pid for pid, command in self.processes().items() if re.search(pattern, command)]
        assert len(found) == 1, (pattern, self.processes())
        return found[0]


def wait_for(condition: Callable[[], object], what: str | Callable[[], str], seconds: float = 90) -> None:
    """Return as soon as a condition holds; the test fails when it never does, and says what."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    said = what if isinstance(what, str) else what()
    raise AssertionError(f"{said} did not come true within {seconds:g} s")


def free_ports() -> dict[str, int]:
    """Return ports for a data plane that nobody else on this machine has."""
    start = os.getpid() % PORT_BLOCKS
    for block in (*range(start, PORT_BLOCKS), *range(start)):
        base = FIRST_PORT + block * 16
        if not _is_lent_to_us(block) or not all(map(_is_free, range(base, base + 16))):
            continue
        first = base + len(PORTS)
        pairs = {name: first + index * PORTS_PER_KIND for index, name in enumerate(PORTS_PER_NAMESPACE)}
        return {**dict(zip(PORTS, range(base, first), strict=True)), **pairs}
    raise AssertionError("no sixteen free ports in a row")


def _is_lent_to_us(block: int) -> bool:
    """Take a block of ports for as long as this process lives.

    Other test runs on this machine, and data planes of ours that are not up yet, hold none of their ports. What tells
    about them is a name in the kernel, which goes with the process that has it.
    """
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0modelops-serving-test-ports-{block}")
    except OSError:
        name.close()
        return False
    _LENT.append(name)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def running(directory: Path, **variables: Any) -> Iterator[DataPlane]:
    """Bring a data plane up, lend it, and remove it."""
    plane = DataPlane(directory, variables)
    try:
        plane.up()
        yield plane
    finally:
        plane.down()
