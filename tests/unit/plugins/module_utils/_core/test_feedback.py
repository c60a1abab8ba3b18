# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels are read in each format, no id counts twice, and what is no label is refused by its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.module_utils._core import feedback
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.feedback import MOST_ALONE, Row, Taken, parse_rows, tally
from plugins.module_utils._core.sequential import Pair, Tally

TWO = (Row(0, "a", True), Row(1, "b", False))

FORMATS = {
    "CSV": b"id,label\na,true\nb,false\n",
    "CSV with other columns": b"when,ID, label ,by\n1,a,Yes,me\n2,b,NO,you\n",
    "CSV from Windows": b"\xef\xbb\xbfid,label\r\na,right\r\n\r\nb,wrong\r\n",
    "CSV with a prediction": b"id,label,prediction\na,benign,benign\nb,benign,malignant\n",
    "CSV with quotation marks": b'id,note,label\na,"so,\nso",1\nb,"",0\n',
    "CSV whose last line is not whole yet": b"id,label\na,1\nb,0\nc,",
    "CSV whose last letter is not whole yet": b"id,label\na,1\nb,0\n\xc3",
    "a list": b'[{"id": "a", "label": true}, {"id": "b", "label": 0}]',
    "a list with a prediction": b' [{"id": "a", "label": 1, "prediction": "1.0"},'
    b'{"id": "b", "label": 1, "prediction": 0}]',
    "lines": b'{"id": "a", "label": "correct"}\n\n{"id": "b", "label": "incorrect"}\n',
    "lines with and without a prediction": b'{"id": "a", "label": 2, "prediction": 2}\n{"id": "b", "label": false}\n',
    "lines of which the last is not whole yet": b'{"id": "a", "label": 1}\n{"id": "b", "label": 0}\n{"id": "c", ',
}


@pytest.mark.parametrize("content", FORMATS.values(), ids=FORMATS.keys())
def test_formats(content: bytes) -> None:
    assert parse_rows(content) == TWO


NO_ROWS = {
    "nothing": b"",
    "a blank": b"\n",
    "a header": b"id,label\n",
    "half a header": b"id,la",
    "an empty list": b"[]",
}


@pytest.mark.parametrize("content", NO_ROWS.values(), ids=NO_ROWS.keys())
def test_no_label_yet(content: bytes) -> None:
    assert parse_rows(content) == ()


CLASSES = {
    "numbers": (1, 1.0, True),
    "a number and a text": ("1", 1, True),
    "truth values": (True, "true", True),
    "texts": ("benign", " benign ", True),
    "capitals": ("Benign", "benign", False),
    "a number and a truth value": (1, True, False),
    "what is no number": ("nan", "nan", True),
}


@pytest.mark.parametrize(("label", "prediction", "right"), CLASSES.values(), ids=CLASSES.keys())
def test_a_prediction_is_right_when_it_is_the_label(label: object, prediction: object, right: bool) -> None:
    content = json.dumps([{"id": "a", "label": label, "prediction": prediction}]).encode()
    assert parse_rows(content) == (Row(0, "a", right),)


REFUSED = {
    "no text": (b"id,label\n\xff,1\n", "it is no UTF-8 text ("),
    "prose": (b"hello\n", 'it begins with "hello", and that is neither JSON nor a CSV header with id and label'),
    "rows without a header": (b"a,1\nb,0\n", 'it begins with "a,1", and that is neither JSON nor a CSV header'),
    "a field too many": (b"id,label\na,1\nb,0,x\n", "line 3 has 3 fields, and the header has 2"),
    "an open quotation": (b'id,label\na,"1\n', "line 3 is no CSV (unexpected end of data)"),
    "another word": (
        b"id,label\na,1\nb,maybe\n",
        'line 3 has the label "maybe"; set one of true, 1, right, correct, yes, false, 0, wrong, incorrect, no, or add',
    ),
    "no id": (b"id,label\n,1\n", 'line 2 has the id ""; set id to an x-request-id, and a label'),
    "no label": (b'[{"id": "a", "label": 1}, {"id": "b"}]', "entry 2 has the label null; set id to"),
    "no prediction": (b"id,label,prediction\na,1,\n", 'line 2 has the prediction ""; set id to'),
    "a list as a label": (b'[{"id": "a", "label": [1]}]', "entry 1 has the label [1]; set id to"),
    "half a list": (b'[{"id": "a"', "it is no JSON ("),
    "a list of texts": (b'["a"]', 'entry 1 is "a", and not an object with id and label'),
    "lines that are none": (b'{"id": "a", "label": 1}\n{"id": \n', "line 2 is no JSON ("),
    "lines of lists": (b'{"id": "a", "label": 1}\n[]\n', "line 2 is [], and not an object with id and label"),
}


@pytest.mark.parametrize(("content", "wanted"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_label_is_refused(content: bytes, wanted: str) -> None:
    with pytest.raises(ServingError) as refused:
        parse_rows(content)
    assert str(refused.value).startswith(wanted)


ARMS = {"a": "candidate", "b": "candidate", "c": "baseline", "x": "another"}


def rows(*labels: tuple[str, bool]) -> tuple[Row, ...]:
    return tuple(Row(number, *label) for number, label in enumerate(labels))


def test_tally() -> None:
    found = rows(("a", True), ("b", False), ("c", True), ("d", True), ("x", True))
    joined = tally(found, ARMS)
    assert joined.pair == Pair(Tally(2, 1), Tally(1, 0))
    assert (joined.known, joined.unknown) == (found[:3], found[3:])
    assert not joined.waits


def test_the_first_label_of_an_id_counts() -> None:
    before = rows(("a", True))
    later = rows(("a", True), ("a", False), ("b", False), ("b", True))
    assert Taken.of(before).open(later) == [later[2]]


def test_labels_of_one_arm_wait_for_the_other() -> None:
    one, both = rows(("a", True)), rows(("a", True), ("c", False))
    taken = Taken.of(()).after(one, tally(one, ARMS))
    assert taken.waiting == (0,)
    joined = tally(taken.open(both), ARMS)
    assert joined.pair == Pair(Tally(1, 0), Tally(1, 1))
    assert taken.after(both, joined).waiting == ()


def test_many_labels_of_one_arm_are_taken_as_they_are() -> None:
    many = rows(*((str(number), True) for number in range(MOST_ALONE)))
    arms = {row.id: "candidate" for row in many}
    assert tally(many[1:], arms).waits
    assert not tally(many, arms).waits
    assert Taken.of(()).after(many, tally(many, arms)).waiting == ()


def test_the_newest_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "MOST_WAITING", 2)
    found = rows(("p", True), ("q", True), ("r", True))
    assert Taken.of(found, reversed(found)).waiting == (1, 2)


CHANGES: dict[str, tuple[tuple[Row, ...], bool]] = {
    "nothing": (rows(("a", True), ("b", False)), True),
    "rows behind": (rows(("a", True), ("b", False), ("c", True)), True),
    "a row less": (rows(("a", True)), False),
    "another label": (rows(("a", False), ("b", False), ("c", True)), False),
    "a row before": (rows(("c", True), ("a", True), ("b", False)), False),
}


@pytest.mark.parametrize(("later", "same"), CHANGES.values(), ids=CHANGES.keys())
def test_a_rewritten_source_is_noticed(later: tuple[Row, ...], same: bool) -> None:
    taken = Taken.from_dict(json.loads(json.dumps(Taken.of(TWO).as_dict())))
    assert taken.is_start_of(later) is same


# Few ids, so that many rows are of the same one.
LABELS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=40)
KNOWN = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["candidate", "baseline"]))


@settings(max_examples=200, deadline=None)
@given(LABELS, st.lists(st.tuples(st.integers(0, 40), KNOWN), max_size=6), KNOWN)
def test_no_id_counts_twice_however_the_rows_come(
    labels: list[tuple[str, bool]], ticks: list[tuple[int, dict[str, str]]], finally_known: dict[str, str]
) -> None:
    """Rows come in pieces, and so does what is known of their requests; what one tick took, no other one takes."""
    source = rows(*labels)
    taken, total, arms = Taken.of(()), Pair(), dict[str, str]()
    counted: list[str] = []
    ends = sorted(min(end, len(source)) for end, _known in ticks)
    known = [each for _end, each in ticks]
    for end, more in [*zip(ends, known, strict=True), (len(source), finally_known), (len(source), {})]:
        # An arm that is known stays what it is.
        arms = {**more, **arms}
        joined = tally(taken.open(source[:end]), arms)
        assert taken.is_start_of(source[:end])
        taken = Taken.from_dict(json.loads(json.dumps(taken.after(source[:end], joined).as_dict())))
        if not joined.waits:
            total += joined.pair
            counted += [row.id for row in joined.known]
    waiting = [source[number].id for number in taken.waiting]
    assert len(counted) == len(set(counted))
    assert not set(counted) & set(waiting)
    assert {*counted, *waiting} == {row.id for row in source}
    assert total.candidate.n + total.baseline.n == len(counted)
    first: dict[str, Any] = {}
    for row in source:
        first.setdefault(row.id, row.is_right)
    assert total.candidate.events + total.baseline.events == sum(not first[each] for each in counted)
