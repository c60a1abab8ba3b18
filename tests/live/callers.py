# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callers of an experiment in the background, at a steady rate and for a limited time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from plugins.module_utils._adapters.http_load import HttpLoad
from plugins.module_utils._core.http_message import http_request
from plugins.module_utils._core.load import Pace
from tests.live.data_plane import ADDRESS, BASELINE, HOST, DataPlane

# Requests a second.
RATE = 80
# They stop by themselves.
SECONDS = 300
SLICE_SECONDS = 0.5
PATIENCE_SECONDS = 3


@dataclass
class Callers:
    """How many answers of each status the callers got; a word where there was none."""

    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """How many got no good answer."""
        return self.statuses.total() - self.statuses["200"]


@contextmanager
def called(
    plane: DataPlane, seldon_model: str, *, rate: float = RATE, headers: Mapping[str, str] | None = None
) -> Iterator[Callers]:
    """Call through NGINX at a steady rate until the end of the block, whatever comes back."""
    sent = {"Host": HOST, "Content-Type": "application/json", "seldon-model": seldon_model, **(headers or {})}
    request = http_request("POST", f"/v2/models/{BASELINE}/infer", sent, plane.payload())
    engine = HttpLoad(ADDRESS, plane.variables["data_plane_http_port"], timeout=PATIENCE_SECONDS)
    callers, over = Callers(), threading.Event()
    deadline = time.monotonic() + SECONDS

    def call() -> None:
        while not over.is_set() and time.monotonic() < deadline:
            result = engine.run([request], Pace(rate, max(1, round(rate * SLICE_SECONDS))))
            callers.statuses.update(result.statuses)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield callers
    finally:
        over.set()
        thread.join()
