# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a healthy candidate takes to get all of the traffic, as the one who runs the playbook waits for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support import run
from tools.bench.callers import calling
from tools.bench.figures import Check, NotMeasuredError, Row, Table
from tools.bench.rollouts import GATE, journal, plan, rolling_out
from tools.bench.section import Bench, places
from tools.simulate.engines import FLAGGER_INTERVAL, FLAGGER_STEPS

INTERVAL = "1s"
LIMIT_SECONDS = 180.0
# When it takes longer than this, it is not going to end.
PLAY_SECONDS = 400
# Argo's documentation (docs/features/analysis.md): 20, 40, 60 and 80 %, each for ten minutes.
ARGO_STEPS, ARGO_PAUSE = (0.2, 0.4, 0.6, 0.8), 600.0


@dataclass(frozen=True)
class Stage:
    """A part of the walk: its seconds, and the candidate's requests in it."""

    seconds: float
    requests: float


def promote(bench: Bench) -> list[Table]:
    """Run the playbook beside steady traffic, and compare with what other plans take by definition."""
    sizes = bench.sizes
    wanted = plan(
        sizes.promote_steps, risk_budget=sizes.promote_risk_budget, interval=INTERVAL, **sizes.promote_analysis
    )
    command, environment = bench.plane.command("rollout.yml", variables={"rollout": wanted})
    bench.say("a rollout of a healthy candidate")
    with rolling_out(bench.plane):
        with calling(places(bench.plane)[2], sizes.promote_rate, PLAY_SECONDS):
            start = time.monotonic()
            done = run(command, env=environment, timeout=PLAY_SECONDS)
            seconds = time.monotonic() - start
        lines = journal(bench.plane)
    if done.status != 0:
        raise NotMeasuredError(f"the rollout ended with {done.status}: {done.output[-2000:]}")
    return [_table(bench, seconds, stages(lines))]


def stages(lines: Sequence[Mapping[str, Any]]) -> dict[str, Stage]:
    """Return the parts of a walk that succeeded, from its journal: before the first percent, the steps, after them."""
    weights = [line["weight"] for line in lines]
    # The first weight is that of the experiment as it was found, until the baseline has everything.
    alone = weights.index(0)
    first = next(index for index, weight in enumerate(weights) if index > alone and weight > 0)
    promoted = weights.index(100)
    bounds = {"baseline": (0, first), "steps": (first, promoted), "after": (promoted, len(lines) - 1)}
    return {
        name: Stage(
            lines[end]["at"] - lines[begin]["at"],
            # What a line counts came before it.
            sum(line["counts"][GATE]["candidate"]["n"] for line in lines[begin + 1 : end + 1] if _counted(line)),
        )
        for name, (begin, end) in bounds.items()
    }


def _counted(line: Mapping[str, Any]) -> bool:
    return GATE in line.get("counts", {})


def _table(bench: Bench, seconds: float, walk: Mapping[str, Stage]) -> Table:
    rate, steps = bench.sizes.promote_rate, [f"{step:g}" for step in bench.sizes.promote_steps]
    requests = sum(each.requests for each in walk.values())
    rows = (
        _row("**ours**, from the command to its end", seconds, requests, LIMIT_SECONDS),
        _row("of that: the baseline alone", walk["baseline"].seconds, walk["baseline"].requests),
        _row(f"of that: {' '.join(steps[:-1])} %", walk["steps"].seconds, walk["steps"].requests),
        _row("of that: all of the traffic, watched", walk["after"].seconds, walk["after"].requests),
        planned("Argo, by the plan of its documentation", rate, ARGO_STEPS, ARGO_PAUSE),
        planned("Flagger, by its formula", rate, FLAGGER_STEPS, FLAGGER_INTERVAL),
    )
    text = (
        f"`playbooks/rollout.yml` beside {rate:g} requests a second through NGINX, with the steps {', '.join(steps)} "
        f"and the gate `error_rate` with `risk_budget: {bench.sizes.promote_risk_budget:g}`. The interval is "
        f"{INTERVAL}, and all else is a plan's default. The last two rows are not measured: they are what documented "
        "plans take, whatever the traffic. Argo's example has steps of 20, 40, 60 and 80 % with a pause of ten minutes "
        "each (docs/features/analysis.md), and Flagger's minimum is interval · maxWeight / stepWeight, here 1 minute · "
        "50 / 10 (docs/gitbook/usage/deployment-strategies.md). Whoever shortens their intervals waits for less, and "
        "each decision then rests on fewer requests; ours goes on when there were enough."
    )
    return Table("A healthy candidate gets everything", text, ("Seconds", "The candidate's requests"), rows)


def planned(name: str, rate: float, shares: Sequence[float], pause: float) -> Row:
    """Return a row of what a plan of fixed steps takes by its own definition."""
    return _row(name, pause * len(shares), rate * pause * sum(shares))


def _row(name: str, seconds: float, requests: float, limit: float | None = None) -> Row:
    checks = () if limit is None else (Check("whole", seconds, limit, "s"),)
    return Row(name, (f"{seconds:.0f}", f"{requests:.0f}"), checks)
