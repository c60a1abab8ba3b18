# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much more failures clump than independent requests would have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from .sequential import Tally

ENOUGH_WINDOWS = 12
ENOUGH_EVENTS = 10
# Until it is known how failures clump, they count as clumps of five.
UNKNOWN_DISCOUNT = 0.2


@dataclass(frozen=True)
class Dispersion:
    """The overdispersion of event counts, from windows of one arm.

    phi = max(1, sum((x - n p)^2 / (n p (1 - p))) / (W - 1)) over W windows with x events in n requests, p the pooled
    share; None before there are enough windows and events. A plain number, 1 = independent requests. The discount is
    eta = 1 / phi. Error: for clumps of exactly k failures that fall on one arm together, eta = 1/k makes the harm test
    exact again; otherwise it is an estimate, and simulations stand in for a proof (docs/simulation.md). Source:
    McCullagh and Nelder, Generalized Linear Models, 1989, 4.5; its use as a discount is this design's own.
    """

    windows: int = 0
    n: float = 0
    events: float = 0
    squares: float = 0.0

    def add(self, tally: Tally) -> Dispersion:
        """Return the estimate with one more window."""
        if tally.n <= 0:
            return self
        squares = self.squares + tally.events**2 / tally.n
        return Dispersion(self.windows + 1, self.n + tally.n, self.events + tally.events, squares)

    @property
    def phi(self) -> float | None:
        """How many times the variance of independent requests; None when too little was seen."""
        if self.windows < ENOUGH_WINDOWS or self.events < ENOUGH_EVENTS or self.events >= self.n:
            return None
        share = self.events / self.n
        # The squares multiplied out, so that no window has to be kept.
        spread = self.squares - 2.0 * share * self.events + share**2 * self.n
        return max(1.0, spread / (share * (1.0 - share)) / (self.windows - 1))

    @property
    def discount(self) -> float:
        """What the logarithm of a likelihood ratio is multiplied by."""
        return UNKNOWN_DISCOUNT if self.phi is None else 1.0 / self.phi

    def as_dict(self) -> dict[str, float]:
        """Return plain data."""
        return {"windows": self.windows, "n": self.n, "events": self.events, "squares": self.squares}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Dispersion:
        """Read what ``as_dict`` gave."""
        return cls(data["windows"], data["n"], data["events"], data["squares"])


__all__ = ["ENOUGH_EVENTS", "ENOUGH_WINDOWS", "UNKNOWN_DISCOUNT", "Dispersion"]
