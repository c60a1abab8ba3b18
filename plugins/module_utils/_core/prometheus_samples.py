# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sample of one series, and how series are named in queries."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Iterable, Mapping

from .errors import ServingError

_TARGET = ("job", "instance")


@dataclass(frozen=True)
class Sample:
    """The value of a series at the time of a query."""

    labels: Mapping[str, str]
    value: float

    @property
    def metric(self) -> str:
        """The name of its metric; nothing when a query computed it."""
        return self.labels.get("__name__", "")

    @property
    def target(self) -> str:
        """Who was scraped for it: ``<job>/<instance>``."""
        return "/".join(self.labels.get(label, "") for label in _TARGET)

    def __str__(self) -> str:
        return f"{self.metric}{self.rest(())}"

    def rest(self, without: Iterable[str]) -> str:
        """Return the labels, but the name and some others, as a query would have them."""
        left = sorted(set(self.labels) - {"__name__", *without})
        return "{" + ",".join(f"{label}={json.dumps(self.labels[label])}" for label in left) + "}"

    @property
    def neighbour(self) -> str:
        """What tells it from the other series of its metric at its target."""
        return self.rest(_TARGET)

    @property
    def count(self) -> int:
        """Its value as a count; refused when it is none."""
        if not math.isfinite(self.value) or self.value < 0 or self.value != int(self.value):
            raise ServingError(f"no data: {self} is {self.value:g}, which counts nothing")
        return int(self.value)


def any_of(names: Iterable[str]) -> str:
    """Return the right side of a label's ``=~`` that matches exactly these names."""
    return json.dumps("|".join(re.escape(name) for name in sorted(set(names))))


__all__ = ["Sample", "any_of"]
