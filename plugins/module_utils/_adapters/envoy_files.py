# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of files that Envoy watches: replaced whole or not at all, one writer at a time.

Envoy notices a watched file only when it is moved into place, and at a start it trusts whatever carries the name. So a
file is written beside, flushed to the disk, and renamed; and the last version Envoy confirmed is kept under a second
name, ``<file>.last-good``.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
import time
from typing import Callable, Iterator, Sequence

from .._core.errors import ServingError
from .whole_files import Json, WholeFiles, encoded, reason_of

SETTINGS = "store.json"
LOCK = ".lock"
LAST_GOOD = ".last-good"
NEXT_GOOD = ".next-good"
NEW = ".new"
VALIDATION_SECONDS = 60


class EnvoyFiles(WholeFiles):
    """Reads, writes and takes back the files of one store directory."""

    def settings(self) -> Json | None:
        """Return what the role set this Envoy to, or None where there is no store."""
        try:
            return self.load(self.path(SETTINGS))
        except ServingError as error:
            advice = "Remove it and bring the data plane up again, which writes it anew."
            raise ServingError(f"{error} {advice}") from error

    def read(self, name: str, check: Callable[[list[Json]], None]) -> tuple[Json | None, str | None]:
        """Return a watched file's content, or the last good one and a warning where the file is damaged or gone.

        ``check`` raises ServingError for resources that are not the store's own.
        """
        path = self.path(name)
        found, problem = self._watched(path, check)
        if found and found["resources"]:
            return found, None
        good, _problem = self._watched(path + LAST_GOOD, check)
        if good and good["resources"]:
            return good, f"{problem or f'{path} is gone or empty.'} Went on from {path}{LAST_GOOD}."
        if problem:
            raise ServingError(f"{problem} There is no last good copy: remove it and bring the data plane up again.")
        return found, None

    def keep_as_good(self, name: str) -> None:
        """Copy a file as it is now to be the one to go back to.

        A copy, because a second link would share the fate of a file that somebody overwrites in place.
        """
        path = self.path(name)
        try:
            with open(path, "rb") as stream:
                self.create(path + NEW, stream.read())
            self.move(path + NEW, path + LAST_GOOD)
        except OSError as error:
            self.remove(path + NEW)
            raise ServingError(f"Failed to keep a copy of {path}: {reason_of(error)}. Nothing was changed.") from error

    def replace(self, name: str, content: Json) -> None:
        """Give a file new content in one step: whoever reads the name sees the old or the new, never a part.

        The copy for :meth:`settle` is written first, so that a disk cannot be full by then.
        """
        path = self.path(name)
        data = encoded(content)
        try:
            self.create(path + NEXT_GOOD, data)
            self.create(path + NEW, data)
            self.move(path + NEW, path)
        except OSError as error:
            self.remove(path + NEW, path + NEXT_GOOD)
            raise ServingError(f"Failed to write {path}: {reason_of(error)}. The old one is still in force.") from error

    def settle(self, name: str) -> None:
        """Make what :meth:`replace` wrote the file to go back to."""
        path = self.path(name)
        self.move(path + NEXT_GOOD, path + LAST_GOOD)

    def restore(self, name: str) -> None:
        """Move the last good file back under its name, which needs no space and which Envoy notices."""
        path = self.path(name)
        self.remove(path + NEXT_GOOD)
        if self.has_good(name):
            self.move(path + LAST_GOOD, path)
            with contextlib.suppress(ServingError):
                self.keep_as_good(name)

    def has_good(self, name: str) -> bool:
        """Tell whether there is a last good file to go back to."""
        return os.path.exists(self.path(name) + LAST_GOOD)

    @contextlib.contextmanager
    def lock(self, *, timeout: float, shared: bool = False) -> Iterator[None]:
        """Hold the store's lock; readers share it, and do without where nobody ever wrote."""
        path = self.path(LOCK)
        try:
            flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
            descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if shared and error.errno == errno.ENOENT:
                yield
                return
            raise ServingError(f"Failed to lock {path}: {reason_of(error)}.") from error
        try:
            self.give_to_owner(descriptor)
            _acquire(descriptor, path, timeout=timeout, shared=shared)
            yield
        finally:
            os.close(descriptor)

    def validate(self, envoy: str, content: Json) -> None:
        """Ask the Envoy program itself whether it would take this configuration; refuse in its words."""
        path = self.path(".validate.json")
        try:
            self.create(path, encoded(content))
            command = [envoy, "--mode", "validate", "--log-level", "error", "--config-path", path]
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                timeout=VALIDATION_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = reason_of(error) if isinstance(error, OSError) else f"no answer in {VALIDATION_SECONDS} s"
            raise ServingError(f"Failed to check the routes with {envoy}: {reason}. Nothing was changed.") from error
        finally:
            self.remove(path)
        if done.returncode != 0:
            words = _last_words(done.stderr.splitlines())
            raise ServingError(f"Envoy would refuse these routes: {words}. Nothing was changed.", envoy=words)

    def log_size(self, log: str) -> int:
        """Return how long Envoy's log is now, for :meth:`log_since`."""
        try:
            return os.path.getsize(log)
        except OSError:
            return 0

    def log_since(self, log: str, start: int) -> str:
        """Return what Envoy logged since, in one line."""
        try:
            with open(log, "rb") as stream:
                stream.seek(start if os.path.getsize(log) >= start else 0)
                lines = stream.read(65536).decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        return _last_words(lines)

    def _watched(self, path: str, check: Callable[[list[Json]], None]) -> tuple[Json | None, str | None]:
        try:
            found = self.load(path)
            if found is not None and not (isinstance(found.get("resources"), list) and "version_info" in found):
                raise ServingError(f"{path} is not a file of this store.")
            if found is not None:
                check(found["resources"])
        except ServingError as error:
            return None, str(error)
        return found, None


def _acquire(descriptor: int, path: str, *, timeout: float, shared: bool) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise ServingError(
                    f"Another change has held {path} for {timeout:g} s. Nothing was changed; "
                    "run again when it is done, or set a longer wait_timeout."
                ) from error
            time.sleep(0.005)


def _last_words(lines: Sequence[str]) -> str:
    # Envoy starts a line with [time][thread][level][component] and perhaps the source file; the words come after.
    words = [line.rsplit("] ", 1)[-1].strip() for line in lines]
    return " ".join(line for line in words if line)[-600:] or "no reason given"


__all__ = ["EnvoyFiles"]
