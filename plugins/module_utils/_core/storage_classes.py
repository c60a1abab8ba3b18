# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster makes the volumes that Seldon's pods will claim, as long as they are not there yet.

Seldon's charts have no value for a StorageClass (k8s/helm-charts/seldon-core-v2-setup of v2.10.2: the
volumeClaimTemplates of the SeldonConfig and of each ServerConfig), so the cluster's default decides:
https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping, Sequence, Tuple

from .preflight_cluster import STORAGE_CLASS
from .preflight_report import Finding, spoken

CLASS, CLAIM = "StorageClass", "PersistentVolumeClaim"
DEFAULT = "storageclass.kubernetes.io/is-default-class"
# What it was called before, and what Kubernetes still reads.
DEFAULTS = (DEFAULT, "storageclass.beta.kubernetes.io/is-default-class")
# The names of Seldon's own claims: a template's, then the pod's.
SCHEDULER, SERVER = "scheduler-state-seldon-scheduler-0", "mlserver-models-{server}-{number}"
Claim = Tuple[str, str]


def class_findings(named: str, storage: Sequence[Mapping[str, Any]], claims: Iterable[Claim]) -> Iterator[Finding]:
    """Yield why claims, by namespace and name, would wait for a volume.

    Args:
        named: The class that the inventory says is the default.
        storage: The classes and the claims that are there.
        claims: What is claimed.
    """
    there = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in storage if each["kind"] == CLAIM}
    missing = [f"{namespace}/{name}" for namespace, name in claims if (namespace, name) not in there]
    if not missing:
        return
    classes = [each for each in storage if each["kind"] == CLASS]
    names = sorted(each["metadata"]["name"] for each in classes)
    default = sorted(each["metadata"]["name"] for each in classes if _is_default(each))
    because = f"Seldon claims {spoken(missing)} without a class, and its charts have no value for one"
    if named and named not in names:
        yield Finding(
            f"{STORAGE_CLASS} is '{named}', and the cluster has {_listed(names, default)}. {because}. Set "
            f"{STORAGE_CLASS} to the class that is the default, or leave it out."
        )
    elif not default:
        wanted = named or (names[0] if len(names) == 1 else "NAME")
        mend = f"Mark one: kubectl annotate storageclass {wanted} {DEFAULT}=true." if names else "Install one."
        yield Finding(
            f"No StorageClass of the cluster is its default: it has {_listed(names, default)}. {because}. {mend}"
        )
    elif named and default != [named]:
        yield Finding(
            f"{STORAGE_CLASS} is '{named}', and the default of the cluster is {spoken(default)}. {because}. Make "
            f"'{named}' the only one with the annotation {DEFAULT}=true, or set {STORAGE_CLASS} to what is the default."
        )


def _is_default(each: Mapping[str, Any]) -> bool:
    annotations = each["metadata"].get("annotations") or {}
    return any(annotations.get(name) == "true" for name in DEFAULTS)


def _listed(names: Sequence[str], default: Sequence[str]) -> str:
    """Return the classes of a cluster, and which of them is the default."""
    return spoken([f"{each} (the default)" if each in default else each for each in names]) or "none"


__all__ = ["SCHEDULER", "SERVER", "class_findings"]
