# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who the members of etcd are, asked of a real server with TLS in both directions."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._adapters import k3s_etcd
from plugins.module_utils._adapters.k3s_etcd import K3sEtcd
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.k3s_quorum import Member, SilentError
from tests.unit.molecule.standin_hosts import program

# As etcd 3.6 writes it: what is false is left out, and a member that never started has no name.
LISTED = {
    "header": {"cluster_id": "14841639068965178418", "member_id": "10276657743932975437", "raft_term": "2"},
    "members": [
        {
            "ID": "10276657743932975437",
            "name": "server-1-0a1b2c3d",
            "peerURLs": ["https://192.0.2.11:2380"],
            "clientURLs": ["https://192.0.2.11:2379"],
        },
        {"ID": "2", "peerURLs": ["https://[2001:db8::12]:2380"], "isLearner": True},
    ],
}
# As another member writes it, on the port that members have for each other.
PEERS = [
    {
        "id": 10276657743932975437,
        "peerURLs": ["https://192.0.2.11:2380"],
        "name": "server-1-0a1b2c3d",
        "clientURLs": ["https://192.0.2.11:2379"],
    },
    {"id": 2, "peerURLs": ["https://[2001:db8::12]:2380"], "isLearner": True},
]
MEMBERS = (
    Member("server-1-0a1b2c3d", "192.0.2.11", number="10276657743932975437"),
    Member("", "2001:db8::12", is_learner=True, number="2"),
)


PEER = "peer-server-client"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    cert, key = folder / "cert", folder / "key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=etcd", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.fixture
def server(tmp_path: Path, pair: tuple[Path, Path]) -> Path:
    """The folder of a server, as K3s lays it out."""
    tls = tmp_path / "tls" / "etcd"
    tls.mkdir(parents=True)
    for kind, certificate, key in (("server", "client.crt", "client.key"), ("peer", f"{PEER}.crt", f"{PEER}.key")):
        for name, source in ((f"{kind}-ca.crt", pair[0]), (certificate, pair[0]), (key, pair[1])):
            shutil.copy(source, tls / name)
    (tmp_path / "db" / "etcd").mkdir(parents=True)
    (tmp_path / "db" / "etcd" / "name").write_text("server-1-0a1b2c3d")
    return tmp_path


def ill(_: Any) -> bytes:
    raise OSError("no leader")


Answering = Callable[[Callable[[Any], bytes]], int]


@pytest.fixture
def answering(pair: tuple[Path, Path]) -> Iterator[Answering]:
    gates: list[Any] = []

    def make(answer: Callable[[Any], bytes]) -> int:
        gates.append(program().Gate(("127.0.0.1", 0), pair, answer, callers=pair[0].read_text()))
        return int(gates[-1].server_port)

    yield make
    for gate in gates:
        gate.shutdown()
        gate.server_close()


def test_members_are_listed_without_asking_for_a_majority(server: Path, answering: Answering) -> None:
    seen: list[Any] = []

    def answer(request: Any) -> bytes:
        seen.append(request)
        return json.dumps(LISTED).encode()

    etcd = K3sEtcd(str(server), port=answering(answer))
    assert etcd.members() == MEMBERS
    assert etcd.name() == "server-1-0a1b2c3d"
    assert [(each.method, each.path) for each in seen] == [("POST", "/v3/cluster/member/list")]
    assert json.loads(seen[0].body) == {"linearizable": False}


def test_nobody_is_a_member_where_there_is_no_etcd(tmp_path: Path, answering: Answering) -> None:
    etcd = K3sEtcd(str(tmp_path), port=answering(lambda _: json.dumps(LISTED).encode()))
    assert (etcd.name(), etcd.members()) == ("", ())


def test_nobody_is_a_member_where_nobody_listens(server: Path) -> None:
    assert K3sEtcd(str(server), port=1).members() == ()
    assert K3sEtcd(str(server), peer_port=1).members_by("127.0.0.1") == ()
    (server / "tls/etcd/client.crt").unlink()
    assert K3sEtcd(str(server), port=1).members() == (), "nor are there files to ask with"


@pytest.fixture
def stopped() -> Iterator[int]:
    """The port of a program that has stopped: the kernel lets callers in, and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_one_that_listens_and_does_not_answer_is_not_taken_for_none(
    server: Path, stopped: int, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(k3s_etcd, "CALL_SECONDS", 0.2)
    with pytest.raises(SilentError, match=r"^nothing within 0\.2 s$"):
        K3sEtcd(str(server), port=stopped).members()
    with pytest.raises(SilentError, match=r"^nothing within 0\.2 s$"):
        K3sEtcd(str(server), peer_port=stopped).members_by("127.0.0.1")
    with pytest.raises(SilentError, match=r"^status 503"):
        K3sEtcd(str(server), port=answering(ill)).members()
    port = answering(lambda _: json.dumps(LISTED).encode())
    (server / "tls/etcd/client.crt").unlink()
    with pytest.raises(SilentError, match="No such file"):
        K3sEtcd(str(server), port=port).members()


def test_one_where_too_many_wait_still_listens(stopped: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(k3s_etcd, "CALL_SECONDS", 0.2)
    waiting = []
    for _ in range(300):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        with contextlib.suppress(BlockingIOError):
            waiting[-1].connect(("127.0.0.1", stopped))
    try:
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.0.1", stopped), timeout=0.2)
        assert k3s_etcd._listens("127.0.0.1", stopped)
    finally:
        for each in waiting:
            each.close()


def test_another_member_tells_who_the_members_are(server: Path, answering: Answering) -> None:
    seen: list[Any] = []

    def answer(request: Any) -> bytes:
        seen.append(request)
        return json.dumps(PEERS).encode()

    assert K3sEtcd(str(server), peer_port=answering(answer)).members_by("127.0.0.1") == MEMBERS
    assert [(each.method, each.path) for each in seen] == [("GET", "/members")]


def test_a_member_is_taken_out_by_its_number(server: Path, answering: Answering) -> None:
    seen: list[Any] = []

    def answer(request: Any) -> bytes:
        seen.append(request)
        return b"{}"

    K3sEtcd(str(server), port=answering(answer)).remove(MEMBERS[1])
    assert [(each.method, each.path, json.loads(each.body)) for each in seen] == [
        ("POST", "/v3/cluster/member/remove", {"ID": "2"})
    ]
    with pytest.raises(ServingError, match=r"^etcd did not take server-1 out: .*refused"):
        K3sEtcd(str(server), port=1).remove(MEMBERS[0])


@pytest.mark.parametrize("text", [b"no JSON", b"{}", b'{"members": [3]}'])
def test_what_cannot_be_read_is_never_taken_for_no_members(server: Path, answering: Answering, text: bytes) -> None:
    with pytest.raises(ServingError, match="etcd listed its members in a way that nobody knows"):
        K3sEtcd(str(server), port=answering(lambda _: text)).members()


@pytest.mark.parametrize("text", [b"no JSON", b"3", b"[3]"])
def test_what_another_one_says_and_cannot_be_read_is_no_silence(
    server: Path, answering: Answering, text: bytes
) -> None:
    with pytest.raises(ServingError, match="etcd listed its members in a way that nobody knows"):
        K3sEtcd(str(server), peer_port=answering(lambda _: text)).members_by("127.0.0.1")
