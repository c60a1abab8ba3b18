# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods without a kubelet: a network and a mount namespace each, one bridge between them, and names from a hosts file.

Everything ends with the process that made it: the namespaces have no names, and the programs die with their parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

CLONE_NEWNET = 0x40000000
CONTAINED = ("setpriv", "--pdeathsig", "KILL")
SPACES = ("unshare", "--net", "--mount", "sleep", "infinity")
NODE = "198.51.100.1"
STOP_SECONDS = 10
# A pod sees its own names, no name server at all, and a folder of the test as /mnt.
INSIDE = """
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/mnt" /mnt
ip link set lo up
"""


def lacking() -> str:
    """Return what keeps this machine from having pods."""
    missing = [each for each in ("ip", "mount", "nsenter", "setpriv", "unshare") if shutil.which(each) is None]
    if missing:
        return f"there is no {', '.join(missing)}"
    done = subprocess.run(
        ["unshare", "--net", "--mount", "ip", "link", "add", "probe", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"no network namespaces with bridges here: {done.stderr.strip()}" if done.returncode else ""


class Space:
    """A network and a mount namespace, which last as long as a process that holds them."""

    def __init__(self) -> None:
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.holder = subprocess.Popen([*CONTAINED, *SPACES], stdin=subprocess.DEVNULL)
        own = os.readlink("/proc/self/ns/mnt")
        while os.readlink(f"/proc/{self.holder.pid}/ns/mnt") == own:
            assert self.holder.poll() is None, "unshare ended"
            time.sleep(0.01)

    def command(self, *words: str) -> list[str]:
        """Return a command that runs inside."""
        return ["nsenter", f"--target={self.holder.pid}", "--net", "--mount", *words]

    def run(self, *words: str, text: str = "") -> None:
        subprocess.run(self.command(*words), input=text, text=True, check=True)

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Open sockets inside, from this very thread. They stay there."""
        space = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY)
        try:
            self._enter(space)
            yield
        finally:
            self._enter(self._home)
            os.close(space)

    def end(self) -> None:
        self.holder.kill()
        self.holder.wait()
        os.close(self._home)

    def _enter(self, space: int) -> None:
        if self._libc.setns(space, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter a network namespace")


class Pod(Space):
    """A space with an address and programs."""

    def __init__(self, name: str, address: str, folder: Path) -> None:
        super().__init__()
        self.name, self.address, self.folder = name, address, folder
        (folder / "mnt").mkdir(parents=True)
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n", encoding="ascii")
        self.know({})
        self.run("sh", "-ec", INSIDE, "sh", str(folder))

    def know(self, names: Mapping[str, str]) -> None:
        """Give it names for addresses, in place of those that it had."""
        rows = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in names.items())]
        (self.folder / "hosts").write_text("\n".join(rows) + "\n", encoding="ascii")

    def log(self, program: str) -> Path:
        return self.folder / f"{program}.log"

    def start(self, program: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a program that sees nothing of the environment of the tests but the path."""
        known = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), **(environment or {})}
        with self.log(program).open("ab") as log:
            self._programs[program] = subprocess.Popen(
                [*CONTAINED, *self.command(*command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=known
            )

    def kill(self, program: str) -> None:
        """End a program as a fault would."""
        ended = self._programs.pop(program)
        ended.kill()
        ended.wait()

    def stop(self, program: str) -> None:
        """End a program as a kubelet would."""
        ended = self._programs.pop(program)
        ended.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            ended.wait(STOP_SECONDS)
        ended.kill()
        ended.wait()

    def dead(self) -> list[str]:
        """Return what ended on its own."""
        return [name for name, process in self._programs.items() if process.poll() is not None]

    def end(self) -> None:
        for program in list(self._programs):
            self.kill(program)
        super().end()


class Cluster:
    """The bridge, the pods on it, and a way from them to an API server on this machine's loopback."""

    def __init__(self, folder: Path, api_port: int) -> None:
        self.folder = folder
        folder.mkdir()
        self.pods: dict[str, Pod] = {}
        self._node = Space()
        self._lines("link set lo up", "link add br0 type bridge", f"addr add {NODE}/24 dev br0", "link set br0 up")
        with self._node.network():
            listener = socket.create_server((NODE, api_port))
        self._listener = listener
        threading.Thread(target=self._forward, args=(api_port,), daemon=True).start()

    def pod(self, name: str) -> Pod:
        """Make a pod and connect it."""
        number = len(self.pods) + 2
        pod = self.pods[name] = Pod(name, f"{NODE.rpartition('.')[0]}.{number}", self.folder / name)
        self._lines(
            f"link add v{number} type veth peer name eth0 netns {pod.holder.pid}",
            f"link set v{number} master br0",
            f"link set v{number} up",
        )
        lines = [f"addr add {pod.address}/24 dev eth0", "link set eth0 up", f"route add default via {NODE}"]
        pod.run("ip", "-batch", "-", text="\n".join(lines))
        return pod

    def end(self) -> None:
        for pod in reversed(self.pods.values()):
            pod.end()
        self._listener.close()
        self._node.end()

    def _lines(self, *lines: str) -> None:
        self._node.run("ip", "-batch", "-", text="\n".join(lines))

    def _forward(self, port: int) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
            except OSError:
                return
            outer = socket.create_connection(("127.0.0.1", port))
            for source, target in ((inner, outer), (outer, inner)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
