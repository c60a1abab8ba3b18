# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""K3s on one host, started with its files as they are, and watched until it is well.

Whether a start is needed hangs on a note of what it was last started with. So a run that was cut off between the new
file and the start is made good by the next one, which a handler would have forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Protocol, Sequence

from .errors import ServingError
from .k3s_quorum import EtcdDoor, survey
from .k3s_unit import Plan, Unit, cause, is_hopeless, node_problem, plan

POLL_SECONDS = 1.0
JOURNAL_LINES = 8


class UnitDoor(Protocol):
    """A unit of the host's process manager."""

    def look(self) -> Unit: ...
    def enable(self) -> None: ...
    def restart(self) -> None: ...
    def journal(self, since: float, lines: int = ...) -> str: ...


class ProgramDoor(Protocol):
    """The k3s program, which asks the cluster."""

    def version(self) -> str: ...
    def readiness(self, address: str = ...) -> str: ...
    def node(self, name: str) -> dict[str, Any] | None: ...


class RecordDoor(Protocol):
    """The note of what the unit was last started with."""

    def load(self) -> dict[str, str]: ...
    def save(self, digests: Mapping[str, str]) -> None: ...


class ClockDoor(Protocol):
    """Time."""

    def epoch(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Watched:
    """What is to run: the unit's ``name``, its ``node``, its ``version``, and for how many seconds it may take.

    A server with ``runs_pods`` off (``disable-agent``) has no Node object that could be asked. With ``has_network``
    off, a CNI comes later, and the node cannot be ready yet. ``others`` are the addresses of the other servers.
    """

    name: str
    node: str
    version: str
    is_server: bool
    runs_pods: bool
    timeout: float
    has_network: bool = True
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Doors:
    """What a start goes through to the host."""

    unit: UnitDoor
    program: ProgramDoor
    etcd: EtcdDoor
    record: RecordDoor
    clock: ClockDoor


class Start:
    """Plans a start, and carries it out."""

    def __init__(self, watched: Watched, doors: Doors) -> None:
        self._watched = watched
        self._unit = doors.unit
        self._program = doors.program
        self._etcd = doors.etcd
        self._record = doors.record
        self._clock = doors.clock

    def plan(self, digests: Mapping[str, str], announced: Sequence[str]) -> Plan:
        """Return whether it has to be started, and why."""
        return plan(self._unit.look(), self._record.load(), digests, announced=announced)

    def carry_out(self, wanted: Plan, digests: Mapping[str, str]) -> None:
        """Start it if need be, and wait until it is well; a start that fails leaves no note, so it is tried again."""
        began = self._clock.epoch()
        if wanted.enable:
            self._unit.enable()
        if wanted.starts:
            if self._watched.is_server and self._unit.look().runs:
                self._wait_for_the_others()
            self._unit.restart()
        self._wait(began, heard_since=began if wanted.starts else 0.0)
        if wanted.starts:
            self._record.save(digests)

    def _wait_for_the_others(self) -> None:
        """Wait until the cluster can do without this server."""
        watched = self._watched
        deadline = self._clock.monotonic() + watched.timeout
        while True:
            found = survey(self._etcd, self._program, watched.others)
            if found.may_lose_one:
                return
            if self._clock.monotonic() >= deadline:
                raise ServingError(f"{watched.name} was not restarted on {watched.node}: {found.problem}")
            self._clock.sleep(POLL_SECONDS)

    def _wait(self, since: float, *, heard_since: float) -> None:
        deadline = self._clock.monotonic() + self._watched.timeout
        problem = self._problem(heard_since)
        while problem:
            gave_up = self._unit.look().gave_up or is_hopeless(self._unit.journal(since))
            if gave_up or self._clock.monotonic() >= deadline:
                raise self._failure(problem, since)
            self._clock.sleep(POLL_SECONDS)
            problem = self._problem(heard_since)

    def _problem(self, heard_since: float) -> str:
        unit = self._unit.look()
        if not unit.runs:
            return f"it is {unit.state}" + (f" after {unit.restarts} restarts" if unit.restarts else "")
        try:
            return self._answer(heard_since)
        except ServingError as error:
            return str(error)

    def _answer(self, heard_since: float) -> str:
        watched = self._watched
        problem = self._program.readiness() if watched.is_server else ""
        if problem:
            return problem
        if watched.runs_pods:
            node = self._program.node(watched.node)
            return node_problem(node, watched.version, has_network=watched.has_network, since=heard_since)
        running = self._program.version()
        return "" if running == watched.version else f"it is {running}, and {watched.version} is wanted"

    def _failure(self, problem: str, since: float) -> ServingError:
        journal = self._unit.journal(since)
        text = f"{self._watched.name} on {self._watched.node} did not become ready: {problem}"
        why = cause(journal)
        text += f", because {why}." if why else "."
        lines = [line for line in journal.splitlines() if line.strip()]
        # By now systemd may have begun the next try.
        fatal = [line for line in lines if "level=fatal" in line]
        text += f" It ended with:\n{fatal[-1]}\n" if fatal else " "
        last = lines[-JOURNAL_LINES:]
        text += f"The journal of {self._watched.name} ends with:\n" + "\n".join(last) if last else ""
        text = text.rstrip()
        return ServingError(text, problem=problem)


__all__ = ["Doors", "Start", "Watched"]
