# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recognised as left of K3s; what removes it is run on test hosts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from plugins.module_utils._adapters.k3s_remains import K3sRemains

SLEEP = ["-c", "import sys, time; print(flush=True); time.sleep(60)"]
SOCKETS = {
    "/run/k3s/containerd/containerd.sock": True,
    # Docker's containerd, and one of the host's own.
    "/run/containerd/containerd.sock": False,
}


@pytest.mark.parametrize("folder", ["/var/lib/rancher/k3s/data/0a1b/bin", "/usr/local/bin"])
@pytest.mark.parametrize(("socket", "ours"), SOCKETS.items(), ids=SOCKETS)
def test_shims_are_known_by_their_containerd(folder: str, socket: str, ours: bool) -> None:
    words = [f"{folder}/containerd-shim-runc-v2", *SLEEP, "-namespace", "k8s.io", "-address", socket]
    with subprocess.Popen(words, executable=sys.executable, stdout=subprocess.PIPE) as shim:
        try:
            # It is what it says as soon as it runs.
            assert shim.stdout
            assert shim.stdout.readline()
            assert (f"process {shim.pid}" in K3sRemains().look()) is ours
        finally:
            shim.kill()
