# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root of its own for one command: what it installs, removes or starts is gone with the command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import Outcome, run

# Changes lie in memory. The processes have a namespace of their own, so none of them outlives the command.
SCRIPT = """
set -e
place=$1
command=$2
shift 2
mount -t tmpfs throw-away "$place"
mkdir "$place/changes" "$place/work" "$place/root"
mount -t overlay throw-away -o "lowerdir=/,upperdir=$place/changes,workdir=$place/work" "$place/root"
mount -t proc throw-away "$place/root/proc"
mount --rbind /dev "$place/root/dev"
mount -t tmpfs throw-away "$place/root/tmp" -o mode=1777
while [ $# -gt 0 ]; do
  mkdir -p "$place/root$2"
  mount --bind "$1" "$place/root$2"
  shift 2
done
exec chroot "$place/root" sh -c "cd /mnt && $command"
"""


class ThrowAwayRoot:
    """A throw-away copy of this machine's root for each command, with ``visible`` at /mnt and ``/tmp`` empty."""

    def __init__(self, place: Path, visible: Path, *others: Path, env: Mapping[str, str] | None = None) -> None:
        place.mkdir()
        # Other file systems are no part of the copy.
        root = Path("/").stat().st_dev
        same = [str(path) for path in others if path.stat().st_dev != root for _ in range(2)]
        self._command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT, "sh", str(place)]
        self._binds = [str(visible), "/mnt", *same]
        self._env = env

    def __call__(self, command: str, timeout: float = 600) -> Outcome:
        """Run a shell command there, as root."""
        return run([*self._command, command, *self._binds], env=self._env, timeout=timeout)

    def require(self) -> ThrowAwayRoot:
        """Skip the test where this is not possible."""
        if self("true").status != 0:
            pytest.skip("no root, or no mount namespaces and overlays here")
        return self
