# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of files: what is in it, by digest, and a copy of it that has reached the disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import Iterable, Mapping

from .._core.errors import ServingError

BLOCK_BYTES = 1024 * 1024

# Python writes these beside a model's own code when it is loaded; they are no part of the model.
COMPILED = "__pycache__"


def folder_content(folder: str) -> dict[str, str]:
    """Return the digest of every file by its path in the folder."""
    return {path: _digest(os.path.join(folder, path)) for path in sorted(_files(folder))}


def copy_folder(source: str, target: str, *, files: Iterable[str], extra: Mapping[str, str]) -> None:
    """Copy files of one folder into a new one, with extra files by their text, and wait until the disk has them."""
    folders = {target}
    os.mkdir(target)
    for path in files:
        copy = os.path.join(target, path)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        folders.add(os.path.dirname(copy))
        shutil.copyfile(os.path.join(source, path), copy)
        sync(copy)
    for path, text in extra.items():
        with open(os.path.join(target, path), "w", encoding="utf-8") as stream:
            stream.write(text)
        sync(os.path.join(target, path))
    for folder in folders:
        sync(folder)


def read_model_name(path: str) -> str:
    """Return the name in a model's settings, or nothing where they cannot be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            return str(json.load(stream)["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def sync(path: str) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: str) -> Iterable[str]:
    for place, below, names in os.walk(folder, onerror=_raise):
        below[:] = [name for name in below if name != COMPILED]
        for name in below:
            if os.path.islink(os.path.join(place, name)):
                raise ServingError(
                    f"{place}/{name} is a link to a folder, which is not followed. Put the folder itself there."
                )
        for name in names:
            path = os.path.join(place, name)
            if not os.path.isfile(path):
                raise ServingError(f"{path} is no file that can be copied. Remove it, or mend the link.")
            yield os.path.relpath(path, folder)


def _raise(error: OSError) -> None:
    raise error


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(BLOCK_BYTES), b""):
            digest.update(block)
    return digest.hexdigest()


__all__ = ["copy_folder", "folder_content", "read_model_name", "sync"]
