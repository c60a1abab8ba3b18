# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of one rollout: its record, what people asked of it, a journal of its ticks, and how its runs ended."""

from __future__ import annotations

import json
import os
from typing import Any, Iterator, Mapping, Sequence

from .._core.errors import ServingError
from .._core.rollout_journal import thinned
from .._core.rollout_record import Record
from .._core.rollout_state import Request
from .whole_files import Json, WholeFiles, encoded, reason_of

RECORD = "record.json"
REQUESTS = "requests.json"
JOURNAL = "journal.jsonl"
OUTCOMES = "outcomes.jsonl"
# Headers of webhooks may be in the plan.
MODE = 0o600
FOLDER_MODE = 0o700
# A journal that grows beyond this loses every other tick in which nothing happened.
JOURNAL_BYTES = 4 * 1024 * 1024
OUTCOMES_KEPT = 100


class RolloutFiles:
    """Reads and writes one folder. Whoever writes a record or a request holds the store's lock."""

    def __init__(self, directory: str) -> None:
        self._files = WholeFiles(directory)

    def record(self) -> Record | None:
        """Return the record, or None where nobody ever rolled out."""
        path = self._files.path(RECORD)
        found = self._files.load(path)
        if found is None:
            return None
        try:
            return Record.from_dict(found)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ServingError(
                f"{path} is no record of a rollout ({error!r}). Look at the weights that are declared, then remove the "
                "file: the next rollout begins anew."
            ) from error

    def write_record(self, record: Record) -> None:
        """Put a record in the place of the one before, whole or not at all."""
        self._replace(RECORD, record.as_dict())

    def requests(self) -> tuple[Request, ...]:
        """Return what was asked and not honoured yet, the oldest first; a damaged file asks for nothing."""
        try:
            found = self._files.load(self._files.path(REQUESTS)) or {}
            return tuple(
                Request(str(each["id"]), str(each["action"]), str(each["by"]), bool(each["full"]))
                for each in found.get("requests", ())
            )
        except (ServingError, KeyError, TypeError):
            return ()

    def write_requests(self, requests: Sequence[Request]) -> None:
        """Remember what was asked."""
        if requests or os.path.exists(self._files.path(REQUESTS)):
            self._replace(REQUESTS, {"requests": [dict(each.__dict__) for each in requests]})

    def append_journal(self, line: Mapping[str, Any]) -> None:
        """Add a tick to the journal, and thin it out when it has grown large."""
        self._append(JOURNAL, line)
        path = self._files.path(JOURNAL)
        if os.path.getsize(path) > JOURNAL_BYTES:
            self._rewrite(JOURNAL, thinned(self.journal()))

    def journal(self) -> Iterator[Json]:
        """Yield the ticks, the oldest first; a line that was cut short is passed over."""
        return self._lines(JOURNAL)

    def end_run(self) -> None:
        """Forget the ticks of the run before, and what was asked of it."""
        self._files.remove(self._files.path(JOURNAL), self._files.path(REQUESTS))

    def append_outcome(self, line: Mapping[str, Any]) -> None:
        """Remember how a run ended."""
        self._append(OUTCOMES, line)
        known = list(self.outcomes())
        if len(known) > OUTCOMES_KEPT:
            self._rewrite(OUTCOMES, known[-OUTCOMES_KEPT:])

    def outcomes(self) -> Iterator[Json]:
        """Yield how runs ended, the oldest first."""
        return self._lines(OUTCOMES)

    def _replace(self, name: str, content: Json) -> None:
        path = self._files.path(name)
        try:
            self._make_folder()
            self._files.create(f"{path}.new", encoded(content), MODE)
            self._files.move(f"{path}.new", path)
        except OSError as error:
            self._files.remove(f"{path}.new")
            raise ServingError(f"Failed to write {path}: {reason_of(error)}. The old one is still there.") from error

    def _append(self, name: str, line: Mapping[str, Any]) -> None:
        # A line that a power cut left without its end must not swallow this one.
        data = b"\n" + json.dumps(line, allow_nan=False).encode() + b"\n"
        path = self._files.path(name)
        try:
            self._make_folder()
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
            with os.fdopen(descriptor, "ab") as stream:
                self._files.give_to_owner(descriptor)
                stream.write(data)
        except OSError as error:
            raise ServingError(f"Failed to write {path}: {reason_of(error)}.") from error

    def _lines(self, name: str) -> Iterator[Json]:
        try:
            with open(self._files.path(name), "rb") as stream:
                for line in stream:
                    found = _decoded(line)
                    if found is not None:
                        yield found
        except OSError:
            return

    def _rewrite(self, name: str, lines: Sequence[Json]) -> None:
        path = self._files.path(name)
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        try:
            self._files.create(f"{path}.new", data, MODE)
            self._files.move(f"{path}.new", path)
        except OSError:
            # The long one is as good.
            self._files.remove(f"{path}.new")

    def _make_folder(self) -> None:
        folder = self._files.directory
        if os.path.isdir(folder):
            return
        parent = os.path.dirname(folder)
        for each in (parent, folder):
            if not os.path.isdir(each):
                os.mkdir(each, FOLDER_MODE)
                if os.geteuid() == 0:
                    owner = os.stat(os.path.dirname(each))
                    os.chown(each, owner.st_uid, owner.st_gid)


def _decoded(line: bytes) -> Json | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


__all__ = ["RolloutFiles"]
