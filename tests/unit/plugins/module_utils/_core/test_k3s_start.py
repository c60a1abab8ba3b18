# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A start that is carried out, with a host that does what a test wants of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.k3s_quorum import Member, SilentError
from plugins.module_utils._core.k3s_start import Doors, Start, Watched
from plugins.module_utils._core.k3s_unit import Unit
from tests.unit.plugins.module_utils._core.test_k3s_unit import WELL, node

VERSION = "v1.36.4+k3s1"
FILES = {"/a": "1"}
SUFFIX = "0a1b2c3d"
SERVER = Watched("k3s", "me", VERSION, is_server=True, runs_pods=True, timeout=30.0)


@dataclass
class Host:
    """A host whose states follow one another: one for each second that is waited."""

    units: list[Unit]
    node_seen: list[dict[str, Any] | None] = field(default_factory=lambda: [node("me", WELL)])
    unready: list[str] = field(default_factory=lambda: [""])
    etcd: list[str] = field(default_factory=list)
    ill: list[str] = field(default_factory=lambda: [""])
    silent: list[bool] = field(default_factory=lambda: [False])
    saved: dict[str, str] = field(default_factory=dict)
    journal_text: str = ""
    calls: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def _at(self, states: list[Any]) -> Any:
        return states[min(int(self.seconds), len(states) - 1)]

    # The unit
    def look(self) -> Unit:
        found: Unit = self._at(self.units)
        return found

    def enable(self) -> None:
        self.calls.append("enable")

    def restart(self) -> None:
        self.calls.append(f"restart at {self.seconds:g}")

    def journal(self, since: float, lines: int = 40) -> str:
        return self.journal_text

    # The program
    def version(self) -> str:
        return VERSION

    def readiness(self, address: str = "") -> str:
        if address:
            return "the API is not ready" if address in self._at(self.ill).split() else ""
        return str(self._at(self.unready))

    def node(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._at(self.node_seen)
        return found

    # The etcd
    def name(self) -> str:
        return f"me-{SUFFIX}"

    def members(self) -> list[Member]:
        if self._at(self.silent):
            raise SilentError("timed out")
        return self.members_by("me")

    def members_by(self, address: str) -> list[Member]:
        return [Member(f"{each.rstrip('?')}-{SUFFIX}", each, each.endswith("?")) for each in self.etcd]

    # The note
    def load(self) -> dict[str, str]:
        return self.saved

    def save(self, digests: Mapping[str, str]) -> None:
        self.saved = dict(digests)
        self.calls.append("save")

    # The clock
    def epoch(self) -> float:
        return 1_000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def started(host: Host, watched: Watched = SERVER, files: Mapping[str, str] = FILES) -> Host:
    start = Start(watched, Doors(host, host, host, host, host))
    start.carry_out(start.plan(files, []), files)
    return host


# The clock of the test begins a second after this one.
HEARD = node("me", WELL, heard="1970-01-01T00:16:40Z")
RUNS, COMES = Unit("active", enabled=True), Unit("activating", enabled=True)


def test_nothing_happens_where_all_is_well() -> None:
    assert started(Host([RUNS], saved=FILES)).calls == []


def test_a_first_start_is_waited_for_and_noted() -> None:
    host = started(Host([Unit(), COMES, COMES, RUNS], node_seen=[HEARD], unready=["no", "no", "no", "no", ""]))
    assert (host.calls, host.saved) == (["enable", "restart at 0", "save"], FILES)
    assert host.seconds == 4


def test_a_start_that_fails_is_not_noted() -> None:
    host = Host([Unit(), Unit("activating", restarts=3)], journal_text="\nx\nno space left on device\n")
    message = (
        "k3s on me did not become ready: it is activating after 3 restarts, because the disk is full. Make room on the "
        "file system of /var/lib/rancher. The journal of k3s ends with:\nx\nno space left on device"
    )
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        started(host)
    assert host.calls == ["enable", "restart at 0"]


def test_what_ended_it_is_told_though_the_next_try_has_begun() -> None:
    tries = 'level=fatal msg="Error: no host-local"\n' + "".join(f"line {number}\n" for number in range(20))
    host = Host([Unit(), Unit("activating", restarts=3)], journal_text=tries)
    with pytest.raises(ServingError) as failed:
        started(host)
    told = str(failed.value).splitlines()
    assert told[:2] == [
        "k3s on me did not become ready: it is activating after 3 restarts. It ended with:",
        'level=fatal msg="Error: no host-local"',
    ]
    assert told[2:4] == ["The journal of k3s ends with:", "line 12"]


def test_nobody_waits_for_what_is_hopeless() -> None:
    agent = Watched("k3s-agent", "me", VERSION, is_server=False, runs_pods=True, timeout=30.0)
    host = Host([Unit("activating")], journal_text="failed to validate token: not authorized")
    with pytest.raises(ServingError, match=r"because the token is not the cluster's\."):
        started(host, agent)
    assert host.seconds == 0


def test_waiting_has_an_end() -> None:
    host = Host([RUNS], unready=["the API is not ready: etcd"], saved=FILES)
    with pytest.raises(ServingError, match=r"^k3s on me did not become ready: the API is not ready: etcd\.$"):
        started(host)
    assert host.seconds == 30


THREE = ["me", "a", "b"]


def test_a_server_waits_for_the_others_before_it_is_restarted() -> None:
    host = started(Host([RUNS], etcd=THREE, ill=["b", "b", ""], node_seen=[HEARD], saved={"/a": "0"}))
    assert host.calls == ["restart at 2", "save"]


REFUSED: dict[str, tuple[list[str], str, str]] = {
    "one is ill": (THREE, "b", "of 3 members of etcd b is not well"),
    "one is on its way in": (["me", "a", "b?"], "", "of 3 members of etcd b is not well"),
    "the other one of two is ill": (["me", "a"], "a", "of 2 members of etcd a is not well"),
}


@pytest.mark.parametrize(("etcd", "ill", "found"), REFUSED.values(), ids=REFUSED.keys())
def test_a_server_is_not_restarted_when_the_majority_would_be_lost(etcd: list[str], ill: str, found: str) -> None:
    host = Host([RUNS], etcd=etcd, ill=[ill], saved={"/a": "0"})
    message = (
        f"k3s was not restarted on me: {found}, and without this one there would be no majority. Mend it first, or "
        "remove it with playbooks/remove_node.yml."
    )
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        started(host)
    assert host.calls == []


def test_a_server_whose_own_api_is_ill_asks_the_others_all_the_same() -> None:
    host = Host([RUNS], etcd=THREE, ill=["b"], unready=["etcd"], saved={"/a": "0"})
    with pytest.raises(ServingError, match="was not restarted on me"):
        started(host)


LOST: dict[str, list[str]] = {"its etcd does not run": [], "there is no majority that could be lost": THREE}


@pytest.mark.parametrize("etcd", LOST.values(), ids=LOST.keys())
def test_a_server_that_is_no_loss_is_restarted_at_once(etcd: list[str]) -> None:
    host = started(Host([RUNS], etcd=etcd, ill=["a b"], node_seen=[HEARD], saved={"/a": "0"}))
    assert host.calls == ["restart at 0", "save"]


CLUSTER = Watched("k3s", "me", VERSION, is_server=True, runs_pods=True, timeout=30.0, others=("a", "b"))


def test_a_server_whose_etcd_has_stopped_is_restarted_as_soon_as_the_others_can_do_without_it() -> None:
    waited = Host([RUNS], etcd=THREE, silent=[True], ill=["b", "b", ""], node_seen=[HEARD], saved={"/a": "0"})
    assert started(waited, CLUSTER).calls == ["restart at 2", "save"]
    host = Host([RUNS], etcd=THREE, silent=[True], ill=["b"], saved={"/a": "0"})
    message = (
        "k3s was not restarted on me: of 3 members of etcd b is not well, and the one here listens and does not answer "
        "(timed out), so the majority may hang on its vote. Mend the other one first, or remove it with "
        "playbooks/remove_node.yml."
    )
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        started(host, CLUSTER)
    assert host.calls == []


def test_an_agent_waits_for_nobody() -> None:
    agent = Watched("k3s-agent", "me", VERSION, is_server=False, runs_pods=True, timeout=30.0)
    host = Host([RUNS], etcd=THREE, ill=["b"], node_seen=[HEARD], saved={"/a": "0"})
    assert started(host, agent).calls == ["restart at 0", "save"]


def test_what_the_kubelet_said_before_the_start_does_not_count() -> None:
    host = started(Host([RUNS], node_seen=[node("me", WELL), node("me", WELL), HEARD], saved={"/a": "0"}))
    assert (host.calls, host.seconds) == (["restart at 0", "save"], 2)


def test_a_node_whose_network_comes_later_only_has_to_register() -> None:
    unready = [node("me", {"Ready": "False", "EtcdIsVoter": "True"})]
    with pytest.raises(ServingError, match="the node is not Ready"):
        started(Host([RUNS], node_seen=[*unready], saved=FILES))
    later = Watched("k3s", "me", VERSION, is_server=True, runs_pods=True, timeout=30.0, has_network=False)
    assert started(Host([RUNS], node_seen=[*unready], saved=FILES), later).calls == []


def test_a_server_without_a_kubelet_is_asked_for_its_version() -> None:
    bare = Watched("k3s", "me", "v1.36.5+k3s1", is_server=True, runs_pods=False, timeout=2.0)
    with pytest.raises(ServingError, match=r"it is v1\.36\.4\+k3s1, and v1\.36\.5\+k3s1 is wanted"):
        started(Host([RUNS], node_seen=[None], saved=FILES), bare)
