# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An NGINX that answers a constant, or passes on to another one, for as long as it is needed."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from tools.bench.figures import NotMeasuredError

ANSWER = '{"model_name":"nothing_1","outputs":[]}'
START_SECONDS = 10
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
CONFIGURATION = """
daemon off;
# One process, that a signal ends as a whole.
master_process off;
worker_rlimit_nofile 8192;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    {temporary}
    access_log off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    {upstream}
    server {{
        listen 127.0.0.1:{port};
        location / {{ {action} }}
    }}
}}
"""
UPSTREAM = "upstream next {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests 100000000; }}"
PASS = 'proxy_pass http://next; proxy_http_version 1.1; proxy_set_header Connection "";'


class Nginx:
    """A bare NGINX on a free port, from entering to leaving."""

    def __init__(self, folder: Path, *, upstream: int | None = None) -> None:
        self.folder = folder
        self.port = _free_port()
        folder.mkdir(parents=True, exist_ok=True)
        text = CONFIGURATION.format(
            folder=folder,
            temporary=" ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY),
            upstream=UPSTREAM.format(port=upstream) if upstream else "",
            port=self.port,
            action=PASS if upstream else f"return 200 '{ANSWER}';",
        )
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Nginx:
        arguments = ["-e", f"{self.folder}/error.log", "-p", f"{self.folder}/", "-c", f"{self.folder}/nginx.conf"]
        self._process = subprocess.Popen(
            ["nginx", *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), START_SECONDS).close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    words = (self.folder / "error.log").read_text(encoding="utf-8")
                    raise NotMeasuredError(f"nginx did not start: {words}") from error
                time.sleep(0.01)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
