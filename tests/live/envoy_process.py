# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Envoy over a store directory, for tests that need no model servers behind it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from plugins.module_utils._adapters.envoy_admin import EnvoyAdmin
from plugins.module_utils._adapters.envoy_files import EnvoyFiles
from plugins.module_utils._adapters.envoy_store import EnvoyStore
from plugins.module_utils._core.envoy_bootstrap import bootstrap
from plugins.module_utils._core.envoy_settings import EnvoySettings
from plugins.module_utils._core.experiment import Request
from plugins.module_utils._core.route_table import Model

ENVOY = str(Path(sys.executable).parent / "envoy")
WATCHED = ("clusters.json", "listener_0.json", "listener_1.json")
MODELS = ("baseline-predictor", "enhanced-predictor", "shadow-predictor")
START_SECONDS = 60


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class EnvoyProcess:
    """Envoy with the store's own bootstrap, started and killed by its id."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory.parent / f"{directory.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.http, mirrors, stats = free_ports(3)
        self.settings: dict[str, Any] = {
            "directory": str(directory),
            "envoy": ENVOY,
            "log": str(self.log),
            "http": {"address": "127.0.0.1", "port": self.http},
            "mirrors": {"address": "127.0.0.1", "port": mirrors},
            "stats": {"address": "127.0.0.1", "port": stats},
            "retry": {"on": "5xx,connect-failure", "count": 1, "base_interval": 0.025},
            "max_connections": 100,
            "max_body_bytes": 1048576,
        }
        directory.mkdir(exist_ok=True)
        self.configure()
        (directory / "bootstrap.json").write_text(json.dumps(bootstrap(EnvoySettings.parse(self.settings))))
        for name in WATCHED:
            (directory / name).write_text('{"version_info": "0", "resources": []}')

    def configure(self, **settings: Any) -> None:
        """Write ``store.json`` with these settings changed; the running Envoy keeps its bootstrap."""
        (self.directory / "store.json").write_text(json.dumps({**self.settings, **settings}))

    def start(self) -> None:
        command = [ENVOY, "--config-path", str(self.directory / "bootstrap.json")]
        options = ["--concurrency", "1", "--disable-hot-restart", "-l", "warning", "--reject-unknown-dynamic-fields"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command + options, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.admin().versions()
            except OSError:
                assert self._process.poll() is None, self.log.read_text()
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"Envoy did not start in {START_SECONDS} s: {self.log.read_text()}")

    def kill(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def admin(self) -> EnvoyAdmin:
        return EnvoyAdmin(f"{self.directory}/admin.sock")

    def store(self, *, wait_timeout: float = 10.0, files: EnvoyFiles | None = None) -> EnvoyStore:
        return EnvoyStore(
            files or EnvoyFiles(str(self.directory)),
            lambda settings: EnvoyAdmin(settings.admin_socket),
            wait_timeout=wait_timeout,
        )

    def declare_models(self) -> None:
        endpoint = f"127.0.0.1:{free_ports(1)[0]}"
        models = [Model.parse({"name": name, "version": 1, "http": endpoint, "grpc": endpoint}) for name in MODELS]
        self.store().declare_table(models, [request()], dry_run=False)

    def contents(self) -> dict[str, bytes]:
        """Return every file of the store by name, but the lock and the socket."""
        return {
            path.name: path.read_bytes() for path in self.directory.iterdir() if path.is_file() and path.name != ".lock"
        }

    def live_weights(self, name: str = "ab") -> dict[str, int]:
        """Return the weights that Envoy itself has in force."""
        live = self.store().read().live
        assert live is not None, "Envoy does not answer"
        return next(each.weights for each in live.experiments if each.name == name)


def request(baseline: int = 70, enhanced: int = 30, name: str = "ab", **more: Any) -> Request:
    """Return a request for the two models' experiment."""
    weights = {"baseline-predictor": baseline, "enhanced-predictor": enhanced}
    return Request.parse({"name": name, "weights": weights, **more})


def run_python(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a Python program at the root of the collection."""
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
