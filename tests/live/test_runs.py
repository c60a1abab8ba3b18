# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that meet, and runs that are cut short."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, PLAY_SECONDS, DataPlane, experiment, wait_for
from tests.live.programs import PROGRAMS, assert_whole, counts
from tests.live.runs import Run

ROUTE = f"{EXPERIMENT}.experiment"


@pytest.fixture
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    """Return a data plane that nobody has brought up, and remove what a test makes of it."""
    plane = DataPlane(tmp_path_factory.mktemp("runs") / "plane")
    yield plane
    plane.down()


def test_two_runs_at_once(plane: DataPlane) -> None:
    for play in [run.end() for run in [Run(plane, "data_plane.yml") for _ in range(2)]]:
        assert play.status == 0, play.output
    assert_whole(plane)
    assert plane.infer(ROUTE).status == 200

    wanted = [{"experiment": EXPERIMENT, "weights": {BASELINE: each, ENHANCED: 100 - each}} for each in (0, 100)]
    for play in [run.end() for run in [Run(plane, "experiment.yml", variables=each) for each in wanted]]:
        assert play.status == 0, play.output
    # One of them was last, and all follow it.
    routes = {plane.infer(ROUTE).route for _ in range(40)}
    assert len(routes) == 1
    baseline = 100 if routes == {f":{BASELINE}_1:"} else 0
    assert plane.up(variables={"serving_experiments": [experiment(baseline, 100 - baseline)]}).changed == 0


MOMENTS = (
    "files | Write folders, settings and scripts",
    "files | Train the sample models",
    "supervisor | Start the supervisor where there is none",
    "models | Load the models of each namespace",
    "models | Route to the models, and declare the experiments",
)


def end_of_what_is_left(run: Run) -> None:
    # Ansible may miss a worker that it was about to start; that one does its task to the end, and no other.
    wait_for(run.is_gone, lambda: f"the end of {run.leftovers()}", PLAY_SECONDS)


def test_interrupted_runs_are_completed_by_the_next(plane: DataPlane) -> None:
    # Each goes on where the one before was cut short.
    for task in MOMENTS:
        run = Run(plane, "data_plane.yml")
        play = run.interrupt_at(task)
        assert play.status != 0, play.output
        end_of_what_is_left(run)
        assert all(count <= PROGRAMS[folder] for folder, count in counts(plane).items()), plane.processes()
    plane.up()
    assert plane.infer(ROUTE).status == 200
    assert_whole(plane)
    assert plane.up().changed == 0

    assert Run(plane, "reset.yml").interrupt_at("absent | Remove what the folder holds").status != 0
    plane.down()
    assert not plane.directory.exists()
    assert plane.processes() == {}
