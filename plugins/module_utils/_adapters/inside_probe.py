# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe in a cluster runs: it asks who can be reached from its pod, or listens to be asked. It stands alone.

python inside_probe.py ask QUESTIONS.json
python inside_probe.py listen PORT SECONDS

The answer is one line of JSON. A question has an id, how it is asked (tcp, udp, dns_udp, dns_tcp, http or rounds), host
and port, and ``until``: the outcome that is waited for, since policies take a moment to be in force for a new pod.
What measures (rounds) is asked after all others, one by one.
"""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import socket
import struct
import sys
import time
from typing import Any, Callable, Mapping

AT_ONCE = 32
PAUSE = 0.5
ROUNDS = "rounds"
WAITED = "x-envoy-upstream-service-time"
QUERY_ID = 0x5345
# An answer with the query's number; what it says of the name does not matter, only that it came.
ANSWER_BIT = 0x8000


def ask(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Ask everything at once; each question again until its outcome is the one that is waited for, or time is up."""
    deadline = time.monotonic() + float(plan["patience"])
    timeout = float(plan["timeout"])
    quick = [each for each in plan["questions"] if each["how"] != ROUNDS]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda each: _settled(each, timeout, deadline), quick)
        found = {each["id"]: answer for each, answer in zip(quick, answers)}
    for each in plan["questions"]:
        if each["how"] == ROUNDS:
            found[each["id"]] = _asked(each, timeout)
    return {"answers": found}


def _settled(question: Mapping[str, Any], timeout: float, deadline: float) -> dict[str, Any]:
    while True:
        answer = _asked(question, timeout)
        if answer["reached"] == question["until"] or time.monotonic() + timeout > deadline:
            return answer
        time.sleep(PAUSE)


def _asked(question: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    started = time.monotonic()
    more: list[dict[str, Any]] = []
    try:
        reached, text, *more = HOW[question["how"]](question, timeout)
    except (OSError, http.client.HTTPException) as error:
        reached, text = False, str(error) or type(error).__name__
    return {
        "reached": reached,
        "text": text[:200],
        "ms": round((time.monotonic() - started) * 1000, 1),
        **(more[0] if more else {}),
    }


def _tcp(question: Mapping[str, Any], timeout: float) -> tuple[bool, str]:
    with socket.create_connection((question["host"], int(question["port"])), timeout):
        return True, "connected"


def _udp(question: Mapping[str, Any], timeout: float) -> tuple[bool, str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(timeout)
        asker.connect((question["host"], int(question["port"])))
        asker.send(b"?")
        return True, f"{len(asker.recv(512))} bytes"


def _query(name: str) -> bytes:
    labels = b"".join(bytes([len(each)]) + each.encode("ascii") for each in name.rstrip(".").split("."))
    return struct.pack("!6H", QUERY_ID, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def _dns_udp(question: Mapping[str, Any], timeout: float) -> tuple[bool, str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(timeout)
        asker.connect((question["host"], int(question["port"])))
        asker.send(_query(question["name"]))
        return _is_answer(asker.recv(4096))


def _dns_tcp(question: Mapping[str, Any], timeout: float) -> tuple[bool, str]:
    query = _query(question["name"])
    with socket.create_connection((question["host"], int(question["port"])), timeout) as asker:
        asker.sendall(struct.pack("!H", len(query)) + query)
        with asker.makefile("rb") as answer:
            size = struct.unpack("!H", answer.read(2) or b"\0\0")[0]
            return _is_answer(answer.read(size))


def _is_answer(data: bytes) -> tuple[bool, str]:
    if len(data) < 12:
        return False, f"{len(data)} bytes, which are no answer"
    number, flags = struct.unpack("!2H", data[:4])
    return number == QUERY_ID and bool(flags & ANSWER_BIT), f"code {flags & 15}"


def _http(question: Mapping[str, Any], timeout: float) -> tuple[bool, str]:
    connection = http.client.HTTPConnection(question["host"], int(question["port"]), timeout=timeout)
    try:
        connection.request("GET", question["path"], headers=question.get("headers") or {})
        answer = connection.getresponse()
        answer.read()
        return (
            answer.status == question.get("status", 200),
            f"{answer.status}, x-seldon-route {answer.getheader('x-seldon-route') or 'missing'}",
        )
    finally:
        connection.close()


def _rounds(question: Mapping[str, Any], timeout: float) -> tuple[bool, str, dict[str, Any]]:
    """Ask the same at several doors in turn, round by round, over connections that stay open.

    The times of each door come back in milliseconds, and how long Envoy waited for the model behind the last one.
    """
    doors = [http.client.HTTPConnection(host, int(port), timeout=timeout) for host, port in question["doors"]]
    headers, body = dict(question["headers"]), question["body"].encode()
    deadline = time.monotonic() + float(question["seconds"])
    rows: list[list[tuple[float, Any]]] = []
    try:
        if question["model"]:
            headers["x-seldon-route"] = _route_to(question, doors[-1], body, headers)
        while len(rows) < int(question["rounds"]) and time.monotonic() < deadline:
            rows.append([_timed(door, question["path"], body, headers)[:2] for door in doors])
    finally:
        for door in doors:
            door.close()
    times = [[row[number][0] for row in rows] for number in range(len(doors))]
    return bool(rows), f"{len(rows)} rounds", {"times": times, "waited": [row[-1][1] for row in rows]}


def _timed(
    door: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[float, Any, str]:
    """Return how long an answer took, how long Envoy waited for it, and its route; what is no answer is an error."""
    started = time.perf_counter()
    door.request("POST", path, body, dict(headers))
    answer = door.getresponse()
    answer.read()
    taken = round((time.perf_counter() - started) * 1000, 3)
    if answer.status != 200:
        raise http.client.HTTPException(f"{door.host}:{door.port} answered {answer.status}")
    waited = answer.getheader(WAITED)
    return taken, int(waited) if waited else None, answer.getheader("x-seldon-route") or ""


def _route_to(
    question: Mapping[str, Any], door: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]
) -> str:
    """Return the route that leads back to a model which gets a share of these calls only."""
    for _look in range(int(question["looks"])):
        route = _timed(door, question["path"], body, headers)[2]
        if route.strip(":").rpartition("_")[0] == question["model"]:
            return route
    raise http.client.HTTPException(f"{question['model']} answered none of {question['looks']} calls")


# Whether it was reached, what to say of it, and what else there is to say.
HOW: dict[str, Callable[[Mapping[str, Any], float], tuple[Any, ...]]] = {
    "tcp": _tcp,
    "udp": _udp,
    "dns_udp": _dns_udp,
    "dns_tcp": _dns_tcp,
    "http": _http,
    ROUNDS: _rounds,
}


def listen(port: int, seconds: float) -> None:
    """Take connections for some time, and close them."""
    deadline = time.monotonic() + seconds
    with socket.create_server(("", port), backlog=64) as server:
        while time.monotonic() < deadline:
            server.settimeout(max(deadline - time.monotonic(), 0.1))
            try:
                server.accept()[0].close()
            except OSError:
                continue


def main(words: list[str]) -> None:
    """Do what the words say."""
    if words[0] == "listen":
        listen(int(words[1]), float(words[2]))
        return
    with open(words[1], encoding="utf-8") as plan:
        sys.stdout.write(json.dumps(ask(json.load(plan)), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
