# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and files of this machine. A file under its own name is always whole."""

from __future__ import annotations

import os
import stat
import tempfile

from .._core.errors import ServingError
from .._core.file_tree import Found, Step, Wanted


class LocalTree:
    """Looks at paths, and takes steps."""

    def look(self, path: str) -> Found | None:
        """Return what is there. A link to a folder is as good as the folder."""
        try:
            status = os.lstat(path)
            if os.path.isdir(path):
                return Found("folder", stat.S_IMODE(os.stat(path).st_mode))
            if stat.S_ISLNK(status.st_mode):
                return Found("link", stat.S_IMODE(status.st_mode), os.readlink(path))
            if not stat.S_ISREG(status.st_mode):
                return Found("special file", stat.S_IMODE(status.st_mode))
            with open(path, encoding="utf-8", errors="replace") as stream:
                return Found("file", stat.S_IMODE(status.st_mode), stream.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ServingError(f"{path} cannot be read: {error.strerror}. Mend its owner or mode.") from error

    def take(self, step: Step) -> None:
        """Make the folder, write the file or the link, remove either, or set the mode."""
        try:
            self._take(step.wanted, writes=step.writes)
        except OSError as error:
            raise ServingError(
                f"{step.wanted.path} cannot be written: {error.strerror}. What was there is unharmed."
            ) from error

    def _take(self, wanted: Wanted, *, writes: bool) -> None:
        if wanted.kind == "nothing":
            os.unlink(wanted.path)
        elif wanted.kind == "link":
            self._link(wanted.path, wanted.content or "")
        elif writes and wanted.content is not None:
            self._write(wanted.path, wanted.content, wanted.mode)
        else:
            if writes:
                os.makedirs(wanted.path, exist_ok=True)
            os.chmod(wanted.path, wanted.mode)

    def _link(self, path: str, target: str) -> None:
        beside = os.path.join(os.path.dirname(path), f".new-{os.getpid()}-{os.path.basename(path)}")
        os.symlink(target, beside)
        os.replace(beside, path)

    def _write(self, path: str, content: str, mode: int) -> None:
        descriptor, beside = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(beside, mode)
            os.replace(beside, path)
        except OSError:
            os.unlink(beside)
            raise


__all__ = ["LocalTree"]
