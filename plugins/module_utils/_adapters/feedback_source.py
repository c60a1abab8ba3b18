# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read labels of answers from a file or a URL, and count right and wrong ones by arm."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from typing import Any, Callable, Collection, Mapping, Sequence

from .._core.errors import ServingError
from .._core.feedback import Taken, parse_rows, tally
from .._core.gates import CountedGate
from .._core.sequential import Pair
from .._core.traffic import Arms, Counts
from .whole_files import reason_of

# Some 200,000 rows, which take most of a second at every tick.
MOST_BYTES = 8 * 1024 * 1024
_PIECE_BYTES = 64 * 1024

ArmsOf = Callable[[Collection[str]], Mapping[str, str]]


@dataclass(frozen=True)
class FeedbackSource:
    """Counts wrong answers for gates of the kind accuracy. ``arms_of`` finds the arm of requests by their ids.

    Rows that are there already when a gate begins are of requests before it, and count for nothing. Labels come late:
    without a new one, or without one of each arm, a gate has an empty pair, which is no error. A source that cannot be
    read is a problem, and so is one that does not begin with what was taken of it: a label could count twice.
    """

    arms_of: ArmsOf
    timeout: float

    def counts(self, gates: Sequence[CountedGate], arms: Arms, cursor: Mapping[str, Any] | None) -> Counts:
        """Return what was labelled since the cursor."""
        pairs: dict[str, Pair] = {}
        problems: dict[str, str] = {}
        after = dict(cursor or {})
        for gate in gates:
            before = Taken.from_dict(after[gate.name]) if gate.name in after else None
            try:
                pairs[gate.name], taken = self._counted(gate, before)
                after[gate.name] = taken.as_dict()
            except ServingError as error:
                problems[gate.name] = str(error)
        return Counts(pairs, problems, after)

    def _counted(self, gate: CountedGate, before: Taken | None) -> tuple[Pair, Taken]:
        key = "file" if gate.source.get("file") else "url"
        place = str(gate.source[key])
        content = _read_file(place) if key == "file" else _read_url(place, self.timeout)
        try:
            rows = parse_rows(content)
        except ServingError as error:
            raise ServingError(f"The labels of {place} cannot be used: {error}.") from error
        if before is None:
            return Pair(), Taken.of(rows)
        if not before.is_start_of(rows):
            raise ServingError(
                f"The labels of {place} were rewritten: they do not begin with the {before.rows} rows that were taken. "
                "Put those back, and only add behind them."
            )
        candidates = before.open(rows)
        joined = tally(candidates, self.arms_of({row.id for row in candidates}) if candidates else {})
        return Pair() if joined.waits else joined.pair, before.after(rows, joined)


def _read_file(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return _bounded(stream.read(MOST_BYTES + 1), path)
    except OSError as error:
        raise ServingError(
            f"The labels of {path} cannot be read: {reason_of(error)}. Set file to one that is there."
        ) from error


def _read_url(url: str, timeout: float) -> bytes:
    from ansible.module_utils import urls  # noqa: PLC0415  # slow, and seldom needed

    deadline = time.monotonic() + timeout
    content = b""
    try:
        # Packed, an answer could be larger than what was counted.
        answer = urls.open_url(url, timeout=timeout, decompress=False)
        with answer:
            piece = answer.read1(_PIECE_BYTES)
            while piece and len(content) <= MOST_BYTES:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"it was not over within {timeout:g} seconds")
                content += piece
                piece = answer.read1(_PIECE_BYTES)
    except (OSError, http.client.HTTPException, ValueError, urls.ConnectionError) as error:
        raise ServingError(
            f"The labels of {url} cannot be read: {error or type(error).__name__}. Set url to one that answers."
        ) from error
    return _bounded(content, url)


def _bounded(content: bytes, place: str) -> bytes:
    if len(content) > MOST_BYTES:
        raise ServingError(f"{place} is larger than {MOST_BYTES >> 20} MiB; begin a new one for this rollout.")
    return content


__all__ = ["MOST_BYTES", "FeedbackSource"]
