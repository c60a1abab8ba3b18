# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of one folder that are there whole or not at all: written beside, flushed to the disk, and renamed."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any, Dict

from .._core.errors import ServingError

Json = Dict[str, Any]


class WholeFiles:
    """Reads and writes JSON files of a folder, as the folder's owner would."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def path(self, name: str) -> str:
        """Return the absolute path of a file."""
        return os.path.join(self.directory, name)

    def load(self, path: str) -> Json | None:
        """Return a JSON object, or None where there is no such file."""
        try:
            with open(path, "rb") as stream:
                found = json.loads(stream.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ServingError(f"Failed to read {path}: {reason_of(error)}.") from error
        except ValueError as error:
            raise ServingError(f"{path} is not whole JSON ({error}).") from error
        if not isinstance(found, dict):
            raise ServingError(f"{path} is not a JSON object.")
        return found

    def create(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file anew, and never through a link: root may write in a folder of the data plane's own user."""
        self.remove(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as stream:
            self.give_to_owner(descriptor)
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)

    def move(self, source: str, target: str) -> None:
        """Rename a file, and flush that to the disk."""
        os.replace(source, target)
        descriptor = os.open(os.path.dirname(target), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, *paths: str) -> None:
        """Remove files that may be there."""
        for path in paths:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def give_to_owner(self, descriptor: int) -> None:
        """Give a file to the folder's owner: root may run the playbook, and others must be able to read it."""
        if os.geteuid() == 0:
            owner = os.stat(self.directory)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


def encoded(content: Json) -> bytes:
    """Return JSON as these files hold it."""
    return json.dumps(content, indent=1).encode() + b"\n"


def reason_of(error: OSError) -> str:
    """Return why the system refused, in its words."""
    return error.strerror or str(error)


__all__ = ["Json", "WholeFiles", "encoded", "reason_of"]
