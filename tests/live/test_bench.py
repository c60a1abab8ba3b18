# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench measures a real data plane, sees what goes wrong there, and leaves nothing behind."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest

from plugins.module_utils._core.errors import ServingError
from tests.live.data_plane import BASELINE, ENHANCED, DataPlane
from tools.bench.callers import calling
from tools.bench.changes import changes, load
from tools.bench.client import post
from tools.bench.detect import detect
from tools.bench.figures import NotMeasuredError, Row
from tools.bench.hops import hops, interleaved
from tools.bench.memory import memory
from tools.bench.observer import Observer, Traffic, observing
from tools.bench.promote import promote
from tools.bench.rollouts import rollout_folder
from tools.bench.runner_memory import runner_memory
from tools.bench.section import QUICK, Bench, Place, places
from tools.bench.servers import Nginx
from tools.bench.ticks import ticks
from tools.bench.weights import moving

TINY = dataclasses.replace(QUICK, calls=60, flips=4, changes=6)


@pytest.fixture
def bench(data_plane: DataPlane, tmp_path: Path) -> Bench:
    return Bench(tmp_path, TINY, lambda _text: None, data_plane)


def weights(data_plane: DataPlane) -> dict[str, int]:
    routes = json.loads((data_plane.directory / "envoy" / "listener_0.json").read_bytes())
    (experiment,) = routes["resources"][0]["metadata"]["filter_metadata"]["modelops.serving"]["experiments"]
    return {each["name"]: each["weight"] for each in experiment["candidates"]}


def by_name(rows: tuple[Row, ...]) -> dict[str, Row]:
    return {row.name: row for row in rows}


def test_hops_in_the_order_of_the_path(bench: Bench) -> None:
    path, floor = hops(bench)
    rows = by_name(path.rows)
    assert [name for name, row in rows.items() if row.values[-1] == "60"] == [
        "MLServer",
        "Envoy + MLServer",
        "NGINX + Envoy + MLServer",
    ]
    assert rows["**added by both**"].target == "P50 ≤ 0.9 ms, P99 ≤ 2 ms"
    assert len(floor.rows) == 5
    assert weights(bench.plane) == {BASELINE: 70, ENHANCED: 30}


def test_changes_are_seen_by_version_and_by_traffic(bench: Bench) -> None:
    (table,) = changes(bench)
    rows = by_name(table.rows)
    version, whole = rows["**live by version**"], rows["a whole change, as `experiment` waits for it"]
    assert version.values[-1] == whole.values[-1] == str(TINY.flips)
    assert 0 < float(version.values[0]) < float(whole.values[0])
    assert weights(bench.plane) == {BASELINE: 70, ENHANCED: 30}


def test_load_counts_what_it_promises_to_count(bench: Bench) -> None:
    (table,) = load(bench)
    rows = by_name(table.rows)
    assert rows["changes"].values == (str(TINY.changes),)
    assert int(rows["calls meanwhile"].values[0]) > 0
    assert [row.verdict for row in table.rows if row.target.startswith("count")] == ["met"] * 4
    assert weights(bench.plane) == {BASELINE: 70, ENHANCED: 30}


def test_memory_of_every_program(bench: Bench) -> None:
    (table,) = memory(bench)
    assert [row.name for row in table.rows] == [
        "Envoy",
        "MLServer of financial-inference",
        "MLServer of financial-research",
        "NGINX, master and worker",
        "supervisor",
    ]
    assert all(float(row.values[0]) >= float(row.values[1]) > 1 for row in table.rows)


def test_failing_candidate_is_told_to_every_engine(tmp_path_factory: pytest.TempPathFactory) -> None:
    # The sockets of a data plane are in its folder, and their paths have to be short.
    folder = tmp_path_factory.mktemp("bench")
    sizes = dataclasses.replace(TINY, healthy_windows=4, harm_windows=40)
    (table,) = detect(Bench(folder, sizes, lambda _text: None))
    rows = by_name(table.rows)
    assert len(rows) == 12
    # A check of Flagger is of twenty requests here, and of each twenty one fails.
    assert rows["5 % fail: thresholds, as Flagger"].values[0] == "rolled back"
    assert rows["healthy: ours"].verdict == "met"
    assert not (folder / "failing").exists()


def test_healthy_candidate_is_promoted_and_put_back(bench: Bench) -> None:
    (table,) = promote(bench)
    whole, alone, steps, after, argo, flagger = table.rows
    assert float(whole.values[0]) >= sum(float(each.values[0]) for each in (alone, steps, after)) - 2
    assert float(alone.values[1]) < float(steps.values[1]) < float(whole.values[1])
    assert (argo.values[0], flagger.values[0]) == ("2400", "300")
    assert weights(bench.plane) == {BASELINE: 70, ENHANCED: 30}
    assert not rollout_folder(bench.plane).exists()


def test_ticks_and_memory_are_those_of_one_rollout(bench: Bench) -> None:
    calls, parts = ticks(bench)
    (memory_table,) = runner_memory(bench)
    rows = by_name(calls.rows)
    assert int(rows["**one call**"].values[-1]) >= TINY.ticks
    assert float(rows["**one call**"].values[0]) > float(rows["of that: the controller builds the module"].values[0])
    shown = by_name(parts.rows)
    assert all(float(row.values[2]) > 0 for row in shown.values())
    imports = [float(row.values[0]) for name, row in shown.items() if name.startswith("of that: imports")]
    assert sum(imports) > float(shown["**what the module does**"].values[0])
    assert all(float(row.values[0]) > 20 for row in memory_table.rows)
    assert weights(bench.plane) == {BASELINE: 70, ENHANCED: 30}
    assert not rollout_folder(bench.plane).exists()


def test_rollout_that_ends_too_soon_is_not_measured(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.bench.watched.SECONDS_PER_TICK", 0)
    monkeypatch.setattr("tools.bench.watched.SECONDS_TO_BEGIN", 0)
    with pytest.raises(NotMeasuredError, match=rf"\d of {TINY.ticks} ticks"):
        runner_memory(bench)
    assert weights(bench.plane) == {BASELINE: 70, ENHANCED: 30}


def test_target_that_fails_is_not_measured(bench: Bench) -> None:
    place = places(bench.plane)[2]
    wrong = dataclasses.replace(place, request=post("other.example", "/", b""))
    with pytest.raises(NotMeasuredError, match="answered 404"):
        interleaved([place, wrong], 1)


def test_weights_that_are_there_already_are_no_change(bench: Bench) -> None:
    with moving(bench.plane, 100, 0) as moved:
        with pytest.raises(NotMeasuredError, match="the weights were 100 to 0 already"):
            moved.move(100, 0)
        with pytest.raises(ServingError, match="all weights are 0"):
            moved.move(0, 0)


def test_place_that_nobody_answers_at_is_not_called(tmp_path: Path) -> None:
    with Nginx(tmp_path / "server") as server:
        port = server.port
    place = Place("nobody", "127.0.0.1", port, post("localhost", "/", b"{}"))
    with pytest.raises(NotMeasuredError, match=r"of \d+ calls 0 were answered"), calling(place, 20, 1):
        time.sleep(2)


# --- the observer, beside servers that go away --------------------------------------------------------------------


def traffic(port: int, **more: float) -> Traffic:
    return Traffic("127.0.0.1", port, post("localhost", "/", b"{}"), **more)  # type: ignore[arg-type]  # its times


def test_observer_keeps_its_rate(tmp_path: Path) -> None:
    with Nginx(tmp_path / "server") as server, observing(traffic(server.port, rate=200, connections=2)) as (observer,):
        observer.wait_for(lambda call: call.sent > observer.calls[0].sent + 1, since=0)
        calls = observer.end()
    # Whoever is late makes up for it, so the mean holds on a busy machine, too.
    assert 150 <= sum(call.sent <= calls[0].sent + 1 for call in calls) <= 210
    assert {(call.status, call.model, call.closed) for call in calls} == {(200, "nothing_1", False)}


def test_observer_notes_a_server_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    server = Nginx(tmp_path / "server")
    with server:
        observer = Observer(traffic(server.port, rate=200))
        observer.wait_for(lambda call: call.is_good, since=0)
    observer.wait_for(lambda call: call.closed and call.status == 0, since=0)
    with server:
        since = len(observer.calls)
        observer.wait_for(lambda call: call.is_good, since=since)
        calls = observer.end()
    assert {call.status for call in calls} == {0, 200}


def test_observer_without_a_server_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.bench.observer.PATIENCE_SECONDS", 1)
    with Nginx(tmp_path / "server") as server:
        port = server.port
    with (
        pytest.raises(NotMeasuredError, match="the call that was waited for did not come"),
        observing(traffic(port, rate=50)),
    ):
        raise AssertionError("there is nothing to observe")


def test_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with Nginx(tmp_path / "first") as first:
        second = Nginx(tmp_path / "second")
        configuration = tmp_path / "second" / "nginx.conf"
        configuration.write_text(configuration.read_text().replace("http {", "nonsense {"))
        with pytest.raises(NotMeasuredError, match=r'nginx did not start: .*unknown directive "nonsense"'), second:
            raise AssertionError("it cannot run")
        place = Place("first", "127.0.0.1", first.port, post("localhost", "/", b""))
        assert len(interleaved([place], 3)["first"]) == 3
