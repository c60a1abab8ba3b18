# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in of k3s on several hosts: joins, quorum, and what is lost and found again."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.molecule.standin_hosts import Host, Site, site, wait_for

SECRET = "secret"


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as found:
        yield found


def members(host: Host) -> list[str]:
    text = (host.data / "server/db/etcd/member/snap/db").read_text()
    return sorted(name for name, each in json.loads(text)["members"].items() if each["voter"])


def readiness(host: Host) -> str:
    done = host.call("kubectl", "get", "--raw", "/readyz")
    return done.stdout or done.stderr


def test_three_servers_share_what_one_of_them_is_told(hosts: Site) -> None:
    first, second, third = hosts.three()
    assert members(first) == members(second) == members(third) == ["server-1", "server-2", "server-3"]
    assert not (first.data / "server/db/state.db").exists()
    tokens = {(host.data / "server/token").read_text() for host in (first, second, third)}
    assert len(tokens) == 1, "one CA, and so one hash"
    assert second.node("server-3")["metadata"]["labels"]["node-role.kubernetes.io/etcd"] == "true"
    assert third.condition("EtcdIsVoter", "server-2") == "True"
    pairs = [(host, f"{host.name}-{number}") for host in (first, second, third) for number in range(3)]
    with ThreadPoolExecutor(9) as pool:
        list(pool.map(lambda pair: pair[0].kubectl("label", "node", "server-1", f"{pair[1]}=yes"), pairs))
    first.stop(signal.SIGKILL)
    labels = third.node("server-1")["metadata"]["labels"]
    assert {label for _, label in pairs} <= set(labels), "no write was lost to another"
    wait_for(lambda: second.condition("Ready", "server-1") == "Unknown")
    assert second.condition("EtcdIsVoter", "server-1") == "True", "a member that is down is one, still"
    second.kubectl("label", "node", "server-2", "while-down=yes")
    first.up()
    assert first.node("server-2")["metadata"]["labels"]["while-down"] == "yes"


def test_without_a_majority_nothing_is_answered(hosts: Site) -> None:
    first, second, third = hosts.three()
    second.stop()
    assert readiness(first) == "ok"
    third.stop(signal.SIGKILL)
    assert "[-]etcd failed: reason withheld\\nreadyz failed" in readiness(first)
    for arguments in ("get nodes", "label node server-1 a=b", "delete node server-2"):
        done = first.call("kubectl", *arguments.split())
        assert (done.returncode, done.stderr) == (1, "Error from server: etcdserver: request timed out\n")
    first.stop()
    first.start().says("Failed to test data store connection: context deadline exceeded")
    assert "is up and running" not in first.journal
    third.up()
    first.says("is up and running")
    assert readiness(first) == readiness(third) == "ok"


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("other", "/v1-k3s/server-bootstrap: 401 Unauthorized"),
        (f"K10{'0' * 64}::server:secret", f"CA hash does not match the Cluster CA certificate hash: {'0' * 64} != "),
        ("", "token is required to join a cluster"),
    ],
)
def test_a_server_with_another_token_ends(hosts: Site, token: str, words: str) -> None:
    first = hosts.server(cluster_init=True, token=SECRET).up()
    second = hosts.server("server-2", server=first.url, token=token)
    assert words in second.fails()
    assert members(first) == ["server-1"]
    assert not (second.data / "server/db").exists()
    second.config["token"] = (first.data / "server/token").read_text().strip()
    second.up()
    assert members(first) == ["server-1", "server-2"]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("other", "server is not ready: failed to retrieve configuration from server: "),
        (f"K10{'0' * 64}::node:secret", "token CA hash does not match the Cluster CA certificate hash"),
    ],
)
def test_an_agent_with_another_token_asks_for_ever(hosts: Site, token: str, words: str) -> None:
    first = hosts.server(token=SECRET).up()
    agent = hosts.agent(server=first.url, token=token).start()
    agent.says(words)
    assert not agent.ended()
    agent.stop()
    assert agent.notes == ["start agent agent-1", "stop agent agent-1 0"]
    agent.config["token"] = SECRET
    agent.up()


def test_agents_may_have_a_token_of_their_own(hosts: Site) -> None:
    first = hosts.server(token=SECRET, cluster_init=True)
    first.config["agent-token-file"] = str(first.file("etc/rancher/k3s/agent-token", "for agents\n"))
    first.up()
    assert (first.data / "server/agent-token").read_text().endswith("::node:for agents\n")
    assert hosts.agent(server=first.url, token=SECRET).start().says("401 Unauthorized")
    agent = hosts.agent("agent-2")
    agent.environment.update(
        {"K3S_URL": first.url, "K3S_TOKEN": (first.data / "server/agent-token").read_text().strip()}
    )
    agent.up()
    assert "401 Unauthorized" in hosts.server("server-2", server=first.url, token="for agents").fails()


def test_an_agent_asks_through_whichever_server_lives(hosts: Site) -> None:
    first, _, _ = hosts.three()
    agent = hosts.agent(server=first.url, token=SECRET).up()
    kubelet = ("--kubeconfig", str(agent.data / "agent/kubelet.kubeconfig"))
    first.stop()
    assert json.loads(agent.kubectl(*kubelet, "get", "node", "agent-1", "--output", "json"))["kind"] == "Node"
    agent.stop()
    done = agent.call("kubectl", *kubelet, "get", "nodes")
    assert done.stderr.startswith("The connection to the server 127.0.0.1:")
    agent.up()


def test_a_node_that_lost_its_password_is_rejected(hosts: Site) -> None:
    first = hosts.server(token=SECRET).up()
    agent = hosts.agent(server=first.url, token=SECRET).up()
    agent.stop()
    (agent.root / "etc/rancher/node/password").unlink()
    agent.start().says("Node password rejected, duplicate hostname or contents of '")
    assert not agent.ended()
    first.kubectl("delete", "secret", "--namespace", "kube-system", "--ignore-not-found", "agent-1.node-password.k3s")
    agent.says("is up and running")


def test_a_server_that_lost_its_data_is_a_duplicate_until_its_node_is_deleted(hosts: Site) -> None:
    first, second, third = hosts.three()
    second.stop()
    shutil.rmtree(second.root)
    second.root.mkdir()
    assert "ETCD join failed: duplicate node name found, please use a unique name for this node" in second.fails()
    first.kubectl("delete", "node", "server-2")
    assert members(first) == members(third) == ["server-1", "server-3"]
    second.up()
    wait_for(lambda: first.is_ready("server-2"))
    assert members(first) == ["server-1", "server-2", "server-3"]


def test_a_server_whose_node_is_deleted_is_no_member_any_more(hosts: Site) -> None:
    first, second, third = hosts.three()
    first.kubectl("delete", "node", "server-3")
    assert wait_for(third.ended)
    assert "the member has been permanently removed from the cluster" in third.journal
    assert members(first) == members(second) == ["server-1", "server-2"]
    third.start().says("this server is a not a member of the etcd cluster. Found [server-1=https://127.0.0.1:")
    assert not third.ended()
    assert first.call("kubectl", "get", "node", "server-3").returncode == 1


def test_a_server_that_is_removed_while_it_is_down_does_not_come_back(hosts: Site) -> None:
    first, _, third = hosts.three()
    third.stop(signal.SIGKILL)
    first.kubectl("delete", "node", "server-3")
    assert members(third) == ["server-1", "server-2", "server-3"]
    third.start().says("this server is a not a member of the etcd cluster. Found [server-1=https://127.0.0.1:")
    assert "is up and running" not in third.journal


def test_a_server_killed_while_it_joins_goes_on_where_it_was(hosts: Site) -> None:
    first = hosts.server(cluster_init=True, token=SECRET).up()
    second = hosts.server("server-2", server=first.url, token=SECRET)
    slow = second.file("var/lib/rancher/standin-delay", "60")
    second.start()
    wait_for((second.data / "server/db/etcd/member").exists)
    second.stop(signal.SIGKILL)
    assert second.notes == ["start server server-2"]
    assert members(first) == ["server-1"]
    assert readiness(first) == "ok", "one that cannot vote yet costs no majority"
    third = hosts.server("server-3", server=first.url, token=SECRET)
    assert "etcdserver: too many learner members in cluster" in third.fails()
    slow.unlink()
    second.up()
    third.up()
    assert members(first) == ["server-1", "server-2", "server-3"]


def test_a_datastore_that_is_there_outweighs_the_configuration(hosts: Site) -> None:
    first, second, third = hosts.three()
    second.stop()
    del second.config["server"]
    second.config["cluster-init"] = True
    second.up()
    first.stop()
    first.config["server"] = third.url
    del first.config["cluster-init"]
    first.up()
    assert members(first) == members(second) == ["server-1", "server-2", "server-3"]


def test_a_single_server_moves_to_etcd(hosts: Site) -> None:
    first = hosts.server(token=SECRET).up()
    wait_for(first.is_ready)
    refused = hosts.server("server-2", server=first.url, token=SECRET)
    assert "failed to validate server configuration: etcd disabled" in refused.fails()
    first.kubectl("label", "node", "server-1", "a=b")
    first.stop()
    first.config["cluster-init"] = True
    first.up()
    assert first.node()["metadata"]["labels"]["a"] == "b"
    assert [path.name for path in (first.data / "server/db").glob("state*")] == ["state.db.migrated"]
    refused.up()


def test_servers_must_agree(hosts: Site) -> None:
    first = hosts.server(cluster_init=True, token=SECRET, secrets_encryption=True, cluster_cidr="10.1.0.0/16").up()
    second = hosts.server("server-2", server=first.url, token=SECRET)
    words = "critical configuration value mismatch between servers: secrets-encryption, cluster-cidr"
    assert words in second.fails()
    assert members(first) == ["server-1"]


def test_a_server_without_an_agent_has_no_node(hosts: Site) -> None:
    first = hosts.server(cluster_init=True, token=SECRET, disable_agent=True).up()
    agent = hosts.agent(server=first.url, token=SECRET).up()
    wait_for(lambda: first.is_ready("agent-1"))
    assert first.call("kubectl", "get", "nodes").stdout.splitlines() == ["agent-1 Ready=True v1.36.4+k3s1"]
    agent.stop()
    wait_for(lambda: first.condition("Ready", "agent-1") == "Unknown")


def test_a_clock_that_is_behind_is_named(hosts: Site) -> None:
    first = hosts.server(cluster_init=True, token=SECRET).up()
    second = hosts.server("server-2", server=first.url, token=SECRET)
    second.wrapper = ["faketime", "-f", "-1d"]
    assert "x509: certificate has expired or is not yet valid" in second.fails()


def test_an_unreachable_server_is_named(hosts: Site) -> None:
    second = hosts.server("server-2", server="https://127.0.0.1:1", token=SECRET)
    assert r"Get \"https://127.0.0.1:1/cacerts\": dial tcp 127.0.0.1:1: connect: connection refused" in second.fails()


def test_two_servers_may_share_a_datastore_outside(hosts: Site, tmp_path: Path) -> None:
    shared = {"datastore_endpoint": f"sqlite://{tmp_path / 'outside.db'}", "token": SECRET}
    first, second = (hosts.server(name, **shared).up() for name in ("server-1", "server-2"))
    wait_for(lambda: first.is_ready("server-2"))
    first.kubectl("label", "node", "server-2", "a=b")
    assert second.node()["metadata"]["labels"]["a"] == "b"
    assert not (first.data / "server/db").exists()


def test_snapshots_hold_the_state(hosts: Site) -> None:
    first = hosts.server(cluster_init=True, token=SECRET).up()
    wait_for(first.is_ready)
    name = first.call("etcd-snapshot", "save").stdout.split()[1]
    assert list(json.loads((first.data / "server/db/snapshots" / name).read_text())["nodes"]) == ["server-1"]
    assert name in first.call("etcd-snapshot", "ls").stdout
    assert first.call("secrets-encrypt", "status").stdout == "Encryption Status: Disabled\n"
