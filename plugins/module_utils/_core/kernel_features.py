# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel must be able to do for K3s, and how one sees that it is.

What modprobe says proves nothing: a host in a container loads no module, and has what the kernel under it has.
Source of the list: https://docs.k3s.io/installation/requirements and `k3s check-config`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, Mapping

READY, LOADABLE, MISSING, UNKNOWN = "ready", "loadable", "missing", "unknown"
MODULE_FILE = re.compile(r"([^/\s]+)\.ko(?:\.\w+)?(?=[:\s]|$)", re.MULTILINE)
SETTING = re.compile(r"^(CONFIG_\w+)=([ym])$", re.MULTILINE)


@dataclass(frozen=True)
class Feature:
    """A feature: its module, its setting, paths that are there while it is, and the name of its file system."""

    module: str
    setting: str
    duty: str
    paths: tuple[str, ...] = ()
    filesystem: str = ""


FEATURES = (
    Feature("overlay", "CONFIG_OVERLAY_FS", "the file systems of containers", filesystem="overlay"),
    Feature("bridge", "CONFIG_BRIDGE", "the network of pods"),
    Feature("veth", "CONFIG_VETH", "the network of pods"),
    Feature(
        "br_netfilter",
        "CONFIG_BRIDGE_NETFILTER",
        "Services between pods of one host",
        ("/proc/sys/net/bridge/bridge-nf-call-iptables",),
    ),
    Feature("nf_conntrack", "CONFIG_NF_CONNTRACK", "Services", ("/proc/sys/net/netfilter/nf_conntrack_max",)),
    Feature("nf_nat", "CONFIG_NF_NAT", "Services"),
    Feature("xt_comment", "CONFIG_NETFILTER_XT_MATCH_COMMENT", "the rules of kube-proxy"),
    Feature("vxlan", "CONFIG_VXLAN", "k3s_flannel_backend vxlan"),
    Feature("wireguard", "CONFIG_WIREGUARD", "k3s_flannel_backend wireguard-native"),
)
# The backend of flannel that needs a feature; the others are needed by every node.
BACKENDS = {"vxlan": "vxlan", "wireguard": "wireguard-native"}


@dataclass(frozen=True)
class Evidence:
    """What a host shows of its kernel. None: nobody could read it.

    Args:
        filesystems: Names in /proc/filesystems.
        paths: Those of a feature's paths, and of the folders of its module, that are there.
        builtin: Modules that are part of the kernel, and ``modules`` those that lie on the disk for it.
        settings: Settings of the kernel's configuration that are not off.
    """

    filesystems: frozenset[str]
    paths: frozenset[str]
    builtin: frozenset[str] | None
    modules: frozenset[str] | None
    settings: Mapping[str, str] | None


def paths_of(feature: Feature) -> Iterator[str]:
    """Yield the paths that are there while a feature is."""
    yield f"/sys/module/{feature.module}"
    yield from feature.paths


def state(feature: Feature, seen: Evidence) -> str:
    """Return whether a feature is there, can be loaded, is missing, or nobody can tell."""
    setting = None if seen.settings is None else seen.settings.get(feature.setting, "n")
    if (
        feature.filesystem in seen.filesystems
        or seen.paths.intersection(paths_of(feature))
        or feature.module in (seen.builtin or ())
        or setting == "y"
    ):
        return READY
    if feature.module in (seen.modules or ()):
        return LOADABLE
    # A module that the kernel could load, of which there is no file, is as good as none.
    return UNKNOWN if setting is None and seen.modules is None else MISSING


def module_names(text: str) -> frozenset[str]:
    """Return the modules that modules.dep or modules.builtin lists, with the kernel's spelling."""
    targets = "\n".join(line.split(":")[0] for line in text.splitlines())
    return frozenset(name.replace("-", "_") for name in MODULE_FILE.findall(targets))


def kernel_settings(text: str) -> dict[str, str]:
    """Return what a kernel's configuration switches on."""
    return dict(SETTING.findall(text))


__all__ = [
    "BACKENDS",
    "FEATURES",
    "LOADABLE",
    "MISSING",
    "READY",
    "UNKNOWN",
    "Evidence",
    "Feature",
    "kernel_settings",
    "module_names",
    "paths_of",
    "state",
]
