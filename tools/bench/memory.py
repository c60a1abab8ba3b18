# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory each program holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.live.programs import pids
from tools.bench.figures import Check, NotMeasuredError, Row, Table
from tools.bench.section import Bench

LIMITS_MB = {"envoy": 100.0, "nginx": 30.0, "mlserver": 300.0}
TITLES = {"envoy": "Envoy", "nginx": "NGINX, master and worker", "supervisor": "supervisor"}


def memory(bench: Bench) -> list[Table]:
    """Read what the kernel counts for each program of the data plane."""
    programs = pids(bench.plane)
    missing = {"envoy", "nginx"} - set(programs)
    if missing:
        raise NotMeasuredError(f"there is no process of {', '.join(sorted(missing))}")
    rows = []
    for folder in sorted(programs):
        kind, _, namespace = folder.partition("/")
        resident, shared = held(programs[folder])
        checks = (Check("RSS", resident, LIMITS_MB[kind], "MB"),) if kind in LIMITS_MB else ()
        name = f"MLServer of {namespace}" if namespace else TITLES.get(kind, kind)
        rows.append(Row(name, (f"{resident:.1f}", f"{shared:.1f}"), checks))
    text = (
        "After all the calls and changes of this page. RSS counts each page of memory in every process that maps it; "
        "PSS divides it among them. 1 MB is a million bytes."
    )
    return [Table("Memory", text, ("RSS MB", "PSS MB"), tuple(rows))]


def held(processes: Iterable[int]) -> tuple[float, float]:
    """Return RSS and PSS of some processes together, in MB."""
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii") for pid in processes]
    return sum(_field("Rss", text) for text in texts), sum(_field("Pss", text) for text in texts)


def _field(name: str, text: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
