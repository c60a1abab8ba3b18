# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pins have a newer version, and what is said of sources that do not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from tools.newer_pins import PINS as PINS_FILE
from tools.newer_pins import (
    Answer,
    Pin,
    UnansweredError,
    asked,
    channel,
    chart,
    index,
    newest,
    read,
    repository,
    told,
)

PINS: dict[str, Any] = {
    "k3s": {"version": "v1.36.4+k3s1", "channel": "https://update.example.com/stable"},
    "kube_vip": {"version": "v1.2.3", "channel": "https://update.example.com/latest"},
    "helm": {"version": "v3.20.2", "newest": "https://get.example.com/helm3"},
    "metallb": {"version": "0.16.1", "chart": "metallb", "repository": "https://charts.example.com/metallb"},
    "ingress_nginx": {"version": "4.15.1", "chart": "ingress-nginx", "repository": "https://charts.example.com/edge"},
    "seldon": {"version": "2.10.2", "chart": "seldon-core-v2-setup", "repository": "https://charts.example.com/seldon"},
    "pypi": {"joblib": {"version": "1.6.0"}, "numpy": {"version": "2.4.6"}},
}


INDEX = """\
apiVersion: v1
entries:
  metallb:
    - {version: 0.16.10}
    - {version: 0.17.0-rc1}
    - {version: 0.16.9}
    - {version: 0.16.10-1}
  early:
    - {version: 0.1.0-beta}
"""
PAGES = {
    "/helm3": "v3.22.0\n",
    "/index.yaml": INDEX,
    "/portal": "<html>Sign in: here</html>",
    "/list": "- 1",
    "/torn": "entries: {metallb: [",
}


class Upstream(BaseHTTPRequestHandler):
    """Sends whoever asks for a channel on to a release, and has some pages; a short one breaks off."""

    def do_GET(self) -> None:
        text = PAGES.get(self.path, "").encode()
        self.send_response(302 if self.path == "/stable" else 404 if self.path == "/gone" else 200)
        if self.path == "/stable":
            self.send_header("Location", "/releases/tag/v1.36.5%2Bk3s1")
        self.send_header("Content-Length", str(len(text) + 10 * (self.path == "/short")))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has above
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_pin_is_asked_for() -> None:
    assert [(pin.name, pin.version) for pin in read(PINS)] == [
        ("k3s", "v1.36.4+k3s1"),
        ("kube_vip", "v1.2.3"),
        ("helm", "v3.20.2"),
        ("metallb (chart)", "0.16.1"),
        ("ingress-nginx (chart)", "4.15.1"),
        ("seldon-core-v2-setup (chart)", "2.10.2"),
        ("joblib", "1.6.0"),
        ("numpy", "2.4.6"),
    ]


def test_every_part_of_the_file_is_asked_for() -> None:
    pinned = yaml.safe_load(PINS_FILE.read_text(encoding="utf-8"))
    assert len(read(pinned)) == len(pinned) - 1 + len(pinned["pypi"])


def test_a_chart_is_asked_for_where_it_comes_from() -> None:
    assert repository(PINS["metallb"]) == {"url": "https://charts.example.com/metallb/index.yaml", "name": "metallb"}


def test_a_channel_names_a_release(upstream: str) -> None:
    assert channel(f"{upstream}/stable") == "v1.36.5+k3s1"


def test_a_page_names_a_release(upstream: str) -> None:
    assert told(f"{upstream}/helm3") == "v3.22.0"


def test_the_newest_chart_is_the_highest_release(upstream: str) -> None:
    assert chart(f"{upstream}/index.yaml", "metallb") == "0.16.10"


UNANSWERED: dict[str, tuple[Callable[[str], str], str]] = {
    "a channel that leads nowhere": (lambda url: channel(f"{url}/latest"), "/latest names no release"),
    "a page that says something else": (lambda url: told(f"{url}/portal"), "/portal names no release"),
    "a page that is gone": (lambda url: told(f"{url}/gone"), "/gone does not answer (HTTP Error 404: Not Found)"),
    "a page that breaks off": (lambda url: told(f"{url}/short"), "/short does not answer (IncompleteRead("),
    "a repository without the chart": (lambda url: chart(f"{url}/index.yaml", "other"), " lists no chart other"),
    "an index of nothing": (lambda url: chart(f"{url}/list", "metallb"), "/list lists no chart metallb"),
    "no index": (lambda url: chart(f"{url}/portal", "metallb"), "/portal lists no chart metallb"),
    "half an index": (lambda url: chart(f"{url}/torn", "metallb"), "/torn lists no chart metallb"),
    "a chart without a release": (lambda url: chart(f"{url}/index.yaml", "early"), " lists no release of early"),
}


@pytest.mark.parametrize("name", UNANSWERED)
def test_a_source_that_says_something_else_is_named(name: str, upstream: str) -> None:
    ask, words = UNANSWERED[name]
    answer = asked(Pin("part", "1", lambda: ask(upstream)))
    assert f"not known: {upstream}/" in answer.line
    assert words in answer.line


def test_pip_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.newer_pins.SECONDS", 0.001)
    answer = asked(Pin("joblib", "1.6.0", lambda: index("joblib")))
    assert answer.problem == "pip says nothing within 0.004 seconds"


def test_a_channel_that_does_not_answer_is_named() -> None:
    url = "http://127.0.0.1:9/stable"
    answer = asked(Pin("k3s", "v1.36.4+k3s1", lambda: channel(url)))
    assert answer.is_news
    assert answer.line.startswith(f"{'k3s':<40} {'v1.36.4+k3s1':<16} not known: {url} does not answer (")


def test_what_pip_says() -> None:
    assert newest("joblib (1.7.0)\nAvailable versions: 1.7.0, 1.6.0\n", "WARNING: experimental\n") == "1.7.0"
    with pytest.raises(UnansweredError, match=r"^No matching distribution found for joblib$"):
        newest("", "WARNING: x\nERROR: No matching distribution found for joblib\n")


def test_only_news_is_news() -> None:
    pin = Pin("joblib", "1.6.0", lambda: "1.6.0")
    assert not Answer(pin, "1.6.0").is_news
    assert Answer(pin, "1.7.0").is_news
