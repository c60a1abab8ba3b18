# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded etcd of a server, on the port that K3s keeps for HTTP: who its members are, and that one of them leaves.

A server without a kubelet has no node, and a node is late to show that its server is gone; etcd knows of both. Where
that of this host does not answer, another one tells who the members are, on the port that they have for each other.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from typing import Any, Mapping, Sequence
from urllib.parse import urlsplit

from .._core.errors import ServingError
from .._core.k3s_quorum import Member, SilentError

HTTP_PORT, PEER_PORT = 2382, 2380
CALL_SECONDS = 5
LOOPBACK = ("127.0.0.1", "::1")
# etcd's MemberListRequest, answered by this member alone, so also when there is no majority; and MemberRemoveRequest.
LIST, REMOVE = "/v3/cluster/member/list", "/v3/cluster/member/remove"
# What a member asks another one of when it joins: etcd, server/etcdserver/api/etcdhttp/peer.go.
PEERS = "/members"
# Files of the server's folder: who answers, and who asks.
CLIENT = ("server-ca.crt", "client.crt", "client.key")
PEER = ("peer-ca.crt", "peer-server-client.crt", "peer-server-client.key")


class K3sEtcd:
    """Asks the etcd of this host. ``server`` is K3s's folder for it."""

    def __init__(
        self, server: str = "/var/lib/rancher/k3s/server", *, port: int = HTTP_PORT, peer_port: int = PEER_PORT
    ) -> None:
        self._server = server
        self._port = port
        self._peer_port = peer_port

    def name(self) -> str:
        """Return the name of this member; empty where there is none."""
        try:
            with open(os.path.join(self._server, "db", "etcd", "name"), encoding="utf-8") as stream:
                return stream.read().strip()
        except OSError:
            return ""

    def members(self) -> tuple[Member, ...]:
        """Return the members as this one knows them; none where there is no etcd, or none that listens."""
        if not self.name():
            return ()
        said = {}
        for host in LOOPBACK:
            try:
                text = self._ask(host, LIST, {"linearizable": False})
            except (OSError, http.client.HTTPException) as error:
                said[host] = _words(error)
            else:
                return _listed(text, within="members")
        silent = [words for host, words in said.items() if _listens(host, self._port)]
        if silent:
            raise SilentError(silent[0])
        return ()

    def members_by(self, address: str) -> tuple[Member, ...]:
        """Return the members as the one at an address knows them; none where it does not listen."""
        try:
            door = self._door(address, self._peer_port, PEER)
            return _listed(_answer(door, "GET", PEERS))
        except ConnectionRefusedError:
            return ()
        except (OSError, http.client.HTTPException) as error:
            raise SilentError(_words(error)) from error

    def remove(self, member: Member) -> None:
        """Have the majority take a member out."""
        why = ""
        for host in LOOPBACK:
            try:
                self._ask(host, REMOVE, {"ID": member.number})
                return
            except (OSError, http.client.HTTPException) as error:
                why = why or str(error)
        raise ServingError(f"etcd did not take {member.node} out: {why}. See whether its other members are well.")

    def _ask(self, host: str, path: str, said: Mapping[str, Any]) -> bytes:
        """Return the answer of this host's own, or raise OSError."""
        return _answer(self._door(host, self._port, CLIENT), "POST", path, said)

    def _door(self, host: str, port: int, files: Sequence[str]) -> http.client.HTTPSConnection:
        authority, certificate, key = (os.path.join(self._server, "tls", "etcd", name) for name in files)
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        return http.client.HTTPSConnection(host, port, timeout=CALL_SECONDS, context=context)


def _answer(door: http.client.HTTPSConnection, method: str, path: str, said: Mapping[str, Any] | None = None) -> bytes:
    """Return the answer, or raise OSError."""
    try:
        door.request(method, path, json.dumps(said or {}), {"Content-Type": "application/json"})
        answer = door.getresponse()
        text = answer.read()
        if answer.status != http.client.OK:
            raise OSError(f"status {answer.status}, {text.decode(errors='replace').strip()}")
        return text
    finally:
        door.close()


def _listens(host: str, port: int) -> bool:
    """Say whether somebody listens; whoever has stopped still does, until too many wait and the kernel says nothing."""
    try:
        socket.create_connection((host, port), timeout=CALL_SECONDS).close()
    except socket.timeout:
        return True
    except OSError:
        return False
    return True


def _listed(text: bytes, *, within: str = "") -> tuple[Member, ...]:
    try:
        found = json.loads(text)
        return tuple(
            Member(
                str(each.get("name", "")),
                urlsplit((each.get("peerURLs") or [""])[0]).hostname or "",
                bool(each.get("isLearner")),
                str(each.get("ID", each.get("id", ""))),
            )
            for each in (found[within] if within else found)
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServingError(f"etcd listed its members in a way that nobody knows: {error!r}") from error


def _words(error: Exception) -> str:
    if isinstance(error, socket.timeout):
        return f"nothing within {CALL_SECONDS} s"
    return str(error) or type(error).__name__


__all__ = ["K3sEtcd"]
