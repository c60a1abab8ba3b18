# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A data plane from its first run to its last, beside another one that must not notice."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, NAMESPACES, SHADOW, DataPlane, Play, model, wait_for
from tests.live.programs import asking, assert_whole, listeners, pids

ROUTE = f"{EXPERIMENT}.experiment"
# What only a run can tell: commands, and files that need a folder or a key that nobody has made yet.
UNFORESEEN = {
    "certificate | Make the key",
    "certificate | Sign it with its own key",
    "files | Train the sample models",
    "supervisor | Start the supervisor where there is none",
}
UNFORESEEN_END = "absent | End the supervisor, its programs, and what earlier ones left behind"
TRIAL = "financial-trial"


@dataclass(frozen=True)
class Story:
    """A data plane that is up, and what its first runs said."""

    plane: DataPlane
    check: Play
    made_by_check: list[Path]
    first: Play


def changed_tasks(play: Play) -> set[str]:
    """Return the names of the tasks that changed something."""
    parts = re.split(r"^TASK \[[^]]* : (.*)\] \**$", play.output, flags=re.MULTILINE)[1:]
    return {name for name, said in zip(parts[::2], parts[1::2], strict=True) if re.search("^changed:", said, re.M)}


@pytest.fixture(scope="module")
def story(data_plane: DataPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Bring a second data plane up, after a run that only checks."""
    plane = DataPlane(tmp_path_factory.mktemp("lifecycle") / "plane")
    check = plane.play("site.yml", "--check")
    made = [path for path in plane.directory.parent.iterdir() if path.name != "collections"]
    yield Story(plane, check, made, plane.up())
    plane.down()


@pytest.fixture(scope="module")
def neighbour(data_plane: DataPlane) -> dict[str, set[int]]:
    """Return the processes of the other data plane, as they were before this one was made."""
    return pids(data_plane)


@pytest.fixture
def plane(neighbour: dict[str, set[int]], story: Story) -> DataPlane:
    return story.plane


def test_check_before_the_first_run_tells_what_it_changes_and_makes_nothing(story: Story) -> None:
    assert story.check.status == 0, story.check.output
    assert story.made_by_check == []
    assert changed_tasks(story.first) - changed_tasks(story.check) == UNFORESEEN
    assert changed_tasks(story.check) <= changed_tasks(story.first)


def test_second_run_changes_and_restarts_nothing(plane: DataPlane) -> None:
    before = pids(plane)
    assert plane.up().changed == 0
    assert pids(plane) == before


SETTINGS = {
    "read timeout": ({"data_plane_read_timeout": 61}, "nginx"),
    "Envoy's threads": ({"data_plane_envoy_concurrency": 2}, "envoy"),
}


@pytest.mark.parametrize(("variables", "program"), SETTINGS.values(), ids=SETTINGS.keys())
def test_setting_restarts_what_it_concerns(plane: DataPlane, variables: dict[str, Any], program: str) -> None:
    before = pids(plane)
    plane.variables.update(variables)
    assert plane.up().changed > 0
    after = pids(plane)
    assert before.pop(program).isdisjoint(after.pop(program))
    assert after == before
    assert plane.infer(ROUTE).status == 200


def test_ports_move_and_the_old_ones_are_free(plane: DataPlane) -> None:
    old = DataPlane(plane.directory, dict(plane.variables))
    plane.variables.update(
        {name: value for name, value in DataPlane(plane.directory).variables.items() if name.endswith("_port")}
    )
    plane.up()
    assert plane.infer(ROUTE).status == 200
    assert_whole(plane)
    assert set(listeners(old).values()) == {0}, listeners(old)


def test_second_version_takes_over_without_a_failed_request(plane: DataPlane) -> None:
    before = pids(plane)
    wanted = [model(BASELINE, NAMESPACES[0], BASELINE), model(ENHANCED, NAMESPACES[1], ENHANCED, version=2)]
    plane.variables["serving_models"] = [*wanted, model(SHADOW, NAMESPACES[1], ENHANCED)]
    with asking(lambda: plane.infer(ENHANCED)) as own, asking(lambda: plane.infer(ROUTE)) as split:
        plane.up()
    assert min(len(own), len(split)) > 50
    assert set(own) | set(split) == {200}
    assert plane.infer(ENHANCED).model == f"{ENHANCED}_2"
    folders = {path.name for path in (plane.directory / "mlserver" / NAMESPACES[1]).iterdir() if path.is_dir()}
    assert folders == {f"{ENHANCED}_2", f"{SHADOW}_1"}
    gone = plane.call(f"/v2/models/{ENHANCED}_1/ready", port="data_plane_mlserver_http_port", address="127.0.0.1")
    assert gone.status == 404
    assert pids(plane) == before


@contextmanager
def statuses_of(plane: DataPlane, name: str) -> Iterator[list[int]]:
    """Call a model again and again, and note the statuses as they come."""
    seen: list[int] = []
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            seen.append(plane.infer(name).status)
            over.wait(0.02)

    caller = threading.Thread(target=call)
    caller.start()
    try:
        yield seen
    finally:
        over.set()
        caller.join()


def test_namespace_comes_and_goes(plane: DataPlane) -> None:
    before = pids(plane)
    spaces, models = plane.variables["serving_namespaces"], plane.variables["serving_models"]
    more = {
        "serving_namespaces": [*spaces, {"name": TRIAL}],
        "serving_models": [*models, model("trial-predictor", TRIAL, BASELINE)],
    }
    plane.up(variables=more)
    with_trial = pids(plane)
    assert plane.infer("trial-predictor").model == "trial-predictor_1"
    assert len(with_trial.pop(f"mlserver/{TRIAL}")) == 1
    assert with_trial == before

    with statuses_of(plane, "trial-predictor") as seen:
        plane.up()
        wait_for(lambda: seen[-1:] == [404], "the end of the routes")
    # Callers are answered until no route leads to the server, and only then it ends.
    assert set(seen) == {200, 404}
    assert plane.infer("trial-predictor").status == 404
    assert pids(plane) == before
    assert set(listeners(DataPlane(plane.directory, {**plane.variables, **more})).values()) == {0, 1}
    assert_whole(plane)


def test_experiment_ends(plane: DataPlane) -> None:
    end = {"experiment": EXPERIMENT, "state": "absent"}
    play = plane.play("experiment.yml", variables=end)
    assert (play.status, play.changed) == (0, 1), play.output
    assert plane.infer(ROUTE).status == 404
    assert {plane.infer(BASELINE).model for _ in range(40)} == {f"{BASELINE}_1"}
    again = plane.play("experiment.yml", variables=end)
    assert (again.status, again.changed) == (0, 0), again.output


def test_absent_leaves_nothing_and_the_neighbour_alone(
    plane: DataPlane, data_plane: DataPlane, neighbour: dict[str, set[int]]
) -> None:
    check = plane.play("reset.yml", "--check")
    assert check.status == 0, check.output
    assert plane.infer(BASELINE).status == 200, "a check ends nothing"

    down = plane.down()
    assert changed_tasks(down) - changed_tasks(check) == {UNFORESEEN_END}
    assert changed_tasks(check) <= changed_tasks(down)
    assert plane.processes() == {}
    assert not plane.directory.exists()
    assert set(listeners(plane).values()) == {0}
    assert plane.down().changed == 0

    assert pids(data_plane) == neighbour
    assert data_plane.infer(ROUTE).status == 200


@dataclass(frozen=True)
class Stranger:
    """A folder of somebody else, by its name, and perhaps the link by which it is called."""

    name: str
    link: str = ""


STRANGERS = {
    "a plain folder": Stranger("home"),
    "a folder with a plus in its name": Stranger("c++"),
    "a link to a folder": Stranger("home", link="link"),
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
def test_absent_refuses_a_folder_that_is_no_data_plane(stranger: Stranger, tmp_path: Path) -> None:
    folder = tmp_path / stranger.name
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    if stranger.link:
        (tmp_path / stranger.link).symlink_to(folder)
    play = DataPlane(tmp_path / (stranger.link or stranger.name)).play("reset.yml")
    assert play.status != 0
    assert "Nothing was removed." in play.output
    assert "is not a data plane; set data_plane_directory" in " ".join(play.output.split())
    assert (folder / "thesis.tex").read_text() == "years of work"
