# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's own kube-apiserver, built from its source package once and kept for later runs.

python -m tests.debian_api_server

prints the folder that it lies in. The first time takes about five minutes on two cores. A second builder waits for the
first one, and nobody ever sees half of one: the program gets its place by a rename.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

SUITE = "bookworm"
SOURCE = "kubernetes"
PROGRAM = "kube-apiserver"
# The source carries a library that walks through the memory of maps, in a version for Go before 1.18. With a newer Go
# the server crashes as soon as a custom resource has labels. Debian's own package of the library is new enough.
# https://github.com/modern-go/reflect2/issues/26
LIBRARY = "golang-github-modern-go-reflect2"
LIBRARY_PLACE = "vendor/github.com/modern-go/reflect2"
# Debian's, by its folder: the first `go` on the path may be a newer one, with which the source does not build.
GO = Path("/usr/lib/go-1.19/bin")
NEEDS = {
    str(GO / "go"): "golang-1.19-go",
    "apt-get": "apt",
    "dpkg-source": "dpkg-dev",
    "jq": "jq",
    "make": "make",
    "rsync": "rsync",
}
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MAKE = ("nice", "-n", "19", "make", f"WHAT=cmd/{PROGRAM}", "GOFLAGS=-mod=vendor")
# What the build sees of this machine.
ENVIRONMENT = {
    "PATH": f"{GO}:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "CGO_ENABLED": "0",
    "GOPROXY": "off",
}
SPEAK_SECONDS = 10


class BuildError(Exception):
    """Why there is no program, in words for whoever wants to run tests against it."""


def place() -> Path:
    """Return the folder of the program that this recipe makes, there or not."""
    recipe = json.dumps([SUITE, SOURCE, LIBRARY, MAKE, ENVIRONMENT])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "modelops-serving" / PROGRAM / hashlib.sha256(recipe.encode()).hexdigest()[:16]


def archives() -> list[str]:
    """Return the addresses from which this machine installs the release that has the source."""
    if shutil.which("apt-get") is None:
        return []
    asked = ["apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    rows = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return sorted({row.split()[2] for row in rows if row.split()[:2] == [SUITE, "main"]})


def lacking() -> str:
    """Return what this machine lacks to build it."""
    packages = sorted(package for program, package in NEEDS.items() if shutil.which(program) is None)
    if packages:
        return f"to build Debian's, these packages are missing: {' '.join(packages)}"
    if not archives():
        return f"Debian's comes from {SUITE}, and this machine does not install from there"
    return ""


def program() -> Path:
    """Return the folder with the program; build it where it is missing, or wait for whoever does."""
    folder = place()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")):
            if not folder.is_dir():
                _make(folder)
    return folder


def _make(folder: Path) -> None:
    # What an interrupted build left; the lock says that nobody else writes there.
    for old in folder.parent.glob(f"{folder.name}-*.part"):
        shutil.rmtree(old)
    _say(f"Building Debian's {PROGRAM} (once, about five minutes)")
    began = time.monotonic()
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", suffix=".part", dir=folder.parent))
    try:
        source = _source(part)
        _run(MAKE, source, env={**ENVIRONMENT, "HOME": str(part)})
        kept = part / "kept"
        kept.mkdir()
        shutil.copy2(source / "_output/bin" / PROGRAM, kept)
        kept.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    _say(f"{PROGRAM} is built after {time.monotonic() - began:.0f} s")


def _source(part: Path) -> Path:
    """Fetch the source with lists of its own, which needs no root and leaves the machine's lists alone."""
    for name in ("lists/partial", "cache/archives/partial"):
        (part / name).mkdir(parents=True)
    lines = [f"deb-src [signed-by={KEYRING}] {archive} {SUITE} main\n" for archive in archives()]
    (part / "sources.list").write_text("".join(lines), encoding="utf-8")
    options = {
        "Dir::Etc::SourceList": part / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": part / "lists",
        "Dir::Cache": part / "cache",
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", *(word for name, value in options.items() for word in ("--option", f"{name}={value}"))]
    # A list that could not be fetched is a warning of apt's, unless it is asked.
    _run([*apt, "--error-on=any", "update"], part)
    for name, folder in ((SOURCE, "source"), (LIBRARY, "library")):
        _run([*apt, "--download-only", "source", name], part)
        (described,) = part.glob(f"{name}_*.dsc")
        # apt has verified the signature of the archive.
        _run(["dpkg-source", "--no-check", "--extract", described.name, folder], part)
    shutil.rmtree(part / "source" / LIBRARY_PLACE)
    (part / "library").rename(part / "source" / LIBRARY_PLACE)
    return part / "source"


def _run(command: Sequence[str], folder: Path, env: dict[str, str] | None = None) -> None:
    """Run a command that has to work; say every ten seconds how far it is."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(SPEAK_SECONDS)
                    break
                _say(f"Still building {PROGRAM}, {time.monotonic() - began:.0f} s")
        finally:
            # Whatever is left of it after an interruption.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode != 0:
            said.seek(0)
            raise BuildError(f"{' '.join(command)} ended with {process.returncode}:\n{said.read()[-3000:]}")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    began = time.monotonic()
    with path.open("w", encoding="ascii") as lock:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            waited = time.monotonic() - began
            if int(waited) % SPEAK_SECONDS == 0:
                _say(f"Waiting for somebody else who builds {PROGRAM}, {waited:.0f} s")
            time.sleep(1)
        yield


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.stdout.write(f"{program()}\n")
