# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's own sums: percentiles, verdicts, tables, slopes, and which answers a change of weights allows."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from plugins.module_utils._core.sequential import Pair, Tally
from tools.bench import __main__ as bench
from tools.bench.bring_up import Run
from tools.bench.callers import Called
from tools.bench.calls import Call as ModuleCall
from tools.bench.client import Connection, post
from tools.bench.detect import TITLES, Seen, decided, engine_rows
from tools.bench.figures import Check, NotMeasuredError, Row, Table, added_row, markdown, percentile, times_row
from tools.bench.memory import held
from tools.bench.parts import timing
from tools.bench.promote import Stage, planned, stages
from tools.bench.routing import Call, Move, first_answer, last_sent, misrouted
from tools.bench.runner_memory import Slope, memory_row
from tools.bench.section import QUICK, Bench, Sizes
from tools.bench.ticks import ANSIBLE, OTHERS, OURS, import_seconds
from tools.bench.ticks import row as milliseconds_row
from tools.simulate.engines import Outcome

A, B = ":a_1:", ":b_1:"

# --- percentiles --------------------------------------------------------------------------------------------------

PERCENTILES: dict[str, tuple[Sequence[float], float, float]] = {
    "one sample": ([7.0], 0.99, 7.0),
    "the middle of an odd number": ([3.0, 1.0, 2.0], 0.5, 2.0),
    "the lower middle of an even number": ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0),
    "P99 of a hundred is the last but one": (list(range(1, 101)), 0.99, 99),
    "P7 of a hundred, where 0.07 * 100 is more than 7": (list(range(1, 101)), 0.07, 7),
    "the smallest": ([5.0, 4.0], 0.0, 4.0),
    "the largest": ([5.0, 4.0], 1.0, 5.0),
}


@pytest.mark.parametrize(("samples", "quantile", "expected"), PERCENTILES.values(), ids=PERCENTILES.keys())
def test_percentile(samples: Sequence[float], quantile: float, expected: float) -> None:
    assert percentile(samples, quantile) == expected


def test_percentile_covers_its_share_and_no_more_than_needed() -> None:
    numbers = random.Random(1)
    for _ in range(300):
        samples = [numbers.choice((1.0, 2.0, numbers.random())) for _ in range(numbers.randint(1, 60))]
        quantile = numbers.random()
        found = percentile(samples, quantile)
        assert sum(each <= found for each in samples) >= quantile * len(samples) - 1e-6
        assert sum(each < found for each in samples) < quantile * len(samples) + 1e-6 or found == min(samples)


def test_percentile_of_nothing() -> None:
    with pytest.raises(NotMeasuredError, match="there is no sample to take a percentile of"):
        percentile([], 0.5)


# --- verdicts and tables ------------------------------------------------------------------------------------------

FAST, SLOW = Check("P50", 0.5, 0.9, "ms"), Check("P99", 2.5, 2.0, "ms")
VERDICTS: dict[str, tuple[tuple[Check, ...], str, str]] = {
    "no target": ((), "", ""),
    "met": ((FAST,), "P50 ≤ 0.9 ms", "met"),
    "at its limit": ((Check("count", 0, 0),), "count ≤ 0", "met"),
    "one of two is missed": ((FAST, SLOW), "P50 ≤ 0.9 ms, P99 ≤ 2 ms", "missed: P99"),
    "at least, and it is": ((Check("share", 0.5, 0.5, at_least=True),), "share ≥ 0.5", "met"),
    "at least, and it is not": ((Check("share", 0.49, 0.5, at_least=True),), "share ≥ 0.5", "missed: share"),
    "no number": ((Check("P50", float("nan"), 1.0),), "P50 ≤ 1", "missed: P50"),
}


@pytest.mark.parametrize(("checks", "target", "verdict"), VERDICTS.values(), ids=VERDICTS.keys())
def test_verdict(checks: tuple[Check, ...], target: str, verdict: str) -> None:
    row = Row("row", (), checks)
    assert (row.target, row.verdict) == (target, verdict)


def test_times_are_shown_and_judged_in_milliseconds() -> None:
    row = times_row("calls", [index / 1000 for index in range(1, 101)], P50=49, P99=99)
    assert row.values == ("50.00", "95.00", "99.00", "100")
    assert (row.target, row.verdict) == ("P50 ≤ 49 ms, P99 ≤ 99 ms", "missed: P50")


def test_what_is_added_is_the_difference_of_the_percentiles() -> None:
    row = added_row("added", [0.004] * 98 + [0.001] * 2, [0.001] * 90 + [0.005] * 10, P50=3, P99=-2)
    assert row.values == ("+3.00", "-1.00", "-1.00", "")
    assert row.verdict == "missed: P99"


@pytest.mark.parametrize(("load", "remark"), [(2.0, "met"), (2.1, "met · load 2.1 on 2 cores")])
def test_table_says_when_there_was_more_to_do_than_cores(load: float, remark: str) -> None:
    rows = (Row("a | b", ("1",), (Check("count", 0, 0),)), Row("plain", ("2",)))
    lines = markdown(Table("Title", "Text.", ("Measured",), rows, load), cores=2).splitlines()
    assert lines[:3] == ["### Title", "", "Text."]
    assert lines[4:7] == [
        "|  | Measured | Target | Verdict |",
        "| --- | --- | --- | --- |",
        rf"| a \| b | 1 | count ≤ 0 | {remark} |",
    ]
    assert lines[7].startswith("| plain | 2 |")
    assert {line.replace(r"\|", "").count("|") for line in lines[4:8]} == {5}


# --- who may answer while weights change --------------------------------------------------------------------------

FIRST = {A: 100, B: 0}
# In force: A until 10..11, B until 20..21, both from then on.
MOVES = (Move(10, 10.5, 11, {A: 0, B: 100}), Move(20, 20.5, 21, {A: 70, B: 30}))


def call(sent: float, over: float, route: str, *, status: int = 200, model: str = "") -> Call:
    return Call(sent, over, status, route, model or route.strip(":"), closed=False)


ROUTED: dict[str, tuple[Call, bool]] = {
    "before the first change, a candidate with weight": (call(1, 2, A), False),
    "before the first change, one without": (call(1, 2, B), True),
    "over before the rename": (call(9, 9.9, B), True),
    "over after the rename, by the new one": (call(9, 10.1, B), False),
    "over after the rename, by the old one": (call(9, 10.1, A), False),
    "sent before the confirmation, by the old one": (call(10.9, 12, A), False),
    "sent after the confirmation, by the old one": (call(11.1, 12, A), True),
    "sent after the confirmation, by the new one": (call(11.1, 12, B), False),
    "across two changes, by the one that both switch on": (call(10.9, 20.1, A), False),
    "after the last change": (call(22, 23, A), False),
    "a route that is none": (call(22, 23, ":c_1:"), True),
    "no route": (call(22, 23, ""), True),
    "a failed call went nowhere": (call(11.1, 12, A, status=503), False),
}


@pytest.mark.parametrize(("made", "wrong"), ROUTED.values(), ids=ROUTED.keys())
def test_misrouted(made: Call, wrong: bool) -> None:
    assert misrouted(FIRST, MOVES, [made]) == ([made] if wrong else [])


NAMES: dict[str, tuple[Call, bool]] = {
    "the same": (call(1, 2, A), False),
    "another model": (call(1, 2, A, model="b_1"), True),
    "another version": (call(1, 2, A, model="a_2"), True),
    "no answer says nothing": (call(1, 2, "", status=0), False),
}


@pytest.mark.parametrize(("made", "disagrees"), NAMES.values(), ids=NAMES.keys())
def test_header_and_body_name_the_same_model(made: Call, disagrees: bool) -> None:
    assert made.names_another == disagrees


def test_first_answer_and_last_call_count_from_the_rename() -> None:
    calls = [
        call(9, 9.5, A),
        call(9.8, 10.25, A),
        call(10.25, 10.5, A),
        call(10.5, 10.75, B, status=503),
        call(10.75, 11.5, B),
        call(11.5, 12, B),
        call(20.5, 20.75, A),
    ]
    assert first_answer(MOVES[0], B, calls) == 1.5
    assert first_answer(MOVES[0], ":c_1:", calls) is None
    assert last_sent(MOVES[0], A, calls, until=20) == 0.25
    assert last_sent(MOVES[0], A, calls, until=10.25) == 0


# --- the client ---------------------------------------------------------------------------------------------------


@contextmanager
def answering(*parts: bytes) -> Iterator[int]:
    """Answer one request with these parts, one packet each, and close the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection = server.accept()[0]
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.recv(65536)
                for part in parts:
                    connection.sendall(part)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nX-Seldon-Route: :a_1:\r\nContent-Length: 4\r\n"


@pytest.mark.parametrize(
    ("parts", "closes"),
    [
        ((HEAD + b"\r\nbody",), False),
        ((HEAD[:30], HEAD[30:] + b"\r", b"\nbo", b"dy"), False),
        ((HEAD + b"Connection: close\r\n\r\nbody",), True),
    ],
    ids=["in one piece", "in pieces", "and the end of the connection"],
)
def test_client_reads_an_answer_to_its_end(parts: tuple[bytes, ...], closes: bool) -> None:
    with answering(*parts) as port, Connection("127.0.0.1", port) as connection:
        reply = connection.ask(post("host", "/", b"{}", seldon_model="a"))
    assert (reply.status, reply.headers["x-seldon-route"], reply.body, reply.closes) == (200, A, b"body", closes)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((), "the other side closed the connection"),
        ((HEAD + b"\r\nbo",), "the other side closed the connection"),
        ((b"HTTP/1.1 200 OK\r\n\r\n",), "an answer without Content-Length: HTTP/1.1 200 OK"),
    ],
    ids=["nothing", "half a body", "no length"],
)
def test_client_raises_where_there_is_no_whole_answer(parts: tuple[bytes, ...], words: str) -> None:
    with answering(*parts) as port, Connection("127.0.0.1", port) as connection, pytest.raises(OSError, match=words):
        connection.ask(post("host", "/", b""))


def test_request_has_the_header_by_its_real_name() -> None:
    head, _, body = post("ml-api.local", "/v2", b"{}", seldon_model="a").decode().partition("\r\n\r\n")
    assert head.splitlines()[0] == "POST /v2 HTTP/1.1"
    assert {"Host: ml-api.local", "Content-Length: 2", "seldon-model: a"} <= set(head.splitlines())
    assert body == "{}"


# --- make up ------------------------------------------------------------------------------------------------------

RECAP = """
localhost                  : ok=23   changed=1    unreachable=0    failed=0    skipped=14   rescued=0    ignored=0

TASKS RECAP ****
modelops.serving.data_plane : smoke_test | Ask every hop --------------- 14.87s
modelops.serving.data_plane : files | Write NGINX's configuration ------- 2.82s
"""


@pytest.mark.parametrize(
    ("output", "values"),
    [(RECAP, ("20.0", "5.1", "1")), ("localhost : ok=1 changed=2\nlocalhost : changed=3", ("20.0", "20.0", "5"))],
    ids=["with a smoke test", "without one"],
)
def test_smoke_test_is_taken_off(output: str, values: tuple[str, ...]) -> None:
    assert Run.parse(20.0, output).row("a run").values == values


# --- a candidate that fails ---------------------------------------------------------------------------------------

WINDOW = 100
HEALTHY_BEFORE = [Pair(Tally(), Tally(WINDOW, 0))] * 20


def windows(failed: Sequence[int]) -> Iterator[Seen]:
    """Return windows of a second, with so many failures of the candidate each."""
    for second, count in enumerate(failed, start=1):
        yield Seen(Pair(Tally(WINDOW, count), Tally(WINDOW, 0)), float(second))


def decide(failed: Sequence[int]) -> tuple[list[Seen], dict[str, Any]]:
    return decided(windows(failed).__next__, len(failed), HEALTHY_BEFORE)


def test_engines_decide_on_the_same_windows() -> None:
    seen, found = decide([5] * 90)
    # Argo at the fourth bad measurement, Flagger at the fifth check of four windows; nobody looks on after that.
    assert {name: (each.verdict, each.windows) for name, each in found.items() if name != "ours"} == {
        "Argo": ("rolled back", 4),
        "Flagger": ("rolled back", 20),
    }
    assert found["ours"].verdict == "rolled back"
    assert len(seen) == 20


def test_thresholds_promote_what_stays_below_them() -> None:
    seen, found = decide([1, 0] * 45)
    assert {name: each.verdict for name, each in found.items()} == {
        "Argo": "promoted",
        "Flagger": "promoted",
        "ours": "rolled back",
    }
    rows = {row.name: row for row in engine_rows(0.005, seen, found)}
    assert rows["0.5 % fail: thresholds, as Argo"].values == ("promoted", "32.0", "3200", "155 min")
    assert rows["0.5 % fail: thresholds, as Flagger"].values == ("promoted", "20.0", "2000", "5 min")
    assert rows["0.5 % fail: ours"].verdict == "met"


def test_engine_that_has_not_decided_says_for_how_long() -> None:
    seen, found = decide([1, 0, 0])
    rows = engine_rows(0.005, seen, found)
    assert [row.values for row in rows] == [("none", "not within 3", "300", "")] * len(TITLES)
    assert rows[0].verdict == "missed: rolled back"
    assert [row.verdict for row in rows[1:]] == ["", ""]


def test_promoted_harm_is_missed() -> None:
    seen, _found = decide([5] * 20)
    assert engine_rows(0.05, seen, {"ours": Outcome("promoted", 10, 2000, 1000)})[0].verdict == "missed: rolled back"


@pytest.mark.parametrize(("failed", "verdict"), [(0, "met"), (5, "missed: false alarms")])
def test_healthy_candidate_that_goes_back_is_a_false_alarm(failed: int, verdict: str) -> None:
    assert engine_rows(0.0, *decide([failed] * 60))[0].verdict == verdict


def test_failures_of_a_model_are_answers() -> None:
    Called(100, 100, {"200": 70, "500": 30}).require()


@pytest.mark.parametrize(
    ("due", "statuses"),
    [(100, {"200": 89, "timeout": 11}), (100, {"refused": 100}), (100, {}), (0, {})],
    ids=["too many are lost", "nobody is there", "nothing was sent", "nothing was due"],
)
def test_calls_have_to_be_answered(due: int, statuses: dict[str, int]) -> None:
    with pytest.raises(NotMeasuredError, match=rf"of {due} calls \d+ were answered"):
        Called(due, due, statuses).require()


# --- a candidate that is healthy ----------------------------------------------------------------------------------


def line(at: float, weight: float, n: int | None) -> dict[str, Any]:
    return {"at": at, "weight": weight, "counts": {} if n is None else {"errors": {"candidate": {"n": n}}}}


def test_walk_is_split_at_the_first_percent_and_at_the_promotion() -> None:
    lines = [
        line(100, 30, None),
        line(101, 0, 7),
        line(103, 0, 1),
        line(110, 5, 2),
        line(120, 5, 10),
        line(135, 100, 20),
        line(136, 100, 40),
        line(140, 100, 80),
    ]
    assert stages(lines) == {"baseline": Stage(10, 10), "steps": Stage(25, 30), "after": Stage(5, 120)}


def test_plans_of_others_take_what_they_are_defined_to_take() -> None:
    assert planned("Flagger", 200, (0.1, 0.2, 0.3, 0.4, 0.5), 60).values == ("300", "18000")


# --- ticks --------------------------------------------------------------------------------------------------------


def test_call_of_a_module_is_read_as_it_was_noted() -> None:
    call = ModuleCall("tick", 0.5, 0.01, 0.48, 0.4, 70_000_000, 80_000_000)
    assert call.line().endswith("}\n")
    assert ModuleCall.parse(call.line()) == call


def test_row_of_ticks_has_the_longest_one() -> None:
    row = milliseconds_row("calls", [index / 1000 for index in range(1, 101)], Check("P95", 0.095, 0.09, "s"))
    assert row.values == ("50.0", "95.0", "100.0", "100")
    assert row.verdict == "missed: P95"


def test_imports_are_told_apart_by_whose_they_are() -> None:
    said = """
import time: self [us] | cumulative | imported package
import time:       100 |        200 |   json
import time:     10000 |      20000 | ansible.module_utils.basic
import time:      3000 |       3000 |   ansible_collections.modelops.serving.plugins.module_utils._core.plan
import time:      4000 |      40000 | ansible_collections.modelops.serving.plugins.modules.experiment_rollout
import time:        50 |         50 | ansiblelike
"""
    found = import_seconds(said)
    assert {name: round(seconds * 1e6) for name, seconds in found.items()} == {OURS: 7000, ANSIBLE: 10000, OTHERS: 150}


class Clockwork:
    """Something to time."""

    def tick(self) -> str:
        return "tick"

    def fail(self) -> None:
        raise ValueError("broken")


def test_parts_are_timed_and_left_as_they_were() -> None:
    before: Mapping[str, Any] = dict(Clockwork.__dict__)
    with timing({"all": ((Clockwork, "tick"), (Clockwork, "fail")), "none": ()}) as spent:
        assert Clockwork().tick() == "tick"
        with pytest.raises(ValueError, match="broken"):
            Clockwork().fail()
    assert len(spent["all"]) == 2
    assert all(seconds > 0 for seconds in spent["all"])
    assert spent["none"] == []
    assert Clockwork.tick is before["tick"]


# --- the controller's memory --------------------------------------------------------------------------------------


def test_slope_and_its_error_are_those_of_scipy() -> None:
    numbers = random.Random(3)
    points = [(float(tick), 70e6 + 900 * tick + numbers.gauss(0, 5000)) for tick in range(20, 151, 10)]
    found = Slope.of(points)
    expected = stats.linregress(*zip(*points, strict=True))
    assert (found.value, found.error) == pytest.approx((expected.slope, expected.stderr))


@pytest.mark.parametrize(("error", "sure"), [(700.0, 1500.0), (800.0, 0.0)])
def test_slope_that_may_be_chance_is_none(error: float, sure: float) -> None:
    assert Slope(1500.0, error).sure == sure
    assert Slope(-1500.0, error).sure == 0


def test_too_few_points_have_no_slope() -> None:
    with pytest.raises(NotMeasuredError, match="2 points are too few"):
        Slope.of([(1.0, 1.0), (2.0, 2.0)])


MEMORY: dict[str, tuple[int, str]] = {
    "flat": (0, "met"),
    "grows by less than a kilobyte": (900, "met"),
    "grows": (1500, "missed: slope"),
    "shrinks": (-1500, "met"),
}


@pytest.mark.parametrize(("growth", "verdict"), MEMORY.values(), ids=MEMORY.keys())
def test_memory_that_grows_is_told(growth: int, verdict: str) -> None:
    row = memory_row("worker", [70_000_000 + growth * tick for tick in range(1, 151)], 10)
    assert row.verdict == verdict
    assert row.values[-1] == "14"


def test_memory_while_imports_are_made_is_not_looked_at() -> None:
    row = memory_row("worker", [1_000_000] * 19 + [50_000_000] * 131, 10)
    assert row.values == ("50.00", "50.00", "0.000", "0.000", "14")


# --- the command --------------------------------------------------------------------------------------------------


def test_memory_of_this_process() -> None:
    resident, shared = held([threading.main_thread().native_id or 0])
    assert 5 < shared <= resident < 5000


def section(name: str, error: BaseException | None = None) -> bench.Section:
    def measure(_bench: Bench) -> list[Table]:
        if error:
            raise error
        return [Table(f"Table of {name}", "Text.", ("Measured",), (Row("row", ("1",)),))]

    return bench.Section(name, f"Title of {name}", measure, needs_plane=False)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench, "PAGE", tmp_path / "page.md")
    sections = (section("one"), section("two", ValueError("the disk\nis gone")), section("three"))
    monkeypatch.setattr(bench, "SECTIONS", sections)
    return tmp_path / "page.md"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    return bench.main()


def test_failed_section_says_so_and_the_others_go_on(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch) == 1
    text = page.read_text(encoding="utf-8")
    assert "## Title of two\n\nNot measured: the disk is gone\n" in text
    assert "### Table of one" in text
    assert "### Table of three" in text
    assert "| NGINX | " in text
    assert capsys.readouterr().err == "Not measured: two.\n"


@pytest.mark.parametrize("arguments", [["--only", "three,one"], ["--only=one,three", "--quick"]], ids=str)
def test_part_of_it_leaves_the_page_alone(page: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert run(monkeypatch, *arguments) == 0
    assert not page.exists()


def test_part_of_it_is_written_where_asked(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = page.with_name("other.md")
    assert run(monkeypatch, "--only", "three,one", f"--output={other}") == 0
    assert [line for line in other.read_text(encoding="utf-8").splitlines() if line.startswith("## Title")] == [
        "## Title of one",
        "## Title of three",
    ]


@pytest.mark.usefixtures("page")
def test_bench_reads_modules_in_large_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    assert run(monkeypatch, "--only", "one") == 0
    assert "PYTHONUNBUFFERED" not in os.environ


@pytest.mark.usefixtures("page")
def test_unknown_section_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--only", "one,four")
    assert "there is no section four; there are one, two, three" in capsys.readouterr().err


@pytest.mark.usefixtures("page")
def test_interrupted_one_writes_nothing_and_leaves_no_folder(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench, "SECTIONS", (section("one"), section("two", KeyboardInterrupt())))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    assert run(monkeypatch) == 130
    assert not page.exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_quick_is_small() -> None:
    assert QUICK.calls < Sizes().calls >= 1500
    assert QUICK.changes < Sizes().changes == 1000
    assert QUICK.flips < Sizes().flips >= 100
    assert QUICK.ticks < Sizes().ticks >= 100
    assert QUICK.harm_windows < Sizes().harm_windows == 90


@pytest.mark.usefixtures("page")
def test_ticks_can_be_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--ticks", "1000", "--only", "one"])
    assert bench._options().sizes.ticks == 1000
    with pytest.raises(SystemExit):
        run(monkeypatch, "--ticks", "39")
    assert "--ticks is 39; set 40 or more" in capsys.readouterr().err


def test_what_is_noted_of_calls_brings_nothing_along() -> None:
    # Else what the memory of ansible-playbook is measured with would be a part of it.
    code = "import sys, tools.bench.calls; print(sorted(name for name in sys.modules if name.startswith('plugins')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
