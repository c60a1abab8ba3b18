# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that K3s leaves on a host: units, containers, mounts, links, packet filters and folders."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import re
import signal
import subprocess
import time
from typing import Iterator

from .._core.errors import ServingError

UNITS = ("k3s-agent", "k3s")
UNIT_FOLDER = "/etc/systemd/system"
# A file system that is mounted in one of them is the user's, and stays as it is.
FOLDERS = (
    "/etc/rancher/k3s",
    "/etc/rancher/node",
    "/run/k3s",
    "/run/flannel",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/lib/rancher/k3s",
)
PARENTS = ("/etc/rancher", "/var/lib/rancher")
FILES = ("/usr/local/bin/k3s", "/etc/sysctl.d/90-kubelet.conf")
COMMANDS = ("/usr/local/bin/kubectl", "/usr/local/bin/crictl", "/usr/local/bin/ctr")
MOUNTED_BELOW = ("/run/k3s/", "/var/lib/kubelet/pods/", "/var/lib/kubelet/plugins/", "/run/netns/cni-")
LINKS = ("cni0", "flannel.1", "flannel-v6.1", "flannel-wg", "flannel-wg-v6", "kube-ipvs0")
FILTERS = ("iptables", "ip6tables")
RULE = re.compile(r"KUBE-|CNI-|FLANNEL|flannel")
SHIM = b"containerd-shim"
BUNDLED = "/var/lib/rancher/k3s/data/*"
# Which containerd a shim belongs to, whatever folder its program is in.
SOCKET = b"/run/k3s/containerd/"
# What a stopping pod may take.
END_SECONDS = 10.0


class K3sRemains:
    """Finds what is left, and removes it in an order in which nothing comes back."""

    def look(self) -> list[str]:
        """Return what is there, as text; nothing when the host has no K3s."""
        return [
            *(f"unit {name}" for name in self._units()),
            *(f"process {pid}" for pid in self._shims()),
            *(f"mount {path}" for path in self._mounts()),
            *(f"link {name}" for name in self._links()),
            *(f"rules of {name}" for name in FILTERS if self._rules(name)),
            *(path for path in (*FILES, *self._commands(), *self._unit_files()) if os.path.lexists(path)),
            *(path for path in FOLDERS if _is_left(path)),
        ]

    def remove(self) -> None:
        """Remove all of it. What a run that was cut off left is removed by the next."""
        try:
            self._remove()
        except OSError as error:
            text = f"K3s is not gone: {error.filename}: {error.strerror}. Mend that, and run it again."
            raise ServingError(text) from error

    def _remove(self) -> None:
        commands = self._commands()
        for name in self._units():
            _run(["systemctl", "disable", "--now", name])
        self._end(self._shims())
        for path in sorted(self._mounts(), reverse=True):
            _run(["umount", "--lazy", path])
        if self._mounts():
            raise OSError(errno.EBUSY, "still mounted", self._mounts()[0])
        self._remove_namespaces()
        for name in self._links():
            _run(["ip", "link", "delete", name])
        for name in FILTERS:
            self._restore(name)
        for path in FOLDERS:
            _empty(path)
        for path in PARENTS:
            # Others may have something there.
            with contextlib.suppress(OSError):
                os.rmdir(path)
        # The program last: with it gone, nobody could tell any more what is left.
        for path in (*self._unit_files(), *commands, *FILES):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        _run(["systemctl", "daemon-reload"])
        _run(["systemctl", "reset-failed", *UNITS])

    def _units(self) -> list[str]:
        return [name for name in UNITS if os.path.lexists(os.path.join(UNIT_FOLDER, f"{name}.service"))]

    def _unit_files(self) -> list[str]:
        files = [os.path.join(UNIT_FOLDER, f"{name}.service{suffix}") for name in UNITS for suffix in ("", ".env")]
        return [path for path in files if os.path.lexists(path)]

    def _commands(self) -> list[str]:
        """Return the links that lead to K3s; a program of the user's own is none."""
        return [path for path in COMMANDS if os.path.islink(path) and os.readlink(path) == "k3s"]

    def _shims(self) -> list[int]:
        """Return what still runs of containers: the shims of K3s's own containerd."""
        return [pid for pid, command in _processes() if SHIM in command and SOCKET in command]

    def _end(self, shims: list[int]) -> None:
        pids = {*shims, *(pid for shim in shims for pid in _descendants(shim))}
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + END_SECONDS
            while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
                time.sleep(0.1)

    def _mounts(self) -> list[str]:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as stream:
            points = [line.split()[1].encode().decode("unicode_escape") for line in stream]
        return [path for path in points if path.startswith(MOUNTED_BELOW)]

    def _remove_namespaces(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir("/run/netns"):
                if name.startswith("cni-"):
                    _run(["ip", "netns", "delete", name])

    def _links(self) -> list[str]:
        return [name for name in LINKS if os.path.exists(f"/sys/class/net/{name}")]

    def _rules(self, name: str) -> list[str]:
        return [line for line in _said([f"{name}-save"]).splitlines() if RULE.search(line)]

    def _restore(self, name: str) -> None:
        """Load the rules again without those of K3s; with none of them, nothing is touched."""
        if not self._rules(name):
            return
        kept = [line for line in _said([f"{name}-save"]).splitlines() if not RULE.search(line)]
        _run([f"{name}-restore"], given="\n".join(kept) + "\n")


def _processes() -> Iterator[tuple[int, bytes]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline", "rb") as stream:
                yield int(entry), stream.read()


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as stream:
                for child in stream.read().split():
                    yield int(child)
                    yield from _descendants(int(child))


def _empty(path: str) -> None:
    """Remove a folder, but nothing of what is mounted in it."""
    if not os.path.lexists(path):
        return
    if os.path.islink(path):
        os.unlink(path)
        return
    for name in os.listdir(path):
        inner = os.path.join(path, name)
        if os.path.ismount(inner):
            continue
        if os.path.isdir(inner) and not os.path.islink(inner):
            _empty(inner)
        else:
            os.unlink(inner)
    if not os.path.ismount(path):
        with contextlib.suppress(OSError):
            os.rmdir(path)


def _is_left(path: str) -> bool:
    """Whether there is more of a folder than what somebody mounted in it."""
    if not os.path.lexists(path):
        return False
    if os.path.islink(path) or not os.path.isdir(path):
        return True
    inner = [os.path.join(path, name) for name in os.listdir(path)]
    others = [each for each in inner if not os.path.ismount(each)]
    if others:
        return any(_is_left(each) for each in others)
    return not inner and not os.path.ismount(path)


def _run(command: list[str], given: str | None = None) -> None:
    """Run a command; one that has nothing to do may fail."""
    with contextlib.suppress(FileNotFoundError, subprocess.TimeoutExpired):
        subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=120, env=_with_tools()
        )


def _with_tools() -> dict[str, str]:
    """Return the environment in which a host without iptables finds those that K3s brought along."""
    folders = [os.environ.get("PATH", ""), *glob.glob(f"{BUNDLED}/bin"), *glob.glob(f"{BUNDLED}/bin/aux")]
    return {**os.environ, "PATH": os.pathsep.join(folders)}


def _said(command: list[str]) -> str:
    with contextlib.suppress(FileNotFoundError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=_with_tools())
        return done.stdout
    return ""


__all__ = ["K3sRemains"]
