# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux kernel shows of what it can do. Nothing is loaded to find out."""

from __future__ import annotations

import os
from typing import Any, Iterable

from .._core.kernel_features import FEATURES, Evidence, kernel_settings, module_names, paths_of, state
from .host_tree import HostTree

CGROUPS = "/sys/fs/cgroup"


class LinuxKernel:
    """Looks at the running kernel."""

    def __init__(self, tree: HostTree, *, release: str = "") -> None:
        self._tree = tree
        self._release = release or os.uname().release
        self._modules = f"/lib/modules/{self._release}"

    def survey(self) -> dict[str, Any]:
        """Return its release, the state of each feature, and whether only other kernels' modules lie on the disk."""
        seen = self._evidence()
        others = [name for name in self._tree.names("/lib/modules") if name != self._release]
        return {
            "release": self._release,
            "features": {feature.module: state(feature, seen) for feature in FEATURES},
            "has_other_modules": bool(others) and not self._tree.has(self._modules),
        }

    def cgroup(self) -> dict[str, Any]:
        """Return the version of cgroups that a kubelet would find (0: none), and its controllers."""
        unified = self._tree.read(f"{CGROUPS}/cgroup.controllers")
        if unified is not None:
            return {"version": 2, "controllers": unified.split()}
        rows = [line.split(":") for line in (self._tree.read("/proc/self/cgroup") or "").splitlines()]
        # Both the folder and the line: a container may show controllers that nobody mounted for it.
        controllers = sorted({each for row in rows if len(row) == 3 for each in row[1].split(",")})
        mounted = [each for each in controllers if each and self._tree.has(f"{CGROUPS}/{each}")]
        return {"version": 1 if mounted else 0, "controllers": mounted}

    def _evidence(self) -> Evidence:
        tree = self._tree
        paths = [path for feature in FEATURES for path in paths_of(feature) if tree.has(path)]
        # "nodev" may stand before the name.
        filesystems = [line.split()[-1] for line in (tree.read("/proc/filesystems") or "").splitlines() if line.split()]
        settings = self._first(("/proc/config.gz", f"/boot/config-{self._release}", f"{self._modules}/config"))
        builtin, modules = tree.read(f"{self._modules}/modules.builtin"), tree.read(f"{self._modules}/modules.dep")
        return Evidence(
            filesystems=frozenset(filesystems),
            paths=frozenset(paths),
            builtin=None if builtin is None else module_names(builtin),
            modules=None if modules is None else module_names(modules),
            settings=None if settings is None else kernel_settings(settings),
        )

    def _first(self, paths: Iterable[str]) -> str | None:
        return next((text for text in map(self._tree.read, paths) if text is not None), None)


__all__ = ["LinuxKernel"]
