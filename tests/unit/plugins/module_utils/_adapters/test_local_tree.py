# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.module_utils._adapters.local_tree import LocalTree
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.file_tree import Found, Step, Wanted

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_found_and_nothing_else_is_left(tmp_path: Path) -> None:
    tree = LocalTree()
    folder, file = tmp_path / "a" / "b", tmp_path / "a" / "b" / "file"
    tree.take(Step(Wanted(str(folder), 0o700), None, writes=True))
    tree.take(Step(Wanted(str(file), 0o600, "äöü\n"), None, writes=True))
    assert tree.look(str(folder)) == Found("folder", 0o700)
    assert tree.look(str(file)) == Found("file", 0o600, "äöü\n")
    assert [each.name for each in folder.iterdir()] == ["file"]


def test_a_mode_is_set_without_touching_the_content(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    file.chmod(0o644)
    LocalTree().take(Step(Wanted(str(file), 0o600, "other"), Found("file", 0o644, "kept"), writes=False))
    assert LocalTree().look(str(file)) == Found("file", 0o600, "kept")


def test_kinds(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "to-folder").symlink_to(tmp_path)
    found = {name: LocalTree().look(str(tmp_path / name)) for name in ("link", "to-folder", "nothing")}
    assert {name: each and each.kind for name, each in found.items()} == {
        "link": "link",
        "to-folder": "folder",
        "nothing": None,
    }


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "file"
    with pytest.raises(ServingError, match=r"No such file or directory\. What was there is unharmed"):
        LocalTree().take(Step(Wanted(str(missing), 0o600, "x"), None, writes=True))
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(ServingError, match="cannot be written: Is a directory"):
        LocalTree().take(Step(Wanted(str(target), 0o600, "x"), None, writes=True))
    assert [each.name for each in tmp_path.iterdir()] == ["target"]


def test_links_are_made_moved_and_removed(tmp_path: Path) -> None:
    tree, path = LocalTree(), tmp_path / "link"
    for target in ("one", "two"):
        tree.take(Step(Wanted.link({"path": str(path), "target": target}), None, writes=True))
        assert tree.look(str(path)) == Found("link", 0o777, target)
    tree.take(Step(Wanted.nothing(str(path)), Found("link", 0o777, "two"), writes=True))
    assert list(tmp_path.iterdir()) == []
