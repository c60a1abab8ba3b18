# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to happen so that a folder or a file is as it is wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping

from .errors import ServingError

MODE = re.compile(r"0?[0-7]{3}")


@dataclass(frozen=True)
class Wanted:
    """A folder, or with content a file. Without ``replace`` an existing file stays as it is."""

    path: str
    mode: int
    content: str | None = None
    replace: bool = True

    @property
    def kind(self) -> str:
        return "folder" if self.content is None else "file"

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Wanted:
        """Read what a task says about one path."""
        path, mode = str(values["path"]), str(values["mode"])
        if not path.startswith("/"):
            raise ServingError(f"The path {path!r} is relative; set an absolute one.")
        if not MODE.fullmatch(mode):
            raise ServingError(f'The mode of {path} is {mode!r}; set an octal one as text, such as "0644".')
        return cls(path, int(mode, 8), values.get("content"), bool(values.get("replace", True)))


@dataclass(frozen=True)
class Found:
    """What is at a path: its kind (folder, file, or link, of any sort), and the content of a file."""

    kind: str
    mode: int
    content: str | None = None


@dataclass(frozen=True)
class Step:
    """One change: make or write, or set the mode only."""

    wanted: Wanted
    found: Found | None
    writes: bool

    def as_diff(self) -> dict[str, str]:
        """Return the change as Ansible shows it."""
        before = self.found.content or "" if self.found else ""
        after = self.wanted.content or "" if self.writes else before
        return {
            "before_header": f"{self.wanted.path} ({f'{self.found.mode:04o}' if self.found else 'absent'})",
            "after_header": f"{self.wanted.path} ({self.wanted.mode:04o})",
            "before": before,
            "after": after,
        }


def next_step(wanted: Wanted, found: Found | None) -> Step | None:
    """Return what to do, or None when all is well."""
    if found is None:
        return Step(wanted, None, writes=True)
    if found.kind != wanted.kind:
        raise ServingError(f"{wanted.path} is a {found.kind} and must be a {wanted.kind}; move it away.")
    if not wanted.replace:
        return None
    if wanted.kind == "file" and found.content != wanted.content:
        return Step(wanted, found, writes=True)
    return Step(wanted, found, writes=False) if found.mode != wanted.mode else None


__all__ = ["Found", "Step", "Wanted", "next_step"]
