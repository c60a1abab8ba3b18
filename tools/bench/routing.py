# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which answers the weights allow, when the weights change while calls are under way."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# No answer at all.
NO_STATUS = 0


@dataclass(frozen=True)
class Move:
    """A change of weights by route: when the file got its name, was safe on the disk, and was seen in Envoy."""

    renamed: float
    flushed: float
    confirmed: float
    weights: Mapping[str, int]


@dataclass(frozen=True)
class Call:
    """A call: when it was sent and over, and who answered according to the header and according to the body."""

    sent: float
    over: float
    status: int
    route: str
    model: str
    closed: bool

    @property
    def is_good(self) -> bool:
        return self.status == 200

    @property
    def names_another(self) -> bool:
        """Tell whether header and body disagree on who answered."""
        return self.is_good and self.route != f":{self.model}:"


def misrouted(first: Mapping[str, int], moves: Sequence[Move], calls: Sequence[Call]) -> list[Call]:
    """Return the good answers from a route that had no weight in any table that can have been in force meanwhile.

    A table can be in force from its rename until the next one is confirmed. ``first`` was there before the moves.
    """
    weights = [first, *(move.weights for move in moves)]
    renamed = [move.renamed for move in moves]
    confirmed = [move.confirmed for move in moves]
    wrong = []
    for call in calls:
        # The table that was confirmed last before the call, and all that were renamed before its answer.
        oldest, newest = bisect_left(confirmed, call.sent), bisect_right(renamed, call.over)
        if call.is_good and not any(each.get(call.route, 0) for each in weights[oldest : newest + 1]):
            wrong.append(call)
    return wrong


def first_answer(move: Move, route: str, calls: Sequence[Call]) -> float | None:
    """Return when a route that a move switched on answered first, counted from the rename."""
    answers = [call.over for call in calls if call.is_good and call.route == route and call.over > move.renamed]
    return min(answers) - move.renamed if answers else None


def last_sent(move: Move, route: str, calls: Sequence[Call], *, until: float) -> float:
    """Return when the last call left that a route which a move switched off still answered, from the rename."""
    sent = [call.sent for call in calls if call.is_good and call.route == route and move.renamed < call.sent < until]
    return max(sent, default=move.renamed) - move.renamed
