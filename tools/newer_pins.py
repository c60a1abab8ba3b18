# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists what meta/pins.yml pins and what there is that is newer. Nothing is changed.

make pins

A source that does not answer is named, and the rest is listed all the same.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

PINS = Path(__file__).resolve().parent.parent / "meta/pins.yml"
SECONDS = 30
AT_ONCE = 4
BEFORE_RELEASE = re.compile(r"\d(?:a|b|rc)\d")
NEWEST = re.compile(r"^[\w.-]+ \(([^)]+)\)$", re.MULTILINE)
# A release, such as v1.36.4+k3s1, and a chart's, such as 4.15.1. One with a hyphen comes before a release.
RELEASE = re.compile(r"v\d+(?:\.\d+)+(?:\+\w+)?")
CHART = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:\+.*)?")
# An index of charts may have a thousand versions.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnansweredError(Exception):
    """A source did not say what is newest."""


@dataclass(frozen=True)
class Pin:
    """A part, the version that is pinned, and what is asked for the newest one."""

    name: str
    version: str
    ask: Callable[[], str]


@dataclass(frozen=True)
class Answer:
    """The newest version of a part, or why it is not known."""

    pin: Pin
    newest: str = ""
    problem: str = ""

    @property
    def line(self) -> str:
        told = f"not known: {self.problem}" if self.problem else self.newest
        return f"{self.pin.name:<40} {self.pin.version:<16} {told}"

    @property
    def is_news(self) -> bool:
        return bool(self.problem) or self.newest != self.pin.version


def main() -> int:
    pins = read(yaml.safe_load(PINS.read_text(encoding="utf-8")))
    print(f"Asking for {len(pins)} parts", flush=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(asked, pins))
    news = [answer.line for answer in answers if answer.is_news]
    print("\n".join([f"{'':<40} {'pinned':<16} newest", *news]) if news else "Everything is the newest.")
    return 0


def read(pins: dict[str, Any]) -> list[Pin]:
    """Return what is pinned, and whom to ask for each."""
    charts = (pins["metallb"], pins["ingress_nginx"], pins["seldon"])
    found = [
        *(Pin(name, pins[name]["version"], partial(channel, pins[name]["channel"])) for name in ("k3s", "kube_vip")),
        Pin("helm", pins["helm"]["version"], partial(told, pins["helm"]["newest"])),
        *(Pin(f"{each['chart']} (chart)", each["version"], partial(chart, **repository(each))) for each in charts),
    ]
    for name, each in pins["pypi"].items():
        # Some parts have no other versions than those before a release.
        ask = partial(index, name, before_release=bool(BEFORE_RELEASE.search(each["version"])))
        found.append(Pin(name, each["version"], ask))
    return found


def repository(pinned: dict[str, Any]) -> dict[str, str]:
    """Return where a chart is listed, and its name there."""
    return {"url": f"{pinned['repository']}/index.yaml", "name": pinned["chart"]}


def asked(pin: Pin) -> Answer:
    """Ask for the newest version of a part."""
    try:
        return Answer(pin, pin.ask())
    except UnansweredError as error:
        return Answer(pin, problem=str(error))


def channel(url: str) -> str:
    """Return the release that a channel redirects to."""
    return release(url, fetched(url)[0].rpartition("/")[2].replace("%2B", "+"))


def told(url: str) -> str:
    """Return the release that a page consists of."""
    return release(url, fetched(url)[1].strip())


def release(url: str, said: str) -> str:
    """Return a release; whatever else answers in a network has a page of its own to show."""
    if not RELEASE.fullmatch(said):
        raise UnansweredError(f"{url} names no release")
    return said


def chart(url: str, name: str) -> str:
    """Return the newest version of a chart, as the index of its repository lists them."""
    try:
        versions = [str(each["version"]) for each in yaml.load(fetched(url)[1], LOADER)["entries"][name]]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise UnansweredError(f"{url} lists no chart {name}") from error
    released = [match for match in map(CHART.fullmatch, versions) if match]
    if not released:
        raise UnansweredError(f"{url} lists no release of {name}")
    return max(released, key=lambda match: tuple(map(int, match.groups())))[0]


def fetched(url: str) -> tuple[str, str]:
    """Return where a page was found in the end, and what it says."""
    try:
        # An opener of its own follows redirects, whatever this process has installed for everybody.
        with urllib.request.build_opener().open(url, timeout=SECONDS) as response:
            return str(response.url), response.read().decode(errors="replace")
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise UnansweredError(f"{url} does not answer ({error})") from error


def index(name: str, *, before_release: bool = False) -> str:
    """Return the newest version of a Python package, as pip finds it."""
    command = [sys.executable, "-m", "pip", "index", "versions", name, *(["--pre"] if before_release else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=4 * SECONDS)
    except subprocess.TimeoutExpired as error:
        raise UnansweredError(f"pip says nothing within {4 * SECONDS} seconds") from error
    return newest(done.stdout, done.stderr)


def newest(output: str, errors: str) -> str:
    """Read what `pip index versions` says."""
    match = NEWEST.search(output)
    if not match:
        said = [line for line in errors.splitlines() if line.startswith("ERROR")]
        raise UnansweredError(said[-1].removeprefix("ERROR: ") if said else "pip says nothing")
    return match[1]


if __name__ == "__main__":
    sys.exit(main())
