# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk, against a repository, a server and a prover that are tables: order, refusals, and the ways back."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.mlserver import Content, Model, Wanted
from plugins.module_utils._core.model_delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

A = Model("a", 1, "/models/a")
B = Model("b", 1, "/models/b")


@dataclass
class World:
    """All three doors, with one diary."""

    storage: dict[str, str] = field(default_factory=lambda: {"a": "new", "b": "new"})
    installed: dict[str, str] = field(default_factory=dict)
    unconfirmed: set[str] = field(default_factory=set)
    loaded: dict[str, str] | None = field(default_factory=dict)
    unprovable: dict[str, str] = field(default_factory=dict)
    unloadable: dict[str, str] = field(default_factory=dict)
    unready: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    diary: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        self.diary.append("lock")
        yield
        self.diary.append("unlock")

    def recover(self) -> None:
        self.diary.append("recover")

    def wanted(self, model: Model) -> Wanted | None:
        return Wanted(model, "{}", {"m": self.storage[model.name]}) if model.name in self.storage else None

    def contents(self, folders: Iterable[str]) -> dict[str, Content]:
        return {folder: {"m": self.installed[folder]} for folder in folders if folder in self.installed}

    def pending(self) -> set[str]:
        return set(self.unconfirmed)

    def models(self) -> dict[str, str]:
        return {folder: folder for folder in self.installed}

    def stage(self, wanted: Wanted) -> str:
        self.diary.append(f"stage {wanted.model.folder}")
        return wanted.model.folder

    def unstage(self) -> None:
        self.diary.append("unstage")

    def install(self, folder: str) -> None:
        self.diary.append(f"install {folder}")
        self.unconfirmed.add(folder)
        if folder in self.installed:
            self.kept[folder] = self.installed[folder]
        self.installed[folder] = "new"

    def confirm(self, folder: str) -> None:
        self.diary.append(f"confirm {folder}")
        self.unconfirmed.discard(folder)

    def give_back(self, folder: str) -> bool:
        self.diary.append(f"give back {folder}")
        del self.installed[folder]
        self.installed.update({folder: self.kept[folder]} if folder in self.kept else {})
        return folder in self.kept

    def remove(self, folder: str) -> None:
        self.diary.append(f"remove {folder}")
        del self.installed[folder]

    def states(self) -> dict[str, str] | None:
        if self.loaded is None:
            return None
        return {folder: "READY" if folder in self.loaded else "UNAVAILABLE" for folder in self.installed}

    def wait(self) -> None:
        self.diary.append("wait")
        # A server that comes up loads what it finds.
        self.loaded = dict(self.installed) if self.loaded is None else self.loaded

    def load(self, model: str) -> str:
        self.diary.append(f"load {model}")
        reason = self.unloadable.get(model, "") if self.installed.get(model) == "new" else ""
        if not reason and self.loaded is not None:
            self.loaded[model] = self.installed[model]
        return reason

    def refusal(self, model: str) -> str:
        return self.unready.get(model, "")

    def unload(self, model: str) -> None:
        self.diary.append(f"unload {model}")
        assert self.loaded is not None
        self.loaded.pop(model, None)


@dataclass
class Prover:
    world: World

    def refusal(self, path: str) -> str:
        self.world.diary.append(f"prove {path}")
        return self.world.unprovable.get(path, "")


def run(world: World, *models: Model, purge: bool = False, dry_run: bool = False) -> dict[str, Any]:
    return Delivery(world, world, Prover(world)).run(models, purge=purge, dry_run=dry_run)


def outcome(result: dict[str, Any]) -> tuple[bool, list[str], list[str], list[str]]:
    return result["changed"], result["loaded"], result["unloaded"], result["superfluous"]


def test_a_new_model_is_proven_before_it_is_installed_and_confirmed_after_it_is_loaded() -> None:
    world = World()
    assert outcome(run(world, A)) == (True, ["a_1"], [], [])
    before, after = ["stage a_1", "prove a_1", "install a_1"], ["load a_1", "confirm a_1"]
    assert world.diary == ["lock", "recover", *before, "wait", *after, "unlock"]


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(World(installed={"a_1": "new"}, loaded={"a_1": "new"}), id="server there"),
        pytest.param(World(installed={"a_1": "new"}, loaded=None), id="server still to come"),
    ],
)
def test_what_is_there_already_is_left_alone(world: World) -> None:
    assert outcome(run(world, A)) == (False, [], [], [])
    assert world.diary == ["lock", "recover", "wait", "unlock"]


def test_every_model_is_proven_before_any_is_installed() -> None:
    world = World()
    run(world, A, B)
    assert world.diary[2:8] == ["stage a_1", "prove a_1", "stage b_1", "prove b_1", "install a_1", "install b_1"]


def test_one_broken_model_changes_nothing() -> None:
    world = World(unprovable={"b_1": "EOFError: no more"})
    with pytest.raises(ServingError) as refusal:
        run(world, A, B)
    assert str(refusal.value) == (
        "MLServer cannot load b_1 from /models/b: EOFError: no more. Nothing was changed. "
        "Mend the files, or set another storage_uri."
    )
    assert refusal.value.facts == {"refused": {"b_1": "EOFError: no more"}}
    assert world.installed == {}
    assert world.diary[-1] == "unstage"


@pytest.mark.parametrize(
    ("world", "left", "words"),
    [
        pytest.param(
            World(installed={"a_1": "old"}, unloadable={"a_1": "HTTP status 500"}),
            {"a_1": "old", "b_1": "new"},
            "MLServer did not load a_1: HTTP status 500; the version before was put back.",
            id="changed",
        ),
        pytest.param(
            World(unloadable={"a_1": "HTTP status 500"}),
            {"b_1": "new"},
            "MLServer did not load a_1: HTTP status 500; its folder was taken out of the repository again.",
            id="new",
        ),
        pytest.param(
            World(installed={"a_1": "new"}, unloadable={"a_1": "HTTP status 500"}),
            {"a_1": "new", "b_1": "new"},
            "MLServer did not load a_1: HTTP status 500; its folder is the one that was there before.",
            id="there before",
        ),
    ],
)
def test_what_the_server_does_not_load_is_taken_back_and_the_others_stay(
    world: World, left: dict[str, str], words: str
) -> None:
    with pytest.raises(ServingError) as refusal:
        run(world, A, B)
    assert str(refusal.value) == f"{words} See MLServer's log for the reason."
    assert world.installed == left
    assert world.loaded is not None
    assert world.loaded["b_1"] == "new"


def test_a_model_that_does_not_get_ready_is_an_error() -> None:
    world = World(installed={"a_1": "new"}, loaded={"a_1": "new"}, unready={"a_1": "HTTP status 400"})
    with pytest.raises(ServingError, match=r"they are not ready: a_1: HTTP status 400\. See its log\.$"):
        run(world, A)


def test_a_superfluous_model_is_named_and_stays() -> None:
    world = World(installed={"a_1": "new", "b_1": "new"}, loaded={"a_1": "new", "b_1": "new"})
    assert outcome(run(world, A)) == (False, [], [], ["b_1"])
    assert "b_1" in world.installed


def test_purge_unloads_before_it_removes() -> None:
    world = World(installed={"a_1": "new", "b_1": "new"}, loaded={"a_1": "new", "b_1": "new"})
    assert outcome(run(world, A, purge=True)) == (True, [], ["b_1"], ["b_1"])
    assert world.diary[-3:] == ["unload b_1", "remove b_1", "unlock"]
    assert outcome(run(world, A, purge=True)) == (False, [], [], [])


def test_a_missing_storage_is_refused() -> None:
    with pytest.raises(
        ServingError, match=r"and there is no such folder\. Put the model's files there, or set another"
    ):
        run(World(storage={}), A)


WORLDS = [
    pytest.param({}, id="nothing there"),
    pytest.param({"loaded": None}, id="no server"),
    pytest.param(
        {"installed": {"a_1": "old", "b_1": "new"}, "loaded": {"a_1": "old", "b_1": "new"}}, id="other content"
    ),
    pytest.param({"installed": {"a_1": "new"}}, id="not loaded"),
    pytest.param({"installed": {"a_1": "new"}, "loaded": {"a_1": "new"}}, id="as wanted"),
    pytest.param({"installed": {"a_1": "new"}, "loaded": None}, id="as wanted, no server"),
]


@pytest.mark.parametrize("state", WORLDS)
@pytest.mark.parametrize("purge", [False, True], ids=["keep", "purge"])
def test_check_mode_says_what_a_run_does_and_does_nothing(state: dict[str, Any], purge: bool) -> None:
    previewed, worked_on = World(**copy.deepcopy(state)), World(**copy.deepcopy(state))
    preview = run(previewed, A, purge=purge, dry_run=True)
    assert previewed.diary == []
    assert preview.pop("warnings") == []
    assert preview == run(worked_on, A, purge=purge)


def test_check_mode_takes_a_missing_storage_for_one_to_come() -> None:
    preview = run(World(storage={}), A, dry_run=True)
    assert outcome(preview) == (True, ["a_1"], [], [])
    assert preview["warnings"] == [
        "Model 'a' has the storage_uri /models/a, and there is no such folder. Its files cannot be compared."
    ]
