# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls and loads over gRPC, against a real server that does as it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from plugins.module_utils._adapters import grpc_load
from plugins.module_utils._adapters.grpc_inference import GrpcInference
from plugins.module_utils._adapters.grpc_load import GrpcLoad, outcome
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.load import Pace

ECHO, STATUS, HANG, ROUTES = "/test/Echo", "/test/Status", "/test/Hang", "/test/Routes"


@dataclass
class Server:
    """A gRPC server, what it heard, and the gate that holds its calls back while it is shut."""

    target: str = ""
    heard: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def behaviour(self, method: str) -> Callable[[bytes, Any], bytes]:
        return {ECHO: self.echo, STATUS: self.status, HANG: self.hang, ROUTES: self.routes}[method]

    def echo(self, message: bytes, context: Any) -> bytes:
        self.gate.wait()
        self.heard.append((message, dict(context.invocation_metadata())))
        context.send_initial_metadata([("x-seldon-route", ":m_1:"), ("raw-bin", b"\xff")])
        return message

    def status(self, message: bytes, context: Any) -> bytes:
        context.set_trailing_metadata([("x-seldon-route", ":m_1:")])
        context.abort(getattr(grpc.StatusCode, message.decode()), "as told")
        return b""

    def hang(self, message: bytes, context: Any) -> bytes:
        self.over.wait()
        return message

    def routes(self, message: bytes, context: Any) -> bytes:
        context.send_initial_metadata([("x-seldon-route", f":{message.decode()}:")])
        return b""


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    found.gate.set()
    handler = SimpleNamespace(
        service=lambda details: grpc.unary_unary_rpc_method_handler(found.behaviour(details.method))
    )
    real = grpc.server(ThreadPoolExecutor(32), options=[("grpc.max_send_message_length", -1)])
    real.add_generic_rpc_handlers([handler])
    found.target = f"127.0.0.1:{real.add_insecure_port('127.0.0.1:0')}"
    real.start()
    yield found
    found.gate.set()
    found.over.set()
    real.stop(None).wait()


@pytest.fixture
def client(server: Server) -> Iterator[GrpcInference]:
    with GrpcInference(server.target, timeout=10) as opened:
        yield opened


@pytest.fixture
def nowhere() -> Iterator[str]:
    """Return an address where nobody listens, and nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


# --- one call ---------------------------------------------------------------------------------------------------


def test_call(server: Server, client: GrpcInference) -> None:
    answer = client.call(ECHO, b"\0\xffx", {"Seldon-Model": "m"})
    assert (answer.code, answer.details, answer.message) == ("OK", "", b"\0\xffx")
    assert answer.metadata == {"x-seldon-route": ":m_1:", "raw-bin": "\\xff"}
    assert answer.route == ":m_1:"
    ((message, metadata),) = server.heard
    assert message == b"\0\xffx"
    assert metadata["seldon-model"] == "m"


@pytest.mark.parametrize("code", [code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_status_is_an_answer(client: GrpcInference, code: str) -> None:
    answer = client.call(STATUS, code.encode())
    assert (answer.code, answer.details, answer.message, answer.route) == (code, "as told", b"", ":m_1:")


@pytest.mark.usefixtures("server")
def test_deadline(client: GrpcInference) -> None:
    begun = time.monotonic()
    assert client.call(HANG, b"", timeout=0.2).code == "DEADLINE_EXCEEDED"
    assert 0.2 <= time.monotonic() - begun < 5


def test_deadline_of_all_calls(server: Server) -> None:
    with GrpcInference(server.target, timeout=0.2) as client:
        assert client.call(HANG, b"").code == "DEADLINE_EXCEEDED"
        assert client.call(ECHO, b"", timeout=10).code == "OK"


def test_large_answer_comes_through(server: Server) -> None:
    with GrpcInference(server.target, timeout=30) as client:
        # More than a server takes by default is refused there, and less is sent back whole.
        assert len(client.call(ECHO, b"x" * (4 * 2**20 - 8)).message) == 4 * 2**20 - 8
        assert client.call(ECHO, b"x" * (5 * 2**20)).code == "RESOURCE_EXHAUSTED"


def test_nobody_listens(nowhere: str) -> None:
    with GrpcInference(nowhere) as client:
        answer = client.call(ECHO, b"")
    assert (answer.code, answer.route) == ("UNAVAILABLE", None)
    assert "Connection refused" in answer.details


def test_server_that_speaks_no_tls(server: Server) -> None:
    with GrpcInference(server.target, root_certificates=b"no certificate", timeout=2) as client:
        assert client.call(ECHO, b"").code == "UNAVAILABLE"


def test_proxy_of_the_environment_is_left_alone(server: Server, nowhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://{nowhere}")
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with GrpcInference(server.target) as client:
        assert client.call(ECHO, b"").code == "OK"


def test_metadata_that_cannot_be_sent(server: Server, client: GrpcInference) -> None:
    answer = client.call(ECHO, b"", {"no such name": "x"})
    assert (answer.code, server.heard) == ("INTERNAL", [])
    assert answer.details == "Invalid metadata"
    assert client.load(ECHO, [b""], Pace(100, 3), {"no such name": "x"}).statuses == {"INTERNAL": 3}


def test_call_after_the_end_is_refused(server: Server, client: GrpcInference) -> None:
    client.close()
    for late in (lambda: client.call(ECHO, b""), lambda: client.load(ECHO, [b""], Pace(100, 3))):
        with pytest.raises(ServingError, match=rf"^The channel to {server.target} is closed\. Open another one\.$"):
            late()


# --- a load -----------------------------------------------------------------------------------------------------


def test_load_takes_turns_and_counts_routes(client: GrpcInference) -> None:
    result = client.load(ROUTES, [b"a_1", b"a_1", b"b_1"], Pace(300, 90))
    assert result.statuses == {"OK": 90}
    assert (result.planned, result.sent, result.answered, result.successes) == (90, 90, 90, 90)
    assert {route: latency.count for route, latency in result.routes.items()} == {":a_1:": 60, ":b_1:": 30}
    assert (result.latency.count, result.service.count, result.lateness.count) == (90, 90, 90)
    assert (result.connections, result.closed) == (1, 0)
    assert result.seconds >= 89 / 300
    assert result.cpu_share > 0


def test_load_sends_metadata(server: Server, client: GrpcInference) -> None:
    client.load(ECHO, [b"x", b"y"], Pace(200, 4), {"Seldon-Model": "m"})
    assert Counter(message for message, _ in server.heard) == {b"x": 2, b"y": 2}
    assert {metadata["seldon-model"] for _, metadata in server.heard} == {"m"}


def test_load_counts_statuses(client: GrpcInference) -> None:
    result = client.load(STATUS, [b"NOT_FOUND", b"UNAVAILABLE", b"DEADLINE_EXCEEDED"], Pace(300, 30))
    # A server that says that time is over is no call whose time is over.
    assert result.statuses == {"NOT_FOUND": 10, "UNAVAILABLE": 10, "DEADLINE_EXCEEDED": 10}
    assert (result.answered, result.successes, result.routes) == (30, 0, {})


def test_load_sees_all_that_a_stall_delays(server: Server, client: GrpcInference) -> None:
    server.gate.clear()
    threading.Timer(0.5, server.gate.set).start()
    result = client.load(ECHO, [b""], Pace(40, 40))
    assert result.statuses == {"OK": 40}
    # Twenty are planned before the stall ends, and the first of these wait longest.
    assert result.latency.maximum >= 450_000
    assert result.latency.slower_than(200_000) >= 10


def test_load_gives_up_calls_at_their_time_limit(server: Server) -> None:
    begun = time.monotonic()
    with GrpcInference(server.target, timeout=0.3) as client:
        result = client.load(HANG, [b""], Pace(100, 20))
    assert time.monotonic() - begun < 5
    assert result.statuses == {"timeout": 20}
    assert (result.sent, result.answered) == (20, 0)
    # What is given up counts with the limit, whenever that was noticed.
    assert (result.latency.minimum, result.latency.maximum) == (300_000, 300_000)


def test_load_where_nobody_listens(nowhere: str) -> None:
    with GrpcInference(nowhere, timeout=2) as client:
        result = client.load(ECHO, [b""], Pace(100, 20))
    assert result.statuses == {"refused": 20}
    assert (result.sent, result.answered, result.connections) == (20, 0, 0)


def test_load_that_needs_more_calls_at_once_than_allowed_is_invalid(server: Server) -> None:
    server.gate.clear()
    threading.Timer(0.3, server.gate.set).start()
    with grpc.insecure_channel(server.target) as channel:
        load = GrpcLoad(grpc, channel, calls=2, timeout=10)
        result = load.run(ECHO, [b""], Pace(100, 40), [])
    assert result.statuses == {"OK": 40}
    # The first two wait at the gate, and the ones until it opens wait for these.
    assert result.starved >= 20
    assert result.invalid[-1].startswith("The load needs more than the 2 ")


def test_load_does_not_send_what_is_over(server: Server) -> None:
    with grpc.insecure_channel(server.target) as channel:
        load = GrpcLoad(grpc, channel, calls=1, timeout=0.2)
        result = load.run(HANG, [b""], Pace(20_000, 10), [])
    # Whoever waits for the first call has no time left when it ends.
    assert result.statuses["timeout"] == result.sent < 10
    assert result.latency.maximum == 200_000


def test_load_without_messages_is_refused(client: GrpcInference) -> None:
    with pytest.raises(ServingError, match=r"^There is no message to send\. Hand over one at least\.$"):
        client.load(ECHO, [], Pace(1, 1))


class StuckChannel:
    """A channel whose calls never end, and take their time to begin."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.cancelled = 0

    def subscribe(self, callback: Callable[[Any], None]) -> None:
        callback(grpc.ChannelConnectivity.IDLE)

    def unsubscribe(self, callback: Callable[[Any], None]) -> None:
        callback(grpc.ChannelConnectivity.SHUTDOWN)

    def unary_unary(self, method: str) -> StuckChannel:
        return self

    def future(self, message: bytes, **more: Any) -> StuckChannel:
        time.sleep(self.seconds)
        return self

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        pass

    def cancel(self) -> None:
        self.cancelled += 1


def test_load_ends_also_when_calls_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_load, "GRACE_SECONDS", 0.05)
    channel = StuckChannel()
    result = GrpcLoad(grpc, channel, calls=10, timeout=0.1).run(ECHO, [b""], Pace(100, 5), [])
    assert result.statuses == {"timeout": 5}
    assert channel.cancelled == 5


def test_load_that_was_held_up_sends_nothing_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_load, "GRACE_SECONDS", 0.05)
    result = GrpcLoad(grpc, StuckChannel(0.3), calls=10, timeout=0.1).run(ECHO, [b""], Pace(100, 5), [])
    assert (result.sent, result.statuses) == (1, {"timeout": 1})
    assert result.invalid[0].startswith("The generator could not keep the rate: 4 of 5 ")


# --- what became of a call --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """A call that has ended, as grpcio shows it."""

    name: str
    said: str = ""
    first: tuple[tuple[str, str], ...] = ()
    last: tuple[tuple[str, str], ...] = ()

    def code(self) -> Any:
        return grpc.StatusCode[self.name]

    def details(self) -> str:
        return self.said

    def initial_metadata(self) -> Any:
        return self.first

    def trailing_metadata(self) -> Any:
        return self.last


NGINX = (("server", "nginx"),)
ENDS = [
    pytest.param(Ended("OK", first=(("x-seldon-route", ":m_1:"),)), ("OK", ":m_1:"), id="good"),
    pytest.param(Ended("OK"), ("OK", ""), id="good from nobody in particular"),
    pytest.param(Ended("INTERNAL", "Connection refused"), ("INTERNAL", ""), id="another status"),
    pytest.param(
        Ended("UNAVAILABLE", "failed to connect to all addresses; last error: … Connection refused"),
        ("refused", ""),
        id="nobody listens",
    ),
    pytest.param(Ended("UNAVAILABLE", "recvmsg:Connection reset by peer"), ("reset", ""), id="reset"),
    pytest.param(Ended("UNAVAILABLE", "Socket closed"), ("closed", ""), id="closed"),
    pytest.param(
        Ended("UNAVAILABLE", "failed to connect to all addresses; last error: … No route to host"),
        ("unreachable", ""),
        id="no way there",
    ),
    pytest.param(Ended("UNAVAILABLE", "loading"), ("UNAVAILABLE", ""), id="a server's own word"),
    pytest.param(
        Ended("UNAVAILABLE", "delayed connect error: Connection refused", last=NGINX),
        ("UNAVAILABLE", ""),
        id="a proxy's word for what lies behind it",
    ),
]


@pytest.mark.parametrize(("ended", "expected"), ENDS)
def test_outcome(ended: Ended, expected: tuple[str, str]) -> None:
    assert outcome(ended) == expected
