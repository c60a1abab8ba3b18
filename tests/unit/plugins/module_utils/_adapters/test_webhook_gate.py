# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A webhook says a number, a yes, a no or a phase; whatever else it says is no answer."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from plugins.module_utils._adapters.webhook_gate import check_webhook, measure_webhook
from plugins.module_utils._core.analysis import ERROR, FAILED, INCONCLUSIVE, SUCCESSFUL, Measurement, measure
from plugins.module_utils._core.gates import Limits, MeasuredGate, read_gate
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.traffic import Arms
from tests.unit.loopback import SILENCE, loopback, refusing, said, said_json

PLACE = Endpoint("192.0.2.1", 80)
ARMS = Arms("ab", Model("new", 2, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=True)


def gate(url: str = "https://gate.example.com", **more: Any) -> MeasuredGate:
    """Return a gate as a plan reads it."""
    problems: list[str] = []
    found = read_gate({"name": "ok", "kind": "webhook", "url": url, **more}, problems)
    assert problems == []
    assert isinstance(found, MeasuredGate)
    return found


def ask(answer: bytes, **more: Any) -> tuple[str, Measurement]:
    """Ask a webhook that answers so, and return where it was and what was measured."""
    with loopback(answer) as server:
        return f"the webhook {server.url}", measure_webhook(gate(server.url, **more), ARMS)


SAYS: dict[str, tuple[Any, dict[str, Any], float, str, str]] = {
    "yes": (True, {}, 1.0, SUCCESSFUL, "true"),
    "no": (False, {}, 0.0, FAILED, "false"),
    "yes as a text": ("True", {}, 1.0, SUCCESSFUL, "True"),
    "no as a text": (" false ", {}, 0.0, FAILED, " false "),
    "one": (1, {}, 1.0, SUCCESSFUL, "1"),
    "a number": (0.97, {"min": 0.9}, 0.97, SUCCESSFUL, "0.97"),
    "a number as a text": ("-2.5e-1", {"min": 0.9}, -0.25, FAILED, "-2.5e-1"),
    "a number where a yes is needed": (7, {}, 7.0, FAILED, "7"),
    "successful": ("Successful", {}, 1.0, SUCCESSFUL, "Successful"),
    "failed": ("failed", {}, 0.0, FAILED, "failed"),
    "inconclusive": ("inconclusive", {}, 0.75, INCONCLUSIVE, "inconclusive"),
    "inconclusive below a limit": (
        "inconclusive",
        {"min": 0.9, "failure_min": 0.7},
        0.8,
        INCONCLUSIVE,
        "inconclusive",
    ),
    "inconclusive above a limit": (
        "inconclusive",
        {"max": 10, "failure_max": 20},
        15.0,
        INCONCLUSIVE,
        "inconclusive",
    ),
    "deep inside": ({"a": [{"b": 3}]}, {"result_path": "a[0].b", "max": 3}, 3.0, SUCCESSFUL, "3"),
    "counted by JMESPath": (
        {"checks": [{"ok": True}, {"ok": False}]},
        {"result_path": "length(checks[?!ok])", "max": 0},
        1.0,
        FAILED,
        "1",
    ),
    "compared by JMESPath": ({"auc": 0.93}, {"result_path": "auc >= `0.9`"}, 1.0, SUCCESSFUL, "true"),
}


@pytest.mark.parametrize(("answer", "options", "value", "phase", "shown"), SAYS.values(), ids=SAYS.keys())
def test_what_it_says(answer: Any, options: dict[str, Any], value: float, phase: str, shown: str) -> None:
    place, found = ask(said_json(answer), **options)
    assert found.value == pytest.approx(value)
    assert (found.error, found.note) == ("", f"{place} says {shown}")
    assert measure(found, gate(**options).limits)[0] == phase


NO_VALUE = "which is no number, no yes or no, and none of successful, failed, inconclusive, error"
SAYS_NOTHING: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "null": (said_json(None), {}, f"no data: null as its answer, {NO_VALUE}"),
    "an object that looks like a yes": (
        said_json({"pass": True}),
        {},
        f'no data: {{"pass": true}} as its answer, {NO_VALUE}',
    ),
    "a list": (said_json([1]), {}, f"no data: [1] as its answer, {NO_VALUE}"),
    "another word": (said_json("maybe"), {}, f"no data: maybe as its answer, {NO_VALUE}"),
    "an empty text": (said_json(" "), {}, f'no data: " " as its answer, {NO_VALUE}'),
    "a text that floats": (said_json("nan"), {}, f"no data: nan as its answer, {NO_VALUE}"),
    "not a number": (said("NaN"), {}, f"no data: NaN as its answer, {NO_VALUE}"),
    "endless": (said("-Infinity"), {}, f"no data: -Infinity as its answer, {NO_VALUE}"),
    "too large": (said("1" + "0" * 400), {}, f"no data: 1{'0' * 119}... as its answer, {NO_VALUE}"),
    "nothing at a path": (said_json({"a": 1}), {"result_path": "b.c"}, f"no data: null at b.c, {NO_VALUE}"),
    "an object at a path": (said_json({"a": {}}), {"result_path": "a"}, f"no data: {{}} at a, {NO_VALUE}"),
    "a path that does not fit": (
        said_json({"a": 1}),
        {"result_path": "length(a)"},
        "result_path length(a) cannot be searched: In function length(), invalid type for value: 1, expected one of: "
        "['string', 'array', 'object'], received: \"number\"",
    ),
    "an error": (said_json("error"), {}, "it says error as its answer"),
    "an error at a path": (said_json({"phase": "Error"}), {"result_path": "phase"}, "it says Error at phase"),
    "inconclusive without room": (
        said_json("inconclusive"),
        {"min": 0.9},
        "it says inconclusive, and the gate's limits leave no room for that; set failure_min below min, "
        "or failure_max above max",
    ),
    "a page": (said("<html>"), {}, "its answer is no JSON: <html>"),
    "nothing at all": (said(""), {}, "its answer is no JSON: nothing"),
    "far too deep": (said("[" * 100_000), {}, f"its answer is no JSON: {'[' * 120}..."),
    "half an answer": (said("1", length=5), {}, "it broke off in the middle of its answer"),
    "a failure": (said("true", "500 Internal Server Error"), {}, "HTTP status 500"),
    "not found": (said("true", "404 Not Found"), {}, "HTTP status 404"),
    "a redirect": (
        said("true", "302 Found", Location="https://login.example.com"),
        {},
        "HTTP status 302: it points elsewhere, and nobody follows; set url to where it points",
    ),
}


@pytest.mark.parametrize(("answer", "options", "text"), SAYS_NOTHING.values(), ids=SAYS_NOTHING.keys())
def test_no_answer(answer: bytes, options: dict[str, Any], text: str) -> None:
    place, found = ask(answer, **options)
    assert found == Measurement(error=f"{place}: {text}")
    assert measure(found, Limits())[0] == ERROR


def test_nobody_listens() -> None:
    url = refusing()
    found = measure_webhook(gate(url), ARMS)
    assert found == Measurement(error=f"the webhook {url}: it refuses connections: nothing listens there")


@pytest.mark.parametrize(
    ("own", "given", "most"),
    [(0.3, 2.0, 0.3), (60, 0.3, 0.3), ("1h", 100.0, 2.0)],
    ids=["its own time", "the caller's time", "two seconds at most"],
)
def test_it_takes_no_longer_than(own: object, given: float, most: float) -> None:
    with loopback(SILENCE) as server:
        started = time.monotonic()
        found = measure_webhook(gate(server.url, timeout=own), ARMS, timeout=given)
        assert most <= time.monotonic() - started < most + 0.5
    assert found.error == f"the webhook {server.url}: it did not answer within {most:g} seconds"


SENT: dict[str, tuple[dict[str, Any], str, dict[str, str], Any]] = {
    "no body": ({}, "GET /check/new HTTP/1.1", {}, None),
    "a body": (
        {"body": {"model": "$candidate_version", "than": ["$baseline", 1]}},
        "POST /check/new HTTP/1.1",
        {"content-type": "application/json"},
        {"model": "new_2", "than": ["old", 1]},
    ),
    "a method and headers": (
        {"body": "$experiment", "method": "put", "headers": {"content-type": "text/x", "X-Number": 5}},
        "PUT /check/new HTTP/1.1",
        {"content-type": "text/x", "x-number": "5"},
        "ab",
    ),
}


@pytest.mark.parametrize(("options", "line", "headers", "body"), SENT.values(), ids=SENT.keys())
def test_what_is_sent(options: dict[str, Any], line: str, headers: dict[str, str], body: Any) -> None:
    with loopback(said_json(1)) as server:
        assert measure_webhook(gate(f"{server.url}/check/$candidate?key=1", **options), ARMS).value == 1.0
    head, _, sent = server.asked[0].decode().partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    found = {name.lower(): value for name, value in (each.split(": ") for each in rest)}
    assert first == line.replace("new", "new?key=1")
    assert {name: found.get(name) for name in headers} == headers
    assert (json.loads(sent) if sent else None) == body


def test_a_secret_shows_nowhere() -> None:
    with loopback(said("no", "403 Forbidden")) as server:
        found = measure_webhook(gate(f"{server.url}/x?key=271828", headers={"X-Key": "31415926"}), ARMS)
    assert found == Measurement(error=f"the webhook {server.url}/x: HTTP status 403")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"url": "gate"}, "url is no address; set one such as https://metrics.example.com:9090"),
    "a strange method": ({"method": "delete"}, "method is DELETE; set one of: GET, POST, PUT"),
    "headers that are none": ({"headers": ["a"]}, "headers is no mapping; set a name and a value for each"),
    "a header of two lines": (
        {"headers": {"X-Key": "a\nb"}},
        "header 'X-Key' is no plain text of one line; set another value",
    ),
    "no time": ({"timeout": 0}, "timeout is 0; set seconds, at most 2"),
    "no duration": ({"timeout": "soon"}, "timeout is 'soon'; set seconds, at most 2"),
    "no path": (
        {"result_path": "a["},
        "result_path 'a[' is no JMESPath expression (Invalid jmespath expression: Incomplete expression: \"a[\" ^)",
    ),
    "an unknown function": (
        {"result_path": "median(a"},
        "result_path 'median(a' is no JMESPath expression (Invalid jmespath expression: Incomplete expression: "
        '"median(a" ^)',
    ),
}


@pytest.mark.parametrize(("options", "text"), BAD.values(), ids=BAD.keys())
def test_bad_options_are_known_without_a_call(options: dict[str, Any], text: str) -> None:
    bad = gate(**options)
    assert check_webhook(bad) == f"gate 'ok': {text}"
    assert measure_webhook(bad, ARMS).error.endswith(f": {text}")


def test_good_options() -> None:
    assert check_webhook(gate(body={}, headers={"X": "y"}, timeout="2s", result_path="a.b")) == ""
