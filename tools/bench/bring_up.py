# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long `make up` takes, in a copy of the checkout with a home of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.live.data_plane import PORTS, PORTS_PER_NAMESPACE, DataPlane
from tests.support import copy_checkout, run
from tools.bench.figures import Check, NotMeasuredError, Row, Table
from tools.bench.section import Bench, undisturbed

# None of the ones that a test run or a user's own data plane has.
ADDRESS = "127.0.77.5"
SECOND_RUN_SECONDS = 15.0
MAKE_SECONDS = 900
# Where the role puts the data plane, seen from the user's home.
DATA_PLANE = ".local/share/modelops-serving"
# Tells the seconds of the slowest tasks after the play.
PROFILE = {"ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks"}
SMOKE_TEST = re.compile(r"^.*smoke_test \| Ask every hop -+ ([0-9.]+)s$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """How long a target took, how much of that was its smoke test, and how many tasks changed something."""

    seconds: float
    smoke_test: float
    changed: int

    @classmethod
    def parse(cls, seconds: float, output: str) -> Run:
        """Read what the run itself tells."""
        changed = sum(int(count) for count in re.findall(r"changed=(\d+)", output))
        return cls(seconds, sum(float(found) for found in SMOKE_TEST.findall(output)), changed)

    def row(self, name: str, *checks: Check) -> Row:
        """Return the run as a row."""
        rest = self.seconds - self.smoke_test
        return Row(name, (f"{self.seconds:.1f}", f"{rest:.1f}", str(self.changed)), checks)


@dataclass(frozen=True)
class _Checkout:
    """A copy of the checkout, the environment it is used with, and the arguments that keep it to its own ports."""

    folder: Path
    environment: dict[str, str]
    arguments: str

    def make(self, target: str, more: str = "") -> Run:
        """Run a target of the Makefile."""
        arguments = f"{self.arguments} {more}".strip()
        start = time.monotonic()
        done = run(
            ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "MFLAGS", "make", target, f"ARGS={arguments}"],
            cwd=self.folder,
            env={**self.environment, **PROFILE},
            timeout=MAKE_SECONDS,
        )
        if done.status != 0:
            raise NotMeasuredError(f"make {target} ended with {done.status}: {done.output[-2000:]}")
        return Run.parse(time.monotonic() - start, done.output)


def bring_up(bench: Bench) -> list[Table]:
    """Run `make up` again and again, and remove what it made."""
    checkout = _checkout(bench.folder / "up")
    try:
        bench.say("make up, cold")
        first = checkout.make("up")
        bench.say("make up, the second time")
        second = checkout.make("up")
        bench.say("make up, without its smoke test")
        third = checkout.make("up", "--skip-tags smoke_test")
    finally:
        with undisturbed():
            _remove(bench, checkout)
    if not second.smoke_test:
        raise NotMeasuredError("the second run does not say how long its smoke test took")
    check = Check("whole run", third.seconds, SECOND_RUN_SECONDS, "s")
    rows = (
        first.row("cold: no `.venv`, no data plane, packages from pip's cache"),
        second.row("the second run"),
        third.row("a run without its smoke test (`--skip-tags smoke_test`)", check),
    )
    text = (
        "In a copy of the checkout with a home of its own. Debian's packages are installed already. It ends with the "
        "quick smoke test, which takes its own time."
    )
    columns = ("Seconds", "without the smoke test", "Tasks that changed something")
    return [Table("`make up`", text, columns, rows)]


def _remove(bench: Bench, checkout: _Checkout) -> None:
    # When it was interrupted before that, there is nothing that outlives the folder.
    if Path(checkout.environment["HOME"], DATA_PLANE).exists():
        bench.say("make down")
        checkout.make("down")


def _checkout(folder: Path) -> _Checkout:
    home, copy = folder / "home", folder / "checkout"
    home.mkdir(parents=True)
    copy.mkdir()
    copy_checkout(copy)
    variables = DataPlane(folder / "ports").variables
    own = {name: variables[name] for name in (*PORTS, *PORTS_PER_NAMESPACE)}
    extra = folder / "variables.json"
    extra.write_text(json.dumps({**own, "data_plane_address": ADDRESS}), encoding="utf-8")
    # Another home would mean another cache, and other settings of pip.
    asked = [sys.executable, "-m", "pip", "cache", "dir"]
    cache = subprocess.run(asked, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True).stdout.strip()
    environment = {"HOME": str(home), "PIP_CACHE_DIR": cache}
    settings = Path(os.environ.get("HOME", "/")) / ".config/pip/pip.conf"
    if settings.exists() and "PIP_CONFIG_FILE" not in os.environ:
        environment["PIP_CONFIG_FILE"] = str(settings)
    return _Checkout(copy, environment, f"-e @{extra}")
