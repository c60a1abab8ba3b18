# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon harm is noticed on real traffic: by our gate, and by thresholds as Argo and Flagger have them."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from plugins.module_utils._adapters.envoy_admin import EnvoyAdmin
from plugins.module_utils._adapters.envoy_metrics import EnvoyMetrics
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.traffic import Arms
from plugins.module_utils._wiring.store import envoy_store
from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, NAMESPACES, DataPlane
from tests.live.misbehaving.switch import Misbehaving, prepare
from tools.bench.callers import calling
from tools.bench.figures import Check, NotMeasuredError, Row, Table
from tools.bench.section import Bench, Plane, places, undisturbed
from tools.bench.weights import moving
from tools.simulate.engines import (
    ARGO_INTERVAL,
    ENGINES,
    FLAGGER_INTERVAL,
    FLAGGER_WINDOWS,
    PLAN,
    ROLLED_BACK,
    Outcome,
    Windows,
)

# The engines to compare, in this order, and what they are called.
TITLES = {
    "ours": "ours",
    "Argo": "thresholds, as Argo",
    "Flagger": "thresholds, as Flagger",
}
# Shares of what the candidate is asked.
HEALTHY, HARMS = 0.0, (0.05, 0.01, 0.005)
# Within this time the candidate is to go back.
HARM_SECONDS = 90.0
# A call that Envoy does not count within this time has failed to be made.
FIRST_CALLS_SECONDS = 15.0
COLUMNS = ("Decision", "Seconds", "The candidate's requests", "At the documented interval")


class OverError(Exception):
    """There are no more windows yet."""


@dataclass(frozen=True)
class Seen:
    """A window, and how many seconds after the beginning it ended."""

    pair: Pair
    seconds: float


class Replay:
    """Windows that were seen, in order. Their share is what it was, whatever an engine wants to have."""

    def __init__(self, seen: Sequence[Pair], before: Sequence[Pair] = ()) -> None:
        self._rest = iter(seen)
        self._before = before

    def window(self, share: float) -> Pair:
        """Return the next window."""
        try:
            return next(self._rest)
        except StopIteration:
            raise OverError from None

    def learning(self) -> Windows:
        """Return the baseline's windows from before the harm."""
        return Replay(self._before)


def outcomes(seen: Sequence[Pair], before: Sequence[Pair], engines: Sequence[str]) -> dict[str, Outcome]:
    """Return how each engine has decided on these windows; those that have not are left out."""
    found = {}
    for name in engines:
        try:
            found[name] = ENGINES[name](Replay(seen, before))
        except OverError:
            continue
    return found


def detect(bench: Bench) -> list[Table]:
    """Let the candidate fail by a share of its requests, and give all engines the same windows."""
    sizes, rows = bench.sizes, []
    with _misbehaving(bench) as misbehaving, moving(misbehaving.plane, 50, 50):
        watched = _Watched(misbehaving, sizes.detect_rate, sizes.window_seconds)
        bench.say(f"detect: {PLAN.judging.baseline_windows} windows of the baseline")
        with watched.failing(HEALTHY, PLAN.judging.baseline_windows) as window:
            learnt = [Pair(Tally(), window().pair.baseline) for _ in range(PLAN.judging.baseline_windows)]
        for share, windows in ((HEALTHY, sizes.healthy_windows), *((each, sizes.harm_windows) for each in HARMS)):
            bench.say(f"detect: {100 * share:g} % of what the candidate is asked fails")
            with watched.failing(share, windows) as window:
                seen, found = decided(window, windows, learnt)
            rows += engine_rows(share, seen, found)
    return [Table("How soon harm is noticed", _text(bench), COLUMNS, tuple(rows))]


def decided(window: Callable[[], Seen], windows: int, learnt: Sequence[Pair]) -> tuple[list[Seen], dict[str, Outcome]]:
    """Return the windows until all engines have decided, so many at the most, and what they decided."""
    seen: list[Seen] = []
    found: dict[str, Outcome] = {}
    while len(seen) < windows and len(found) < len(TITLES):
        seen.append(window())
        waiting = [name for name in TITLES if name not in found]
        found.update(outcomes([each.pair for each in seen], learnt, waiting))
    return seen, found


@dataclass(frozen=True)
class _Watched:
    """Windows of the real traffic, as a rollout counts them."""

    misbehaving: Misbehaving
    rate: float
    seconds: float

    @contextmanager
    def failing(self, share: float, windows: int) -> Iterator[Callable[[], Seen]]:
        """Call the experiment and let the candidate fail; lend a function that waits for the next window."""
        plane, switch = self.misbehaving.plane, self.misbehaving.switches[ENHANCED]
        count = _counter(plane)
        with calling(places(plane)[2], self.rate, windows * self.seconds + 2 * FIRST_CALLS_SECONDS):
            _wait_for_calls(count)
            if share:
                switch.fail(share)
            count()
            start = time.monotonic()
            due = itertools.count(1)

            def window() -> Seen:
                time.sleep(max(0.0, start + next(due) * self.seconds - time.monotonic()))
                return Seen(count(), time.monotonic() - start)

            try:
                yield window
            finally:
                switch.heal()


def _counter(plane: DataPlane) -> Callable[[], Pair]:
    """Return a function that says what both arms did since its last call, by the source that a rollout asks."""
    directory = plane.directory / "envoy"
    known = envoy_store({"store_path": str(directory), "wait_timeout": 10.0}).read().models
    models = {model.name: model for model in known}
    arms = Arms(EXPERIMENT, models[ENHANCED], models[BASELINE], is_default=True)
    source, gates = EnvoyMetrics(EnvoyAdmin(str(directory / "admin.sock"))), PLAN.counted
    cursor = source.counts(gates, arms, None).cursor

    def count() -> Pair:
        nonlocal cursor
        found = source.counts(gates, arms, cursor)
        if found.problems:
            raise NotMeasuredError("; ".join(found.problems.values()))
        cursor = found.cursor
        return found.pairs[gates[0].name]

    return count


def _wait_for_calls(count: Callable[[], Pair]) -> None:
    deadline = time.monotonic() + FIRST_CALLS_SECONDS
    while not count().is_comparison:
        if time.monotonic() > deadline:
            raise NotMeasuredError(f"Envoy counted no calls of both models within {FIRST_CALLS_SECONDS:g} s")
        time.sleep(0.2)


def engine_rows(share: float, seen: Sequence[Seen], found: Mapping[str, Outcome]) -> list[Row]:
    """Return a row for each engine: what it decided, and when."""
    level = f"{100 * share:g} % fail" if share else "healthy"
    rows = []
    for name, title in TITLES.items():
        outcome = found.get(name)
        checks = _checks(share, seen, outcome) if name == "ours" else ()
        if outcome is None:
            n = round(sum(each.pair.candidate.n for each in seen))
            values = ("none", f"not within {seen[-1].seconds:.0f}", str(n), "")
        else:
            seconds = seen[outcome.windows - 1].seconds
            values = (outcome.verdict, f"{seconds:.1f}", str(outcome.candidate), documented(name, outcome.windows))
        rows.append(Row(f"{level}: {title}", values, checks))
    return rows


def _checks(share: float, seen: Sequence[Seen], outcome: Outcome | None) -> tuple[Check, ...]:
    goes_back = outcome is not None and outcome.verdict == ROLLED_BACK
    if not share:
        return (Check("false alarms", float(goes_back), 0),)
    took = seen[outcome.windows - 1].seconds if outcome is not None and goes_back else math.nan
    return (Check("rolled back", took, HARM_SECONDS, "s"),)


def documented(engine: str, windows: int) -> str:
    """Return how long as many measurements take at the interval of an engine's documentation."""
    if engine == "Argo":
        # The first measurement is made at once.
        return f"{(windows - 1) * ARGO_INTERVAL / 60:g} min"
    if engine == "Flagger":
        return f"{windows // FLAGGER_WINDOWS * FLAGGER_INTERVAL / 60:g} min"
    return ""


def _text(bench: Bench) -> str:
    sizes = bench.sizes
    return (
        f"{sizes.detect_rate:g} requests a second through NGINX, half of them to each model. From one moment on a "
        "share of what the candidate is asked fails, evenly spread; the baseline never fails. Envoy's counters of "
        f"attempts are read every {sizes.window_seconds:g} s, by the source that a rollout has, and each window is "
        "given to all three engines, those of `make simulate` (docs/simulation.md). Ours is the gate `error_rate` with "
        f"the defaults of a plan; it learnt from {PLAN.judging.baseline_windows} windows of the baseline before. A "
        "measurement of Argo fails below 99 % success, and the fourth failed one of eight takes the candidate back "
        "(`failureLimit: 3`). A check of Flagger fails below 99 %, and the fifth one takes it back (`threshold: 5`). "
        "Each engine goes through its own steps, while the weights stay. At the intervals of their documentation, 5 "
        "minutes and 1 minute, neither can take anything back within these seconds. So both are as much faster as "
        "these windows are shorter than a plan's of 15 s: a measurement of Argo is one window and a check of Flagger "
        "four, as in the simulation. The last column says how long as many of them take at the documented interval. "
        "Ours needs requests, whatever the interval. A row is one run, and chance has its part in it."
    )


@contextmanager
def _misbehaving(bench: Bench) -> Iterator[Misbehaving]:
    """Bring up a data plane of two models that can be told to fail."""
    # Sockets are made in it, and their paths have to be short.
    folder = bench.folder / "failing"
    pairs = [
        prepare(bench.folder / "models", name, namespace, folder / "samples" / name / "model.joblib")
        for name, namespace in zip((BASELINE, ENHANCED), NAMESPACES, strict=True)
    ]
    plane = Plane(folder, {"serving_models": [model for model, _switch in pairs]})
    try:
        play = plane.play("data_plane.yml")
        if play.status != 0:
            raise NotMeasuredError(f"the data plane did not come up: {play.output[-2000:]}")
        yield Misbehaving(plane, {model["name"]: switch for model, switch in pairs})
    finally:
        with undisturbed():
            play = plane.play("reset.yml")
        if play.status != 0:
            bench.say(f"it could not be removed from {plane.directory}: {play.output[-2000:]}")
