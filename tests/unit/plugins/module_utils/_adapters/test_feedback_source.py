# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels from a file or a URL are counted once each, and what kept them from being counted is said."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._adapters import feedback_source
from plugins.module_utils._adapters.feedback_source import FeedbackSource
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.gates import CountedGate
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.sequential import Pair, Tally
from plugins.module_utils._core.traffic import Arms, Counts
from tests.unit.model_server import served

PLACE = Endpoint("127.0.0.1", 1)
ARMS = Arms("ab", Model("new", 1, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=True)


@dataclass
class Log:
    """What is known of requests, and what was asked of it."""

    arms: dict[str, str] = field(default_factory=lambda: {"a": "candidate", "b": "baseline"})
    asked: list[set[str]] = field(default_factory=list)
    broken: bool = False

    def arms_of(self, ids: Collection[str]) -> Mapping[str, str]:
        self.asked.append(set(ids))
        if self.broken:
            raise ServingError("The access log cannot be read.")
        return {each: self.arms[each] for each in ids if each in self.arms}


@dataclass
class Reader:
    """A source that reads on, with its cursor going through JSON as it does between ticks."""

    source: FeedbackSource
    gates: list[CountedGate]
    cursor: Any = None

    def tick(self) -> Counts:
        found = self.source.counts(self.gates, ARMS, self.cursor)
        self.cursor = json.loads(json.dumps(found.cursor))
        return found


def gate(name: str = "right", **source: Any) -> CountedGate:
    return CountedGate(name, "accuracy", source=source)


def reader(log: Log, *gates: CountedGate, timeout: float = 5.0) -> Reader:
    return Reader(FeedbackSource(log.arms_of, timeout=timeout), list(gates))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text("id,label\nold,wrong\n")
    return path


def add(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def test_labels_are_counted_once(labels: Path) -> None:
    log = Log()
    found = reader(log, gate(file=str(labels)))
    # What was there before is of requests before.
    assert found.tick().pairs == {"right": Pair()}
    assert found.tick() == Counts({"right": Pair()}, {}, found.cursor)
    assert log.asked == []
    add(labels, "a,right\nb,wrong\n")
    assert found.tick().pairs == {"right": Pair(Tally(1, 0), Tally(1, 1))}
    add(labels, "a,wrong\nb,wrong\nold,wrong\n")
    assert found.tick() == Counts({"right": Pair()}, {}, found.cursor)


def test_a_label_waits_for_its_request(labels: Path) -> None:
    log = Log()
    found = reader(log, gate(file=str(labels)))
    found.tick()
    add(labels, "late,wrong\nb,right\n")
    # The other arm's label waits as well, to be compared.
    assert found.tick().pairs == {"right": Pair()}
    log.arms["late"] = "candidate"
    assert found.tick().pairs == {"right": Pair(Tally(1, 1), Tally(1, 0))}
    assert found.tick().pairs == {"right": Pair()}
    assert log.asked == [{"late", "b"}, {"late", "b"}]


def test_each_gate_reads_by_itself(labels: Path, tmp_path: Path) -> None:
    found = reader(Log(), gate("one", file=str(labels)), gate("two", file=str(tmp_path / "none")))
    first = found.tick()
    assert first.pairs == {"one": Pair()}
    assert first.problems == {
        "two": f"The labels of {tmp_path / 'none'} cannot be read: No such file or directory. Set file to one that is "
        "there."
    }
    add(labels, "a,1\nb,1\n")
    assert found.tick().pairs == {"one": Pair(Tally(1, 0), Tally(1, 0))}


def test_a_rewritten_source_is_said_until_it_is_put_right(labels: Path) -> None:
    found = reader(Log(), gate(file=str(labels)))
    found.tick()
    add(labels, "a,1\nb,1\n")
    found.tick()
    whole = labels.read_text()
    labels.write_text("id,label\nb,1\na,1\n")
    assert found.tick().problems == {
        "right": f"The labels of {labels} were rewritten: they do not begin with the 3 rows that were taken. Put those "
        "back, and only add behind them."
    }
    labels.write_text(whole)
    assert found.tick() == Counts({"right": Pair()}, {}, found.cursor)


def test_what_is_no_label_is_said_and_takes_nothing(labels: Path) -> None:
    found = reader(Log(), gate(file=str(labels)))
    found.tick()
    add(labels, "a,1\nb,perhaps\n")
    problem = found.tick().problems["right"]
    assert problem.startswith(f'The labels of {labels} cannot be used: line 4 has the label "perhaps"; set one of')
    labels.write_text(labels.read_text().replace("perhaps", "0"))
    assert found.tick().pairs == {"right": Pair(Tally(1, 0), Tally(1, 1))}


def test_a_log_that_cannot_be_read_takes_no_label(labels: Path) -> None:
    log = Log()
    found = reader(log, gate(file=str(labels)))
    found.tick()
    add(labels, "a,1\nb,1\n")
    log.broken = True
    assert found.tick().problems == {"right": "The access log cannot be read."}
    log.broken = False
    assert found.tick().pairs == {"right": Pair(Tally(1, 0), Tally(1, 0))}


def test_too_large_a_source_is_refused(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_source, "MOST_BYTES", 1 << 20)
    add(labels, "x" * (1 << 20))
    wanted = f"{labels} is larger than 1 MiB; begin a new one for this rollout."
    assert reader(Log(), gate(file=str(labels))).tick().problems == {"right": wanted}
    with served(lambda _path, _body: (200, labels.read_bytes())) as server:
        found = reader(Log(), gate(url=server.url)).tick()
        assert found.problems == {"right": f"{server.url} is larger than 1 MiB; begin a new one for this rollout."}


def test_labels_from_a_url() -> None:
    rows: list[dict[str, Any]] = []
    with served(lambda _path, _body: (200, json.dumps(rows).encode())) as server:
        found = reader(Log(), gate(url=f"{server.url}/labels?since=today"))
        found.tick()
        rows += [{"id": "a", "label": "b", "prediction": "b"}, {"id": "b", "label": "b", "prediction": "m"}]
        assert found.tick().pairs == {"right": Pair(Tally(1, 0), Tally(1, 1))}
        assert server.asked == [("/labels?since=today", b"")] * 2


def test_a_url_that_does_not_answer_is_said() -> None:
    with served(lambda _path, _body: (503, b"busy")) as server:
        assert reader(Log(), gate(url=server.url)).tick().problems == {
            "right": f"The labels of {server.url} cannot be read: HTTP Error 503: Service Unavailable. Set url to one "
            "that answers."
        }
        url = server.url
    problem = reader(Log(), gate(url=url)).tick().problems["right"]
    assert "Connection refused" in problem


SLOW = {"before its answer": {"pause": 1.0}, "with each byte": {"drip": 0.1}}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW.keys())
def test_a_slow_url_is_given_up(slow: dict[str, float]) -> None:
    started = time.monotonic()
    with served(lambda _path, _body: (200, b"id,label\n" * 9), **slow) as server:
        problem = reader(Log(), gate(url=server.url), timeout=0.3).tick().problems["right"]
        taken = time.monotonic() - started
    assert problem.startswith(f"The labels of {server.url} cannot be read: ")
    assert taken < 0.9
