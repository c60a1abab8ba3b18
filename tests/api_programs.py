# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Kubernetes API server the tests run against: the first that is there of several."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import debian_api_server

NAMES = ("kube-apiserver", "etcd")


@dataclass(frozen=True)
class Programs:
    """What an API server is made of: kube-apiserver and etcd, or a K3s that holds both."""

    origin: str
    api: Path
    etcd: Path | None = None

    @property
    def is_k3s(self) -> bool:
        return self.etcd is None

    def version(self) -> str:
        """Ask the program itself, as v1.20.2."""
        said = subprocess.run([self.api, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        return next(word for word in said.split() if word.startswith("v1."))


def pair(folder: Path, origin: str) -> Programs:
    api, etcd = (folder / name for name in NAMES)
    return Programs(origin, api, etcd)


def given(environment: Mapping[str, str]) -> Programs | None:
    """Return the programs that somebody named, or that are installed."""
    assets = environment.get("KUBEBUILDER_ASSETS")
    if assets:
        return pair(Path(assets), "KUBEBUILDER_ASSETS")
    path = environment.get("PATH", os.defpath)
    api, etcd, k3s = (shutil.which(name, path=path) for name in (*NAMES, "k3s"))
    if api and etcd:
        return Programs("PATH", Path(api), Path(etcd))
    if k3s:
        return Programs("PATH", Path(k3s))
    artifacts = environment.get("SERVING_ARTIFACTS")
    if artifacts and Path(artifacts, "k3s").is_file():
        return Programs("SERVING_ARTIFACTS", Path(artifacts, "k3s"))
    return None


def built() -> Programs | None:
    """Return Debian's, if an earlier run has built it."""
    etcd = shutil.which("etcd")
    if etcd and debian_api_server.place().is_dir():
        return Programs("Debian", debian_api_server.place() / NAMES[0], Path(etcd))
    return None


def at_hand() -> Programs | None:
    return given(os.environ) or built()


def lacking() -> str:
    """Return why there is no API server here and none can be made."""
    if at_hand():
        return ""
    reason = debian_api_server.lacking()
    if not reason and shutil.which("etcd") is None:
        reason = "Debian's needs the package etcd-server"
    return f"No Kubernetes API server: KUBEBUILDER_ASSETS is not set, none is installed, and {reason}" if reason else ""


def require() -> Programs:
    """Return programs; build them where that is needed."""
    found = at_hand()
    if found:
        return found
    debian_api_server.program()
    made = built()
    if made is None:
        raise debian_api_server.BuildError(lacking())
    return made
