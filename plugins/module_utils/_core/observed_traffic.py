# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much traffic an experiment has, and what its baseline does, before anybody moves a weight."""

from __future__ import annotations

from datetime import datetime
from typing import Mapping, Sequence

from .access_log import LogWindow
from .feasibility import Traffic
from .gates import CountedGate
from .sequential import Pair

# Requests older than this say nothing of the present rate; over less than that, a rate is a guess.
WINDOW_SECONDS, LEAST_SECONDS = 60.0, 10.0


def rate_of(times: Sequence[float], now: float) -> float:
    """Return requests per second over the last minute, or since the first of its requests. Unit: 1/s.

    Error: that of counting n requests, about 1 / sqrt(n).
    """
    recent = [each for each in times if now - each <= WINDOW_SECONDS]
    if not recent:
        return 0.0
    return len(recent) / max(LEAST_SECONDS, now - min(recent))


def seconds_of(text: str) -> float:
    """Return a time as NGINX writes it ($time_iso8601) in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def traffic_of(rate: float, gates: Sequence[CountedGate], window: LogWindow, counted: Mapping[str, Pair]) -> Traffic:
    """Return what is known before a walk: the rate, and each gate's share of events on the baseline.

    What a source counted itself comes first; for the others, what the access log shows of the last minute.
    """
    shares = {}
    for gate in gates:
        pair = counted.get(gate.name) or window.counts(gate)
        shares[gate.name] = pair.baseline.share
    return Traffic(rate, shares)


__all__ = ["rate_of", "seconds_of", "traffic_of"]
