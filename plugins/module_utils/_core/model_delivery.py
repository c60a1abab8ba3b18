# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk that brings models into a running MLServer: prove, install, load, confirm; give back what fails.

MLServer ends when one model of its repository cannot be loaded at its start. So no folder enters the repository
unproven, and none stays there that the server could not load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ContextManager, Iterable, Protocol, Sequence

from .errors import ServingError
from .mlserver import Content, Found, Model, Plan, Wanted, difference, plan


class Repository(Protocol):
    """The folder that MLServer reads, and a place beside it that MLServer does not see."""

    def locked(self) -> ContextManager[None]:
        """Keep other runs out."""

    def recover(self) -> None:
        """Clear up after a run that was interrupted."""

    def wanted(self, model: Model) -> Wanted | None:
        """Return a model as it is to be installed, or None when its storage is not there."""

    def contents(self, folders: Iterable[str]) -> dict[str, Content]:
        """Return what is installed of these folders."""

    def pending(self) -> set[str]:
        """Return the folders that were installed and never confirmed."""

    def models(self) -> dict[str, str]:
        """Return the model's name by folder, for every folder that MLServer sees."""

    def stage(self, wanted: Wanted) -> str:
        """Copy a model beside the repository and return the path."""

    def unstage(self) -> None:
        """Remove what is staged."""

    def install(self, folder: str) -> None:
        """Move a staged folder into the repository; what was there is kept until it is confirmed."""

    def confirm(self, folder: str) -> None:
        """Forget what was kept."""

    def give_back(self, folder: str) -> bool:
        """Take a folder out of the repository again, put back what was kept, and say whether there was anything."""

    def remove(self, folder: str) -> None:
        """Remove a folder, if it is still there."""


class Server(Protocol):
    """A running MLServer."""

    def states(self) -> dict[str, str] | None:
        """Return the state of each model it sees, or None when it does not answer."""

    def wait(self) -> None:
        """Wait until it answers."""

    def load(self, model: str) -> str:
        """Load a model, wait until it is ready, and return why that failed, or nothing."""

    def refusal(self, model: str) -> str:
        """Wait until a model is ready, and return why it is not, or nothing."""

    def unload(self, model: str) -> None:
        """Unload a model, if it is loaded."""


class Prover(Protocol):
    """A throw-away process that loads a model as MLServer would."""

    def refusal(self, path: str) -> str:
        """Return why a folder cannot be loaded, or nothing."""


@dataclass(frozen=True)
class Delivery:
    """Everything that a delivery works with."""

    repository: Repository
    server: Server
    prover: Prover

    def run(self, models: Sequence[Model], *, purge: bool, dry_run: bool) -> dict[str, Any]:
        """Bring the models into the server; with purge, take every other one out."""
        if dry_run:
            return self._preview(models, purge=purge)
        with self.repository.locked():
            self.repository.recover()
            return self._deliver([self._wanted(model) for model in models], purge=purge)

    def _preview(self, models: Sequence[Model], *, purge: bool) -> dict[str, Any]:
        warnings, wanted = [], []
        for model in models:
            folder = self.repository.wanted(model)
            if folder is None:
                # An earlier task of the same run may be about to make it.
                warnings.append(f"{_no_storage(model)} Its files cannot be compared.")
            wanted.append(folder or Wanted(model, "", {}))
        found = self._found(wanted)
        planned = plan(wanted, found)
        return {**_result(planned, planned.load, found, wanted, purge=purge), "warnings": warnings}

    def _deliver(self, wanted: Sequence[Wanted], *, purge: bool) -> dict[str, Any]:
        before = self._found(wanted)
        planned = plan(wanted, before)
        self._stage_proven(planned.install)
        for each in planned.install:
            self.repository.install(each.model.folder)
        self.server.wait()
        after = self._found(wanted)
        # The server may have been away before, so that only now is it known what it lacks.
        now = plan(wanted, after)
        self._load(now.load)
        self._require_ready(wanted)
        if purge:
            for folder, name in planned.superfluous.items():
                # In this order: a folder that is gone could no longer be found as superfluous.
                self.server.unload(name)
                self.repository.remove(folder)
        return _result(planned, now.load, before, wanted, purge=purge)

    def _wanted(self, model: Model) -> Wanted:
        wanted = self.repository.wanted(model)
        if wanted is None:
            raise ServingError(f"{_no_storage(model)} Put the model's files there, or set another storage_uri.")
        return wanted

    def _found(self, wanted: Sequence[Wanted]) -> Found:
        return Found(
            contents=self.repository.contents(each.model.folder for each in wanted),
            pending=self.repository.pending(),
            models=self.repository.models(),
            states=self.server.states(),
        )

    def _stage_proven(self, install: Sequence[Wanted]) -> None:
        try:
            reasons = {each.model: self.prover.refusal(self.repository.stage(each)) for each in install}
            refused = {model: reason for model, reason in reasons.items() if reason}
            if refused:
                words = " ".join(f"{model.folder} from {model.storage}: {why}." for model, why in refused.items())
                raise ServingError(
                    f"MLServer cannot load {words} Nothing was changed. Mend the files, or set another storage_uri.",
                    refused={model.folder: reason for model, reason in refused.items()},
                )
        except ServingError:
            self.repository.unstage()
            raise

    def _load(self, folders: Sequence[str]) -> None:
        pending = self.repository.pending()
        refused = {folder: self.server.load(folder) for folder in folders}
        endings = []
        for folder, reason in refused.items():
            if not reason:
                self.repository.confirm(folder)
            elif folder in pending:
                endings.append(f"{folder}: {reason}; {self._take_out(folder)}.")
            else:
                endings.append(f"{folder}: {reason}; its folder is the one that was there before.")
        if endings:
            raise ServingError(
                f"MLServer did not load {' '.join(endings)} See MLServer's log for the reason.",
                refused={folder: reason for folder, reason in refused.items() if reason},
            )

    def _take_out(self, folder: str) -> str:
        if not self.repository.give_back(folder):
            return "its folder was taken out of the repository again"
        again = self.server.load(folder)
        return "the version before was put back" + (f", and not loaded either ({again})" if again else "")

    def _require_ready(self, wanted: Sequence[Wanted]) -> None:
        reasons = {each.model.folder: self.server.refusal(each.model.folder) for each in wanted}
        waiting = {folder: reason for folder, reason in reasons.items() if reason}
        if waiting:
            words = " ".join(f"{folder}: {reason}." for folder, reason in waiting.items())
            raise ServingError(
                f"MLServer has these models, and they are not ready: {words} See its log.", refused=waiting
            )


def _result(
    planned: Plan, loaded: Sequence[str], found: Found, wanted: Sequence[Wanted], *, purge: bool
) -> dict[str, Any]:
    superfluous = list(planned.superfluous)
    unloaded = superfluous if purge else []
    done = Plan(planned.install, tuple(loaded), planned.superfluous)
    return {
        "changed": bool(loaded or unloaded),
        "loaded": list(loaded),
        "unloaded": unloaded,
        "superfluous": superfluous,
        "diff": difference(wanted, found, done, purge=purge),
    }


def _no_storage(model: Model) -> str:
    return f"Model {model.name!r} has the storage_uri {model.storage}, and there is no such folder."


__all__ = ["Delivery", "Prover", "Repository", "Server"]
