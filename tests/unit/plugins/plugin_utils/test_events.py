# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events reach a webhook in order, and a webhook that is slow, gone or refuses never holds anybody up."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from plugins.plugin_utils import _events
from plugins.plugin_utils._events import Events


class Hook(ThreadingHTTPServer):
    """A webhook on this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.taken: list[dict[str, Any]] = []
        self.headers: list[str | None] = []
        self.delay = 0.0
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/events"


class Taker(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.delay)
        self.server.taken.append(json.loads(body))
        self.server.headers.append(self.headers.get("Authorization"))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def webhook(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "headers": None, "timeout": 0.5, **more}


def test_events_arrive_in_order_with_their_headers(hook: Hook) -> None:
    events = Events(webhook(hook.url, headers={"Authorization": "Bearer secret"}))
    for number in range(5):
        events.send({"event": "step", "number": number})
    events.close(5)
    assert [each["number"] for each in hook.taken] == [0, 1, 2, 3, 4]
    assert set(hook.headers) == {"Bearer secret"}
    assert (events.lost, events.last_problem) == (0, "")


def test_without_a_webhook_nothing_is_sent() -> None:
    events = Events(None)
    events.send({"event": "step"})
    events.close(5)
    assert events.lost == 0


def test_a_slow_webhook_holds_nobody_up(hook: Hook) -> None:
    hook.delay = 30
    events = Events(webhook(hook.url))
    started = time.monotonic()
    for number in range(300):
        events.send({"number": number})
    assert time.monotonic() - started < 1
    events.close(0.2)
    assert time.monotonic() - started < 2
    assert events.lost >= 300 - _events.MOST_WAITING
    assert events.last_problem


def test_a_webhook_that_refuses_loses_its_event_alone(hook: Hook) -> None:
    hook.status = 500
    events = Events(webhook(hook.url))
    events.send({"number": 1})
    events.close(5)
    hook.status = 200
    events.send({"number": 2})
    events.close(5)
    assert [each["number"] for each in hook.taken] == [1, 2]
    assert events.lost == 1
    assert "500" in events.last_problem


def test_a_webhook_that_is_gone_is_said() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    events = Events(webhook(f"http://127.0.0.1:{port}/"))
    events.send({"number": 1})
    events.close(5)
    assert events.lost == 1
    assert "refused" in events.last_problem
