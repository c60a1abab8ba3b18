# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs inside a cluster: it stands alone, asks until what it waits for comes, and says what came."""

from __future__ import annotations

import ast
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._adapters import inside_probe
from plugins.module_utils._adapters.inside_jobs import script
from tests.unit.loopback import HOST, loopback, said

SECONDS = 30


def asked(tmp_path: Path, *questions: dict[str, Any], patience: float = 0.1, timeout: float = 1) -> dict[str, Any]:
    """Run the program as a pod does, from its text alone, and return its answers."""
    program, plan = tmp_path / "probe.py", tmp_path / "plan.json"
    program.write_text(script(), encoding="utf-8")
    content = {"patience": patience, "timeout": timeout, "questions": questions}
    plan.write_text(json.dumps(content), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", program, "ask", plan], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    # One line, which is all that a log has.
    [line] = done.stdout.splitlines()
    answers: dict[str, Any] = json.loads(line)["answers"]
    return answers


def question(how: str, port: int, until: bool = True, **more: Any) -> dict[str, Any]:
    return {"id": how, "how": how, "host": HOST, "port": port, "until": until, **more}


def test_it_stands_alone_in_the_oldest_python() -> None:
    tree = ast.parse(script(), feature_version=(3, 8))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or "."] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert modules <= set(sys.stdlib_module_names)


def test_models_are_asked_by_their_header(tmp_path: Path) -> None:
    answer_headers: dict[str, Any] = {"x-seldon-route": ":iris_1:"}
    with loopback(said("{}", **answer_headers)) as server:
        more: dict[str, Any] = {"path": "/v2/models/iris/ready", "headers": {"seldon-model": "iris"}}
        answer = asked(tmp_path, question("http", server.port, **more))["http"]
        assert (answer["reached"], answer["text"]) == (True, "200, x-seldon-route :iris_1:")
        [request] = server.asked
        assert request.startswith(b"GET /v2/models/iris/ready ")
        assert b"seldon-model: iris" in request


def test_another_status_is_not_reached_and_says_so(tmp_path: Path) -> None:
    with loopback(said("", "404 Not Found")) as server:
        answer = asked(tmp_path, question("http", server.port, path="/"))["http"]
    assert (answer["reached"], answer["text"]) == (False, "404, x-seldon-route missing")


def test_who_refuses_is_not_reached(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert asked(tmp_path, question("tcp", port))["tcp"]["text"] == "connected"
    answer = asked(tmp_path, question("tcp", port))["tcp"]
    assert (answer["reached"], "refused" in answer["text"]) == (False, True)


@contextmanager
def dns(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    """Answer one question by UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        server.settimeout(SECONDS)

        def serve() -> None:
            data, sender = server.recvfrom(512)
            server.sendto(answer(data), sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]


DNS: dict[str, tuple[Callable[[bytes], bytes], bool]] = {
    "an answer": (lambda data: data[:2] + b"\x81\x80" + data[4:], True),
    "an answer that the name is not known": (lambda data: data[:2] + b"\x81\x83" + data[4:], True),
    "its own question": (lambda data: data, False),
    "the answer to another question": (lambda data: b"\0\0\x81\x80" + data[4:], False),
    "a few bytes": (lambda _data: b"?", False),
}


@pytest.mark.parametrize(("answer", "reached"), DNS.values(), ids=DNS.keys())
def test_dns_is_an_answer_to_the_question(tmp_path: Path, answer: Callable[[bytes], bytes], reached: bool) -> None:
    with dns(answer) as port:
        found = asked(tmp_path, question("dns_udp", port, name="kubernetes.default.svc"))["dns_udp"]
    assert found["reached"] is reached, found


def test_it_asks_again_until_what_it_waits_for_comes(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    late: list[socket.socket] = []
    timer = threading.Timer(1.0, lambda: late.append(socket.create_server((HOST, port))))
    timer.start()
    try:
        answer = asked(tmp_path, question("tcp", port), patience=20)["tcp"]
    finally:
        timer.join()
        for each in late:
            each.close()
    assert answer["reached"] is True


def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        started = time.monotonic()
        answer = asked(tmp_path, question("tcp", server.getsockname()[1], until=False), patience=1.5)["tcp"]
        assert answer["reached"] is True
        assert time.monotonic() - started < SECONDS / 2


def test_it_listens_for_as_long_as_it_is_told(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    thread = threading.Thread(target=inside_probe.main, args=(["listen", str(port), "3"],))
    thread.start()
    answer = asked(tmp_path, question("tcp", port), patience=2)["tcp"]
    thread.join(SECONDS)
    assert (answer["reached"], thread.is_alive()) == (True, False)


def rounds(*ports: int, model: str = "", count: int = 3) -> dict[str, Any]:
    """Return a question that measures at doors."""
    more: dict[str, Any] = {"path": "/v2/models/iris/infer", "headers": {"Host": "ml.example.com"}, "body": "{}"}
    return question(
        "rounds",
        ports[-1],
        doors=[[HOST, each] for each in ports],
        model=model,
        looks=60,
        rounds=count,
        seconds=20,
        **more,
    )


def from_envoy(model: str, **headers: str) -> bytes:
    """Return an answer that Envoy waited 7 ms for."""
    named: dict[str, Any] = {"x-seldon-route": f":{model}_1:", "x-envoy-upstream-service-time": "7", **headers}
    return said("{}", **named)


def test_doors_are_measured_in_turn(tmp_path: Path) -> None:
    with loopback(from_envoy("iris"), delay=0.05) as nginx, loopback(from_envoy("iris")) as mesh:
        answer = asked(tmp_path, rounds(nginx.port, mesh.port))["rounds"]
        assert (answer["reached"], answer["text"], answer["waited"]) == (True, "3 rounds", [7, 7, 7])
        slow, quick = answer["times"]
        assert len(slow) == len(quick) == 3
        assert min(slow) > 50 > max(quick)
        for server in (nginx, mesh):
            assert len(server.asked) == 3
            assert all(b"POST /v2/models/iris/infer " in each and b"ml.example.com" in each for each in server.asked)


def test_calls_that_are_split_are_led_to_one_model(tmp_path: Path) -> None:
    answers = [from_envoy("rose"), from_envoy("rose"), from_envoy("iris")]
    with loopback(*answers) as mesh:
        answer = asked(tmp_path, rounds(mesh.port, model="iris"))["rounds"]
        assert (answer["reached"], len(answer["waited"])) == (True, 3)
        assert [b"x-seldon-route: :iris_1:" in each for each in mesh.asked] == [False] * 3 + [True] * 3


def test_a_model_that_never_answers_is_not_measured(tmp_path: Path) -> None:
    with loopback(from_envoy("rose")) as mesh:
        answer = asked(tmp_path, rounds(mesh.port, model="iris"))["rounds"]
    assert (answer["reached"], answer["text"]) == (False, "iris answered none of 60 calls")


def test_a_refusal_is_no_time(tmp_path: Path) -> None:
    with loopback(said("", "308 Permanent Redirect")) as nginx:
        answer = asked(tmp_path, rounds(nginx.port))["rounds"]
    assert (answer["reached"], answer["text"]) == (False, f"{HOST}:{nginx.port} answered 308")


def test_who_says_no_time_of_envoy_has_none(tmp_path: Path) -> None:
    with loopback(said("{}")) as mesh:
        assert asked(tmp_path, rounds(mesh.port))["rounds"]["waited"] == [None] * 3
