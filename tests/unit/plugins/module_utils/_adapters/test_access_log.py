# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access log is read on where it was left, also after it was rotated, emptied or cut short."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from plugins.module_utils._adapters.access_log import AccessLog
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.traffic import Arms

PLACE = Endpoint("127.0.0.1", 9000)
ARMS = Arms("ab", Model("new", 1, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=False)


def line(name: str, route: str = ":new_1:") -> bytes:
    values = {
        "path": "/v2/models/old/infer",
        "status": 200,
        "upstream_time": "0.001",
        "model": "ab.experiment",
        "route": route,
        "id": name,
    }
    return json.dumps(values).encode() + b"\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "access.log"
    found.write_bytes(line("before"))
    return found


def add(path: Path, *lines: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(b"".join(lines))


def read(log: AccessLog, cursor: dict[str, int]) -> tuple[list[str], dict[str, int]]:
    entries, after = log.entries(ARMS, cursor)
    return [entry.id for entry in entries], after


def test_what_came_since_is_read_once(path: Path) -> None:
    log = AccessLog(str(path))
    cursor = log.end()
    add(path, line("one"), line("two"))
    found, cursor = read(log, cursor)
    assert found == ["one", "two"]
    assert read(log, cursor) == ([], cursor)


def test_a_line_that_is_not_whole_yet_waits(path: Path) -> None:
    log = AccessLog(str(path))
    whole = line("one")
    add(path, whole[:20])
    cursor = {**log.end(), "offset": len(line("before"))}
    found, cursor = read(log, cursor)
    assert found == []
    add(path, whole[20:])
    assert read(log, cursor)[0] == ["one"]


def test_the_rest_of_a_rotated_log_is_read_first(path: Path) -> None:
    log = AccessLog(str(path))
    cursor = log.end()
    add(path, line("late"))
    os.rename(path, path.with_name("access.log.1"))
    path.write_bytes(line("new"))
    assert read(log, cursor)[0] == ["late", "new"]


def test_a_rotated_log_that_is_gone_loses_only_its_rest(path: Path) -> None:
    log = AccessLog(str(path))
    cursor = log.end()
    kept = path.rename(path.with_name("packed.gz"))
    path.write_bytes(line("new"))
    assert kept.exists()
    assert read(log, cursor)[0] == ["new"]


def test_a_log_that_was_emptied_is_read_from_its_start(path: Path) -> None:
    log = AccessLog(str(path))
    cursor = log.end()
    path.write_bytes(b"")
    add(path, line("new"))
    assert read(log, {**cursor, "offset": cursor["offset"] + 10_000})[0] == ["new"]


def test_arms_of_requests(path: Path) -> None:
    log = AccessLog(str(path))
    cursor = log.end()
    add(path, line("one"), line("two", ":old_1:"), line("nobody", ""), line("three"))
    assert log.arms_of(ARMS, ["one", "two", "nobody", "before", "never"], cursor) == {
        "one": "candidate",
        "two": "baseline",
    }


def test_the_last_requests(path: Path) -> None:
    add(path, line("one"), line("two"))
    log = AccessLog(str(path))
    size = len(line("one")) + len(line("two"))
    assert [entry.id for _line, entry in log.recent(ARMS, 10_000)] == ["before", "one", "two"]
    # The first line of a part may begin in the middle.
    assert [entry.id for _line, entry in log.recent(ARMS, size + 5)] == ["one", "two"]


def test_a_log_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    with pytest.raises(ServingError) as refusal:
        AccessLog(str(missing)).end()
    assert str(refusal.value) == (
        f"The access log {missing} cannot be read: No such file or directory. Set log to the edge's access log."
    )
