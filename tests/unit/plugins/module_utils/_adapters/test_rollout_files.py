# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a rollout: whole files with tight modes, and a journal that stands a power cut and does not grow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._adapters import rollout_files
from plugins.module_utils._adapters.rollout_files import RolloutFiles
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.rollout_record import Holder, Lock, Record
from plugins.module_utils._core.rollout_state import Request
from tests.unit.rollout_world import World

LOCK = Lock("token", Holder("alice@one", "boot", 7, "42"), 1000.0, 40.0)
RECORD = Record(7, World().until("analyse").state, LOCK, {"name": "ab", "gates": []}, {"old": 1, "new": 2})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "rollouts" / "ab"


def lines(files: RolloutFiles) -> list[Any]:
    return [line["tick"] for line in files.journal()]


def test_a_record_comes_back_as_it_was_written_for_its_owner_alone(folder: Path) -> None:
    files = RolloutFiles(str(folder))
    assert files.record() is None
    files.write_record(RECORD)
    assert files.record() == RECORD
    files.append_journal({"tick": 1})
    files.write_requests([Request("r1", "pause", "bob@two")])
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in [folder.parent, folder, *folder.iterdir()]}
    assert modes == {
        "rollouts": "0o700",
        "ab": "0o700",
        "record.json": "0o600",
        "journal.jsonl": "0o600",
        "requests.json": "0o600",
    }


BROKEN = {
    "half written": (b'{"sequence": 7, "st', "is not whole JSON"),
    "another file": (b'{"hello": 1}', r"is no record of a rollout \(KeyError\('sequence'\)\)\. Look at the weights"),
    "empty": (b"", "is not whole JSON"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_record_is_refused_in_words(folder: Path, content: bytes, words: str) -> None:
    files = RolloutFiles(str(folder))
    files.write_record(RECORD)
    (folder / "record.json").write_bytes(content)
    with pytest.raises(ServingError, match=words):
        files.record()


def test_requests_wait_in_order_and_broken_ones_ask_for_nothing(folder: Path) -> None:
    files = RolloutFiles(str(folder))
    assert files.requests() == ()
    asked = (Request("r1", "pause", "bob@two"), Request("r2", "promote", "carol@three", full=True))
    files.write_requests(asked)
    assert files.requests() == asked
    (folder / "requests.json").write_bytes(b'{"requests": [{"id": 1}]}')
    assert files.requests() == ()


def test_a_line_that_was_cut_short_costs_itself_alone(folder: Path) -> None:
    files = RolloutFiles(str(folder))
    files.append_journal({"tick": 1})
    with (folder / "journal.jsonl").open("ab") as stream:
        stream.write(b'{"tick": 2, "ph')
    files.append_journal({"tick": 3})
    assert lines(files) == [1, 3]


def test_a_long_journal_keeps_what_happened_and_stays_small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_files, "JOURNAL_BYTES", 20_000)
    files = RolloutFiles(str(folder))
    largest = 0
    for tick in range(3000):
        window = {"routed": {"candidate": 1, "baseline": 2}, "synthetic": 3}
        files.append_journal({"tick": tick, "events": [{"name": "step"}] if tick % 500 == 0 else [], **window})
        largest = max(largest, (folder / "journal.jsonl").stat().st_size)
    assert largest < 20_200
    kept = lines(files)
    assert set(range(0, 3000, 500)) <= set(kept)
    assert kept == sorted(kept)
    assert kept[-1] == 2999
    # What was counted in a tick that is gone is in one that is left.
    assert sum(line["routed"]["baseline"] for line in files.journal()) == 6000
    assert sum(line["synthetic"] for line in files.journal()) == 9000


def test_a_new_run_forgets_ticks_and_requests_but_not_how_runs_ended(folder: Path) -> None:
    files = RolloutFiles(str(folder))
    files.append_journal({"tick": 1})
    files.write_requests([Request("r1", "pause")])
    files.append_outcome({"run": "one"})
    files.end_run()
    assert (lines(files), files.requests()) == ([], ())
    assert list(files.outcomes()) == [{"run": "one"}]


def test_the_last_hundred_outcomes_are_kept(folder: Path) -> None:
    files = RolloutFiles(str(folder))
    for number in range(120):
        files.append_outcome({"run": number})
    assert [line["run"] for line in files.outcomes()] == list(range(20, 120))


def test_a_folder_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "rollouts").write_text("a file")
    files = RolloutFiles(str(tmp_path / "rollouts" / "ab"))
    with pytest.raises(ServingError, match=r"Failed to write .*record\.json: File exists\. The old one is still"):
        files.write_record(RECORD)
    with pytest.raises(ServingError, match=r"Failed to write .*journal\.jsonl: File exists"):
        files.append_journal({"tick": 1})


def test_a_link_in_the_place_of_a_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    files = RolloutFiles(str(folder))
    files.write_record(RECORD)
    target = tmp_path / "precious"
    target.write_text("precious")
    (folder / "record.json.new").symlink_to(target)
    files.write_record(RECORD)
    (folder / "journal.jsonl").symlink_to(target)
    with pytest.raises(ServingError, match=r"journal\.jsonl"):
        files.append_journal({"tick": 1})
    assert target.read_text() == "precious"


def test_what_goes_with_the_weights_has_no_plan() -> None:
    text = json.dumps(RECORD.beside_weights)
    assert Record.from_dict(json.loads(text)).plan is None
