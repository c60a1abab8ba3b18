# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do with a cluster: harden it, give it secrets, label its nodes, take one out and bring it back."""

from __future__ import annotations

import json
import socket

import yaml

from tests.live.cluster.clusters import CONTEXT, Cluster
from tests.live.cluster.conftest import Make

ONE = ("server-1", "agent-1")
ALL_OPTIONS = {
    "k3s_hardening": "cis",
    "k3s_agent_token": "a secret of the agents",
    "k3s_registries": {"configs": {"registry.example.com": {"auth": {"username": "me", "password": "a hidden word"}}}},
    "k3s_environment": {"HTTPS_PROXY": "http://user:another-hidden-word@192.0.2.9:3128"},
    "k3s_config": {"kubelet-arg": ["max-pods=64"]},
    "k3s_config_drop_ins": {"50-logs": {"v": 1}},
}
SECRETS = ("a secret of the agents", "a hidden word", "another-hidden-word")


def labels_and_taints(cluster: Cluster, node: str) -> tuple[dict[str, str], list[str]]:
    found = json.loads(cluster.on("server-1", f"k3s kubectl get node {node} --output json"))
    labels = {key: value for key, value in found["metadata"]["labels"].items() if key.startswith("example.com/")}
    return labels, [each["key"] for each in found["spec"].get("taints", [])]


def test_hardened_with_secrets_which_nobody_sees(hosts: Make) -> None:
    cluster = hosts(ONE)
    done = cluster.play("cluster.yml", "--diff", "-v", **ALL_OPTIONS).require()
    assert [word for word in SECRETS if word in done.output] == []
    assert cluster.play("cluster.yml", **ALL_OPTIONS).require().changed == 0
    for name in ONE:
        assert cluster.on(name, "find /etc/rancher /etc/systemd/system/k3s*.env -type f -not -perm 600") == ""
        assert "max-pods=64" in cluster.on(name, "cat /etc/rancher/k3s/config.yaml")
        assert "vm.overcommit_memory=1" in cluster.on(name, "cat /etc/sysctl.d/90-kubelet.conf")
        assert cluster.on(name, "cat /proc/sys/vm/overcommit_memory").strip() == "1"
    policy = yaml.safe_load(cluster.on("server-1", "cat /var/lib/rancher/k3s/server/psa.yaml"))
    assert policy["plugins"][0]["configuration"]["defaults"]["enforce"] == "restricted"
    # What is wanted no more goes away, and K3s is started anew without it.
    starts = cluster.starts("agent-1")
    kept = {key: value for key, value in ALL_OPTIONS.items() if key not in ("k3s_registries", "k3s_config_drop_ins")}
    cluster.play("cluster.yml", **kept).require()
    left = cluster.on("agent-1", "ls /etc/rancher/k3s/config.yaml.d; ls /etc/rancher/k3s | grep registries; true")
    assert left.split() == ["20-registration.yaml"], "whom it joined"
    assert cluster.starts("agent-1") == starts + 1


def test_labels_and_taints_stay_as_declared_without_a_start(hosts: Make) -> None:
    cluster = hosts(ONE)
    declared = {"k3s_node_labels": {"example.com/a": "1"}, "k3s_node_taints": ["example.com/t=1:NoSchedule"]}
    cluster.play("cluster.yml", **declared).require()
    assert labels_and_taints(cluster, "agent-1") == ({"example.com/a": "1"}, ["example.com/t"])
    cluster.on("server-1", "k3s kubectl label node agent-1 --overwrite example.com/a=by-hand example.com/mine=1")
    starts = cluster.starts("agent-1")
    cluster.play("cluster.yml", **declared).require()
    assert labels_and_taints(cluster, "agent-1")[0] == {"example.com/a": "1", "example.com/mine": "1"}
    cluster.play("cluster.yml").require()
    assert labels_and_taints(cluster, "agent-1") == ({"example.com/mine": "1"}, [])
    assert cluster.starts("agent-1") == starts
    assert cluster.play("cluster.yml").require().changed == 0


def test_node_is_taken_out_and_comes_back(hosts: Make) -> None:
    cluster = hosts(ONE)
    cluster.play("cluster.yml").require()
    refused = cluster.play("remove_node.yml", "--limit", "server-1", k3s_confirm=CONTEXT)
    assert refused.status != 0
    assert "server-1 is the only server of the cluster. Nothing was changed." in refused.said
    cluster.play("remove_node.yml", "--limit", "agent-1", k3s_confirm=CONTEXT).require()
    assert cluster.nodes() == {"server-1": "True"}
    assert cluster.on("agent-1", "ls /usr/local/bin /etc/rancher 2>/dev/null | grep k3s; true") == ""
    cluster.play("cluster.yml").require()
    assert cluster.nodes() == dict.fromkeys(ONE, "True")


def test_node_that_does_not_answer_any_more_is_taken_out(hosts: Make) -> None:
    cluster = hosts(ONE)
    cluster.play("cluster.yml").require()
    cluster.cut("agent-1")
    cluster.play("remove_node.yml", "--limit", "agent-1", k3s_confirm=CONTEXT).require()
    assert cluster.nodes() == {"server-1": "True"}


REFUSES = """#!/bin/sh
case " $* " in
  *" drain "*" --force "*) ;;
  *" drain "*) echo "error: cannot delete Pods that declare no controller (use --force to override): a/b" >&2; exit 1 ;;
esac
exec /usr/local/bin/k3s-itself "$@"
"""


def test_pod_that_nothing_brings_back_keeps_its_node_until_it_may_go(hosts: Make) -> None:
    cluster = hosts(ONE)
    cluster.play("cluster.yml").require()
    cluster.on("server-1", "cp -p /usr/local/bin/k3s /usr/local/bin/k3s-itself")
    cluster.on(
        "server-1",
        f"rm /usr/local/bin/k3s; cat > /usr/local/bin/k3s <<'END'\n{REFUSES}END\nchmod 755 /usr/local/bin/k3s",
    )
    refused = cluster.play("remove_node.yml", "--limit", "agent-1", k3s_confirm=CONTEXT)
    assert refused.status != 0
    assert "agent-1 still has pods, and stays a node: error: cannot delete Pods that declare no" in refused.said
    assert "set k3s_drain_force" in refused.said
    assert cluster.nodes() == dict.fromkeys(ONE, "True")
    cluster.play("remove_node.yml", "--limit", "agent-1", k3s_confirm=CONTEXT, k3s_drain_force=True).require()
    assert cluster.nodes() == {"server-1": "True"}


def test_kubeconfig_keeps_what_the_user_has(hosts: Make) -> None:
    cluster = hosts(["server-1"])
    shared = cluster.kubeconfig.parent.with_name("shared")
    for folder in (cluster.kubeconfig.parent, shared):
        folder.mkdir()
        folder.chmod(0o775)
    mine = {"current-context": "work", "contexts": [{"name": "work", "context": {"cluster": "w", "user": "u"}}]}
    (shared / "mine").write_text("# mine\n" + yaml.safe_dump(mine))
    cluster.kubeconfig.symlink_to("../shared/mine")
    for wrong in ("kube/config", str(shared)):
        refused = cluster.play("cluster.yml", k3s_kubeconfig=wrong)
        assert refused.status != 0
        assert f"k3s_kubeconfig is {wrong}, and it has to be the absolute path of a file" in refused.said
        assert refused.changed == 0
    cluster.play("cluster.yml").require()
    assert cluster.kubeconfig.is_symlink()
    assert [each.stat().st_mode & 0o777 for each in (cluster.kubeconfig.parent, shared)] == [0o775, 0o775]
    found = yaml.safe_load(cluster.kubeconfig.read_text())
    assert found["current-context"] == "work"
    assert [each["name"] for each in found["contexts"]] == ["work", CONTEXT]
    assert found["clusters"][0]["cluster"]["server"] == f"https://{cluster.addresses['server-1']}:6443"
    assert cluster.kubeconfig.stat().st_mode & 0o777 == 0o600
    cluster.play("reset.yml", k3s_confirm=CONTEXT).require()
    assert [each["name"] for each in yaml.safe_load(cluster.kubeconfig.read_text())["contexts"]] == ["work"]
    assert [each.stat().st_mode & 0o777 for each in (cluster.kubeconfig.parent, shared)] == [0o775, 0o775]


def test_kubeconfig_that_cannot_be_changed_is_told_before_a_host_is(hosts: Make) -> None:
    cluster = hosts(["server-1"])
    cluster.play("cluster.yml").require()
    text = "mine: yes\nusers: {token: hush"
    cluster.kubeconfig.write_text(text)
    for playbook in ("cluster.yml", "reset.yml"):
        refused = cluster.play(playbook, k3s_confirm=CONTEXT)
        assert refused.status != 0
        assert "The user's kubeconfig is no YAML in line 2. Mend it, or set k3s_kubeconfig to" in refused.said
        assert "hush" not in refused.output
        assert refused.changed == 0
    assert cluster.kubeconfig.read_text() == text
    assert cluster.nodes() == {"server-1": "True"}


LISTENER = "python3 -m http.server 9999 --directory /run"
FIREWALL = "apt-get install --yes ufw && ufw default deny incoming && ufw allow 22/tcp && ufw --force enable"


def reaches(address: str, port: int) -> bool:
    """Say whether this machine, which is no node, gets through to a port."""
    try:
        with socket.create_connection((address, port), 2):
            return True
    except OSError:
        return False


def test_firewall_lets_the_cluster_through_and_nobody_else(hosts: Make) -> None:
    cluster = hosts(ONE)
    for name in ONE:
        cluster.on(name, FIREWALL)
    rules = {name: cluster.on(name, "ufw status") for name in ONE}
    refused = cluster.play("cluster.yml", k3s_firewall="ufw")
    assert refused.status != 0
    assert "k3s_firewall is ufw, and k3s_firewall_sources names no node." in refused.said
    opened = {"k3s_firewall": "ufw", "k3s_firewall_sources": list(cluster.addresses.values())}
    before = {
        **opened,
        "k3s_firewall_sources": [*opened["k3s_firewall_sources"], "192.0.2.7"],
        "k3s_firewall_api_sources": ["192.0.2.0/24"],
    }
    cluster.play("cluster.yml", **before).require()
    server = cluster.addresses["server-1"]
    assert cluster.nodes() == dict.fromkeys(ONE, "True")
    assert "192.0.2.7" in cluster.on("agent-1", "ufw status")
    assert not reaches(server, 6443), "the API's users are others"
    # What is declared no more is closed, and of another one's rules nothing.
    cluster.on("server-1", "ufw allow from 192.0.2.8")
    cluster.play("cluster.yml", **opened).require()
    assert cluster.play("cluster.yml", **opened).require().changed == 0
    assert "192.0.2.7" not in "".join(cluster.on(name, "ufw status") for name in ONE)
    assert "192.0.2.8" in cluster.on("server-1", "ufw status")
    cluster.on("server-1", "ufw delete allow from 192.0.2.8")
    cluster.on("server-1", f"systemd-run --unit listener {LISTENER}")
    cluster.on("agent-1", f"curl --silent --fail --retry 5 --retry-connrefused http://{server}:9999/ > /dev/null")
    assert reaches(server, 6443), "users of the API"
    assert not reaches(server, 9999), "what is for nodes alone"
    cluster.on("server-1", "systemctl stop listener")
    cluster.play("remove_node.yml", "--limit", "agent-1", k3s_confirm=CONTEXT, **opened).require()
    assert cluster.on("agent-1", "ufw status") == rules["agent-1"]
    cluster.play("reset.yml", k3s_confirm=CONTEXT, **opened).require()
    assert {name: cluster.on(name, "ufw status") for name in ONE} == rules
