# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors: what the core asks of the outside, and the values that pass through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, Protocol, Sequence

from .experiment import Experiment, Request

if TYPE_CHECKING:
    from .request_path import Answer, Endpoint, Question, RequestPath


@dataclass(frozen=True)
class Live:
    """What the data plane itself says it serves: a version, and the experiments in it."""

    version: str
    experiments: tuple[Experiment, ...]


@dataclass(frozen=True)
class Change:
    """A state before and after, as plain data, and what is live now (None: nobody could be asked)."""

    before: dict[str, Any]
    after: dict[str, Any]
    changed: bool
    live: Live | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """All experiments that are declared, and what is live now (None: nobody could be asked)."""

    experiments: tuple[Experiment, ...]
    version: str
    live: Live | None = None
    warnings: tuple[str, ...] = ()


class ExperimentStore(Protocol):
    """Where experiments are declared."""

    def read(self) -> Reading:
        """Return what is declared and what is live."""

    def declare(self, request: Request, *, dry_run: bool) -> Change:
        """Bring one experiment to the requested state, wait until the data plane confirms it, return the pair."""


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

    def ask(self, place: Endpoint, question: Question) -> Answer:
        """Ask on a connection of its own."""

    def rounds(self, questions: Sequence[tuple[Endpoint, Question]], count: int) -> list[list[Answer]]:
        """Ask all questions in turn, ``count`` times or as long as there is time; a failed one has status 0."""

    def series(self, place: Endpoint, question: Question, count: int) -> list[Answer]:
        """Ask one question again and again on one connection."""

    def certificate(self, place: Endpoint, host: str, ca_path: str | None) -> float:
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


__all__ = ["Call", "Change", "ExperimentStore", "Live", "Prober", "Reading", "experiment_view"]
