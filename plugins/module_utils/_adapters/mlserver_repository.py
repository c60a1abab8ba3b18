# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLServer's repository on disk, changed so that a server which starts at any moment finds whole folders only.

MLServer reads every model-settings.json below its repository. So whatever is unfinished lies beside it, in
``<repository>.staging`` on the same file system, and only renames cross over:

* ``new/<folder>``: being copied and proven;
* ``old/<folder>``: the last version that a server confirmed, kept until the next one is;
* ``pending/<folder>``: a mark that the folder was installed and not confirmed yet;
* ``removed/<folder>``: on its way out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from typing import Iterable, Iterator

from .._core.errors import ServingError
from .._core.mlserver import SETTINGS, Content, Model, Wanted, wanted_model
from .folder_content import copy_folder, folder_content, read_model_name, sync
from .rename_exchange import exchange

LOCK_PAUSE_SECONDS = 0.1


class MLServerRepository:
    """One repository, and the place beside it."""

    def __init__(self, path: str, *, timeout: float) -> None:
        self._path = os.path.abspath(path)
        self._beside = self._path + ".staging"
        self._timeout = timeout

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out; the lock ends with the process, however that ends."""
        if not os.path.isdir(self._path):
            raise ServingError(f"The repository {self._path} is no folder. Make it, or set repository to MLServer's.")
        for name in ("new", "old", "pending", "removed"):
            os.makedirs(os.path.join(self._beside, name), mode=0o700, exist_ok=True)
        with open(os.path.join(self._beside, "lock"), "w", encoding="utf-8") as lock:
            deadline = time.monotonic() + self._timeout
            while not _try_lock(lock.fileno()):
                if time.monotonic() >= deadline:
                    raise ServingError(
                        f"Another run kept the repository {self._path} locked for {self._timeout:g} seconds. "
                        "Try again when it has ended, or set a longer wait_timeout."
                    )
                time.sleep(LOCK_PAUSE_SECONDS)
            yield

    def recover(self) -> None:
        """Clear up after a run that was interrupted: put back what it had taken away, drop what it had not finished."""
        self.unstage()
        _empty(self._at("removed"))
        pending = self.pending()
        for folder in os.listdir(self._at("old")):
            if not os.path.isdir(self._inside(folder)):
                self._move(self._at("old", folder), self._inside(folder))
            elif folder not in pending:
                shutil.rmtree(self._at("old", folder))

    def wanted(self, model: Model) -> Wanted | None:
        """Return a model as it is to be installed, or None when its storage is not there."""
        if not os.path.isdir(model.storage):
            return None
        storage = os.path.realpath(model.storage)
        for place in (os.path.realpath(self._path), os.path.realpath(self._beside)):
            if os.path.commonpath([storage, place]) in (storage, place):
                raise ServingError(
                    f"Model {model.name!r} has the storage_uri {model.storage}, which overlaps with MLServer's own "
                    f"{place}. Set the folder that the model comes from."
                )
        own = os.path.join(storage, SETTINGS)
        text = None
        if os.path.exists(own):
            with open(own, encoding="utf-8") as stream:
                text = stream.read()
        files = folder_content(storage)
        nested = [path for path in files if path != SETTINGS and os.path.basename(path) == SETTINGS]
        if nested:
            raise ServingError(
                f"{storage}/{nested[0]} lies below the folder of model {model.name!r}. MLServer would take it for a "
                "model of its own. Move it away, or give each model its own storage_uri."
            )
        return wanted_model(model, own_settings=text, files=files)

    def contents(self, folders: Iterable[str]) -> dict[str, Content]:
        """Return what is installed of these folders."""
        return {each: folder_content(self._inside(each)) for each in folders if os.path.isdir(self._inside(each))}

    def pending(self) -> set[str]:
        """Return the folders that were installed and never confirmed."""
        with contextlib.suppress(FileNotFoundError):
            return set(os.listdir(self._at("pending")))
        return set()

    def models(self) -> dict[str, str]:
        """Return the model's name by folder, for every folder that MLServer sees."""
        found = {}
        for folder, below, files in os.walk(self._path):
            # As glob's ** does, which MLServer uses.
            below[:] = [name for name in below if not name.startswith(".")]
            if SETTINGS in files:
                name = os.path.relpath(folder, self._path)
                if name == ".":
                    raise ServingError(
                        f"{self._path}/{SETTINGS} makes a model of the whole repository. Remove it; "
                        "each model has its own folder there."
                    )
                found[name] = read_model_name(os.path.join(folder, SETTINGS)) or os.path.basename(folder)
        return found

    def stage(self, wanted: Wanted) -> str:
        """Copy a model beside the repository and return the path."""
        target = self._at("new", wanted.model.folder)
        files = [path for path in wanted.content if path != SETTINGS]
        try:
            copy_folder(wanted.model.storage, target, files=files, extra={SETTINGS: wanted.settings})
        except OSError as error:
            raise ServingError(
                f"Model {wanted.model.name!r} could not be copied from {wanted.model.storage} to {target}: {error}. "
                "The repository is as it was."
            ) from error
        return target

    def unstage(self) -> None:
        """Remove what is staged."""
        _empty(self._at("new"))

    def install(self, folder: str) -> None:
        """Move a staged folder into the repository; what was there is kept until it is confirmed."""
        staged, installed, kept = self._at("new", folder), self._inside(folder), self._at("old", folder)
        with open(self._at("pending", folder), "w", encoding="utf-8"):
            sync(self._at("pending"))
        if not os.path.isdir(installed):
            self._move(staged, installed)
        elif exchange(staged, installed):
            sync(self._path)
            # What was never confirmed is not worth keeping; what is kept already was.
            if os.path.isdir(kept):
                shutil.rmtree(staged)
            else:
                self._move(staged, kept)
        else:
            self._replace(staged, installed, kept)

    def confirm(self, folder: str) -> None:
        """Forget what was kept."""
        # The mark goes first: from then on recover() drops what was kept, however much of it is left.
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._at("pending", folder))
            sync(self._at("pending"))
        if os.path.isdir(self._at("old", folder)):
            shutil.rmtree(self._at("old", folder))

    def give_back(self, folder: str) -> bool:
        """Take a folder out of the repository again, put back what was kept, and say whether there was anything."""
        kept = self._at("old", folder)
        restorable = os.path.isdir(kept)
        # Two steps on purpose: no folder is better than one that ends the server, and recover() knows this state.
        self._move(self._inside(folder), self._at("removed", folder))
        if restorable:
            self._move(kept, self._inside(folder))
        self.confirm(folder)
        _empty(self._at("removed"))
        return restorable

    def remove(self, folder: str) -> None:
        """Remove a folder, if it is still there."""
        if os.path.isdir(self._inside(folder)):
            self._move(self._inside(folder), self._at("removed", os.path.basename(folder)))
            _empty(self._at("removed"))

    def _replace(self, staged: str, installed: str, kept: str) -> None:
        """Replace without an atomic exchange; recover() mends an end between the two renames."""
        if os.path.isdir(kept):
            self._move(installed, self._at("removed", os.path.basename(installed)))
            _empty(self._at("removed"))
        else:
            self._move(installed, kept)
        self._move(staged, installed)

    def _move(self, source: str, target: str) -> None:
        os.rename(source, target)
        # Both folders must reach the disk, or a power loss brings one name back and keeps the other as well.
        sync(os.path.dirname(target))
        sync(os.path.dirname(source))

    def _inside(self, folder: str) -> str:
        return os.path.join(self._path, folder)

    def _at(self, *names: str) -> str:
        return os.path.join(self._beside, *names)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _empty(path: str) -> None:
    for name in os.listdir(path):
        shutil.rmtree(os.path.join(path, name))


__all__ = ["MLServerRepository"]
