# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters among things that break half-way: after each the same command makes it good, or says what to do."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.live.cluster.clusters import CONTEXT, TASK, Cluster
from tests.live.cluster.conftest import Make
from tests.live.data_plane import wait_for

ONE = ("server-1", "agent-1")
THREE = ("server-1", "server-2", "server-3")
DELAY = "/var/lib/rancher/standin-delay"


def test_server_killed_during_its_join_joins_later(hosts: Make) -> None:
    cluster = hosts(THREE)
    cluster.write("server-2", DELAY, "300")
    with cluster.playing("cluster.yml") as running:
        wait_for(lambda: cluster.starts("server-2"), "the second server begins to join", 120)
        cluster.cut("server-2")
        play = running.end()
    assert play.status != 0
    cluster.start("server-2")
    cluster.on("server-2", f"rm {DELAY}")
    cluster.play("cluster.yml").require()
    assert cluster.nodes() == dict.fromkeys(THREE, "True")
    assert cluster.on("server-2", "k3s kubectl get --raw /readyz").strip() == "ok"
    assert cluster.play("cluster.yml").require().changed == 0


def test_power_cut_between_the_files_and_the_start_is_made_good(hosts: Make) -> None:
    cluster = hosts(["server-1"])
    cluster.play("cluster.yml").require()
    starts = cluster.starts("server-1")
    with cluster.playing("cluster.yml", k3s_tls_san=["k3s.example.com"]) as running:
        wait_for(lambda: "node | Start K3s" in " ".join(TASK.findall(running.output())), "the files are written")
        running.kill()
        cluster.cut("server-1")
    cluster.start("server-1")
    again = cluster.play("cluster.yml", k3s_tls_san=["k3s.example.com"]).require()
    assert "k3s.example.com" in cluster.on("server-1", "cat /etc/rancher/k3s/config.yaml")
    assert cluster.starts("server-1") > starts
    assert cluster.play("cluster.yml", k3s_tls_san=["k3s.example.com"]).require().changed == 0, again.output


def test_another_token_is_refused_and_changes_nothing(hosts: Make) -> None:
    cluster = hosts(ONE)
    cluster.play("cluster.yml", k3s_token="the first one").require()
    starts = {name: cluster.starts(name) for name in ONE}
    files = cluster.on("server-1", "sha256sum /etc/rancher/k3s/*.yaml /etc/rancher/k3s/token")
    refused = cluster.play("cluster.yml", k3s_token="another one")
    assert refused.status != 0
    assert "The cluster of server-1 was made with another token than k3s_token." in refused.said
    assert "the first one" not in refused.output
    assert "another one" not in refused.output.replace("another one than", "")
    assert {name: cluster.starts(name) for name in ONE} == starts
    assert cluster.on("server-1", "sha256sum /etc/rancher/k3s/*.yaml /etc/rancher/k3s/token") == files


def test_full_disk_is_named_and_a_later_run_goes_on(hosts: Make) -> None:
    cluster = hosts(["server-1"])
    cluster.on(
        "server-1", "mount -t tmpfs -o size=64k tmpfs /var/lib/rancher && head -c 60k /dev/zero > /var/lib/rancher/x"
    )
    play = cluster.play("cluster.yml")
    assert play.status != 0
    assert "because the disk is full. Make room on the file system of /var/lib/rancher." in play.said, play.output
    cluster.on("server-1", "systemctl stop k3s; umount /var/lib/rancher")
    cluster.play("cluster.yml").require()
    assert cluster.nodes() == {"server-1": "True"}


def test_agent_that_vanishes_half_way_joins_later(hosts: Make) -> None:
    cluster = hosts(ONE)
    with cluster.playing("cluster.yml") as running:
        wait_for(lambda: "node | Start K3s" in " ".join(TASK.findall(running.output())), "the server starts", 120)
        cluster.cut("agent-1")
        play = running.end()
    assert play.status != 0
    assert re.search(r"agent-1 +: .*unreachable=1", play.output), play.output
    assert cluster.nodes() == {"server-1": "True"}
    cluster.start("agent-1")
    cluster.play("cluster.yml").require()
    assert cluster.nodes() == dict.fromkeys(ONE, "True")


@contextmanager
def served(folder: Path, address: str) -> Iterator[str]:
    """Serve a folder to the hosts, and return where."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has above
            pass

    server = ThreadingHTTPServer((address, 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_corrupted_program_is_never_put_in_place(hosts: Make, tmp_path: Path) -> None:
    cluster = hosts(["server-1"])
    program = (cluster.artifacts / "k3s").read_bytes()
    release = tmp_path / "mirror" / "v1.36.4+k3s1"
    release.mkdir(parents=True)
    with served(tmp_path / "mirror", cluster.gateway) as mirror:
        fetched = {"k3s_artifacts_directory": "", "k3s_releases": mirror}
        (release / "k3s").write_bytes(program + b"#")
        play = cluster.play("cluster.yml", **fetched)
        assert play.status != 0
        assert "did not match" in play.said
        assert cluster.on("server-1", "ls /usr/local/bin") == ""
        (release / "k3s").write_bytes(program)
        cluster.play("cluster.yml", **fetched).require()
    assert cluster.nodes() == {"server-1": "True"}
    # A folder is no different.
    cluster.release(program + b"#")
    refused = cluster.play("cluster.yml", k3s_sha256={"amd64": "0" * 64, "arm64": "0" * 64})
    assert refused.status != 0
    assert (
        f"and that of K3s v1.36.4+k3s1 is {'0' * 64}. Fetch it anew, or set k3s_version and k3s_sha256." in refused.said
    )


def test_two_runs_at_once_start_each_server_once(hosts: Make) -> None:
    cluster = hosts(THREE)
    cluster.play("cluster.yml").require()
    starts = {name: cluster.starts(name) for name in THREE}
    change = {"k3s_tls_san": ["k3s.example.com"]}
    with cluster.playing("cluster.yml", **change) as one, cluster.playing("cluster.yml", **change) as other:
        one.end().require()
        other.end().require()
    assert {name: cluster.starts(name) for name in THREE} == {name: count + 1 for name, count in starts.items()}


def test_server_that_does_not_come_back_stops_the_others_from_following(hosts: Make) -> None:
    cluster = hosts(THREE)
    cluster.play("cluster.yml").require()
    starts = {name: cluster.starts(name) for name in THREE}
    cluster.write("server-1", DELAY, "300")
    change = {"k3s_tls_san": ["k3s.example.com"], "k3s_wait_timeout": 10}
    play = cluster.play("cluster.yml", "--forks", "10", **change)
    assert play.status != 0
    assert "k3s on server-1 did not become ready" in play.said
    assert {name: cluster.starts(name) for name in THREE} == {**starts, "server-1": starts["server-1"] + 1}
    cluster.on("server-1", f"rm {DELAY}; systemctl kill --signal=SIGKILL k3s")
    cluster.play("cluster.yml", k3s_tls_san=["k3s.example.com"]).require()
    assert cluster.nodes() == dict.fromkeys(THREE, "True")


def test_host_that_was_wiped_joins_again_under_its_name(hosts: Make) -> None:
    cluster = hosts(ONE)
    cluster.play("cluster.yml").require()
    cluster.on("agent-1", "systemctl stop k3s-agent; rm -rf /etc/rancher /var/lib/rancher/k3s /etc/systemd/system/k3s*")
    play = cluster.play("cluster.yml").require()
    assert "rejoin | Have the cluster forget the old node" in TASK.findall(play.output)
    assert cluster.nodes() == dict.fromkeys(ONE, "True")


def test_name_of_a_node_that_lives_is_refused(hosts: Make) -> None:
    cluster = hosts(("server-1", "agent-1", "agent-2"))
    cluster.play("cluster.yml", "--limit", "server-1,agent-1").require()
    refused = cluster.play("cluster.yml", "--limit", "agent-2", k3s_node_name="agent-1")
    assert refused.status != 0
    assert "The cluster has a node agent-1 that lives. Set another k3s_node_name" in refused.said
    assert cluster.nodes() == {"server-1": "True", "agent-1": "True"}


def test_some_of_the_servers_are_never_changed_alone(hosts: Make) -> None:
    cluster = hosts(THREE)
    refused = cluster.play("cluster.yml", "--limit", "server-1")
    assert refused.status != 0
    assert "server-2, server-3 is not part of this run" in refused.said
    cluster.cut("server-2")
    refused = cluster.play("cluster.yml")
    assert refused.status != 0
    assert "server-2 could not be looked at, and no other server has the cluster's data." in refused.said
    assert cluster.on("server-1", "ls /etc/rancher/k3s 2>/dev/null; true") == ""


def test_server_that_leads_is_away_and_the_others_go_on(hosts: Make) -> None:
    cluster = hosts((*THREE, "agent-1"))
    cluster.play("cluster.yml").require()
    left = (*THREE[1:], "agent-1")
    starts = {name: cluster.starts(name) for name in left}
    cluster.cut("server-1")
    wait_for(lambda: cluster.nodes("server-2")["server-1"] != "True", "the others see that it is away")
    play = cluster.play("cluster.yml")
    assert re.search(r"server-1 +: .*unreachable=1", play.output), play.output
    assert not re.search(r"failed=[1-9]", play.output), play.output
    # An agent alone goes on as well, by a server that answers.
    cluster.play("cluster.yml", "--limit", "agent-1", k3s_node_labels={"example.com/a": "1"}).require()
    assert "example.com/a" in cluster.on("server-2", "k3s kubectl get node agent-1 --output json")
    assert {name: cluster.starts(name) for name in left} == starts, "nobody is started anew because of it"
    cluster.play("remove_node.yml", "--limit", "agent-1", k3s_confirm=CONTEXT).require()
    assert set(cluster.nodes("server-2")) == set(THREE)
    for name in THREE[1:]:
        cluster.cut(name)
    silent = "server-1, server-2, server-3 did not answer, so"
    refused = cluster.play("cluster.yml", "--limit", "agent-1")
    assert f"{silent} agent-1 has no server to join." in refused.said
    refused = cluster.play("remove_node.yml", "--limit", "agent-1", k3s_confirm=CONTEXT)
    assert f"{silent} nobody could forget agent-1." in refused.said


def test_reset_is_confirmed_and_gives_the_hosts_back(hosts: Make) -> None:
    cluster = hosts(ONE)
    before = {name: leftovers(cluster, name) for name in ONE}
    cluster.play("cluster.yml").require()
    refused = cluster.play("reset.yml")
    assert refused.status != 0
    assert f"set k3s_confirm to the name of the cluster's context: -e k3s_confirm={CONTEXT}" in refused.said
    assert cluster.nodes() == dict.fromkeys(ONE, "True"), "nothing was changed"
    # The data is what counts, not the unit.
    cluster.on("agent-1", "mv /etc/systemd/system/k3s-agent.service /tmp/ && systemctl daemon-reload")
    refused = cluster.play("reset.yml", "--limit", "agent-1")
    assert refused.status != 0
    cluster.on("agent-1", "mv /tmp/k3s-agent.service /etc/systemd/system/ && systemctl daemon-reload")
    checked = cluster.play("reset.yml", "--check").require()
    # The kubeconfig as well.
    assert checked.changed == len(ONE) + 1
    assert cluster.nodes() == dict.fromkeys(ONE, "True")
    cluster.on("server-1", "mkdir /var/lib/rancher/k3s/mine && mount -t tmpfs tmpfs /var/lib/rancher/k3s/mine")
    cluster.write("server-1", "/var/lib/rancher/k3s/mine/kept", "x")
    assert cluster.play("reset.yml", k3s_confirm=CONTEXT).require().changed == len(ONE) + 1
    assert CONTEXT not in cluster.kubeconfig.read_text(encoding="utf-8")
    assert cluster.on("server-1", "cat /var/lib/rancher/k3s/mine/kept") == "x", "a file system of the user's"
    cluster.on("server-1", "umount /var/lib/rancher/k3s/mine && rmdir -p /var/lib/rancher/k3s/mine; true")
    assert {name: leftovers(cluster, name) for name in ONE} == before
    assert cluster.play("reset.yml", k3s_confirm=CONTEXT).require().changed == 0


def leftovers(cluster: Cluster, name: str) -> str:
    """Return what a host has of K3s: files, units, links, processes and mounts."""
    return cluster.on(
        name,
        "find /etc/rancher /var/lib/rancher/k3s /var/lib/kubelet /var/lib/cni /run/k3s /etc/sysctl.d /usr/local/bin "
        "/etc/systemd/system -name '*' 2>/dev/null | grep -v -e wants -e standin | sort; ip -o link | cut -d: -f2 | "
        "cut -d@ -f1; pgrep -a k3s; grep -c k3s /proc/mounts; true",
    )


def test_wrong_clock_is_told_before_anything_is_changed(hosts: Make) -> None:
    cluster = hosts(ONE)
    cluster.on(
        "agent-1",
        "ls /usr/lib/*/faketime/libfaketime.so.1 > /etc/ld.so.preload && echo +1h > /etc/faketimerc && "
        "systemctl restart ssh",
    )
    # The hosts have version 1 of control groups where this machine has it.
    play = cluster.play("preflight.yml", k3s_config={"kubelet-arg": ["fail-cgroupv1=false"]})
    assert play.status != 0
    told = re.findall(r"- (agent-1|server-1|[\w, -]+): the clock is (\d+) s ahead of the controller's", play.said)
    # Ansible shows the message of a failed task twice.
    assert {name for name, _seconds in told} == {"agent-1"}, play.output
    assert 3500 < int(told[0][1]) < 3700
    assert cluster.on("agent-1", "ls /usr/local/bin") == ""
