# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a preflight finds, each thing once, with the hosts that it is true of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Sequence


@dataclass(frozen=True)
class Finding:
    """A sentence, the host it is about (none: the inventory as a whole), and whether one can live with it."""

    text: str
    host: str = ""
    is_warning: bool = False


def report(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Return the problems and the warnings, in the order in which they were found; hosts with the same share a line."""
    hosts: dict[tuple[str, bool], list[str]] = {}
    for each in findings:
        seen = hosts.setdefault((each.text, each.is_warning), [])
        if each.host and each.host not in seen:
            seen.append(each.host)
    lines = [(is_warning, _line(text, seen)) for (text, is_warning), seen in hosts.items()]
    return {
        "problems": [line for is_warning, line in lines if not is_warning],
        "warnings": [line for is_warning, line in lines if is_warning],
    }


def spoken(names: Sequence[str]) -> str:
    """Return names as people list them."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _line(text: str, hosts: list[str]) -> str:
    return f"{', '.join(hosts)}: {text}" if hosts else text


__all__ = ["Finding", "report", "spoken"]
