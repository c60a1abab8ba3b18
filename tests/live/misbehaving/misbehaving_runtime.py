# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runtime of MLServer that serves a sample model, and fails, is slow or answers wrong when a switch says so.

It is copied into the folder of each model that misbehaves. In the ``model-settings.json`` of that folder,
``parameters.extra`` names the file of the sample as ``sample``, and the file of the switch as ``switch``.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import joblib
from mlserver.types import InferenceRequest, InferenceResponse, TensorData
from mlserver_sklearn import SKLearnModel


def is_due(count: int, share: float) -> bool:
    """Say whether request number ``count`` is one of a share, spread as evenly as it can be."""
    # Rounded: 100 times 0.29 is 28.999999999999996.
    before, after = (int(round(number * share, 6)) for number in (count - 1, count))
    return after > before


class MisbehavingModel(SKLearnModel):
    """The sample model; only inferences misbehave, so that it stays ready whatever the switch says."""

    async def load(self) -> bool:
        extra = self.settings.parameters.extra
        self._model = joblib.load(extra["sample"])
        self._switch = str(extra["switch"])
        self._seen: tuple[int, ...] = ()
        self._orders: dict[str, Any] = {}
        self._count = 0
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        self._look_at_switch()
        self._count += 1
        # Known before it sleeps, since other requests are counted meanwhile.
        due = {name for name, order in self._orders.items() if is_due(self._count, order["share"])}
        if "slow" in due:
            # The event loop goes on, so that other requests are as fast as ever.
            await asyncio.sleep(self._orders["slow"]["milliseconds"] / 1000)
        if "fail" in due:
            raise RuntimeError("the switch says: fail")
        response = await super().predict(payload)
        if "wrong" in due:
            for output in response.outputs:
                # The samples know the classes 0 and 1.
                output.data = TensorData([1 - answer for answer in output.data])
        return response

    def _look_at_switch(self) -> None:
        """Read the switch when it was moved, and count from one again."""
        try:
            found = os.stat(self._switch)
            seen: tuple[int, ...] = (found.st_mtime_ns, found.st_ino, found.st_size)
        except FileNotFoundError:
            seen = ()
        if seen == self._seen:
            return
        self._orders = {}
        if seen:
            with open(self._switch, encoding="utf-8") as stream:
                self._orders = json.load(stream)
        self._seen, self._count = seen, 0
