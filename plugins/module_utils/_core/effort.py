# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many more requests a gate needs before it can let the candidate go on."""

from __future__ import annotations

import math
from typing import Callable

from .sequential import Pair, RatioTest, Tally, log_mean, within_budget

# Beyond this many requests of the candidate it is as good as never.
_MOST = 100_000_000


def missing_for_budget(pair: Pair, *, share: float, budget: float, alpha: float, mix: float) -> int | None:
    """Return how many more requests the candidate needs for ``within_budget``, or None when it never will.

    What comes is taken to be like what was seen: both arms keep their share of events, and the baseline gets ``mix``
    requests for each of the candidate's. Unit: requests of the candidate, as discounted as the pair is. Error: about
    half of all walks need more, for it is the expectation that is followed.
    """
    c, b = pair.candidate.share, pair.baseline.share
    if share * (c - b) >= budget:
        return None

    def holds(more: int) -> bool:
        ahead = Pair(Tally(more, more * c), Tally(more * mix, more * mix * b))
        return within_budget(pair + ahead, share=share, budget=budget, alpha=alpha)

    return _least(holds)


def missing_for_margin(test: RatioTest, window: Pair, *, alpha: float) -> int | None:
    """Return how many more requests the candidate needs for ``no_harm``, or None when it never will.

    ``window`` is what one request of the candidate brings along, on average, already discounted. Unit and error: as
    above.
    """
    steps = test.growth(window)
    if max(steps) <= 0.0:
        return 0 if test.rejects(alpha) else None

    def holds(more: int) -> bool:
        return log_mean([log + more * step for log, step in zip(test.logs, steps)]) >= -math.log(alpha)

    return _least(holds)


def per_request(pair: Pair, mix: float) -> Pair:
    """Return the window that one request of the candidate brings along."""
    return Pair(Tally(1.0, pair.candidate.share), Tally(mix, mix * pair.baseline.share))


def _least(holds: Callable[[int], bool]) -> int | None:
    """Return the least number for which it holds, within 1 %."""
    if holds(0):
        return 0
    low, high = 0, 64
    while not holds(high):
        low, high = high, high * 4
        if high > _MOST:
            return None
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high


__all__ = ["missing_for_budget", "missing_for_margin", "per_request"]
