# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each hop of the request path costs."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tools.bench.client import Connection
from tools.bench.figures import TIME_COLUMNS, NotMeasuredError, Table, added_row, times_row
from tools.bench.section import Bench, Place, places
from tools.bench.servers import Nginx
from tools.bench.weights import moving

BLOCK = 50
WARM_UP = 100
# As good as a shared machine of two cores allows, by what was measured when the path was designed.
ADDED_P50_MS, ADDED_P99_MS = 0.9, 2.0


def hops(bench: Bench) -> list[Table]:
    """Measure the same call with no hop, one and two hops before the model server, and what bare hops cost."""
    real = places(bench.plane)
    with moving(bench.plane, 100, 0), bare_hops(bench.folder / "model", real[0]) as bare:
        path = interleaved([*real, *bare], bench.sizes.calls)
    with Nginx(bench.folder / "constant") as server:
        constant = Place("a constant", "127.0.0.1", server.port, real[0].request)
        with bare_hops(bench.folder / "nothing", constant) as bare:
            nothing = interleaved([constant, *bare], bench.sizes.calls)
    return [_path_table(path), _floor_table(path, nothing)]


def interleaved(targets: Sequence[Place], calls: int) -> dict[str, list[float]]:
    """Call all targets in turn, a block each, over one kept-alive connection each; return the seconds by name."""
    samples: dict[str, list[float]] = {target.name: [] for target in targets}
    with ExitStack() as stack:
        lines = [(stack.enter_context(Connection(each.address, each.port)), each) for each in targets]
        for connection, target in lines:
            _block(connection, target, WARM_UP)
        # A collection in the middle of a call would count as latency.
        gc.collect()
        gc.disable()
        stack.callback(gc.enable)
        for start in range(0, calls, BLOCK):
            # Whoever comes first changes, so that none always follows the same one.
            first = start // BLOCK % len(lines)
            for connection, target in lines[first:] + lines[:first]:
                samples[target.name] += _block(connection, target, min(BLOCK, calls - start))
    return samples


def _block(connection: Connection, target: Place, calls: int) -> list[float]:
    samples = []
    for _ in range(calls):
        before = time.perf_counter()
        reply = connection.ask(target.request)
        samples.append(time.perf_counter() - before)
        if reply.status != 200:
            raise NotMeasuredError(f"{target.name} answered {reply.status}: {reply.body[:200]!r}")
    return samples


def _path_table(samples: Mapping[str, list[float]]) -> Table:
    names = list(samples)[:3]
    direct, envoy, nginx = (samples[name] for name in names)
    rows = [times_row(name, samples[name]) for name in names]
    rows += [
        added_row("added by Envoy", envoy, direct),
        added_row("added by NGINX, before Envoy", nginx, envoy),
        added_row("**added by both**", nginx, direct, P50=ADDED_P50_MS, P99=ADDED_P99_MS),
    ]
    text = (
        f"One held-out row, REST, one kept-alive connection for each target, one call at a time, {BLOCK} calls to each "
        "in turn. The experiment has all its weight on the baseline, so the same MLServer answers all three."
    )
    return Table("One call at a time", text, TIME_COLUMNS, tuple(rows))


def _floor_table(model: Mapping[str, list[float]], constant: Mapping[str, list[float]]) -> Table:
    direct, one, two = (list(model.values())[index] for index in (0, 3, 4))
    nothing, bare, bare_twice = constant.values()
    rows = (
        added_row("MLServer: added by one bare hop", one, direct),
        added_row("MLServer: added by two bare hops", two, direct),
        times_row("a constant answer, no hop", nothing),
        added_row("a constant answer: added by one bare hop", bare, nothing),
        added_row("a constant answer: added by two bare hops", bare_twice, nothing),
    )
    text = (
        "The same calls through NGINX processes that only pass on, without logs, rules or names, called in turn with "
        "the ones above; and the same before an NGINX that answers a constant. It is what a hop costs here at least."
    )
    return Table("The floor: hops that only pass on", text, TIME_COLUMNS, rows)


@contextmanager
def bare_hops(folder: Path, target: Place) -> Iterator[list[Place]]:
    """Run two proxies that do nothing else, one behind the other, before a place."""
    inner = Nginx(folder / "inner", upstream=target.port)
    outer = Nginx(folder / "outer", upstream=inner.port)
    with inner, outer:
        yield [
            Place(f"{name} + {target.name}", "127.0.0.1", server.port, target.request)
            for name, server in (("one bare NGINX", inner), ("two bare NGINX", outer))
        ]
