# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server on this machine whose answers are made of what it is asked, as a model's are."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ADDRESS = "127.0.0.1"


@dataclass
class Served:
    """What it answers, and what it was asked. ``pause``: seconds before an answer; ``drip``: after each byte of one."""

    answer: Callable[[str, bytes], tuple[int, bytes]]
    port: int = 0
    pause: float = 0.0
    drip: float = 0.0
    asked: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.port}"


@contextmanager
def served(answer: Callable[[str, bytes], tuple[int, bytes]], **more: Any) -> Iterator[Served]:
    """Lend a server whose answers are made of a path and a body."""
    found = Served(answer, **more)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.asked.append((self.path, body))
            time.sleep(found.pause)
            # Uvicorn, which MLServer runs in, refuses a request without a host as well.
            status, content = found.answer(self.path, body) if "Host" in self.headers else (400, b"no host")
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                for piece in [bytes([each]) for each in content] if found.drip else [content]:
                    self.wfile.write(piece)
                    self.wfile.flush()
                    time.sleep(found.drip)
            except OSError:
                # Whoever asked waits no longer.
                self.close_connection = True

        do_POST = do_GET  # noqa: N815 - the name that the library calls

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tensor(name: str, data: list[Any], datatype: str = "INT64") -> dict[str, Any]:
    """Return a tensor of the Open Inference Protocol."""
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}


def inference(model: str, *outputs: dict[str, Any]) -> bytes:
    """Return the body of a model's answer."""
    return json.dumps({"model_name": model, "outputs": list(outputs)}).encode()
