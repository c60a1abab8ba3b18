# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RolloutStore beside Envoy's watched files.

New weights and the record that goes with them are one write of the route file. A tick that changes no weight leaves
Envoy alone: its record goes into ``rollouts/<experiment>/record.json``, and the one with the higher number is true.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Mapping

from .._core.errors import ServingError
from .._core.experiment import Request as ExperimentRequest
from .._core.ports import RolloutView
from .._core.rollout_record import Record, newest
from .rollout_files import RolloutFiles

if TYPE_CHECKING:
    from .._core.ports import TrafficChange
    from .._core.rollout_state import Request
    from .._core.route_table import RouteTable
    from .envoy_files import EnvoyFiles
    from .envoy_store import EnvoyStore

FOLDER = "rollouts"


class _OtherWriterError(Exception):
    """Somebody wrote since the record was read."""


class EnvoyRollouts:
    """The rollouts of one store. Every write is refused when another one came between."""

    def __init__(self, store: EnvoyStore, files: EnvoyFiles, *, wait_timeout: float) -> None:
        self._store = store
        self._files = files
        self._wait_timeout = wait_timeout

    def view(self, name: str) -> RolloutView:
        """Return everything that is known of one experiment and its rollout."""
        reading = self._store.read()
        experiment = next((each for each in reading.experiments if each.name == name), None)
        live = next((each for each in reading.live.experiments if each.name == name), None) if reading.live else None
        return RolloutView(
            experiment=experiment,
            models={model.name: model for model in reading.models},
            is_live=reading.live is not None and reading.live.version == reading.version and live == experiment,
            is_reachable=reading.live is not None,
            record=_true_record(reading.rollouts.get(name), self._folder(name).record()),
            requests=self._folder(name).requests(),
            warnings=reading.warnings,
        )

    def save(self, name: str, record: Record, *, expected: int, change: TrafficChange | None = None) -> bool:
        """Write a record, with new weights or without, if nobody wrote since the number that is expected."""
        folder = self._folder(name)
        if change is None:
            with self._files.lock(timeout=self._wait_timeout):
                known = _true_record(self._store.declared().rollouts.get(name), folder.record())
                if (known.sequence if known else 0) != expected:
                    return False
                if known is None or known.state.id != record.state.id:
                    folder.end_run()
                folder.write_record(record)
            return True

        def update(table: RouteTable) -> RouteTable:
            known = _true_record(table.rollouts.get(name), folder.record())
            current = table.experiment(name)
            if (known.sequence if known else 0) != expected or current is None:
                raise _OtherWriterError
            if current.weights != change.found:
                raise _OtherWriterError
            return table.with_rollout(
                ExperimentRequest(name, change.candidates, mirror=change.mirror),
                mirrored=change.mirrored,
                rollout=record.beside_weights,
            )

        try:
            self._store.change(update, dry_run=False, is_rollout=True)
        except _OtherWriterError:
            return False
        return True

    def ask(self, name: str, request: Request) -> None:
        """Leave a request for whoever carries the rollout out."""
        folder = self._folder(name)
        with self._files.lock(timeout=self._wait_timeout):
            folder.write_requests([*folder.requests(), request])

    def forget(self, name: str, ids: tuple[str, ...]) -> None:
        """Take requests away that were honoured."""
        folder = self._folder(name)
        with self._files.lock(timeout=self._wait_timeout):
            known = folder.requests()
            left = [each for each in known if each.id not in ids]
            if len(left) != len(known):
                folder.write_requests(left)

    def note(self, name: str, line: Mapping[str, Any]) -> None:
        """Add a tick to the journal."""
        self._folder(name).append_journal(line)

    def note_outcome(self, name: str, line: Mapping[str, Any]) -> None:
        """Remember how a run ended."""
        self._folder(name).append_outcome(line)

    def journal(self, name: str) -> list[dict[str, Any]]:
        """Return the ticks of the last run."""
        return list(self._folder(name).journal())

    def outcomes(self, name: str) -> list[dict[str, Any]]:
        """Return how the runs so far ended."""
        return list(self._folder(name).outcomes())

    def _folder(self, name: str) -> RolloutFiles:
        return RolloutFiles(os.path.join(self._files.directory, FOLDER, name))


def recorded(directory: str, name: str) -> Record | None:
    """Return the record that is kept beside the route file of a store."""
    return RolloutFiles(os.path.join(directory, FOLDER, name)).record()


def _true_record(with_weights: Mapping[str, Any] | None, alone: Record | None) -> Record | None:
    """Return the true record of the one that the routes carry and the one that is kept alone."""
    if with_weights is None:
        return alone
    try:
        # Most ticks change no weight, so most often there is nothing more to read.
        if alone is not None and alone.sequence >= int(with_weights["sequence"]):
            return alone
        return newest(Record.from_dict(with_weights), alone)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ServingError(
            f"What the routes carry of a rollout cannot be read ({error!r}). End the experiment and declare it anew."
        ) from error


__all__ = ["EnvoyRollouts", "recorded"]
