# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MetalLB's own programs, from the folder that SERVING_ARTIFACTS names, and how they are started and ended.

They get what the chart gives them (charts/metallb/templates/controller.yaml and speaker.yaml of the pinned version).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.live.metallb.wire import Space

CONTROLLER, SPEAKER = "metallb-controller", "metallb-speaker"
MEMBERS_PORT, METRICS_PORT = "7946", "9120"


def lacking(environment: Mapping[str, str]) -> str:
    """Return why MetalLB cannot run here."""
    folder = environment.get("SERVING_ARTIFACTS")
    if not folder:
        return f"MetalLB's programs are not here: SERVING_ARTIFACTS names no folder with {CONTROLLER} and {SPEAKER}"
    missing = [name for name in (CONTROLLER, SPEAKER) if not os.access(Path(folder, name), os.X_OK)]
    return f"MetalLB's programs are not here: {folder} has no {' and no '.join(missing)}" if missing else ""


def place(name: str) -> Path:
    return Path(os.environ["SERVING_ARTIFACTS"], name)


@dataclass(frozen=True)
class Seat:
    """Where a program runs: its namespaces of the network and of the API, a folder, and how it gets in."""

    space: Space
    folder: Path
    kubeconfig: Path
    namespace: str

    def environment(self) -> dict[str, str]:
        own = {"KUBECONFIG": str(self.kubeconfig), "METALLB_NAMESPACE": self.namespace}
        return {"PATH": os.environ["PATH"], "TMPDIR": str(self.folder), **own}


class Program:
    """One of them, in a namespace, with what it writes in a file."""

    def __init__(self, seat: Seat, words: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        self.log = seat.folder / "log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                seat.space.command(words),
                env={**seat.environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """End it without a word to anybody."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Have it say goodbye."""
        self._process.terminate()
        self._process.wait(30)


def controller(seat: Seat, pod: str) -> Program:
    """Start the controller. It serves its webhook with what it finds in ``certificates(folder)``."""
    words = [str(place(CONTROLLER)), f"--port={METRICS_PORT}", "--log-level=info"]
    words += ["--webhook-mode=enabled", f"--cert-dir={certificates(seat.folder)}"]
    environment = {
        "METALLB_POD_NAME": pod,
        "METALLB_ML_SECRET_NAME": "metallb-memberlist",
        "METALLB_DEPLOYMENT": "metallb-controller",
    }
    return Program(seat, words, environment)


def certificates(folder: Path) -> Path:
    """Return where a kubelet would mount the certificate of the webhook: below the folder for temporary files."""
    return folder / "k8s-webhook-server/serving-certs"


def speaker(seat: Seat, node: str, address: str) -> Program:
    """Start the speaker of a node. Its pod has the node's name, and it knows the others by the key in its folder."""
    environment = {
        "METALLB_NODE_NAME": node,
        "METALLB_POD_NAME": f"speaker-{node}",
        "METALLB_HOST": address,
        "METALLB_ML_BIND_ADDR": address,
        "METALLB_ML_BIND_PORT": MEMBERS_PORT,
        "METALLB_ML_LABELS": "app.kubernetes.io/name=metallb,app.kubernetes.io/component=speaker",
        "METALLB_ML_SECRET_KEY_PATH": str(seat.folder),
    }
    return Program(seat, [place(SPEAKER), f"--port={METRICS_PORT}", "--log-level=info"], environment)
