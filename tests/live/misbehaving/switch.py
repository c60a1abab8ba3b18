# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two models under the samples' names that misbehave when told to, and a switch for each."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live.data_plane import BASELINE, ENHANCED, NAMESPACES, DataPlane

RUNTIME = Path(__file__).with_name("misbehaving_runtime.py")


@dataclass(frozen=True)
class Switch:
    """Tells a running model how to misbehave; what it was told before goes on until it is healed.

    A share is spread evenly: of a twentieth, each twentieth request after the switch was moved.
    """

    path: Path

    def fail(self, share: float) -> None:
        """Answer a share of the requests with HTTP status 500, or gRPC's INTERNAL."""
        self._move(fail={"share": share})

    def slow(self, milliseconds: float, share: float = 1) -> None:
        """Answer a share of the requests later."""
        self._move(slow={"milliseconds": milliseconds, "share": share})

    def wrong(self, share: float) -> None:
        """Answer a share of the requests with status 200 and the other class."""
        self._move(wrong={"share": share})

    def heal(self) -> None:
        """Answer as the sample does."""
        self.path.unlink(missing_ok=True)

    def _move(self, **orders: dict[str, float]) -> None:
        known = json.loads(self.path.read_text()) if self.path.exists() else {}
        # A model that reads at this moment finds one of the two, and whole.
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({**known, **orders}))
        os.replace(beside, self.path)


@dataclass(frozen=True)
class Misbehaving:
    """A data plane whose models can be told to misbehave, and their switches by name."""

    plane: DataPlane
    switches: dict[str, Switch]

    def heal(self) -> None:
        for switch in self.switches.values():
            switch.heal()


def prepare(storage: Path, name: str, namespace: str, sample: Path) -> tuple[dict[str, Any], Switch]:
    """Make the folder of a model that serves a sample, and return the model as inventories write it."""
    folder = storage / name
    folder.mkdir(parents=True)
    shutil.copy(RUNTIME, folder)
    switch = Switch(storage / f"{name}.json")
    settings = {
        "implementation": f"{RUNTIME.stem}.MisbehavingModel",
        # The sample stays where it is: it is trained when the data plane comes up, after this.
        "parameters": {"extra": {"sample": str(sample), "switch": str(switch.path)}},
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))
    model = {"name": name, "namespace": namespace, "version": 1, "storage_uri": str(folder)}
    return model, switch


def running_misbehaving(directory: Path) -> Iterator[Misbehaving]:
    """Bring up a data plane with the baseline in the first namespace, the enhanced model in the second."""
    pairs = [
        prepare(directory.parent / "misbehaving", name, namespace, directory / "samples" / name / "model.joblib")
        for name, namespace in zip((BASELINE, ENHANCED), NAMESPACES, strict=True)
    ]
    plane = DataPlane(directory, {"serving_models": [model for model, _switch in pairs]})
    try:
        plane.up()
        yield Misbehaving(plane, {model["name"]: switch for model, switch in pairs})
    finally:
        plane.down()
