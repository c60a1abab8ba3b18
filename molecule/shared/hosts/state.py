# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a scenario's hosts: written down before it is made, so that it can be removed from there alone."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hosts.shell import HostError

# One folder for each scenario whose hosts are up, named by its number. Gone with the machine, as the hosts are.
REGISTRY = Path("/run/modelops-test-hosts")
NUMBERS = range(1, 255)
FILE = "state.json"
UNWRITTEN_SECONDS = 60


@dataclass(frozen=True)
class Process:
    """A process that is still the same one."""

    pid: int = 0
    began: str = ""

    @classmethod
    def of(cls, pid: int) -> Process:
        return cls(pid, _began(pid))

    @property
    def lives(self) -> bool:
        return self.pid > 0 and self.began != "" and _began(self.pid) == self.began


def _began(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name in the brackets may hold anything. Z is a process that is over, and not collected yet.
    words = stat.rpartition(")")[2].split()
    return "" if words[0] == "Z" else words[19]


@dataclass(frozen=True)
class Host:
    """One host: its place in the scenario, and the process that holds it."""

    name: str
    index: int
    launcher: Process = Process()
    cut: bool = False


@dataclass(frozen=True)
class Scenario:
    """The hosts of one scenario, and all names and addresses that follow from its number."""

    name: str
    number: int
    folder: Path
    technology: str
    image: Path
    hosts: tuple[Host, ...]
    groups: tuple[Path, ...]
    binds: tuple[str, ...] = ()
    # The version of control groups that hosts see: 2, or what this machine has.
    cgroups: str = "auto"
    owner: Process = Process()
    before: dict[str, str] = field(default_factory=dict)

    @property
    def bridge(self) -> str:
        return f"th{self.number}"

    @property
    def gateways(self) -> tuple[str, str]:
        return f"10.77.{self.number}.1", f"fd77:{self.number:x}::1"

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def ssh_config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def registered(self) -> Path:
        return REGISTRY / str(self.number)

    def label(self, host: Host) -> str:
        """Return the name of what belongs to a host outside of it."""
        return f"{self.bridge}-{host.name}"

    def link(self, host: Host) -> str:
        return f"{self.bridge}-{host.index}"

    def address(self, host: Host) -> str:
        return f"10.77.{self.number}.{10 + host.index}"

    def address6(self, host: Host) -> str:
        return f"fd77:{self.number:x}::{10 + host.index}"

    def hardware_address(self, host: Host) -> str:
        return f"02:77:00:{self.number:02x}:00:{host.index:02x}"

    def place(self, host: Host) -> Path:
        return self.folder / "hosts" / host.name

    def host_groups(self, host: Host) -> list[Path]:
        return [folder / self.label(host) for folder in self.groups]

    def host(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        raise HostError(f"There is no host '{name}' here, only {', '.join(host.name for host in self.hosts)}.")

    def with_host(self, host: Host) -> Scenario:
        """Return the scenario with one host as it is now."""
        return replace(self, hosts=tuple(host if old.name == host.name else old for old in self.hosts))

    def save(self) -> None:
        """Write it down, in its folder and in the registry."""
        text = json.dumps(asdict(self), default=str, indent=1)
        for folder in (self.registered, self.folder):
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / f"{FILE}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(folder / FILE)

    def forget(self) -> None:
        """Remove all that was written down, and nothing else from a folder that somebody named."""
        for path in (self.key, self.key.with_suffix(".pub"), self.ssh_config, self.folder / FILE):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()
        shutil.rmtree(self.registered, ignore_errors=True)


def all_known() -> list[Scenario]:
    """Return all scenarios whose hosts are up, or were not removed."""
    found = (_read(place) for place in sorted(REGISTRY.glob("[0-9]*")))
    return [scenario for scenario in found if scenario]


def load(folder: Path) -> Scenario | None:
    """Return what is known of the hosts in a folder, also when somebody emptied it."""
    return _read(folder) or next((scenario for scenario in all_known() if scenario.folder == folder), None)


def _read(folder: Path) -> Scenario | None:
    try:
        data: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    hosts = tuple(Host(**{**host, "launcher": Process(**host["launcher"])}) for host in data.pop("hosts"))
    return Scenario(
        **{
            **data,
            "hosts": hosts,
            "folder": Path(data["folder"]),
            "image": Path(data["image"]),
            "groups": tuple(map(Path, data["groups"])),
            "binds": tuple(data["binds"]),
            "owner": Process(**data["owner"]),
        }
    )


def take_number() -> int:
    """Return a number that no other scenario has."""
    REGISTRY.mkdir(exist_ok=True)
    # Not the first free one: addresses of hosts that have just gone are still known to this and that.
    start = os.getpid() % len(NUMBERS)
    for number in (*NUMBERS[start:], *NUMBERS[:start]):
        # A bridge of that name may be somebody else's.
        if not Path(f"/sys/class/net/th{number}").exists():
            with contextlib.suppress(FileExistsError):
                (REGISTRY / str(number)).mkdir()
                return number
    raise HostError(f"All numbers are taken; {REGISTRY} says by whom.")


def drop_numbers_without_hosts() -> None:
    """Free the numbers of runs that ended between taking one and writing it down."""
    for place in REGISTRY.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if time.time() - place.stat().st_mtime > UNWRITTEN_SECONDS:
                place.rmdir()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others away from a scenario while it changes."""
    REGISTRY.mkdir(exist_ok=True)
    path = REGISTRY / f"lock-{hashlib.sha256(bytes(folder)).hexdigest()[:16]}"
    with _lock(path):
        try:
            yield
        finally:
            if load(folder) is None:
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    while True:
        with path.open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Who had it before may have removed it.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(lock.fileno())):
                yield
                return
