# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine can do: hold test hosts, and run a real kubelet in them. Found out by trying, without a trace."""

from __future__ import annotations

import os
import platform
import resource
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hosts import cgroups, image
from hosts.shell import HostError, run

HOSTS = "hosts"
KUBELET = "kubelet"
FACT = ""

OVERLAY = """
mount -t tmpfs probe /mnt
mkdir /mnt/lower /mnt/upper /mnt/work /mnt/root
mount -t overlay probe -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work,volatile /mnt/root
"""
NETWORK = """
ip link add th0 type bridge
ip link add th0-1 type veth peer name eth0
ip link set th0-1 master th0
"""
# A process may always make itself a likelier victim; the kubelet makes itself and its pods' pauses unlikelier ones.
SCORE = ("choom", "--adjust", "-998", "--", "true")
CONTROLLERS = {"cpu", "memory", "pids"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what needs it, whether it is there, and what was found."""

    name: str
    needed_for: str
    good: bool
    found: str


def findings() -> list[Finding]:
    """Return all that was found on this machine."""
    return [
        _root(),
        _tried("overlay", HOSTS, lambda: run("unshare", "--mount", "sh", "-euc", OVERLAY)),
        _tried("bridge", HOSTS, lambda: run("unshare", "--net", "sh", "-euc", NETWORK)),
        _tried("namespaces", HOSTS, _named_namespace),
        _tried("control groups", HOSTS, _own_group),
        _launcher(),
        _program("ssh-keygen", "openssh-client"),
        _image(),
        _tried("oom_score_adj", KUBELET, lambda: run(*SCORE)),
        _controllers(),
        _tried("vxlan", KUBELET, lambda: run("unshare", "--net", "ip", "link", "add", "type", "vxlan", "id", "1")),
        _fact("kernel", platform.release()),
        _fact("cores", str(len(os.sched_getaffinity(0)))),
        _fact("open files", str(resource.getrlimit(resource.RLIMIT_NOFILE)[1])),
    ]


def missing(found: list[Finding], purpose: str) -> list[str]:
    """Return what a purpose lacks, in words. Without hosts there is no kubelet."""
    return [f"{each.name}: {each.found}" for each in found if each.needed_for in (purpose, HOSTS) and not each.good]


def summary(found: list[Finding]) -> Mapping[str, object]:
    """Return it all for a program."""
    purposes = {name: {"able": not missing(found, name), "missing": missing(found, name)} for name in (HOSTS, KUBELET)}
    return purposes | {"findings": [vars(each) for each in found]}


def _fact(name: str, found: str) -> Finding:
    return Finding(name, FACT, True, found)


def _tried(name: str, needed_for: str, attempt: Callable[[], object]) -> Finding:
    try:
        attempt()
    except OSError as error:
        return Finding(name, needed_for, False, error.strerror or str(error))
    except HostError as failure:
        # The command's own last words.
        return Finding(name, needed_for, False, str(failure).splitlines()[-1].rpartition(": ")[2])
    return Finding(name, needed_for, True, "works")


def _root() -> Finding:
    user = os.geteuid()
    return Finding("root", HOSTS, user == 0, "yes" if user == 0 else f"this is user {user}")


def _named_namespace() -> None:
    name = f"th0-probe-{os.getpid()}"
    run("ip", "netns", "add", name)
    run("ip", "netns", "del", name)


def _own_group() -> None:
    folders = [folder / f"th0-probe-{os.getpid()}" for folder in cgroups.own_folders()]
    if not folders:
        raise HostError("none are mounted")
    try:
        for folder in folders:
            folder.mkdir()
    finally:
        cgroups.remove(folder for folder in folders if folder.exists())


def _launcher() -> Finding:
    if shutil.which("systemd-nspawn"):
        return Finding("launcher", HOSTS, True, f"nspawn, {run('systemd-nspawn', '--version').splitlines()[0]}")
    other = all(map(shutil.which, ("unshare", "nsenter", "setpriv", "pivot_root")))
    return Finding("launcher", HOSTS, other, "unshare" if other else "no systemd-nspawn (package: systemd-container)")


def _program(name: str, package: str) -> Finding:
    found = shutil.which(name)
    return Finding(name, HOSTS, found is not None, found or f"missing (package: {package})")


def _image() -> Finding:
    place = image.cache() / image.key()
    if place.is_dir():
        return Finding("image", HOSTS, True, str(place))
    maker = _program("mmdebstrap", "mmdebstrap")
    return Finding("image", HOSTS, maker.good, "made by mmdebstrap at the first start" if maker.good else maker.found)


def _controllers() -> Finding:
    have = cgroups.controllers()
    lacking = sorted(CONTROLLERS - have)
    text = f"version 2 has {', '.join(sorted(have)) or 'none'}"
    return Finding("controllers", KUBELET, not lacking, f"{text}, and not {', '.join(lacking)}" if lacking else text)
