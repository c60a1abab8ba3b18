# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs killed while the path serves, and a model that cannot be loaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, NAMESPACES, SHADOW, DataPlane, model, wait_for
from tests.live.programs import asking, assert_whole, kill, listeners, pids

ROUTE = f"{EXPERIMENT}.experiment"
BASELINE_ROUTE, ENHANCED_ROUTE = f":{BASELINE}_1:", f":{ENHANCED}_1:"
INFERENCE, RESEARCH = (f"mlserver/{name}" for name in NAMESPACES)
# Supervisor looks once a second; the rest is the machine's other work.
SOON = 30
BROKEN = "broken-predictor"


def is_served(plane: DataPlane, name: str = ROUTE, route: str | None = None) -> bool:
    return plane.infer(name, route=route).status == 200


def comes_back(plane: DataPlane, folder: str, killed: set[int]) -> None:
    """Wait until other processes do the work of those there were, and these are gone."""
    wait_for(lambda: pids(plane).get(folder, killed).isdisjoint(killed), f"{folder} runs again", SOON)


def test_envoy_comes_back_with_the_last_routes(data_plane: DataPlane) -> None:
    data_plane.declare(0, 100)
    try:
        with asking(lambda: data_plane.infer(ROUTE)) as statuses:
            killed = kill(data_plane, "envoy")
            comes_back(data_plane, "envoy", killed)
            wait_for(lambda: is_served(data_plane), "Envoy routes again", SOON)
        assert 404 not in statuses, "Envoy never answers before it has its routes"
        assert set(statuses) <= {200, 502}
        # The inventory says 70 to 30.
        assert {data_plane.infer(ROUTE).route for _ in range(40)} == {ENHANCED_ROUTE}
        assert_whole(data_plane)
    finally:
        data_plane.declare(70, 30)


def test_other_namespaces_answer_while_an_mlserver_is_away(data_plane: DataPlane) -> None:
    with (
        asking(lambda: data_plane.infer(ROUTE, route=BASELINE_ROUTE)) as others,
        asking(lambda: data_plane.infer(ENHANCED)) as its_own,
    ):
        killed = kill(data_plane, RESEARCH)
        comes_back(data_plane, RESEARCH, killed)
        for name in (ENHANCED, SHADOW):
            wait_for(partial(is_served, data_plane, name), f"{name} answers again")
    assert len(others) > 20
    assert set(others) == {200}
    assert {status // 100 for status in its_own} <= {2, 5}, "retried or failed, and never without a route"
    assert_whole(data_plane)


def test_nginx_leaves_no_orphan_when_its_master_is_killed(data_plane: DataPlane) -> None:
    killed = kill(data_plane, "nginx")
    # The worker is gone as well: an orphan would keep the ports, and the configuration of its time.
    comes_back(data_plane, "nginx", killed)
    wait_for(lambda: is_served(data_plane), "NGINX answers again", SOON)
    assert_whole(data_plane)
    assert data_plane.up().changed == 0


def test_killed_supervisor_leaves_nothing_twice(data_plane: DataPlane) -> None:
    before = pids(data_plane)
    kill(data_plane, "supervisor")
    wait_for(lambda: "supervisor" not in pids(data_plane), "the supervisor is gone", SOON)
    assert is_served(data_plane), "its programs live on"
    data_plane.up()
    assert_whole(data_plane)
    after = pids(data_plane)
    assert all(before[folder].isdisjoint(after[folder]) for folder in before), "what nobody watches is not kept"


@pytest.fixture
def broken(data_plane: DataPlane) -> Iterator[Path]:
    """Return the folder of a model whose file is cut short."""
    samples = data_plane.directory / "samples"
    folder = samples / BROKEN
    shutil.copytree(samples / ENHANCED, folder)
    os.truncate(folder / "model.joblib", 100)
    yield folder
    data_plane.up()
    shutil.rmtree(folder)


def test_broken_model_is_named_and_the_others_serve_on(data_plane: DataPlane, broken: Path) -> None:
    wanted = {"serving_models": [*data_plane.variables["serving_models"], model(BROKEN, NAMESPACES[1], BROKEN)]}
    before = pids(data_plane)
    with asking(lambda: data_plane.infer(ENHANCED), pause=0.1) as statuses:
        play = data_plane.play("data_plane.yml", variables=wanted)
    assert play.status != 0
    assert f"MLServer cannot load {BROKEN}_1 from {broken}: _pickle.UnpicklingError: pickle exhausted" in play.output
    assert set(statuses) == {200}
    assert pids(data_plane) == before
    assert data_plane.infer(BROKEN).status == 404

    # An MLServer that starts with a broken model in its folder ends at once.
    killed = kill(data_plane, RESEARCH)
    comes_back(data_plane, RESEARCH, killed)
    wait_for(lambda: is_served(data_plane, ENHANCED), "the good models answer again")

    shutil.copy2(broken.parent / ENHANCED / "model.joblib", broken / "model.joblib")
    data_plane.up(variables=wanted)
    assert is_served(data_plane, BROKEN)
    assert set(listeners(data_plane).values()) == {1}
