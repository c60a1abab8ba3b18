# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels that say whether answers were right, and which arm gave those answers.

A row names a request by the ``x-request-id`` that its caller got. ``label`` says whether the answer was right; beside a
``prediction`` it is the true class, and the answer was right when both are equal. Rows come as CSV with a header line,
as a JSON list of objects, or as JSON lines, and are only ever added at the end. Where rows are lines, each ends with a
line break, so that one that is just being written waits.

Labels come late, and not in the order of the requests. No id counts twice: the first row with it counts.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Iterable, Iterator, Mapping, Sequence, Tuple

from .access_log import BASELINE, CANDIDATE
from .errors import ServingError
from .sequential import Pair, Tally

RIGHT = ("true", "1", "right", "correct", "yes")
WRONG = ("false", "0", "wrong", "incorrect", "no")
# Of the rows whose request was not found yet, so many are tried again, the newest.
MOST_WAITING = 10_000
# Labels of one arm alone are no comparison. So few wait for the other arm; more are taken as they are.
MOST_ALONE = 100

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SHOWN = 60

# Where a row stands, for sentences, and what is in it.
_Found = Iterator[Tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Row:
    """A label. ``number``: how many rows stand before it."""

    number: int
    id: str
    is_right: bool


@dataclass(frozen=True)
class Joined:
    """Labels by the arm that gave the answer, and those whose request was not found yet."""

    pair: Pair
    known: tuple[Row, ...]
    unknown: tuple[Row, ...]

    @property
    def waits(self) -> bool:
        """Whether all labels are of one arm, and few enough to wait for the other: alone they would be lost."""
        return not self.pair.is_comparison and len(self.known) < MOST_ALONE


@dataclass(frozen=True)
class Taken:
    """How much of a source was taken: so many rows, with that digest, of which some wait. It is a cursor."""

    rows: int
    digest: str
    waiting: tuple[int, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Row], waiting: Iterable[Row] = ()) -> Taken:
        """Return what is known once all of these rows were taken."""
        numbers = sorted(row.number for row in waiting)
        return cls(len(rows), _digest(rows), tuple(numbers[-MOST_WAITING:]))

    def is_start_of(self, rows: Sequence[Row]) -> bool:
        """Say whether what was taken is still there, and rows were only added behind it."""
        return len(rows) >= self.rows and _digest(rows[: self.rows]) == self.digest

    def open(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows to count now: those that wait, and the new ones whose id did not come before."""
        seen = {row.id for row in rows[: self.rows]}
        found = [rows[number] for number in self.waiting]
        for row in rows[self.rows :]:
            if row.id not in seen:
                seen.add(row.id)
                found.append(row)
        return found

    def after(self, rows: Sequence[Row], joined: Joined) -> Taken:
        """Return what is known once these rows were joined with the requests."""
        return Taken.of(rows, (*joined.unknown, *joined.known) if joined.waits else joined.unknown)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"rows": self.rows, "digest": self.digest, "waiting": list(self.waiting)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Taken:
        """Read what ``as_dict`` gave."""
        return cls(data["rows"], data["digest"], tuple(data["waiting"]))


def tally(rows: Iterable[Row], arm_of: Mapping[str, str]) -> Joined:
    """Join labels with the arms of their requests; an event is a wrong answer."""
    counted: dict[str, list[bool]] = {CANDIDATE: [], BASELINE: []}
    known, unknown = [], []
    for row in rows:
        arm = arm_of.get(row.id)
        if arm in counted:
            counted[arm].append(row.is_right)
            known.append(row)
        else:
            unknown.append(row)
    tallies = [Tally(len(counted[arm]), counted[arm].count(False)) for arm in (CANDIDATE, BASELINE)]
    return Joined(Pair(*tallies), tuple(known), tuple(unknown))


def parse_rows(content: bytes) -> tuple[Row, ...]:
    """Read labels in any of the formats; refuse what is none of them, and the first row that is no label."""
    start = content[len(_BYTE_ORDER_MARK) :] if content.startswith(_BYTE_ORDER_MARK) else content
    first = start.lstrip()[:1]
    # The last line may not be whole yet.
    whole = start if first == b"[" else start[: start.rfind(b"\n") + 1]
    try:
        text = whole.decode()
    except UnicodeDecodeError as error:
        raise ServingError(f"it is no UTF-8 text ({error})") from error
    read = {b"[": _from_list, b"{": _from_lines}.get(first, _from_csv)
    return tuple(_row(number, place, values) for number, (place, values) in enumerate(read(text)))


def _from_list(text: str) -> _Found:
    for number, values in enumerate(_json(text, "it"), 1):
        yield f"entry {number}", _object(values, f"entry {number}")


def _from_lines(text: str) -> _Found:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"line {number}", _object(_json(line, f"line {number}"), f"line {number}")


def _from_csv(text: str) -> _Found:
    # A field in quotation marks may hold a line break.
    reader = csv.reader((f"{line}\n" for line in text.split("\n")), strict=True)
    header: list[str] = []
    try:
        for fields in reader:
            place = f"line {reader.line_num}"
            if not fields:
                continue
            if not header:
                header = [name.strip().lower() for name in fields]
                _check_header(header, fields)
                continue
            if len(fields) != len(header):
                raise ServingError(f"{place} has {len(fields)} fields, and the header has {len(header)}")
            yield place, dict(zip(header, fields))
    except csv.Error as error:
        raise ServingError(f"line {reader.line_num} is no CSV ({error})") from error


def _check_header(header: Sequence[str], found: Sequence[str]) -> None:
    if not {"id", "label"} <= set(header):
        raise ServingError(
            f"it begins with {_short(','.join(found))}, and that is neither JSON nor a CSV header with id and label"
        )


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ServingError(f"{place} is no JSON ({error})") from error


def _object(values: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        raise ServingError(f"{place} is {_short(values)}, and not an object with id and label")
    return values


def _row(number: int, place: str, values: Mapping[str, Any]) -> Row:
    for key in ("id", "label", *(["prediction"] if "prediction" in values else [])):
        value = values.get(key)
        if not isinstance(value, (str, int, float)) or not str(value).strip():
            raise ServingError(f"{place} has the {key} {_short(value)}; set id to an x-request-id, and a label")
    label = values["label"]
    if "prediction" in values:
        return Row(number, str(values["id"]).strip(), _class(label) == _class(values["prediction"]))
    word = str(label).strip().lower()
    if word not in (*RIGHT, *WRONG):
        raise ServingError(
            f"{place} has the label {_short(label)}; set one of {', '.join((*RIGHT, *WRONG))}, or add a prediction"
        )
    return Row(number, str(values["id"]).strip(), word in RIGHT)


def _class(value: object) -> object:
    """Return what two spellings of one class have in common: 1, 1.0 and "1" are the same one."""
    text = str(value).strip()
    try:
        found = float(text)
    except ValueError:
        return text.lower() if isinstance(value, bool) else text
    return found if math.isfinite(found) else text


def _digest(rows: Sequence[Row]) -> str:
    digest = sha256()
    for row in rows:
        digest.update(f"{row.id}\n{row.is_right}\n".encode())
    return digest.hexdigest()[:16]


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


__all__ = ["MOST_ALONE", "MOST_WAITING", "RIGHT", "WRONG", "Joined", "Row", "Taken", "parse_rows", "tally"]
