# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors: what the core asks of the outside, and the values that pass through them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Mapping, Protocol, Sequence

from .experiment import Candidate, Experiment, Mirror, Request

if TYPE_CHECKING:
    from . import rollout_state
    from .request_path import Answer, Endpoint, Question, RequestPath
    from .rollout_record import Record
    from .route_table import Model


@dataclass(frozen=True)
class Live:
    """What the data plane itself says it serves: a version, and the experiments in it."""

    version: str
    experiments: tuple[Experiment, ...]


@dataclass(frozen=True)
class Change:
    """A state before and after, as plain data, and what is live now (None: nobody could be asked).

    ``observed``: how many answers came from each model, by the header that asked for them, where answers are the proof.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    changed: bool
    live: Live | None = None
    warnings: tuple[str, ...] = ()
    observed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """All experiments that are declared, and what is live now (None: nobody could be asked).

    ``models``: what the data plane can reach. ``rollouts``: what is written with the weights, by experiment.
    """

    experiments: tuple[Experiment, ...]
    version: str
    live: Live | None = None
    warnings: tuple[str, ...] = ()
    models: tuple[Model, ...] = ()
    rollouts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class ExperimentStore(Protocol):
    """Where experiments are declared."""

    def read(self) -> Reading:
        """Return what is declared and what is live."""

    def declare(self, request: Request, *, dry_run: bool) -> Change:
        """Bring one experiment to the requested state, wait until the data plane confirms it, return the pair."""


@dataclass(frozen=True)
class RolloutView:
    """What a store knows of one experiment and its rollout, read at one moment.

    ``is_live``: the data plane serves the experiment just as it is declared. ``is_reachable``: it could be asked.
    """

    experiment: Experiment | None
    models: Mapping[str, Model]
    is_live: bool
    is_reachable: bool
    record: Record | None = None
    requests: tuple[rollout_state.Request, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrafficChange:
    """New weights of one experiment. ``found``: the weights that it replaces; others are somebody else's.

    ``mirrored``: the model whose mirror is the rollout's own.
    """

    found: Mapping[str, int]
    candidates: tuple[Candidate, ...]
    mirror: Mirror | None
    mirrored: str


class RolloutStore(Protocol):
    """Where rollouts are kept, beside the experiments that they move."""

    def view(self, name: str) -> RolloutView:
        """Return everything that is known of one experiment and its rollout."""

    def save(self, name: str, record: Record, *, expected: int, change: TrafficChange | None = None) -> bool:
        """Write a record, with new weights or without, in one write; False when somebody else wrote meanwhile.

        The record of another run than before ends the journal, and what was asked of the run before.
        """

    def ask(self, name: str, request: rollout_state.Request) -> None:
        """Leave a request for whoever carries the rollout out."""

    def forget(self, name: str, ids: tuple[str, ...]) -> None:
        """Take requests away that were honoured."""

    def note(self, name: str, line: Mapping[str, Any]) -> None:
        """Add a tick to the journal."""

    def note_outcome(self, name: str, line: Mapping[str, Any]) -> None:
        """Remember how a run ended."""

    def journal(self, name: str) -> list[dict[str, Any]]:
        """Return the ticks of the last run."""

    def outcomes(self, name: str) -> list[dict[str, Any]]:
        """Return how the runs so far ended."""


class Call(Protocol):
    """How a gRPC call ended."""

    @property
    def code(self) -> str:
        """Name of the status."""

    @property
    def details(self) -> str:
        """What the server said of it."""

    @property
    def message(self) -> bytes:
        """The answer as it came."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Its headers, in lower case."""


class Prober(Protocol):
    """Whoever asks a hop. What gets no answer raises ServingError, apart from gRPC, whose status says so."""

    @property
    def grpc_missing(self) -> str:
        """Why gRPC cannot be spoken here; empty when it can."""

    def connect(self, place: Endpoint) -> float:
        """Return the seconds that a TCP connection took."""

    def connected(self, places: Sequence[Endpoint]) -> list[Endpoint]:
        """Return the places that take a TCP connection, all tried at once."""

    def ask(self, place: Endpoint, question: Question) -> Answer:
        """Ask on a connection of its own."""

    def rounds(self, questions: Sequence[tuple[Endpoint, Question]], count: int) -> list[list[Answer]]:
        """Ask all questions in turn, ``count`` times or as long as there is time; a failed one has status 0."""

    def series(self, place: Endpoint, question: Question, count: int) -> list[Answer]:
        """Ask one question again and again on one connection."""

    def certificate(self, place: Endpoint, host: str, roots: str) -> float:
        """Return for how many seconds the certificate is valid for this host."""

    def call(
        self, place: Endpoint, method: str, message: bytes, *, metadata: Mapping[str, str], path: RequestPath
    ) -> Call:
        """Make one gRPC call; over TLS where the place is the path's own gRPC port."""

    def time_of_day(self) -> float:
        """Return the time of day, in seconds since 1970."""

    def clock(self) -> float:
        """Return seconds on a clock that never goes back."""


def experiment_view(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment for people: its options, each candidate's share of the traffic, and the header to call."""
    total = sum(experiment.weights.values())
    candidates: list[dict[str, Any]] = [
        {"name": each.name, "weight": each.weight, "share": each.weight / total} for each in experiment.candidates
    ]
    return {**experiment.as_dict(), "candidates": candidates, "seldon_model": experiment.route}


__all__ = [
    "Call",
    "Change",
    "ExperimentStore",
    "Live",
    "Prober",
    "Reading",
    "RolloutStore",
    "RolloutView",
    "TrafficChange",
    "experiment_view",
]
