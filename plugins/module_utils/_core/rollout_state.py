# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a rollout as plain data, what is observed at a tick, and what a tick asks for."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Mapping

from .analysis import Measurement, Measurements
from .evidence import Evidence
from .routing import Routed, ShareCheck, SplitChange
from .sequential import Pair

# Where a rollout stands. A change of the weights is no phase of its own: it is written together with the phase that
# waits for it, so that nothing is ever half done on disk.
PREFLIGHT = "preflight"
BASELINE = "baseline"
WAIT_READY = "wait_ready"
VERIFY_ROUTE = "verify_route"
ANALYSE = "analyse"
HOLD = "hold"
POST_CHECK = "post_check"
PAUSED = "paused"
ROLLING_BACK = "rolling_back"
SUCCEEDED = "succeeded"
ROLLED_BACK = "rolled_back"
FAILED = "failed"
ABORTED = "aborted"
STUCK = "stuck"

PHASES = (
    PREFLIGHT,
    BASELINE,
    WAIT_READY,
    VERIFY_ROUTE,
    ANALYSE,
    HOLD,
    POST_CHECK,
    PAUSED,
    ROLLING_BACK,
    SUCCEEDED,
    ROLLED_BACK,
    FAILED,
    ABORTED,
    STUCK,
)
TERMINAL = (SUCCEEDED, ROLLED_BACK, FAILED, ABORTED, STUCK)

SCHEMA = 1


@dataclass(frozen=True)
class Request:
    """What somebody asks of a running rollout: pause, resume, promote, abort, or interrupt when its runner is ended."""

    id: str
    action: str
    by: str = ""
    full: bool = False


@dataclass(frozen=True)
class Observation:
    """What was seen since the tick before. What was not asked is None or missing.

    ``weights``: the weights that are declared now. ``preflight``: what is wrong before the start, empty when nothing
    is. ``ready``: whether the declared weights are in force; ``rejected``: why they never will be. ``routed``: requests
    by the arm they went to first, without those that a client pinned; ``unrouted``: those that no arm answered;
    ``pinned``: the pinned ones to the candidate.
    ``counts``: what both arms did, by counted gate; ``problems``: why a gate could not be measured. ``cursors``: where
    the sources go on reading; it is kept for them.
    """

    exists: bool = True
    weights: Mapping[str, int] | None = None
    lock_lost: bool = False
    preflight: tuple[str, ...] | None = None
    ready: bool | None = None
    rejected: str = ""
    candidate_ready: bool | None = None
    routed: Routed = field(default_factory=Routed)
    unrouted: int = 0
    pinned: int = 0
    counts: Mapping[str, Pair] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    cursors: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Event:
    """Something to tell: a name for programs, a sentence for people."""

    name: str
    text: str


@dataclass(frozen=True)
class Effects:
    """What a tick asks for. The weights, the mirror and the new state are written in one.

    ``write``: whether the state may be written at all. ``remove``: take the candidate out of the experiment.
    ``probes``: how many requests without a pin to send through the route before the next tick. ``wait``: seconds until
    the next tick. ``done``: nobody needs to wait any longer. ``release``: give the lock back.
    """

    write: bool = True
    weights: Mapping[str, int] | None = None
    mirror: int | None = None
    remove: bool = False
    probes: int = 0
    wait: float = 0.0
    done: bool = False
    release: bool = False
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class State:
    """All that a rollout needs to go on after a restart. Times are in seconds of the store's clock.

    ``percent``: what the candidate has of what it shares with the baseline, as last written. ``then``: the phase that
    begins once the written weights are in force. ``cause``: why it is paused, went back or ended.
    """

    id: str
    plan: str
    phase: str
    original: Mapping[str, int]
    weights: Mapping[str, int]
    started: float
    phase_since: float
    step_since: float
    renewed: float
    step: int = -1
    percent: float = 0.0
    percent_before: float = 0.0
    mirror: int = 0
    then: str = ""
    windows: int = 0
    settle: int = 0
    requests_in_step: float = 0.0
    change: SplitChange | None = None
    check: ShareCheck | None = None
    routed: int = 0
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    measurements: Mapping[str, Measurements] = field(default_factory=dict)
    analysis: Mapping[str, Any] | None = None
    cause: str = ""
    reason: str = ""
    shared_faults: int = 0
    rollback_since: float = 0.0
    rollback_writes: int = 0
    pinned: int = 0
    skipped: tuple[Mapping[str, Any], ...] = ()
    handled: tuple[str, ...] = ()
    cursors: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_terminal(self) -> bool:
        """Whether this run is over for good."""
        return self.phase in TERMINAL

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, fit for JSON."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **plain,
            "schema": SCHEMA,
            "original": dict(self.original),
            "weights": dict(self.weights),
            "change": self.change.as_dict() if self.change else None,
            "check": self.check.as_dict() if self.check else None,
            "evidence": {name: each.as_dict() for name, each in self.evidence.items()},
            "measurements": {name: each.as_dict() for name, each in self.measurements.items()},
            "skipped": [dict(each) for each in self.skipped],
            "handled": list(self.handled),
            "cursors": dict(self.cursors),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> State:
        """Read what ``as_dict`` gave."""
        known = {each.name for each in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        values["change"] = SplitChange.from_dict(data["change"]) if data["change"] else None
        values["check"] = ShareCheck.from_dict(data["check"]) if data["check"] else None
        values["evidence"] = {name: Evidence.from_dict(each) for name, each in data["evidence"].items()}
        values["measurements"] = {name: Measurements.from_dict(each) for name, each in data["measurements"].items()}
        values["skipped"] = tuple(data["skipped"])
        values["handled"] = tuple(data["handled"])
        return cls(**values)


__all__ = [
    "ABORTED",
    "ANALYSE",
    "BASELINE",
    "FAILED",
    "HOLD",
    "PAUSED",
    "PHASES",
    "POST_CHECK",
    "PREFLIGHT",
    "ROLLED_BACK",
    "ROLLING_BACK",
    "STUCK",
    "SUCCEEDED",
    "TERMINAL",
    "VERIFY_ROUTE",
    "WAIT_READY",
    "Effects",
    "Event",
    "Observation",
    "Request",
    "State",
]
