# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the wheels of meta/pins.yml into a folder, for a Debian 12 host that has no way to the package index.

.venv/bin/python -m tools.wheels FOLDER

They are those for this machine's architecture. What lies there already is not fetched again.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.pins import PINS, platforms

# Debian 12's.
PYTHON = "3.11"


def missing(pins: Mapping[str, Any], folder: Path) -> list[str]:
    """Return what pip has to fetch, with the checksums it insists on."""
    found = {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.whl")}
    return [
        f"{name}=={pin['version']} {' '.join(f'--hash=sha256:{one}' for one in pin['sha256'])}"
        for name, pin in pins.items()
        if not found & set(pin["sha256"])
    ]


def fetch(lines: list[str], folder: Path) -> None:
    """Let pip fetch wheels, and move them into the folder when they are whole."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        requirements = Path(place, "requirements.txt")
        requirements.write_text("\n".join(lines), encoding="utf-8")
        target = [word for each in platforms(platform.machine()) for word in ("--platform", each)]
        target += ["--implementation", "cp", "--python-version", PYTHON, "--only-binary", ":all:", "--no-deps"]
        options = ["--quiet", "--disable-pip-version-check", "--dest", place, "--requirement", str(requirements)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, *target], check=True)
        for wheel in Path(place).glob("*.whl"):
            wheel.replace(folder / wheel.name)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.exit("Usage: python -m tools.wheels FOLDER")
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    lines = missing(yaml.safe_load(PINS.read_text(encoding="utf-8"))["pypi"], folder)
    if lines:
        fetch(lines, folder)
    print(f"{folder}: {len(lines)} wheels fetched")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
