# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a rollout is read whatever is left of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from plugins.module_utils._core.rollout_journal import MOST_EVIDENCE, Tick, Window, read_journal
from plugins.module_utils._core.routing import Routed
from plugins.module_utils._core.sequential import Pair, Tally

LINE: dict[str, Any] = {"at": 10.0, "run": "one", "phase": "analyse", "step": 1, "weight": 25.0}
COUNTS = {"errors": {"candidate": {"n": 12, "events": 1}, "baseline": {"n": 40, "events": 0}}}


def tick(**changed: Any) -> Tick:
    (found,) = read_journal([LINE | changed]).ticks
    return found


@pytest.mark.parametrize(
    ("line", "unreadable", "foreign"),
    [
        pytest.param(LINE, 0, 0, id="a line"),
        pytest.param({"at": 1, "phase": "analyse"}, 0, 0, id="a line that says little"),
        pytest.param("half a li", 1, 0, id="no mapping"),
        pytest.param(None, 1, 0, id="nothing"),
        pytest.param({**LINE, "at": "noon"}, 1, 0, id="no time"),
        pytest.param({**LINE, "at": math.nan}, 1, 0, id="a time that is no number"),
        pytest.param({**LINE, "at": True}, 1, 0, id="yes for a time"),
        pytest.param({**LINE, "phase": "dancing"}, 1, 0, id="a phase that nobody knows"),
        pytest.param({**LINE, "phase": ["analyse"]}, 1, 0, id="a phase that is a list"),
        pytest.param({**LINE, "run": "another"}, 0, 1, id="another run"),
    ],
)
def test_a_line_that_is_none_is_counted_and_left_out(line: Any, unreadable: int, foreign: int) -> None:
    found = read_journal([line], "one")
    assert (len(found.ticks), found.unreadable, found.foreign) == (1 - unreadable - foreign, unreadable, foreign)


def test_lines_are_put_in_order_of_time() -> None:
    found = read_journal([{**LINE, "at": at} for at in (3, 1, 2)])
    assert [each.at for each in found.ticks] == [1.0, 2.0, 3.0]


def test_what_a_line_does_not_say_stayed_as_it_was() -> None:
    weights = {"old": 75, "new": 25}
    found = read_journal([LINE | {"mirror": 3, "weights": weights}, {"at": 11, "phase": "hold"}]).ticks[1]
    assert (found.step, found.weight, found.mirror, found.weights) == (1, 25.0, 3, weights)


@pytest.mark.parametrize(
    ("changed", "name", "value"),
    [
        pytest.param({"step": -7}, "step", -1, id="no such step"),
        pytest.param({"weight": 170}, "weight", 100.0, id="more than all"),
        pytest.param({"mirror": -1}, "mirror", 0, id="less than nothing"),
        pytest.param({"weight": "25"}, "weight", 0.0, id="a text for a weight"),
        pytest.param({"observed_share": 0.25}, "share", 0.25, id="a share"),
        pytest.param({"observed_share": 2.5}, "share", None, id="a share of more than all"),
        pytest.param({"observed_share": math.inf}, "share", None, id="a share without end"),
        pytest.param({"observed_n": -3}, "share_n", 0, id="fewer than no requests"),
        pytest.param({"events": "many"}, "events", (), id="events that are none"),
        pytest.param({"events": [{}, 3, {"text": "x"}]}, "events", ("x",), id="an event among others"),
        pytest.param({"latency": {"candidate": {"n": 1, "p50": 1, "p95": 2}}}, "latency", None, id="half a latency"),
        pytest.param({"latency": [1, 2]}, "latency", None, id="no latency"),
        pytest.param({"analysis": "good"}, "analysis", None, id="no analysis"),
        pytest.param({"reason": None}, "reason", "", id="no reason"),
    ],
)
def test_a_value_that_cannot_be_is_none(changed: dict[str, Any], name: str, value: Any) -> None:
    found = getattr(tick(**changed), name)
    assert (tuple(each.text for each in found) if name == "events" else found) == value


def test_latency_of_an_arm_is_whole() -> None:
    whole = {"n": 12, "p50": 3.1, "p95": 4.0, "p99": 4.2}
    assert tick(latency={"candidate": whole, "baseline": None}).latency == {"candidate": whole}


# Windows


@pytest.mark.parametrize(
    ("line", "requests"),
    [
        pytest.param({"routed": {"candidate": 3, "baseline": 9}, "counts": COUNTS}, (3, 9), id="where they went first"),
        pytest.param({"counts": COUNTS}, (12, 40), id="nobody saw where they went, so a gate's count"),
        pytest.param({"routed": {"candidate": 0, "baseline": 9}, "counts": COUNTS}, (0, 9), id="none but direct calls"),
        pytest.param({"routed": "no", "counts": {"errors": 3}}, (0, 0), id="neither"),
    ],
)
def test_requests_of_a_window(line: dict[str, Any], requests: tuple[int, int]) -> None:
    assert tick(**line).window.requests == Routed(*requests)


def test_copies_are_requests_of_the_candidate_while_the_mirror_is_on() -> None:
    on = LINE | {"mirror": 20, "weight": 0}
    line = {"at": 11, "phase": "analyse", "routed": {"candidate": 0, "baseline": 40}, "counts": COUNTS}
    assert read_journal([on, line]).ticks[1].window.requests == Routed(12, 40)


@pytest.mark.parametrize(
    "tally",
    [
        pytest.param({"n": 3, "events": 5}, id="more events than requests"),
        pytest.param({"n": -3, "events": 0}, id="fewer than none"),
        pytest.param({"n": "3"}, id="a text"),
        pytest.param(7, id="a number"),
    ],
)
def test_a_tally_that_cannot_be_counts_nothing(tally: Any) -> None:
    assert tick(client={"candidate": tally}).window.client == Pair(Tally(), Tally())


def test_windows_add_up() -> None:
    one = tick(counts=COUNTS, client=COUNTS["errors"], synthetic=3, probes=1, pinned=2).window
    other = tick(problems={"errors": "no log"}, synthetic=4).window
    whole = one + other + Window()
    assert whole.counts == {"errors": Pair.from_dict(COUNTS["errors"])}
    assert (whole.silent, whole.client) == ({"errors": 1}, Pair.from_dict(COUNTS["errors"]))
    assert (whole.synthetic, whole.probes, whole.pinned, (one + one).requests) == (7, 1, 2, Routed(24, 80))
    assert (other + other).client is None


# Analyses


def test_an_analysis_is_fresh_when_it_says_something_new() -> None:
    verdict = {"gate": "errors", "phase": "successful", "figures": {"evidence": 1.0}}
    one, two = ({"phase": "successful", "verdicts": [verdict | {"reason": text}]} for text in ("a", "b"))
    lines = [LINE | {"at": at, "analysis": each} for at, each in enumerate((None, one, one, two, None))]
    assert [each.fresh for each in read_journal(lines).ticks] == [False, True, False, True, False]


def test_a_verdict_is_made_fit_for_json() -> None:
    figures = {"evidence": math.inf, "excess": math.nan, "ratio": None, "phi": 1, "excess_allowed": -math.inf}
    listed = [{"gate": "errors", "phase": "failed", "missing": 2.0, "figures": figures}, {"gate": "x"}, 3]
    analysis = tick(analysis={"phase": "failed", "verdicts": listed}).analysis
    assert analysis is not None
    (found,) = analysis["verdicts"]
    assert found["missing"] == 2
    assert found["figures"] == {
        "evidence": MOST_EVIDENCE,
        "excess": None,
        "ratio": None,
        "phi": 1.0,
        "excess_allowed": None,
    }
