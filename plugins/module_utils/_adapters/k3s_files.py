# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What K3s left on a host, and which files it was last started with."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from typing import Any, Iterator, Mapping

from .._core.errors import ServingError
from .whole_files import WholeFiles, encoded, reason_of

CHUNK = 1 << 20
# The first lines of a file say who writes it.
HEAD_BYTES = 400
LOCK_POLL_SECONDS = 0.2


class K3sFiles:
    """Looks at the folders of K3s."""

    def __init__(self, *, config: str = "/etc/rancher", data: str = "/var/lib/rancher/k3s") -> None:
        self._config = config
        self._data = data

    def survey(self, mark: str) -> dict[str, Any]:
        """Return what a host has of K3s; a drop-in or a manifest is ours when it begins with the mark."""
        server = os.path.join(self._data, "server")
        folder = os.path.join(self._config, "k3s", "config.yaml.d")
        databases = (os.path.join(server, "db", each) for each in (os.path.join("etcd", "member"), "state.db"))
        return {
            "architecture": os.uname().machine,
            "has_datastore": any(os.path.exists(each) for each in databases),
            "has_token": os.path.isfile(os.path.join(server, "token")),
            "token_file": _form(os.path.join(self._config, "k3s", "token")),
            "has_node_password": os.path.isfile(os.path.join(self._config, "node", "password")),
            "manifests": self._ours(os.path.join(server, "manifests"), mark),
            "drop_ins": self._ours(folder, mark),
            "firewall": self._noted(os.path.join(self._config, "k3s", "firewall.json")),
        }

    @staticmethod
    def _noted(path: str) -> list[dict[str, Any]]:
        """Return the rules of a note; none when there is no note, or none that can be read."""
        try:
            with open(path, encoding="utf-8") as stream:
                found = json.load(stream)
        except (OSError, ValueError):
            return []
        rules = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        return [each for each in rules if {"firewall", "source", "port"} == set(each)]

    @staticmethod
    def _ours(folder: str, mark: str) -> list[str]:
        """Return the YAML files of a folder whose first lines hold the mark."""
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return []
        paths = (os.path.join(folder, name) for name in names if name.endswith((".yaml", ".yml")))
        return [path for path in paths if mark in _head(path)]


def _form(path: str) -> str:
    """Return what a file has of a token: the full one names the cluster's CA, the short one does not."""
    found = _head(path)
    return found and ("full" if found.startswith("K10") else "short")


def digest(path: str) -> str:
    """Return the SHA-256 of a file; empty where there is none."""
    found = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for chunk in iter(lambda: stream.read(CHUNK), b""):
                found.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise ServingError(f"{path} cannot be read: {error.strerror}. Run the role with become.") from error
    return found.hexdigest()


class StartRecord:
    """A note of the digests of the files that a unit was last started with."""

    def __init__(self, folder: str = "/etc/rancher/k3s") -> None:
        self._files = WholeFiles(folder)
        self._path = self._files.path("started.json")

    def load(self) -> dict[str, str]:
        """Return the digests by path; none when there is no note, or none that can be read."""
        try:
            return dict(self._files.load(self._path) or {})
        except ServingError:
            return {}

    def save(self, digests: Mapping[str, str]) -> None:
        """Write the note; it is whole, or the one before."""
        beside = self._files.path(".new-started.json")
        try:
            self._files.create(beside, encoded(dict(digests)), 0o600)
            self._files.move(beside, self._path)
        except OSError as error:
            self._files.remove(beside)
            raise ServingError(f"{self._path} cannot be written: {reason_of(error)}.") from error


@contextlib.contextmanager
def alone(path: str, timeout: float) -> Iterator[None]:
    """Hold a lock of this host for a block, so that two runs do not start K3s under each other's hands."""
    with open(path, "a", encoding="utf-8") as stream:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    text = f"Another run has been starting K3s here for {timeout:g} s. Wait for its end, or end it."
                    raise ServingError(text) from None
                time.sleep(LOCK_POLL_SECONDS)
        yield


def _head(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(HEAD_BYTES)
    except OSError:
        return ""


__all__ = ["K3sFiles", "StartRecord", "alone", "digest"]
