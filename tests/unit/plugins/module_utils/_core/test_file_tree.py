# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.file_tree import Found, Step, Wanted, next_step

FILE = Wanted("/a/file", 0o600, "new")
KEPT = Wanted("/a/file", 0o600, "new", replace=False)
FOLDER = Wanted("/a", 0o700)
LINK = Wanted.link({"path": "/a/link", "target": "file"})
KEPT_LINK = Wanted.link({"path": "/a/link", "target": "file", "replace": False})
NOTHING = Wanted.nothing("/a/file")


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        pytest.param(FILE, None, Step(FILE, None, writes=True), id="a missing file is written"),
        pytest.param(FILE, Found("file", 0o600, "new"), None, id="the same file stays"),
        pytest.param(
            FILE,
            Found("file", 0o600, "old"),
            Step(FILE, Found("file", 0o600, "old"), writes=True),
            id="another content is replaced",
        ),
        pytest.param(
            FILE,
            Found("file", 0o644, "new"),
            Step(FILE, Found("file", 0o644, "new"), writes=False),
            id="another mode is set without a write",
        ),
        pytest.param(KEPT, Found("file", 0o644, "old"), None, id="a file that is not to be replaced stays"),
        pytest.param(KEPT, None, Step(KEPT, None, writes=True), id="it is written where there is none"),
        pytest.param(FOLDER, None, Step(FOLDER, None, writes=True), id="a missing folder is made"),
        pytest.param(FOLDER, Found("folder", 0o700), None, id="the same folder stays"),
        pytest.param(
            FOLDER,
            Found("folder", 0o755),
            Step(FOLDER, Found("folder", 0o755), writes=False),
            id="a folder's other mode is set",
        ),
        pytest.param(LINK, None, Step(LINK, None, writes=True), id="a missing link is made"),
        pytest.param(LINK, Found("link", 0o777, "file"), None, id="the same link stays"),
        pytest.param(
            LINK,
            Found("link", 0o777, "other"),
            Step(LINK, Found("link", 0o777, "other"), writes=True),
            id="a link to elsewhere is replaced",
        ),
        pytest.param(KEPT_LINK, Found("file", 0o755, "own"), None, id="a program stays where a link would be"),
        pytest.param(NOTHING, None, None, id="nothing stays nothing"),
        pytest.param(
            NOTHING,
            Found("file", 0o600, "old"),
            Step(NOTHING, Found("file", 0o600, "old"), writes=True),
            id="a file is removed",
        ),
    ],
)
def test_next_step(wanted: Wanted, found: Found | None, expected: Step | None) -> None:
    assert next_step(wanted, found) == expected


@pytest.mark.parametrize(
    ("wanted", "found", "message"),
    [
        pytest.param(
            FILE, Found("folder", 0o700), "/a/file is a folder and must be a file; move it away.", id="folder"
        ),
        pytest.param(FILE, Found("link", 0o777), "/a/file is a link and must be a file; move it away.", id="link"),
        pytest.param(FOLDER, Found("file", 0o600, ""), "/a is a file and must be a folder; move it away.", id="file"),
        pytest.param(
            LINK, Found("file", 0o600, ""), "/a/link is a file and must be a link; move it away.", id="no link"
        ),
        pytest.param(
            NOTHING, Found("folder", 0o700), "/a/file is a folder and must not be there; move it away.", id="a folder"
        ),
    ],
)
def test_another_kind_is_refused(wanted: Wanted, found: Found, message: str) -> None:
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        next_step(wanted, found)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"path": "a", "mode": "0600"}, "The path 'a' is relative; set an absolute one.", id="relative"),
        pytest.param(
            {"path": "/a", "mode": "384"},
            """The mode of /a is '384'; set an octal one as text, such as "0644".""",
            id="a mode that YAML read as a number",
        ),
    ],
)
def test_parse_refuses(values: dict[str, str], message: str) -> None:
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        Wanted.parse(values)


def test_a_diff_shows_content_and_modes() -> None:
    step = Step(FILE, Found("file", 0o644, "old"), writes=True)
    assert step.as_diff() == {
        "before_header": "/a/file (0644)",
        "after_header": "/a/file (0600)",
        "before": "old",
        "after": "new",
    }


def test_a_diff_hides_a_secret() -> None:
    secret = Wanted.parse({"path": "/a/file", "mode": "0600", "content": "new"}, secret=True)
    step = Step(secret, Found("file", 0o644, "old"), writes=True)
    assert (step.as_diff()["before"], step.as_diff()["after"]) == ("(a secret)\n", "(another secret)\n")


def test_a_diff_shows_what_is_removed() -> None:
    step = Step(NOTHING, Found("file", 0o644, "old"), writes=True)
    assert (step.as_diff()["after_header"], step.as_diff()["before"], step.as_diff()["after"]) == (
        *("/a/file (absent)", "old", ""),
    )
