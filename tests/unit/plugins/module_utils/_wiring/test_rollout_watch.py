# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout sees through its sources: no data is a problem, and a shared fault is nobody's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._adapters.access_log import AccessLog
from plugins.module_utils._adapters.http_probe import HttpProbe
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.experiment import Candidate, Experiment
from plugins.module_utils._core.gates import CountedGate
from plugins.module_utils._core.histogram import Histogram
from plugins.module_utils._core.plan import Plan
from plugins.module_utils._core.ports import RolloutView
from plugins.module_utils._core.probed import Probed
from plugins.module_utils._core.request_path import Answer, Question
from plugins.module_utils._core.rollout import Rollout
from plugins.module_utils._core.rollout_state import ANALYSE, PREFLIGHT, State
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.routing import Routed
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.traffic import Arms, Counts
from plugins.module_utils._wiring.rollout_watch import RolloutWatch, Sources
from tests.unit.rollout_world import plan_of

OLD_PLACE, NEW_PLACE = Endpoint("127.0.0.1", 9001), Endpoint("127.0.0.1", 9002)
OLD, NEW = Model("old", 1, OLD_PLACE, OLD_PLACE), Model("new", 1, NEW_PLACE, NEW_PLACE)
VIEW = RolloutView(
    Experiment("ab", (Candidate("old", 90), Candidate("new", 10)), default="old"),
    {"old": OLD, "new": NEW},
    is_live=True,
    is_reachable=True,
)
WINDOW = Pair(Tally(10, 1), Tally(90, 0))


class Probe(HttpProbe):
    """Knows whose server is ready."""

    def __init__(self, *down: str) -> None:
        super().__init__(timeout=1.0)
        self.down = down

    def ask(self, place: Endpoint, question: Question) -> Answer:
        if any(f"/{name}_1/" in question.path for name in self.down):
            raise ServingError("refused")
        return Answer(200, {}, b"", 0.001)


@dataclass
class Counter:
    """A source of counts, or why it has none; the cursors that it was given."""

    problem: str = ""
    cursors: list[Any] = field(default_factory=list)

    def counts(self, gates: Sequence[CountedGate], arms: Arms, cursor: Mapping[str, Any] | None) -> Counts:
        assert arms.candidate == NEW
        self.cursors.append(cursor)
        if self.problem:
            return Counts(problems={gate.name: self.problem for gate in gates})
        if cursor is None:
            return Counts(cursor={"n": 1})
        return Counts({gate.name: WINDOW for gate in gates}, {}, {"n": cursor["n"] + 1})


def line(route: str, milliseconds: float = 5.0) -> bytes:
    values = {
        "path": "/v2/models/old/infer",
        "model": "ab.experiment",
        "status": 200,
        "route": route,
        "upstream_time": str(milliseconds / 1000),
        "id": "x",
    }
    return json.dumps(values).encode() + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.touch()
    return path


def watch(log: Path | None, plan: Plan | None = None, **changes: Any) -> RolloutWatch:
    sources = Sources(
        probe=changes.pop("probe", Probe()),
        log=AccessLog(str(log)) if log else None,
        counting={"envoy": changes.pop("envoy", Counter())},
        prometheus=None,
        send=changes.pop("send", None),
    )
    return RolloutWatch(plan or plan_of(), sources, changes.pop("source", "data_plane"), **changes)


def state(phase: str = ANALYSE, **changes: Any) -> State:
    begun = Rollout(plan_of()).start("run-1", {"old": 90, "new": 10}, 1000.0)
    return replace(begun, phase=phase, **changes)


def test_two_looks_see_what_came_between_them(log: Path) -> None:
    first = watch(log).look(VIEW, state(PREFLIGHT), 0)
    assert first.observation.preflight == ()
    assert first.observation.counts == {}
    log.write_bytes(line(":new_1:") + line(":old_1:") * 3 + line(""))
    cursors = first.observation.cursors
    assert cursors is not None
    second = watch(log).look(VIEW, state(cursors=cursors), 0)
    seen = second.observation
    assert (seen.routed, seen.unrouted, seen.candidate_ready) == (Routed(1, 3), 1, True)
    assert (seen.counts, seen.problems) == ({"errors": WINDOW}, {})
    assert second.facts["client"] == {"candidate": {"n": 1, "events": 0}, "baseline": {"n": 3, "events": 0}}
    assert second.facts["latency"]["baseline"]["p95"] == 5.0
    json.dumps(second.facts, allow_nan=False)


READY = {
    "both": ((), True),
    "the candidate is down": (("new",), False),
    "the baseline is down": (("old",), True),
    "both are down, which blames nobody": (("new", "old"), None),
}


@pytest.mark.parametrize(("down", "wanted"), READY.values(), ids=READY.keys())
def test_whether_the_candidate_is_ready(log: Path, down: tuple[str, ...], wanted: bool | None) -> None:
    assert watch(log, probe=Probe(*down)).look(VIEW, state(), 0).observation.candidate_ready is wanted


def test_a_source_that_cannot_be_asked_is_no_data_and_goes_on_from_where_it_was(log: Path) -> None:
    counter = Counter("Envoy is away")
    seen = watch(log, envoy=counter).look(VIEW, state(cursors={"envoy": {"n": 7}}), 0).observation
    assert (seen.counts, seen.problems) == ({}, {"errors": "Envoy is away"})
    assert seen.cursors is not None
    assert seen.cursors["envoy"] == {"n": 7}


SLOW = {"kind": "slower_than", "name": "slow", "threshold_ms": 25}


def test_a_log_that_is_gone_is_no_data_for_the_gates_that_read_it(log: Path) -> None:
    log.unlink()
    plan = plan_of(gates=[{"kind": "error_rate", "name": "errors"}, SLOW])
    cursors = {"log": {"inode": 1, "offset": 0}, "envoy": {"n": 1}}
    look = watch(log, plan).look(VIEW, state(cursors=cursors), 0)
    assert list(look.observation.counts) == ["errors"]
    assert list(look.observation.problems) == ["slow"]
    assert "cannot be read" in look.observation.problems["slow"]
    assert (look.facts["client"], look.facts["latency"]) == (None, None)


def sent(new: int, old: int, slow: int = 0) -> Probed:
    times = {"candidate": Histogram(), "baseline": Histogram()}
    for arm, count in (("candidate", new), ("baseline", old)):
        for number in range(count):
            times[arm].record(50_000 if number < slow else 1_000)
    return Probed(new + old, times)


def test_requests_of_its_own_are_counted_where_there_is_no_log(log: Path) -> None:
    assert log.exists()
    asked: list[int] = []

    def send(count: int) -> Probed:
        asked.append(count)
        return sent(3, 7)

    plan = plan_of(gates=[{"kind": "error_rate", "name": "errors"}, SLOW])
    probing = watch(None, plan, send=send, source="probe", probed=[sent(10, 90, slow=2), sent(1, 9)])
    look = probing.look(VIEW, state(), 25)
    assert asked == [25]
    assert look.observation.routed == Routed(3, 7)
    assert look.observation.counts == {
        "errors": Pair(Tally(11, 0), Tally(99, 0)),
        "slow": Pair(Tally(11, 2), Tally(99, 2)),
    }
    assert (look.facts["probes"], look.facts["synthetic"]) == (10, 110)


def refuse(_count: int) -> Probed:
    raise ServingError("There is no address.")


PREFLIGHTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all is well": ({"send": lambda _count: sent(0, 2)}, []),
    "a model is down": ({"probe": Probe("new")}, ["new is not ready"]),
    "Envoy is away": ({"envoy": Counter("Envoy is away")}, ["Envoy's statistics could not be read"]),
    "nobody answers": (
        {"send": lambda _count: sent(0, 0)},
        ["requests to ab.experiment are answered by neither model; ask every hop with playbooks/smoke_test.yml"],
    ),
    "nothing can be sent": ({"send": refuse}, ["There is no address"]),
    "Prometheus is missing": (
        {"plan": plan_of(gates=[{"kind": "error_rate"}, {"kind": "metric", "query": "up", "min": 1}])},
        ["a gate asks Prometheus; set traffic.prometheus.url"],
    ),
    "golden answers are missing": (
        {"plan": plan_of(gates=[{"kind": "error_rate"}, {"kind": "prediction_parity", "golden": "/nonexistent"}])},
        ["/nonexistent cannot be read"],
    ),
    "probes without a request": (
        {"source": "probe"},
        ["a gate counts requests of the rollout's own; set traffic.rate and traffic.request"],
    ),
}


@pytest.mark.parametrize(("changes", "wanted"), PREFLIGHTS.values(), ids=PREFLIGHTS.keys())
def test_preflight(log: Path, changes: dict[str, Any], wanted: list[str]) -> None:
    found = watch(log, **changes).look(VIEW, state(PREFLIGHT), 0).observation.preflight
    assert found is not None
    assert len(found) == len(wanted), found
    assert all(words in text for words, text in zip(wanted, found, strict=True)), found


def test_a_gate_on_the_log_wants_one() -> None:
    plan = plan_of(gates=[{"kind": "error_rate"}, SLOW])
    found = watch(None, plan).look(VIEW, state(PREFLIGHT), 0).observation.preflight
    assert found == ("a gate reads the access log; set traffic.log",)


def test_models_that_left_are_no_data(log: Path) -> None:
    look = watch(log).look(replace(VIEW, models={"old": OLD}), state(), 0)
    assert look.observation.counts == {}
    assert look.observation.preflight == ("There is no model new; declare it (known: old).",)
