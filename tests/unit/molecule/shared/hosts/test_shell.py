# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that have to work, waiting that comes to an end, and folders that are removed with care."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hosts import shell
from hosts.shell import HostError


def test_run_returns_what_was_said() -> None:
    assert shell.run("cat", given="text") == "text"


def test_run_fails_with_the_command_and_its_words() -> None:
    with pytest.raises(HostError, match=r"^sh -c 'echo no; exit 3' ended with 3: no$"):
        shell.run("sh", "-c", "echo no; exit 3")


def test_wait_gives_up_and_says_for_what() -> None:
    with pytest.raises(HostError, match=r"^Gave up after 0 s: the moon to rise\.$"):
        shell.wait(lambda: False, "the moon to rise", seconds=0.01)


def test_wait_looks_again() -> None:
    answers = iter([False, False, True])
    shell.wait(lambda: next(answers), "the third answer", seconds=5)
    assert next(answers, None) is None


def test_remove_tree(tmp_path: Path) -> None:
    (tmp_path / "folder/below").mkdir(parents=True)
    shell.remove_tree(tmp_path / "folder")
    shell.remove_tree(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["folder", "folder/below"])
def test_remove_tree_never_goes_through_a_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    (tmp_path / "folder/below").mkdir(parents=True)
    monkeypatch.setattr(shell, "mounts", lambda: [(tmp_path / place, "tmpfs"), (Path("/"), "disk")])
    with pytest.raises(HostError, match=re.escape(f"folder stays: {tmp_path / place} is mounted in it.")):
        shell.remove_tree(tmp_path / "folder")
    assert (tmp_path / "folder/below").is_dir()


def test_mounts_are_known_by_place_and_source() -> None:
    assert Path("/proc") in [place for place, _ in shell.mounts()]
    assert "proc" in [source for _, source in shell.mounts()]
