# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report: written whole or not at all, for everyone to read."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Iterator, Mapping

from ..module_utils._core.errors import ServingError


def to_json(report: Mapping[str, Any]) -> str:
    """Return a report as JSON."""
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    # Bytes that were no text came in as lone surrogates. JSON has a way to write them, UTF-8 has none.
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def write_files(texts: Mapping[str, str], directory: str) -> list[str]:
    """Write texts under their names into a folder, which is made; return the paths."""
    folder = Path(directory)
    with _explained(directory):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            _replace(folder / name, text)
    return [str(folder / name) for name in texts]


def require_directory(directory: str) -> None:
    """Make the folder, and refuse one that cannot be written to, before anybody works for a report."""
    with _explained(directory):
        Path(directory).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()


@contextlib.contextmanager
def _explained(directory: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServingError(
            f"The report cannot be written to {directory}: {error.strerror or error}. "
            "Set report_directory to a folder on the controller that you may write to.",
            report_directory=directory,
        ) from error


def _replace(path: Path, text: str) -> None:
    """Write beside and move, so that nobody ever reads half a report."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


__all__ = ["require_directory", "to_json", "write_files"]
