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
import json
import os
import subprocess
import time
from typing import Any, Callable, Dict, Iterator, Sequence

from .._core.errors import ServingError

SETTINGS = "store.json"
LOCK = ".lock"
LAST_GOOD = ".last-good"
NEXT_GOOD = ".next-good"
NEW = ".new"
VALIDATION_SECONDS = 60

Json = Dict[str, Any]


class EnvoyFiles:
    """Reads, writes and takes back the files of one store directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def path(self, name: str) -> str:
        """Return the absolute path of a file of the store."""
        return os.path.join(self.directory, name)

    def settings(self) -> Json | None:
        """Return what the role set this Envoy to, or None where there is no store."""
        try:
            return self._load(self.path(SETTINGS))
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
                self._write(path + NEW, stream.read())
            self._move(path + NEW, path + LAST_GOOD)
        except OSError as error:
            self._remove(path + NEW)
            raise ServingError(f"Failed to keep a copy of {path}: {_reason(error)}. Nothing was changed.") from error

    def replace(self, name: str, content: Json) -> None:
        """Give a file new content in one step: whoever reads the name sees the old or the new, never a part.

        The copy for :meth:`settle` is written first, so that a disk cannot be full by then.
        """
        path = self.path(name)
        data = _encode(content)
        try:
            self._write(path + NEXT_GOOD, data)
            self._write(path + NEW, data)
            self._move(path + NEW, path)
        except OSError as error:
            self._remove(path + NEW, path + NEXT_GOOD)
            raise ServingError(f"Failed to write {path}: {_reason(error)}. The old one is still in force.") from error

    def settle(self, name: str) -> None:
        """Make what :meth:`replace` wrote the file to go back to."""
        path = self.path(name)
        self._move(path + NEXT_GOOD, path + LAST_GOOD)

    def restore(self, name: str) -> None:
        """Move the last good file back under its name, which needs no space and which Envoy notices."""
        path = self.path(name)
        self._remove(path + NEXT_GOOD)
        if self.has_good(name):
            self._move(path + LAST_GOOD, path)
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
            raise ServingError(f"Failed to lock {path}: {_reason(error)}.") from error
        try:
            self._give_to_owner(descriptor)
            _acquire(descriptor, path, timeout=timeout, shared=shared)
            yield
        finally:
            os.close(descriptor)

    def validate(self, envoy: str, content: Json) -> None:
        """Ask the Envoy program itself whether it would take this configuration; refuse in its words."""
        path = self.path(".validate.json")
        try:
            self._write(path, _encode(content))
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
            reason = _reason(error) if isinstance(error, OSError) else f"no answer in {VALIDATION_SECONDS} s"
            raise ServingError(f"Failed to check the routes with {envoy}: {reason}. Nothing was changed.") from error
        finally:
            self._remove(path)
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
            found = self._load(path)
            if found is not None and not (isinstance(found.get("resources"), list) and "version_info" in found):
                raise ServingError(f"{path} is not a file of this store.")
            if found is not None:
                check(found["resources"])
        except ServingError as error:
            return None, str(error)
        return found, None

    def _load(self, path: str) -> Json | None:
        try:
            with open(path, "rb") as stream:
                found = json.loads(stream.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ServingError(f"Failed to read {path}: {_reason(error)}.") from error
        except ValueError as error:
            raise ServingError(f"{path} is not whole JSON ({error}).") from error
        if not isinstance(found, dict):
            raise ServingError(f"{path} is not a JSON object.")
        return found

    def _write(self, path: str, data: bytes) -> None:
        # Anew, and never through a link: root may write in a folder of the data plane's own user.
        self._remove(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "wb") as stream:
            self._give_to_owner(descriptor)
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)

    def _move(self, source: str, target: str) -> None:
        os.replace(source, target)
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _remove(self, *paths: str) -> None:
        for path in paths:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _give_to_owner(self, descriptor: int) -> None:
        # Root may run the playbook; Envoy's own user must be able to read and replace what root wrote.
        if os.geteuid() == 0:
            owner = os.stat(self.directory)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


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


def _encode(content: Json) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _last_words(lines: Sequence[str]) -> str:
    # Envoy starts a line with [time][thread][level][component] and perhaps the source file; the words come after.
    words = [line.rsplit("] ", 1)[-1].strip() for line in lines]
    return " ".join(line for line in words if line)[-600:] or "no reason given"


__all__ = ["EnvoyFiles"]
