# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that look at every window and may call the candidate worse: a z-test, the mSPRT, and the one that is used."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from plugins.module_utils._core.dispersion import Dispersion
from plugins.module_utils._core.sequential import Contrast, Pair, RatioTest

from .traffic import Traffic, World

ALPHA = 0.05
LOOKS = 160
# As long at each weight, as a walk would have it.
SHARES = (0.05, 0.10, 0.25, 0.50)
LEARNING = 20
# The 95th percentile of the normal distribution's size: two-sided, at 5 %.
_Z = 1.959963984540054
# The spread of effects that the mSPRT expects.
_TAU = 0.005


@dataclass(frozen=True)
class Detection:
    """When a test called the candidate worse: all requests until then, and the candidate's; None when it never did."""

    requests: int | None
    candidate: int | None


def z_test(seen: Pair) -> float:
    """Return z of the difference of two shares, with their pooled variance."""
    c, b = seen.candidate, seen.baseline
    share = (c.events + b.events) / (c.n + b.n)
    variance = share * (1.0 - share) * (1.0 / c.n + 1.0 / b.n)
    return (c.share - b.share) / math.sqrt(variance) if variance else 0.0


def msprt(seen: Pair) -> float:
    """Return the mSPRT's likelihood ratio: a normal mixture over differences (Johari et al., 2022)."""
    c, b = seen.candidate, seen.baseline
    variance = c.share * (1.0 - c.share) / c.n + b.share * (1.0 - b.share) / b.n
    if not variance:
        return 0.0
    whole, difference = variance + _TAU**2, c.share - b.share
    power = _TAU**2 * difference**2 / (2.0 * variance * whole)
    return math.sqrt(variance / whole) * math.exp(min(power, 700.0))


def detections(world: World, seed: tuple[int, ...]) -> dict[str, Detection]:
    """Return when each test called the candidate worse, all of them on the same requests."""
    traffic, past = Traffic(world, seed), Dispersion()
    for _window in range(LEARNING):
        past = past.add(traffic.window(0.0).baseline)
    # What is learnt of clumps is used where there are clumps to show it; the raw test shows what they do without.
    discount = past.discount if world.clump > 1 or world.shocks else 1.0
    test, raw, contrast, seen = RatioTest.harm(), RatioTest.harm(), Contrast(), Pair()
    found: dict[str, Detection] = {}
    for look, share in enumerate(np.repeat(SHARES, LOOKS // len(SHARES)).tolist(), start=1):
        window = traffic.window(share)
        seen, test, contrast = seen + window, test.add(window, discount), contrast.add(window)
        raw = raw.add(window) if discount < 1.0 else test
        if not seen.is_comparison:
            continue
        worse = seen.candidate.share > seen.baseline.share
        matters = contrast.ratio >= 1.25 and contrast.difference >= 0.001
        said = {
            "z-test": z_test(seen) >= _Z,
            "mSPRT": worse and msprt(seen) >= 1.0 / ALPHA,
            "raw": matters and raw.rejects(ALPHA),
            "ours": matters and test.rejects(ALPHA),
        }
        n = round(world.rate * 15.0) * look
        for name in (name for name, says in said.items() if says and name not in found):
            found[name] = Detection(n, round(seen.candidate.n))
        if len(found) == len(said):
            break
    return {name: found.get(name, Detection(None, None)) for name in ("z-test", "mSPRT", "raw", "ours")}


__all__ = ["ALPHA", "LOOKS", "Detection", "detections", "msprt", "z_test"]
