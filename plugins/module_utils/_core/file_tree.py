# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to happen so that a folder or a file is as it is wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping

from .errors import ServingError

HIDDEN, HIDDEN_TOO = "(a secret)\n", "(another secret)\n"
MODE = re.compile(r"0?[0-7]{3}")


@dataclass(frozen=True)
class Wanted:
    """A folder, a file, a link or nothing. Without ``replace`` an existing file stays as it is.

    The content of a link is where it points. What is ``secret`` is shown in no diff.
    """

    path: str
    mode: int
    content: str | None = None
    replace: bool = True
    secret: bool = False
    kind: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", self.kind or ("folder" if self.content is None else "file"))

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, secret: bool = False) -> Wanted:
        """Read what a task says about one folder or file."""
        path, mode = _absolute(values["path"]), str(values["mode"])
        if not MODE.fullmatch(mode):
            raise ServingError(f'The mode of {path} is {mode!r}; set an octal one as text, such as "0644".')
        return cls(path, int(mode, 8), values.get("content"), bool(values.get("replace", True)), secret)

    @classmethod
    def link(cls, values: Mapping[str, Any]) -> Wanted:
        """Read what a task says about one link."""
        replace = bool(values.get("replace", True))
        return cls(_absolute(values["path"]), 0o777, str(values["target"]), replace, kind="link")

    @classmethod
    def nothing(cls, path: str) -> Wanted:
        """Return that there is to be no file and no link at a path."""
        return cls(_absolute(path), 0, kind="nothing")


def _absolute(path: Any) -> str:
    if not str(path).startswith("/"):
        raise ServingError(f"The path {str(path)!r} is relative; set an absolute one.")
    return str(path)


@dataclass(frozen=True)
class Found:
    """What is at a path: its kind (folder, file, link, or special file), and the content of a file or link."""

    kind: str
    mode: int
    content: str | None = None


@dataclass(frozen=True)
class Step:
    """One change: make, write or remove, or set the mode only."""

    wanted: Wanted
    found: Found | None
    writes: bool

    def as_diff(self) -> dict[str, str]:
        """Return the change as Ansible shows it."""
        before = self.found.content or "" if self.found else ""
        after = self.wanted.content or "" if self.writes else before
        if self.wanted.secret:
            before, after = before and HIDDEN, after and (HIDDEN if after == before else HIDDEN_TOO)
        wanted = "absent" if self.wanted.kind == "nothing" else f"{self.wanted.mode:04o}"
        return {
            "before_header": f"{self.wanted.path} ({f'{self.found.mode:04o}' if self.found else 'absent'})",
            "after_header": f"{self.wanted.path} ({wanted})",
            "before": before,
            "after": after,
        }


def next_step(wanted: Wanted, found: Found | None) -> Step | None:
    """Return what to do, or None when all is well."""
    if found is None:
        return None if wanted.kind == "nothing" else Step(wanted, None, writes=True)
    if wanted.kind == "nothing" and found.kind in ("file", "link"):
        return Step(wanted, found, writes=True)
    if wanted.kind == "link" and not wanted.replace:
        return None
    if found.kind != wanted.kind:
        must = "must not be there" if wanted.kind == "nothing" else f"must be a {wanted.kind}"
        raise ServingError(f"{wanted.path} is a {found.kind} and {must}; move it away.")
    if not wanted.replace:
        return None
    if wanted.kind in ("file", "link") and found.content != wanted.content:
        return Step(wanted, found, writes=True)
    return Step(wanted, found, writes=False) if wanted.kind != "link" and found.mode != wanted.mode else None


__all__ = ["Found", "Step", "Wanted", "next_step"]
