# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with where an inventory's cluster would keep data on volumes, before there is one."""

from __future__ import annotations

from typing import Iterator

from .names import is_object_name
from .preflight_cluster import NAMESPACES, STORAGE_CLASS, Cluster
from .preflight_report import Finding

# The part of K3s that brings the class local-path: https://docs.k3s.io/add-ons/storage
LOCAL_STORAGE = "local-storage"


def storage_findings(cluster: Cluster) -> Iterator[Finding]:
    """Yield volumes that nobody would make, and a class that cannot exist; whether it does, a cluster alone can say."""
    name = str(cluster.shared.get(STORAGE_CLASS) or "")
    if name and not is_object_name(name):
        yield Finding(
            f"{STORAGE_CLASS} is '{name}', which is no name of a StorageClass. Set it to small letters, digits, "
            "hyphens and dots, or leave it out where K3s's own local-path is meant."
        )
    if not name and cluster.shared.get(NAMESPACES) and LOCAL_STORAGE in cluster.texts("k3s_disable"):
        yield Finding(
            f"There is no storage class: k3s_disable has {LOCAL_STORAGE}, {STORAGE_CLASS} is not set, and the "
            f"schedulers and model servers of {NAMESPACES} keep data on volumes. Take {LOCAL_STORAGE} out of "
            f"k3s_disable, or set {STORAGE_CLASS} to the class that the cluster will have as its default."
        )


__all__ = ["storage_findings"]
