# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where MetalLB's own programs are looked for, and which words on a wire nobody asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.metallb.arp import BROADCAST, REPLY, REQUEST, Heard
from tests.live.metallb.programs import CONTROLLER, SPEAKER, lacking


@pytest.mark.parametrize(
    ("present", "words"),
    [
        pytest.param((), f"has no {CONTROLLER} and no {SPEAKER}", id="none"),
        pytest.param((CONTROLLER,), f"has no {SPEAKER}", id="one"),
        pytest.param((CONTROLLER, SPEAKER), "", id="both"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, present: tuple[str, ...], words: str) -> None:
    for name in present:
        (tmp_path / name).touch(mode=0o755)
    assert lacking({"SERVING_ARTIFACTS": str(tmp_path)}).endswith(words)
    assert bool(lacking({"SERVING_ARTIFACTS": str(tmp_path)})) == bool(words)


def test_no_folder_is_told() -> None:
    assert "SERVING_ARTIFACTS names no folder" in lacking({})


@pytest.mark.parametrize(
    ("to", "operation", "sender", "target", "gratuitous"),
    [
        pytest.param(BROADCAST, REPLY, "192.0.2.1", "192.0.2.1", True, id="an answer to all that nobody asked for"),
        pytest.param(BROADCAST, REQUEST, "192.0.2.1", "192.0.2.1", True, id="a question for oneself"),
        pytest.param(BROADCAST, REQUEST, "192.0.2.1", "192.0.2.2", False, id="a question"),
        pytest.param("02:00:00:00:00:01", REPLY, "192.0.2.1", "192.0.2.1", False, id="an answer to one"),
    ],
)
def test_what_is_said_unasked_is_told_apart(
    to: str, operation: int, sender: str, target: str, gratuitous: bool
) -> None:
    assert Heard(0.0, to, operation, "02:00:00:00:00:02", sender, target).is_gratuitous is gratuitous
