# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store keeps of a rollout: its state, who carries it out, and a number that grows with each write.

The number is what makes a write safe: whoever writes names the number that it read, and nothing is written when
another one is there. Whoever changes weights writes the record with them; all other ticks write the record alone. So
there may be two records of a rollout, and the one with the higher number is true.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Mapping

from .durations import spoken
from .rollout_state import STUCK, State

SCHEMA = 1
# A holder that is silent for so many intervals, and for so many seconds at least, is taken to be gone.
SILENT_INTERVALS = 4.0
SILENT_SECONDS = 20.0


@dataclass(frozen=True)
class Holder:
    """Who carries a rollout out: a name for people and, where a process number means something, that process.

    ``machine`` names the machine and its namespace of processes; ``born`` is when the process began, since numbers are
    used again.
    """

    name: str
    machine: str = ""
    pid: int = 0
    born: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dict(self.__dict__)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Holder:
        """Read what ``as_dict`` gave."""
        return cls(str(data["name"]), str(data["machine"]), int(data["pid"]), str(data["born"]))


@dataclass(frozen=True)
class Lock:
    """The right to carry a rollout out. It is renewed by every tick. Times are in seconds of the store's clock."""

    token: str
    holder: Holder
    renewed: float
    ttl: float

    def expires_in(self, now: float) -> float:
        """Return the seconds until the holder is taken to be gone, unless it renews the lock; 0 when it is."""
        return max(0.0, self.renewed + self.ttl - now)

    def said(self, now: float) -> str:
        """Say who holds it, and since when nothing was heard of them."""
        who = f"{self.holder.name}, process {self.holder.pid}" if self.holder.pid else self.holder.name
        return f"{who}, last heard of {spoken(max(0.0, now - self.renewed))} ago"

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**self.__dict__, "holder": self.holder.as_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Lock:
        """Read what ``as_dict`` gave."""
        return cls(str(data["token"]), Holder.from_dict(data["holder"]), float(data["renewed"]), float(data["ttl"]))


@dataclass(frozen=True)
class Record:
    """A rollout as a store keeps it.

    ``plan``: the plan as it was given, so that others can abort it without having it; None where only the record beside
    the weights is left. ``settings``: what was given beside the plan, such as whom to tell of events. ``versions``: the
    version of each arm's model when the run began.
    """

    sequence: int
    state: State
    lock: Lock | None = None
    plan: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)

    def next(self, state: State, lock: Lock | None) -> Record:
        """Return the record that follows this one."""
        return replace(self, sequence=self.sequence + 1, state=state, lock=lock)

    def holder_at(self, now: float) -> Lock | None:
        """Return the lock of whoever was heard of lately. A stuck rollout keeps its lock, and nobody holds it."""
        if self.lock is None or self.state.phase == STUCK or self.lock.expires_in(now) <= 0:
            return None
        return self.lock

    @property
    def beside_weights(self) -> dict[str, Any]:
        """What is written with the weights: all but what was given, which may hold credentials of webhooks."""
        return {**self.as_dict(), "plan": None, "settings": {}}

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "schema": SCHEMA,
            "sequence": self.sequence,
            "state": self.state.as_dict(),
            "lock": self.lock.as_dict() if self.lock else None,
            "plan": None if self.plan is None else dict(self.plan),
            "settings": dict(self.settings),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Record:
        """Read what ``as_dict`` gave."""
        return cls(
            sequence=int(data["sequence"]),
            state=State.from_dict(data["state"]),
            lock=Lock.from_dict(data["lock"]) if data.get("lock") else None,
            plan=data.get("plan"),
            settings=dict(data.get("settings") or {}),
            versions=dict(data.get("versions") or {}),
        )


def newest(beside_weights: Record | None, alone: Record | None) -> Record | None:
    """Return the true record of the two; what was given is only in the one that is written alone."""
    if beside_weights is None or alone is None:
        return beside_weights or alone
    if alone.sequence >= beside_weights.sequence:
        return alone
    return replace(beside_weights, plan=alone.plan, settings=alone.settings)


def time_to_live(interval: float) -> float:
    """Return for how many seconds a lock holds without being renewed."""
    return max(SILENT_SECONDS, SILENT_INTERVALS * interval)


__all__ = ["SILENT_SECONDS", "Holder", "Lock", "Record", "newest", "time_to_live"]
