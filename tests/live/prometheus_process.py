# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus that scrapes once a second, and an exporter that says what a test wants it to say."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from plugins.module_utils._adapters.prometheus_metrics import PrometheusMetrics
from tests.live.envoy_process import free_ports

START_SECONDS = 30
HOST = "127.0.0.1"


class PrometheusProcess:
    """Prometheus with a folder of its own, started and ended by its id."""

    def __init__(self, directory: Path, jobs: Mapping[str, tuple[str, list[int]]] | None = None) -> None:
        """Take what to scrape: by job, a path and ports of the loopback."""
        directory.mkdir()
        self._directory = directory
        (self._port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        scraped = [
            {
                "job_name": job,
                "metrics_path": path,
                "static_configs": [{"targets": [f"{HOST}:{port}" for port in ports]}],
            }
            for job, (path, ports) in (jobs or {}).items()
        ]
        settings = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": scraped}
        # JSON is YAML, too.
        (directory / "prometheus.yml").write_text(json.dumps(settings))

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def metrics(self, **options: Any) -> PrometheusMetrics:
        return PrometheusMetrics(self.url, **{"timeout": 10.0, "stale_after": 10.0, **options})

    def start(self) -> None:
        log = self._directory / "log"
        command = [
            "prometheus",
            f"--config.file={self._directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._directory / 'data'}",
            f"--web.listen-address={HOST}:{self._port}",
            "--log.level=warn",
        ]
        with log.open("ab") as written:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=written, stderr=written)
        deadline = time.monotonic() + START_SECONDS
        while self.metrics().check():
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


class Exporter:
    """Serves a text at any path, on a port of its own; it can be away for a while."""

    def __init__(self) -> None:
        self.text = ""
        (self.port,) = free_ports(1)
        self._server: ThreadingHTTPServer | None = None

    @property
    def is_there(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.text.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
