# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what the request path and its rollouts cost, and writes docs/benchmarks.md.

python -m tools.bench                       all of it; the page is written
python -m tools.bench --only hops,changes   these sections; their tables are printed, and the page stays as it is
python -m tools.bench --quick               small counts, to see that it works; the page stays as it is
python -m tools.bench --only runner_memory --ticks 1000    a long rollout

A missed target is no failure. A section that could not be measured is: the status is then 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.live.data_plane import ROOT
from tools.bench.bring_up import bring_up
from tools.bench.changes import changes, load
from tools.bench.cluster import cluster
from tools.bench.detect import detect
from tools.bench.figures import NotMeasuredError, Table, markdown
from tools.bench.generator import generator
from tools.bench.hops import hops
from tools.bench.machine import cores, description, load_average
from tools.bench.memory import memory
from tools.bench.promote import promote
from tools.bench.rates import rates
from tools.bench.runner_memory import LEAST_POINTS, runner_memory
from tools.bench.section import QUICK, Bench, Plane, Sizes, undisturbed
from tools.bench.ticks import ticks

# The role puts it into the folder of every data plane.
MARKER = ".modelops-serving"
PAGE = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Section:
    """A part of the page that can be measured alone."""

    name: str
    title: str
    measure: Callable[[Bench], list[Table]]
    needs_plane: bool = True


# Memory is looked at when all calls and changes are over, and nothing runs beside the last two.
SECTIONS = (
    Section("hops", "What each hop adds", hops),
    Section("rates", "At fixed rates", rates),
    Section("changes", "Changes", changes),
    Section("load", "Changes under load", load),
    Section("promote", "A candidate that is healthy", promote),
    Section("ticks", "A tick of a rollout", ticks),
    Section("runner_memory", "The memory of a rollout", runner_memory),
    Section("memory", "Memory", memory),
    Section("detect", "A candidate that fails", detect, needs_plane=False),
    Section("generator", "The load generator", generator, needs_plane=False),
    Section("up", "Bringing it up", bring_up, needs_plane=False),
    Section("cluster", "A cluster", cluster, needs_plane=False),
)


@dataclass(frozen=True)
class Outcome:
    """The tables of a section, or why there are none."""

    section: Section
    tables: tuple[Table, ...] = ()
    reason: str = ""


def main() -> int:
    options = _options()
    # Where it is set, Python reads each module that Ansible sends it byte by byte.
    os.environ.pop("PYTHONUNBUFFERED", None)
    # What ends the bench from outside ends it as Ctrl-C does: whatever it made is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    machine = description()
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - start:4.0f} s] {text}", flush=True)

    try:
        with _folder() as folder:
            outcomes = _measured(options.only, Bench(folder, options.sizes, say))
    except KeyboardInterrupt:
        print("Interrupted. What the bench had started is removed; nothing was written.", file=sys.stderr)
        return 130
    page = written(machine, outcomes)
    if options.output:
        options.output.write_text(page, encoding="utf-8")
        say(f"wrote {options.output}")
    failed = [outcome.section.name for outcome in outcomes if outcome.reason]
    if failed:
        print(f"Not measured: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    names = [section.name for section in SECTIONS]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="NAMES", help=f"sections, with commas between them: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="small counts, to see that it works")
    parser.add_argument("--output", metavar="FILE", type=Path, help="where to write the page")
    parser.add_argument("--ticks", metavar="N", type=int, help="how many ticks of a rollout are watched")
    options = parser.parse_args()
    options.sizes = QUICK if options.quick else Sizes()
    if options.ticks is not None:
        least = (1 + LEAST_POINTS) * options.sizes.memory_every
        if options.ticks < least:
            parser.error(f"--ticks is {options.ticks}; set {least} or more")
        options.sizes = replace(options.sizes, ticks=options.ticks)
    wanted = options.only.split(",") if options.only else names
    if unknown := [name for name in wanted if name not in names]:
        parser.error(f"there is no section {', '.join(unknown)}; there are {', '.join(names)}")
    if not options.only and not options.quick and options.output is None:
        options.output = PAGE
    options.only = [section for section in SECTIONS if section.name in wanted]
    return options


def _measured(sections: Sequence[Section], bench: Bench) -> list[Outcome]:
    with_plane = [section for section in sections if section.needs_plane]
    outcomes: list[Outcome] = []
    if with_plane:
        try:
            with _running(bench) as running:
                outcomes += [_outcome(section, running) for section in with_plane]
        # Also when it is too slow to come up: what needs none is measured all the same.
        except Exception as error:
            bench.say(f"no data plane to measure: {error!r}")
            outcomes = [Outcome(section, reason=str(error) or repr(error)) for section in with_plane]
    return outcomes + [_outcome(section, bench) for section in sections if not section.needs_plane]


def _outcome(section: Section, bench: Bench) -> Outcome:
    bench.say(f"{section.name}: {section.title}")
    before = load_average()
    try:
        tables = section.measure(bench)
    # Whatever went wrong, the other sections can still be measured.
    except Exception as error:
        bench.say(f"{section.name} could not be measured: {error!r}")
        return Outcome(section, reason=str(error) or repr(error))
    highest = max(before, load_average())
    outcome = Outcome(section, tuple(replace(table, load=highest) for table in tables))
    print("\n" + "\n".join(markdown(table, cores=cores()) for table in outcome.tables), flush=True)
    return outcome


@contextmanager
def _running(bench: Bench) -> Iterator[Bench]:
    bench.say("bringing up a data plane to measure")
    plane = Plane(bench.folder / "plane")
    try:
        play = plane.play("data_plane.yml")
        if play.status != 0:
            raise NotMeasuredError(f"the data plane did not come up: {play.output[-2000:]}")
        yield replace(bench, running=plane)
    finally:
        bench.say("removing the data plane")
        with undisturbed():
            play = plane.play("reset.yml")
        if play.status != 0:
            bench.say(f"it could not be removed from {plane.directory}: {play.output[-2000:]}")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="modelops-bench-"))
    try:
        yield folder
    finally:
        with undisturbed():
            # A data plane that could not be removed stays to be looked at; its programs may run.
            if list(folder.rglob(MARKER)):
                print(f"What could not be removed is in {folder}.", file=sys.stderr)
            else:
                shutil.rmtree(folder, ignore_errors=True)


def written(machine: Sequence[tuple[str, str]], outcomes: Sequence[Outcome]) -> str:
    """Return the page."""
    lines = "\n".join(f"| {name} | {value} |" for name, value in machine)
    parts = [INTRODUCTION, f"## The machine\n\n| | |\n| --- | --- |\n{lines}\n"]
    for outcome in outcomes:
        parts.append(f"## {outcome.section.title}\n")
        parts += [markdown(table, cores=cores()) for table in outcome.tables]
        if outcome.reason:
            parts.append(f"Not measured: {' '.join(outcome.reason.split())}\n")
    return "\n".join(parts)


INTRODUCTION = """# Benchmarks

`make bench` measures what the request path of one machine costs and what its rollouts take, and writes this page.
Nobody edits it. The targets are those of a shared machine with two cores. A row that was measured while the machine had
more to do than it has cores says so: its tail says more about the other work than about what is measured.
"""


if __name__ == "__main__":
    sys.exit(main())
