# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves the weights of the experiment through the store, and notes when each step was done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from plugins.module_utils._adapters.envoy_admin import EnvoyAdmin
from plugins.module_utils._adapters.envoy_files import EnvoyFiles
from plugins.module_utils._adapters.envoy_store import ROUTES, EnvoyStore
from plugins.module_utils._core.experiment import Request
from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, DataPlane
from tools.bench.figures import NotMeasuredError
from tools.bench.routing import Move
from tools.bench.section import BASELINE_ROUTE, ENHANCED_ROUTE


class _Files(EnvoyFiles):
    """The store's files, with the time of the rename."""

    renamed = flushed = 0.0

    def move(self, source: str, target: str) -> None:
        before = time.monotonic()
        super().move(source, target)
        if target == self.path(ROUTES):
            self.renamed, self.flushed = before, time.monotonic()


class _Admin(EnvoyAdmin):
    """Envoy's admin socket, with the time of its last answer about versions, and how long each answer took."""

    def __init__(self, admin_socket: str) -> None:
        super().__init__(admin_socket)
        self.answered = 0.0
        self.took: list[float] = []

    def versions(self) -> dict[str, str]:
        before = time.monotonic()
        found = super().versions()
        self.answered = time.monotonic()
        self.took.append(self.answered - before)
        return found


class Weights:
    """The weights of the sample experiment of a data plane."""

    def __init__(self, plane: DataPlane) -> None:
        directory = plane.directory / "envoy"
        self._files = _Files(str(directory))
        self._admin = _Admin(str(directory / "admin.sock"))
        self._store = EnvoyStore(self._files, lambda _settings: self._admin, wait_timeout=10.0)

    @property
    def questions(self) -> list[float]:
        """How long each question for the versions took."""
        return self._admin.took

    def move(self, baseline: int, enhanced: int) -> Move:
        """Give both candidates these weights, which are not the ones they have."""
        request = Request.parse({"name": EXPERIMENT, "weights": {BASELINE: baseline, ENHANCED: enhanced}})
        before = self._files.renamed
        self._store.declare(request, dry_run=False)
        if self._files.renamed == before:
            raise NotMeasuredError(f"the weights were {baseline} to {enhanced} already")
        # The store asks for the versions until it sees its own, so the last answer is the one that confirmed it.
        weights = {BASELINE_ROUTE: baseline, ENHANCED_ROUTE: enhanced}
        return Move(self._files.renamed, self._files.flushed, self._admin.answered, weights)

    def hold(self, baseline: int, enhanced: int) -> None:
        """Give both candidates these weights, whether they have them or not."""
        request = Request.parse({"name": EXPERIMENT, "weights": {BASELINE: baseline, ENHANCED: enhanced}})
        self._store.declare(request, dry_run=False)


@contextmanager
def moving(plane: DataPlane, baseline: int, enhanced: int) -> Iterator[Weights]:
    """Lend the weights, starting from these, and put back the ones that the data plane came up with."""
    weights = Weights(plane)
    weights.hold(baseline, enhanced)
    try:
        yield weights
    finally:
        weights.hold(70, 30)
