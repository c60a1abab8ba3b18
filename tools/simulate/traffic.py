# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated requests: two arms that fail as they are told, in windows of fifteen seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plugins.module_utils._core.sequential import Pair, Tally

INTERVAL = 15.0


@dataclass(frozen=True)
class World:
    """What is true: requests per second, each arm's share of failures, and how failures come.

    ``clump``: so many requests fail together. ``shocks``: the level of both arms changes from window to window.
    """

    rate: float
    baseline: float
    candidate: float
    clump: int = 1
    shocks: bool = False

    @property
    def is_harmful(self) -> bool:
        """Whether the candidate is the worse one."""
        return self.candidate > self.baseline


class Traffic:
    """The requests of one run."""

    def __init__(self, world: World, seed: tuple[int, ...]) -> None:
        self.world = world
        self.random = np.random.default_rng(seed)

    def window(self, share: float) -> Pair:
        """Return what both arms do in one window, while the candidate has a share of the traffic."""
        n = round(self.world.rate * INTERVAL)
        level = float(np.exp(self.random.uniform(np.log(0.3), np.log(6.0)))) if self.world.shocks else 1.0
        candidate = int(self.random.binomial(n, share))
        return Pair(
            self._tally(candidate, self.world.candidate * level),
            self._tally(n - candidate, self.world.baseline * level),
        )

    def learning(self) -> Traffic:
        """Return traffic of the same world, for what is learnt before the walk."""
        return Traffic(self.world, (int(self.random.integers(2**31)),))

    def _tally(self, n: int, share: float) -> Tally:
        clumps = int(self.random.binomial(n // self.world.clump, min(1.0, share)))
        return Tally(n, clumps * self.world.clump)


__all__ = ["INTERVAL", "Traffic", "World"]
