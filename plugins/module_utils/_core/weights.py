# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole weights in proportion to shares."""

from __future__ import annotations

from fractions import Fraction
from typing import Mapping

from .errors import ServingError

# A percent may have this many decimals; the weights then add up to 100, 1000 or 10000.
_TOTALS = (100, 1000, 10_000)


def whole_weights(shares: Mapping[str, float | Fraction], *, total: int = 100) -> dict[str, int]:
    """Return whole weights in proportion to shares that add up to total, by largest remainder.

    The shares need not add up to 1. Of equal remainders the first listed gets the rest, and a weight is never more
    than 1 away from its exact value. Source: Hamilton's method.
    """
    exact = {name: Fraction(share) for name, share in shares.items()}
    whole = sum(exact.values())
    if whole <= 0 or any(share < 0 for share in exact.values()):
        raise ServingError(f"The shares {dict(shares)!r} are no split; set numbers of 0 or more, one of them above 0.")
    quotas = {name: share * total / whole for name, share in exact.items()}
    weights = {name: int(quota) for name, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda name: weights[name] - quotas[name])
    for name in by_remainder[: total - sum(weights.values())]:
        weights[name] += 1
    return weights


def weights_at(percent: float, current: Mapping[str, int], *, baseline: str, candidate: str) -> dict[str, int]:
    """Return the weights when the candidate gets this percent of what it shares with the baseline, baseline first.

    Other candidates of the experiment keep their share of all requests.
    """
    before = sum(current.values())
    whole = before or 1
    others = {name: Fraction(each, whole) for name, each in current.items() if name not in (baseline, candidate)}
    left = 1 - sum(others.values(), Fraction(0))
    if left <= 0:
        raise ServingError(
            f"{baseline!r} and {candidate!r} have no share of the traffic to divide: the weights are "
            f"{dict(current)!r}; set a weight above 0 for {baseline!r}."
        )
    part = Fraction(str(percent)) / 100
    wanted: dict[str, Fraction] = {baseline: left * (1 - part), candidate: left * part, **others}
    exact = (each for each in _TOTALS if all((share * each).denominator == 1 for share in wanted.values()))
    return whole_weights(wanted, total=next(exact, _TOTALS[-1]))


def share_of(name: str, weights: Mapping[str, int]) -> float:
    """Return the share of the traffic of one candidate: its weight divided by the sum of all."""
    total = sum(weights.values())
    return weights.get(name, 0) / total if total else 0.0


def is_percent(value: object) -> bool:
    """Say whether a value is a percent that whole weights can express: above 0, at most 100, two decimals."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    try:
        part = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        return False
    return 0 < part <= 100 and (part * 100).denominator == 1


__all__ = ["is_percent", "share_of", "weights_at", "whole_weights"]
