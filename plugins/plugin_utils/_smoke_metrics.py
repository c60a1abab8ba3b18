# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at Prometheus before and after a load, and waits until its servers were scraped once more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, Mapping

from ..module_utils._core.smoke_metrics import Observed, Reading
from ..module_utils._wiring.smoke_metrics import meant_from

if TYPE_CHECKING:
    from ..module_utils._core.smoke_load import Measured

PAUSE_SECONDS = 2.0


class Metrics:
    """What Prometheus said around a load; ``read`` asks it, on the target."""

    def __init__(
        self, params: Mapping[str, Any], read: Callable[[], Mapping[str, Any]], note: Callable[[str], None]
    ) -> None:
        self._params, self._read, self._note = params, read, note
        self._before = Reading()

    @property
    def _is_wanted(self) -> bool:
        return bool(self._params["metrics"])

    def begin(self) -> None:
        """Remember what was counted before the load."""
        if self._is_wanted:
            self._before = self._look()

    def end(self, measured: Measured) -> Observed | None:
        """Return what came of it; None where nobody says where Prometheus answers."""
        if not self._is_wanted:
            return None
        patience, answered = self._params["metrics"]["stale_after"], _answered(measured)
        after = self._look()
        ended, deadline = after.now, time.monotonic() + patience
        while answered and not after.problem and after.older(ended) and time.monotonic() < deadline:
            self._note(f"waiting until Prometheus scrapes {after.older(ended)[0].name} again")
            time.sleep(PAUSE_SECONDS)
            after = self._look()
        return Observed(meant_from(self._params), after, self._before, ended, answered, patience)

    def _look(self) -> Reading:
        return Reading.from_dict(self._read())


def _answered(measured: Measured) -> dict[str, int]:
    """Return how many good answers named each model; a model's versions count as one."""
    found: dict[str, int] = {}
    for result in measured.results.values():
        for route, histogram in result.routes.items():
            model = route.strip(":").rpartition("_")[0]
            found[model] = found.get(model, 0) + histogram.count
    return found


__all__ = ["Metrics"]
