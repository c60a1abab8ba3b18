# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several tests need: run a command to its end, and copy the checkout as a fresh clone would see it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
COLLECTIONS = ROOT / ".venv" / "collections"
# The collections that come with the PyPI package `ansible`.
BUNDLED = Path(sys.prefix) / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and all it said."""

    command: str
    status: int
    output: str

    def require(self) -> str:
        """Return the output of a command that had to work."""
        __tracebackhide__ = True
        assert self.status == 0, f"{self.command} ended with {self.status}:\n{self.output}"
        return self.output


def run(
    command: Sequence[str | Path], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None, timeout: float = 600
) -> Outcome:
    """Run a command without a terminal; end all it started when the time is over."""
    words = [str(word) for word in command]
    process = subprocess.Popen(
        words,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output = process.communicate(timeout=timeout)[0]
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        sys.stderr.write(process.communicate()[0])
        raise
    return Outcome(" ".join(words), process.returncode, output)


def files() -> list[Path]:
    """Return what the next commit could hold, relative to the root: tracked, or new and not ignored."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).require()
    return sorted({Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()})


def copy_checkout(target: Path) -> Path:
    """Copy those files, as a fresh clone would have them, and make the copy a repository of its own."""
    for path in files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target / path)
    run(["git", "init", "--quiet", "--initial-branch", "main", target]).require()
    run(["git", "add", "--all"], cwd=target).require()
    return target
