# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may happen to a rollout, and how it ends then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plugins.module_utils._core.analysis import Measurement
from plugins.module_utils._core.rollout_state import (
    ANALYSE,
    BASELINE,
    HOLD,
    PAUSED,
    POST_CHECK,
    ROLLED_BACK,
    STUCK,
    SUCCEEDED,
    VERIFY_ROUTE,
    WAIT_READY,
)
from tests.unit.rollout_world import World

OLD, NEW = {"old": 100, "new": 0}, {"old": 0, "new": 100}
BROKEN = {"old": 0.002, "new": 0.05}
PARITY = {"name": "parity", "kind": "prediction_parity", "golden": "golden.json", "min": 1}
ERRORS = {"name": "errors", "kind": "error_rate"}
METRIC = {"name": "auc", "kind": "metric", "query": "auc", "min": 0.9}


def broken(world: World) -> None:
    world.fails = dict(BROKEN)


def both_broken(world: World) -> None:
    world.fails = {"old": 0.6, "new": 0.6}


def both_above_the_limit(world: World) -> None:
    world.fails = {"old": 0.06, "new": 0.06}


def baseline_broken(world: World) -> None:
    world.fails = {"old": 0.6, "new": 0.0}


def half_served(world: World) -> None:
    world.served = lambda share: 0.5 if share else 0.0


def starved(world: World) -> None:
    world.served = lambda share: share / 3
    world.probed = False


def two_thirds_more(world: World) -> None:
    world.served = lambda share: share + 0.04 if share else 0.0


def deaf(world: World) -> None:
    world.deaf = True


def silent(world: World) -> None:
    world.rate = 0.0


def few(world: World) -> None:
    world.rate = 0.3


def edited(world: World) -> None:
    world.weights = {"old": 20, "new": 80}


def unready(world: World) -> None:
    world.candidate_ready = False


def deleted(world: World) -> None:
    world.exists = False


def rejected(world: World) -> None:
    world.ready, world.rejected = None, "duplicate name"


def never_ready(world: World) -> None:
    world.ready = None


def unproven(world: World) -> None:
    world.rate, world.probed = 0.0, False


def not_applied(world: World) -> None:
    world.served = lambda _share: 0.0


def bad_metric(world: World) -> None:
    world.values = {"auc": Measurement(0.5)}


def measured(world: World) -> None:
    world.values = {"auc": Measurement(0.95), "parity": Measurement(1.0)}


def asked(action: str, *, full: bool = False) -> Callable[[World], None]:
    def ask(world: World) -> None:
        world.ask(action, full=full)

    return ask


LIMITED = {"gates": [{**ERRORS, "slo": 0.01}]}
HELD = {"steps": [10, {"weight": 50, "hold": "manual", "hold_timeout": "60s"}, 100]}

# What happens, in which phase (and at which percent), with which plan -> the phase in the end, the cause, the reason,
# the candidate's weight.
Case = tuple[Callable[[World], None], tuple[str, float], dict[str, Any], str, str, str, int]

FAILURES: dict[str, Case] = {
    "the candidate fails": (
        broken,
        (ANALYSE, 10),
        {},
        ROLLED_BACK,
        "harm",
        "errors: .* of the candidate's requests and .* of the baseline's failed: .*",
        0,
    ),
    "the candidate fails at a later step": (broken, (ANALYSE, 50), {}, ROLLED_BACK, "harm", "errors: .*", 0),
    "the candidate fails while it is held": (broken, (HOLD, 50), HELD, ROLLED_BACK, "harm", "errors: .*", 0),
    "the candidate fails once it has everything": (
        broken,
        (POST_CHECK, 100),
        {},
        ROLLED_BACK,
        "harm",
        "errors: .* of the candidate's requests failed since it has all of them; .*",
        0,
    ),
    "the candidate fails, and the policy only pauses": (
        broken,
        (ANALYSE, 10),
        {"policy": {"on_harm": "pause"}},
        PAUSED,
        "harm",
        "errors: .*",
        10,
    ),
    "both arms are broken, and stay so": (
        both_broken,
        (ANALYSE, 50),
        {},
        ROLLED_BACK,
        "infrastructure",
        "the fault of both arms stays, so the baseline has everything again: errors: both arms are broken: .*",
        0,
    ),
    "both arms miss the limit, and go on to": (
        both_above_the_limit,
        (ANALYSE, 50),
        LIMITED,
        ROLLED_BACK,
        "infrastructure",
        "the fault of both arms stays, .*: errors: both arms miss the limit of 1 %: .*",
        0,
    ),
    "the baseline is broken before the first percent": (
        baseline_broken,
        (BASELINE, 0),
        {},
        PAUSED,
        "infrastructure",
        "errors: the baseline is broken, so nothing can be compared with it: .*",
        0,
    ),
    "the baseline misses the limit by itself": (
        both_above_the_limit,
        (BASELINE, 0),
        LIMITED,
        PAUSED,
        "infrastructure",
        "errors: the baseline misses the limit of 1 % by itself: 6 % of its requests failed",
        0,
    ),
    "the baseline breaks during the walk": (
        baseline_broken,
        (ANALYSE, 10),
        {"policy": {"infrastructure_windows": 0}},
        PAUSED,
        "infrastructure",
        "errors: the baseline is broken, .*",
        10,
    ),
    "half is served where a tenth is configured": (
        half_served,
        (ANALYSE, 10),
        {},
        ROLLED_BACK,
        "routing",
        "the routing is off: 50 % of .* requests went to the candidate, and 10 % are configured; this is no verdict on "
        "the candidate",
        0,
    ),
    "fewer are served than configured": (
        starved,
        (ANALYSE, 50),
        {},
        PAUSED,
        "routing",
        "the routing is off: 16.7 % of .* requests went to the candidate, and 50 % are configured; .*",
        50,
    ),
    "a few more are served than configured": (two_thirds_more, (ANALYSE, 10), {}, PAUSED, "routing", ".*", 10),
    "no data": (
        deaf,
        (ANALYSE, 10),
        {},
        PAUSED,
        "no_data",
        r"errors: there is no data, 5 windows in a row; \d+ more requests of the candidate are needed",
        10,
    ),
    "no data, and the policy goes back": (
        deaf,
        (ANALYSE, 10),
        {"policy": {"on_no_data": "rollback"}},
        ROLLED_BACK,
        "no_data",
        ".*",
        0,
    ),
    "no data before the first percent": (deaf, (BASELINE, 0), {}, PAUSED, "no_data", "errors: there is no data, .*", 0),
    "no data while it is held": (
        deaf,
        (HOLD, 50),
        {"steps": [10, {"weight": 50, "hold": "manual"}, 100]},
        PAUSED,
        "no_data",
        ".*",
        50,
    ),
    "no data once it has everything": (deaf, (POST_CHECK, 100), {}, PAUSED, "no_data", ".*", 100),
    "no traffic": (
        silent,
        (ANALYSE, 10),
        {},
        PAUSED,
        "no_traffic",
        r"errors: there were no requests, 5 windows in a row; \d+ more requests of the candidate are needed",
        10,
    ),
    "no traffic, and the policy goes back": (
        silent,
        (ANALYSE, 10),
        {"policy": {"on_no_traffic": "rollback"}},
        ROLLED_BACK,
        "no_traffic",
        ".*",
        0,
    ),
    "no traffic before the first percent": (silent, (BASELINE, 0), {}, PAUSED, "no_traffic", ".*", 0),
    "too few requests for the step": (
        few,
        (ANALYSE, 50),
        {"analysis": {"max_step_duration": "5m"}},
        PAUSED,
        "more_requests",
        r"not decided within 5m: errors: \d+ more requests of the candidate are needed",
        50,
    ),
    "too few requests, and the policy goes back": (
        few,
        (ANALYSE, 50),
        {"analysis": {"max_step_duration": "5m"}, "policy": {"on_inconclusive": "rollback"}},
        ROLLED_BACK,
        "more_requests",
        "not decided within 5m: .*",
        0,
    ),
    "too long as a whole": (
        few,
        (ANALYSE, 50),
        {"analysis": {"max_duration": "8m"}},
        PAUSED,
        "deadline",
        "the rollout was not over within 8m",
        50,
    ),
    "somebody edits the weights": (
        edited,
        (ANALYSE, 10),
        {},
        PAUSED,
        "external_edit",
        "somebody else changed the weights: old 90 -> 20, new 10 -> 80",
        80,
    ),
    "somebody edits the weights before the first percent": (
        edited,
        (BASELINE, 0),
        {},
        PAUSED,
        "external_edit",
        "somebody else changed the weights: old 100 -> 20, new 0 -> 80",
        80,
    ),
    "the candidate is not ready any more": (
        unready,
        (ANALYSE, 10),
        {},
        ROLLED_BACK,
        "candidate_not_ready",
        "new is not ready",
        0,
    ),
    "the candidate is not ready before the first percent": (
        unready,
        (BASELINE, 0),
        {},
        ROLLED_BACK,
        "candidate_not_ready",
        "new is not ready",
        0,
    ),
    "the experiment is deleted": (
        deleted,
        (ANALYSE, 10),
        {},
        "aborted",
        "deleted",
        "the experiment ab was deleted; requests to ab.experiment get 404 now",
        10,
    ),
    "the weights are never in force": (
        never_ready,
        (WAIT_READY, 10),
        {},
        STUCK,
        "routing_not_applied",
        "going back could not be confirmed within 5m, after [56] writes: set the weights of ab to old 100, new 0 by "
        "hand, and see where requests go; it went back because the weights were not in force within 1m",
        0,
    ),
    "requests do not follow the weights": (
        not_applied,
        (VERIFY_ROUTE, 50),
        {},
        ROLLED_BACK,
        "routing_not_applied",
        r"\d+ requests within 1m do not show the new weights",
        0,
    ),
    "no request shows whether the weights are in force": (
        unproven,
        (VERIFY_ROUTE, 50),
        {},
        PAUSED,
        "route_unverified",
        "there were no requests within 1m to verify the new weights with",
        50,
    ),
    "a metric fails": (
        bad_metric,
        (ANALYSE, 10),
        {"gates": [ERRORS, METRIC]},
        ROLLED_BACK,
        "limit",
        "auc: 1 measurement failed .*",
        0,
    ),
    "a metric fails in dry run": (
        bad_metric,
        (ANALYSE, 10),
        {"gates": [ERRORS, {**METRIC, "dry_run": True}]},
        SUCCEEDED,
        "",
        ".*",
        100,
    ),
    "pause": (asked("pause"), (ANALYSE, 10), {}, PAUSED, "user", "pause was asked for by alice", 10),
    "pause before the first percent": (asked("pause"), (BASELINE, 0), {}, PAUSED, "user", "pause was .*", 0),
    "abort": (asked("abort"), (ANALYSE, 50), {}, ROLLED_BACK, "user", "abort was asked for by alice", 0),
    "abort before the first percent": (asked("abort"), (BASELINE, 0), {}, ROLLED_BACK, "user", "abort was .*", 0),
    "abort while weights change": (asked("abort"), (WAIT_READY, 10), {}, ROLLED_BACK, "user", "abort was .*", 0),
    "abort while it is held": (asked("abort"), (HOLD, 50), HELD, ROLLED_BACK, "user", "abort was .*", 0),
    "abort while it is verified": (asked("abort"), (VERIFY_ROUTE, 10), {}, ROLLED_BACK, "user", "abort was .*", 0),
    "abort once it has everything": (asked("abort"), (POST_CHECK, 100), {}, ROLLED_BACK, "user", "abort was .*", 0),
    "the runner is ended": (
        asked("interrupt"),
        (ANALYSE, 10),
        {},
        ROLLED_BACK,
        "interrupted",
        "interrupt was asked for by alice",
        0,
    ),
    "the runner is ended, and the policy holds": (
        asked("interrupt"),
        (ANALYSE, 10),
        {"policy": {"on_interrupt": "hold"}},
        PAUSED,
        "interrupted",
        "interrupt was asked for by alice",
        10,
    ),
    "promote": (asked("promote"), (ANALYSE, 10), {}, SUCCEEDED, "", ".*", 100),
    "promote to the end": (asked("promote", full=True), (BASELINE, 0), {}, SUCCEEDED, "", ".*", 100),
    "promote while it is held": (asked("promote"), (HOLD, 50), HELD, SUCCEEDED, "", ".*", 100),
    "promote once it has everything": (asked("promote"), (POST_CHECK, 100), {}, SUCCEEDED, "", ".*", 100),
    "nobody promotes": (
        lambda world: None,
        (HOLD, 50),
        HELD,
        ROLLED_BACK,
        "deadline",
        "nobody promoted it within 1m",
        0,
    ),
    "nobody promotes, and the step goes on": (
        lambda world: None,
        (HOLD, 50),
        {"steps": [{"weight": 50, "hold": "manual", "hold_timeout": 60, "on_hold_timeout": "promote"}, 100]},
        SUCCEEDED,
        "",
        ".*",
        100,
    ),
    "nobody promotes, and the step pauses": (
        lambda world: None,
        (HOLD, 50),
        {"steps": [{"weight": 50, "hold": "manual", "hold_timeout": 60, "on_hold_timeout": "pause"}, 100]},
        PAUSED,
        "deadline",
        "nobody promoted it within 1m",
        50,
    ),
    "resume makes no sense": (asked("resume"), (ANALYSE, 10), {}, SUCCEEDED, "", ".*", 100),
    "another word makes no sense": (asked("dance"), (ANALYSE, 10), {}, SUCCEEDED, "", ".*", 100),
}
