# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/setup.sh for real: on a machine without ensurepip, as root and not, interrupted, and run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import copy_checkout, run
from tests.throw_away_root import ThrowAwayRoot

# Removed with their dependants' consent or not: the root is thrown away.
WITHOUT_ENSUREPIP = "dpkg --remove --force-depends python3-venv python3.11-venv >/dev/null 2>&1"
WITHOUT_CURL = "dpkg --remove --force-depends curl >/dev/null 2>&1"
AS_NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp PYTHON=/usr/bin/python3"
SMALL = "packaging==26.3\n"
WRONG = f"packaging==26.3 --hash=sha256:{'0' * 64}\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout of its own, with few requirements."""
    path = copy_checkout(tmp_path / "checkout")
    (path / "small.txt").write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture
def machine(checkout: Path, tmp_path: Path) -> ThrowAwayRoot:
    """Return a function that runs a shell command, as root, in the checkout on a throw-away copy of this machine."""
    env = {"REQUIREMENTS": "small.txt", "PYTHON": "/usr/bin/python3"}
    return ThrowAwayRoot(tmp_path / "machine", checkout, env=env).require()


def listing(checkout: Path) -> set[Path]:
    return {path for path in checkout.rglob("*") if ".git" not in path.parts}


def test_root_gets_the_missing_packages_and_a_venv(machine: ThrowAwayRoot) -> None:
    said = machine(
        f"rm -f /usr/sbin/policy-rc.d; {WITHOUT_ENSUREPIP}; {WITHOUT_CURL}"
        "; test ! -e /usr/bin/curl && ! /usr/bin/python3 -c 'import ensurepip' 2>/dev/null && tools/setup.sh up"
        " && .venv/bin/python -c 'import packaging' && curl --version"
        " && test -f .venv/collections/ansible_collections/modelops/serving/galaxy.yml"
        " && test ! -e /usr/sbin/policy-rc.d && echo SECOND RUN && tools/setup.sh up"
    ).require()
    assert "Installing Debian packages: curl python3-venv\n" in said
    assert said.endswith("SECOND RUN\n"), "the second run has nothing to do, and says nothing"


@dataclass(frozen=True)
class Lacking:
    """A machine that lacks something, and the packages that an ordinary user is told."""

    without: str
    command: str
    packages: str


LACKING = {
    "ensurepip": Lacking(WITHOUT_ENSUREPIP, "up", "python3-venv"),
    "curl": Lacking("rm /usr/bin/curl", "up", "curl"),
    "nginx": Lacking("rm /usr/sbin/nginx", "up", "nginx"),
    "ensurepip and nginx": Lacking(f"rm /usr/sbin/nginx; {WITHOUT_ENSUREPIP}", "up", "nginx python3-venv"),
    "ensurepip and a tool of the tests": Lacking(f"rm /usr/bin/curl; {WITHOUT_ENSUREPIP}", "test", "curl python3-venv"),
}


@pytest.mark.parametrize("lacking", LACKING.values(), ids=LACKING.keys())
def test_ordinary_user_is_told_the_packages_and_nothing_changes(
    lacking: Lacking, checkout: Path, machine: ThrowAwayRoot
) -> None:
    before = listing(checkout)
    done = machine(f"{lacking.without}; chown -R 65534 . && {AS_NOBODY} tools/setup.sh {lacking.command}")
    assert done.status == 1
    assert done.output == (
        f"Missing Debian packages: {lacking.packages}. Nothing was changed. Install them, then run the same command"
        f" again:\n  sudo apt-get install {lacking.packages}\n"
    )
    assert listing(checkout) == before


def test_ordinary_user_brings_everything_up_when_the_packages_are_there(machine: ThrowAwayRoot) -> None:
    machine(f"chown -R 65534 . && {AS_NOBODY} tools/setup.sh up && .venv/bin/python -c 'import packaging'").require()


# A Python that says its version, and answers what setup.sh asks with another Python that takes itself for that one.
OTHER_PYTHON = """#!/bin/sh
[ "$1" = -V ] && echo Python {version} && exit
exec {python} -c "import sys; sys.version_info = ({numbers}, 'final', 0); exec(sys.argv[1])" "$2"
"""
REFUSED = {
    "no such Python": ("", "No './other-python' found. Install Python 3.11 or 3.12"),
    "an old Python": ("3.10.13", "is Python 3.10.13, 3.11 or 3.12 is needed"),
    "a Python that MLServer has no release for": ("3.13.0", "is Python 3.13.0, 3.11 or 3.12 is needed"),
}


def write_python(path: Path, version: str) -> None:
    numbers = ", ".join(version.split("."))
    path.write_text(OTHER_PYTHON.format(version=version, python=sys.executable, numbers=numbers), encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize(("version", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_python_is_refused(version: str, message: str, checkout: Path) -> None:
    if version:
        write_python(checkout / "other-python", version)
    before = listing(checkout)
    done = run(["tools/setup.sh", "up"], cwd=checkout, env={"PYTHON": "./other-python"})
    assert done.status == 1
    assert done.output.startswith(("No", "'./other-python'"))
    assert message in done.output
    assert listing(checkout) == before


def test_wrong_checksum_stops_with_the_words_of_pip(checkout: Path) -> None:
    (checkout / "small.txt").write_text(WRONG, encoding="utf-8")
    env = {"REQUIREMENTS": "small.txt", "VENV": "small", "PYTHON": sys.executable}
    done = run(["tools/setup.sh", "dev"], cwd=checkout, env=env)
    assert done.status == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.output
    assert f"Expected sha256 {'0' * 64}" in done.output
    assert done.output.endswith("The same command again goes on from here.\n")
    assert not (checkout / "small/.complete-small.txt").exists()
    assert run(["small/bin/python", "-c", "import packaging"], cwd=checkout).status == 1


def half_made(checkout: Path) -> bool:
    """Tell whether the venv exists and lacks what makes it one."""
    return (checkout / ".venv/pyvenv.cfg").exists() and not (checkout / ".venv/.made").exists()


def half_installed(checkout: Path) -> bool:
    """Tell whether pip is in the middle of one distribution."""
    found = checkout.glob(".venv/lib/python3*/site-packages/numpy*")
    return any(found) and not any(checkout.glob(".venv/lib/python3*/site-packages/numpy*.dist-info/INSTALLER"))


INTERRUPTED = {"while the venv is made": half_made, "in the middle of a package": half_installed}


@pytest.mark.parametrize("moment", INTERRUPTED.values(), ids=INTERRUPTED.keys())
def test_interrupted_run_is_completed_by_the_next(moment: Callable[[Path], bool], checkout: Path) -> None:
    (checkout / "small.txt").write_text("numpy==2.4.6\n", encoding="utf-8")
    env = {**os.environ, "REQUIREMENTS": "small.txt", "PYTHON": sys.executable}
    process = subprocess.Popen(
        ["tools/setup.sh", "dev"],
        cwd=checkout,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and not moment(checkout):
        time.sleep(0.002)
    # What a terminal does on Ctrl-C: the signal goes to all of the foreground.
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert said.endswith("Interrupted. The same command again goes on from here.\n")

    run(["tools/setup.sh", "dev"], cwd=checkout, env=env).require()

    run([".venv/bin/python", "-c", "import numpy; numpy.ones(3).sum()"], cwd=checkout).require()
    run([".venv/bin/python", "-m", "pip", "check"], cwd=checkout).require()
    assert run(["tools/setup.sh", "dev"], cwd=checkout, env=env).require() == ""


def test_another_python_makes_the_venv_anew(checkout: Path) -> None:
    env = {"REQUIREMENTS": "small.txt", "PYTHON": sys.executable}
    run(["tools/setup.sh", "dev"], cwd=checkout, env=env).require()
    assert not (checkout / ".venv/.lines").exists()
    version = "3.12.0" if sys.version_info[:2] == (3, 11) else "3.11.0"
    write_python(checkout / "other-python", version)
    # The stand-in cannot make a venv; that it is asked to shows that the old one does not pass for its own.
    said = run(["tools/setup.sh", "dev"], cwd=checkout, env={**env, "PYTHON": "./other-python"}).output
    assert f"Making .venv with Python {version}" in said


def test_moved_checkout_makes_its_venv_anew(checkout: Path) -> None:
    env = {"REQUIREMENTS": "small.txt", "PYTHON": sys.executable}
    run(["tools/setup.sh", "dev"], cwd=checkout, env=env).require()
    moved = checkout.rename(checkout.with_name("moved"))
    run(["tools/setup.sh", "dev"], cwd=moved, env=env).require()
    assert run([".venv/bin/pip", "--version"], cwd=moved).require().split()[3].startswith(str(moved))


REMOVED = {
    "made by make up alone": (["up"], False),
    "also used by make dev": (["up", "dev"], True),
}


@pytest.mark.parametrize(("commands", "stays"), REMOVED.values(), ids=REMOVED.keys())
def test_way_back_removes_what_up_made(commands: list[str], stays: bool, checkout: Path) -> None:
    before = listing(checkout)
    for name in ("requirements.txt", "requirements-dev.txt"):
        (checkout / name).write_text(SMALL, encoding="utf-8")
    for command in commands:
        run(["tools/setup.sh", command], cwd=checkout, env={"PYTHON": sys.executable}).require()
    said = run(["tools/setup.sh", "remove"], cwd=checkout).require()
    assert "Debian packages stay" in said
    assert (listing(checkout) != before) is stays


def test_down_where_nothing_was_made_installs_nothing(checkout: Path, tmp_path: Path) -> None:
    before = listing(checkout)
    said = run(["make", "down"], cwd=checkout, env={"HOME": str(tmp_path), "PYTHON": "/nowhere/python3"}).require()
    assert said.startswith("There is nothing to remove:")
    assert listing(checkout) == before


# The Python that is missing shows that the whole way back was begun.
BEGUN = {
    "a data plane is there": (".local/share/modelops-serving", ""),
    "a venv is there": ("checkout/.venv", ""),
    "another inventory is asked for": (".", "-i elsewhere"),
}


@pytest.mark.parametrize(("folder", "arguments"), BEGUN.values(), ids=BEGUN.keys())
def test_down_goes_to_work_when(folder: str, arguments: str, checkout: Path, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    env = {"HOME": str(tmp_path), "PYTHON": "/nowhere/python3"}
    done = run(["make", "down", f"ARGS={arguments}"], cwd=checkout, env=env)
    assert "No '/nowhere/python3' found." in done.output
