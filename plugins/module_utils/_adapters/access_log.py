# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read on in the access log of the edge, also after somebody rotated or emptied it."""

from __future__ import annotations

import os
from typing import Any, Collection, Iterator, Mapping

from .._core.access_log import Entry, entry_of
from .._core.errors import ServingError
from .._core.traffic import Arms
from .whole_files import reason_of

# So much is read at a time; what is more waits for the next time.
PIECE_BYTES = 32 * 1024 * 1024
# The names of a log that logrotate moved away and has not packed yet.
ROTATED = (".1", ".old")


class AccessLog:
    """One log file. A cursor is an inode and an offset, as plain data."""

    def __init__(self, path: str) -> None:
        self._path = path

    def end(self) -> dict[str, int]:
        """Return the cursor at the end of the log; refuse a log that cannot be read."""
        try:
            with open(self._path, "rb") as stream:
                found = os.fstat(stream.fileno())
        except OSError as error:
            raise ServingError(
                f"The access log {self._path} cannot be read: {reason_of(error)}. Set log to the edge's access log."
            ) from error
        return {"inode": found.st_ino, "offset": found.st_size}

    def entries(self, arms: Arms, cursor: Mapping[str, Any]) -> tuple[list[Entry], dict[str, int]]:
        """Return the requests of an experiment since a cursor, and the cursor after them."""
        end = self.end()
        data = b""
        offset = int(cursor["offset"])
        if end["inode"] != cursor["inode"]:
            # Moved away: its rest first, if it can still be found.
            data, offset = self._rest_of_rotated(cursor), 0
        elif end["offset"] < offset:
            offset = 0
        more = _read(self._path, offset)
        # The last line may not be whole yet.
        whole = more.rpartition(b"\n")[0] + b"\n" if b"\n" in more else b""
        lines = (data + whole).splitlines()
        found = [entry for entry in (entry_of(line, arms) for line in lines) if entry is not None]
        return found, {"inode": end["inode"], "offset": offset + len(whole)}

    def arms_of(self, arms: Arms, ids: Collection[str], since: Mapping[str, Any]) -> dict[str, str]:
        """Return the arm of each request id that is found after a cursor."""
        wanted = set(ids)
        found = {}
        cursor = dict(since)
        while wanted:
            entries, after = self.entries(arms, cursor)
            found.update({entry.id: entry.arm for entry in entries if entry.arm and entry.id in wanted})
            if after == cursor or after["offset"] >= self.end()["offset"]:
                break
            cursor = after
        return found

    def recent(self, arms: Arms, size: int) -> Iterator[tuple[bytes, Entry]]:
        """Yield the requests of an experiment in the last bytes of the log, each with its line."""
        end = self.end()["offset"]
        data = _read(self._path, max(0, end - size))
        lines = data.split(b"\n")[1 if end > size else 0 :]
        for line in lines:
            entry = entry_of(line, arms)
            if entry is not None:
                yield line, entry

    def _rest_of_rotated(self, cursor: Mapping[str, Any]) -> bytes:
        for suffix in ROTATED:
            path = self._path + suffix
            try:
                if os.stat(path).st_ino == cursor["inode"]:
                    return _read(path, int(cursor["offset"]))
            except OSError:
                continue
        return b""


def _read(path: str, offset: int) -> bytes:
    try:
        with open(path, "rb") as stream:
            stream.seek(offset)
            return stream.read(PIECE_BYTES)
    except OSError as error:
        raise ServingError(f"The access log {path} cannot be read: {reason_of(error)}.") from error


__all__ = ["AccessLog"]
