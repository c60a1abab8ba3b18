# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the time of a tick goes, once the module runs: the same calls in this process, with timers around the parts."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from plugins.module_utils._adapters.access_log import AccessLog
from plugins.module_utils._adapters.envoy_metrics import EnvoyMetrics
from plugins.module_utils._adapters.envoy_rollouts import EnvoyRollouts
from plugins.module_utils._adapters.http_probe import HttpProbe
from plugins.module_utils._core.rollout import Rollout
from plugins.module_utils._wiring.rollout import RolloutCall, own_holder
from plugins.module_utils._wiring.rollout_options import ARGUMENTS
from plugins.module_utils._wiring.rollout_watch import RolloutWatch
from tests.live.data_plane import ADDRESS, HOST, DataPlane
from tools.bench.callers import calling
from tools.bench.figures import NotMeasuredError
from tools.bench.rollouts import plan, rolling_out
from tools.bench.section import Bench, places

WHOLE = "what the module does"
Methods = tuple[tuple[type, str], ...]
Times = dict[str, list[float]]
# One comes after the other.
PARTS: Mapping[str, Methods] = {
    "reads the store, and what Envoy has in force": ((EnvoyRollouts, "view"),),
    "looks at both arms": ((RolloutWatch, "look"),),
    "decides": ((Rollout, "tick"),),
    "writes the record, to the disk": ((EnvoyRollouts, "save"), (EnvoyRollouts, "forget")),
    "writes the journal": ((EnvoyRollouts, "note"),),
}
# These are parts of the look, and may go on beside each other: of both models the slower one counts.
LOOKS: Mapping[str, Methods] = {
    "asks Envoy for its counters": ((EnvoyMetrics, "counts"),),
    "reads on in the access log": ((AccessLog, "entries"),),
    "asks the models whether they are ready": ((HttpProbe, "ask"),),
}
RATE = 50.0
# Between two ticks there is something to count.
PAUSE_SECONDS = 0.05
BEGIN_SECONDS = 60.0


def timed_parts(bench: Bench) -> Times:
    """Return the seconds of each part, and of the whole, for each of some ticks with the candidate in the traffic."""
    plane, count = bench.plane, bench.sizes.parts
    with rolling_out(plane), calling(places(plane)[2], RATE, 2 * BEGIN_SECONDS + count):
        token = uuid.uuid4().hex
        _call(plane, "begin", token=token, run="bench", holder=own_holder("bench").as_dict())
        _until_analysed(plane, token)
        times: Times = defaultdict(list)
        for _tick in range(count):
            time.sleep(PAUSE_SECONDS)
            with timing({**PARTS, **LOOKS}) as spent:
                start = time.perf_counter()
                _call(plane, "tick", token=token)
                whole = time.perf_counter() - start
            for name in PARTS:
                times[name].append(sum(spent[name]))
            for name in LOOKS:
                times[name].append(max(spent[name], default=0.0))
            times[WHOLE].append(whole)
    return times


def _until_analysed(plane: DataPlane, token: str) -> None:
    deadline = time.monotonic() + BEGIN_SECONDS
    while True:
        tick = _call(plane, "tick", token=token)
        if tick["phase"] == "analyse":
            return
        if tick["done"] or time.monotonic() > deadline:
            raise NotMeasuredError(f"the rollout is {tick['phase']} and not at its first step: {tick['reason']}")
        time.sleep(PAUSE_SECONDS)


def _call(plane: DataPlane, call: str, **more: Any) -> dict[str, Any]:
    """Do what one call of the module does, with the options that playbooks/rollout.yml hands over."""
    endless = plan([{"weight": 50, "min_duration": "3h"}, 100], interval="0.05s", baseline_windows=1)
    options = {
        **endless,
        "traffic": {
            "log": str(plane.directory / "logs" / "access.log"),
            "request": str(plane.directory / "samples" / "request.json"),
        },
        "host": HOST,
        "address": {"address": ADDRESS, "http_port": plane.variables["data_plane_http_port"]},
        "store_path": str(plane.directory / "envoy"),
        "call": call,
        **more,
    }
    found = ArgumentSpecValidator(ARGUMENTS).validate(options)
    if found.error_messages:
        raise NotMeasuredError("; ".join(found.error_messages))
    return RolloutCall(found.validated_parameters).run()


@contextmanager
def timing(parts: Mapping[str, Methods]) -> Iterator[Times]:
    """Note how many seconds each call of each part takes meanwhile."""
    spent: Times = {name: [] for name in parts}
    with ExitStack() as stack:
        for name, methods in parts.items():
            for owner, method in methods:
                stack.enter_context(patch.object(owner, method, _timed(getattr(owner, method), spent[name])))
        yield spent


def _timed(inner: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    def timed(*positional: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return inner(*positional, **named)
        finally:
            seconds.append(time.perf_counter() - start)

    return timed
