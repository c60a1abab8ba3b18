# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's kernel lacks for K3s: features, cgroups."""

from __future__ import annotations

from typing import Iterator

from .errors import ServingError
from .k3s_cluster import parse_version
from .kernel_features import BACKENDS, FEATURES, MISSING
from .preflight_cluster import listed
from .preflight_facts import Look
from .preflight_report import Finding

# From this version on, a kubelet refuses cgroup v1 unless it is told otherwise:
# https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/5573-remove-cgroup-v1
REFUSES_CGROUP_V1 = (1, 35)
CGROUP_V1_FLAG = "fail-cgroupv1=false"
# What K3s itself asks for when an agent starts; without cpuset on v1 it only warns.
CONTROLLERS = {1: ("memory",), 2: ("cpu", "cpuset", "memory")}
MEMORY_FLAGS = ("cgroup_memory=1", "cgroup_enable=memory")


def kernel_findings(look: Look) -> Iterator[Finding]:
    """Yield what is missing."""
    # All of it is for pods.
    if look.node.runs_pods:
        yield from _features(look)
        yield from _cgroup_version(look)
        yield from _controllers(look)


def _features(look: Look) -> Iterator[Finding]:
    kernel = look.facts["kernel"]
    for feature in FEATURES:
        backend = BACKENDS.get(feature.module)
        if kernel["features"].get(feature.module) != MISSING or (backend and backend != look.backend):
            continue
        if kernel["has_other_modules"]:
            mend = "Its modules are gone, as after an upgrade of the kernel: reboot"
        else:
            mend = (
                "Install the package with more modules of this kernel (such as linux-modules-extra or "
                "kernel-modules-extra), or boot another kernel"
            )
        yield look.problem(
            f"the kernel {kernel['release']} has no {feature.module}, which {feature.duty} needs. {mend}."
        )


def _cgroup_version(look: Look) -> Iterator[Finding]:
    if look.facts["cgroup"]["version"] != 1:
        return
    boot = "Boot with systemd.unified_cgroup_hierarchy=1"
    try:
        refuses = parse_version(look.version)[:2] >= REFUSES_CGROUP_V1
    except ServingError:
        return
    if not refuses:
        yield look.warning(f"it has cgroup v1, which K3s refuses from v1.35 on. {boot} before that.")
    elif CGROUP_V1_FLAG not in listed(look.node.config.get("kubelet-arg")):
        yield look.problem(
            f"it has cgroup v1, which the kubelet of {look.version} refuses. {boot}, or, as long as this version still "
            f"takes it, set kubelet-arg: [{CGROUP_V1_FLAG}] in k3s_config."
        )


def _controllers(look: Look) -> Iterator[Finding]:
    cgroup = look.facts["cgroup"]
    missing = [each for each in CONTROLLERS.get(cgroup["version"], ()) if each not in cgroup["controllers"]]
    if not cgroup["version"]:
        yield look.problem("it has no cgroups at /sys/fs/cgroup, which K3s needs. Mount them.")
    elif missing:
        yield look.problem(f"it has no {' and no '.join(missing)} cgroup, which K3s needs. {_mend(look, missing)}.")


def _mend(look: Look, missing: list[str]) -> str:
    boot = look.facts["boot"]
    if "memory" not in missing:
        return "Boot a kernel that has it, with nothing in its command line that disables it"
    if "Raspberry Pi" in look.facts["board"]:
        path = boot["file"] or "/boot/firmware/cmdline.txt"
        if set(MEMORY_FLAGS) <= set(boot["flags"]):
            return f"{path} has {' '.join(MEMORY_FLAGS)}, and they are not in force yet: reboot"
        return f"Append {' '.join(MEMORY_FLAGS)} to the one line of {path}, and reboot"
    if "cgroup_disable=memory" in boot["running"]:
        return "Take cgroup_disable=memory out of the kernel's command line, and reboot"
    return "Append cgroup_enable=memory to the kernel's command line, and reboot"


__all__ = ["kernel_findings"]
