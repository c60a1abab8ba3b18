# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in of k3s on one host: its configuration, its files and its commands."""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.filter.core import to_nice_yaml

from tests.unit.molecule.standin_hosts import PROGRAM, Host, Site, program, site, wait_for


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def standin() -> Any:
    return program()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"token": "a", "cluster-init": True, "https-listen-port": 6443}, id="scalars"),
        pytest.param({"write-kubeconfig-mode": "0600", "node-name": "yes", "log": "it's"}, id="what must be quoted"),
        pytest.param({"node-label": ["a=b", "c=d: e", "# no comment", "- x"], "disable": []}, id="lists"),
        pytest.param({"log": 'tab\tand "quotes"', "tls-san": ["2001:db8::1"]}, id="double quotes"),
    ],
)
def test_yaml_is_read_as_ansible_writes_it(standin: Any, value: dict[str, Any]) -> None:
    def text(each: Any) -> str:
        return str(each).lower() if isinstance(each, bool) else str(each)

    wanted = {key: [text(one) for one in (each if isinstance(each, list) else [each])] for key, each in value.items()}
    assert standin.read_yaml(to_nice_yaml(value), Path("config.yaml")) == wanted
    assert standin.read_yaml(yaml.safe_dump(value), Path("config.yaml")) == wanted


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: &x [1]", id="anchor and flow list"),
        pytest.param("a: {b: c}", id="flow mapping"),
        pytest.param("a: |\n  text", id="block scalar"),
        pytest.param("a:\n  b: c", id="nested mapping"),
        pytest.param("a: b\n- c", id="list after a scalar"),
        pytest.param("a: one\n  two", id="folded scalar"),
        pytest.param("a: 'b", id="open quote"),
        pytest.param("- a", id="no mapping"),
    ],
)
def test_yaml_that_is_not_understood_is_refused(standin: Any, text: str) -> None:
    with pytest.raises(standin.FatalError, match=r"config\.yaml: line \d: the stand-in cannot read this"):
        standin.read_yaml(text, Path("config.yaml"))


def test_later_files_replace_and_plus_appends(
    standin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host("server-1", tmp_path)
    main = host.file("config.yaml", "disable:\n- traefik\ntls-san: one\nlog: main\nno-such-key: 1\n")
    host.file("config.yaml.d/10-role.yaml", "disable+:\n- servicelb\nlog: role\n")
    host.file("config.yaml.d/90-user.yaml", "tls-san:\n- two\n- three\n")
    host.file("config.yaml.d/95-none.txt", "log: text\n")
    monkeypatch.setenv("K3S_CONFIG_FILE", str(main))
    monkeypatch.setenv("K3S_TOKEN", "from the environment")
    config = standin.Config("server", ["--node-label", "a=b", "--debug", "--log=command"])
    assert config.items("disable") == ["traefik", "servicelb"]
    assert config.items("tls-san") == ["two", "three"]
    assert config.text("log") == "command"
    assert config.items("node-label") == ["a=b"]
    assert config.on("debug")
    assert config.text("token") == "from the environment"
    assert "Unknown flag --no-such-key found in config.yaml, skipping" in capsys.readouterr().err


def test_it_says_what_it_is(hosts: Site) -> None:
    done = hosts.server().call("--version")
    assert (done.returncode, done.stdout) == (0, "k3s version v1.36.4+k3s1 (standin0)\n")
    assert re.findall(r'^VERSION = "(.*)"$', PROGRAM.read_text(), re.MULTILINE) == ["v1.36.4+k3s1"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["server", "--no-such-flag"], 1, "flag provided but not defined: -no-such-flag"),
        (["agent", "--cluster-init"], 1, "flag provided but not defined: -cluster-init"),
        (["agent"], 1, "--token is required"),
        (["agent", "--token", "a"], 1, "--server is required"),
        (["server", "--datastore-endpoint", "mysql://a"], 1, "mysql is not in the stand-in"),
        (["check-config"], 3, "k3s check-config: not in the stand-in"),
        (["crictl", "ps"], 3, "k3s crictl ps: not in the stand-in"),
        (["etcd-snapshot", "prune"], 3, "not in the stand-in"),
        (["etcd-snapshot", "ls"], 1, "etcd datastore is not in use"),
        (["kubectl", "get", "nodes"], 1, "k3s.yaml: no such file or directory"),
    ],
)
def test_commands_that_are_refused(hosts: Site, arguments: list[str], status: int, words: str) -> None:
    done = hosts.server().call(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr


def test_a_single_server_leaves_the_files_of_k3s(hosts: Site) -> None:
    host = hosts.server(write_kubeconfig_mode="0640", secrets_encryption=True)
    host.config["token-file"] = str(host.file("etc/rancher/k3s/token", "secret\n"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(10)
        listener.bind(str(host.root / "notify"))
        host.environment["NOTIFY_SOCKET"] = str(host.root / "notify")
        host.up()
        assert listener.recv(100).startswith(b"READY=1\n")
    server = host.data / "server"
    assert re.fullmatch(r"K10[0-9a-f]{64}::server:secret\n", (server / "token").read_text())
    assert (mode(server), mode(server / "token")) == (0o700, 0o600)
    assert {(server / name).readlink() for name in ("node-token", "agent-token")} == {server / "token"}
    assert mode(server / "db/state.db") == 0o600
    assert not (server / "db/etcd").exists()
    kubeconfig = yaml.safe_load((host.root / "etc/rancher/k3s/k3s.yaml").read_text())
    assert mode(host.root / "etc/rancher/k3s/k3s.yaml") == 0o640
    assert [each["name"] for key in ("clusters", "contexts", "users") for each in kubeconfig[key]] == ["default"] * 3
    assert kubeconfig["clusters"][0]["cluster"]["server"] == host.url
    assert b"BEGIN CERTIFICATE" in base64.b64decode(kubeconfig["users"][0]["user"]["client-certificate-data"])
    assert host.kubectl("get", "--raw", "/readyz") == "ok"
    wait_for((host.data / "agent/kubelet.kubeconfig").exists)
    assert mode(host.root / "etc/rancher/node/password") == 0o600
    assert host.call("secrets-encrypt", "status").stdout.startswith("Encryption Status: Enabled\n")


def test_a_node_is_as_its_configuration_says(hosts: Site) -> None:
    host = hosts.server(
        node_label=["tier=a"], node_taint=["only=this:NoSchedule"], node_external_ip="198.51.100.7"
    ).up()
    wait_for(host.is_ready)
    node = host.node()
    assert node["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == "true"
    assert "node-role.kubernetes.io/etcd" not in node["metadata"]["labels"]
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.4+k3s1"
    assert {"type": "ExternalIP", "address": "198.51.100.7"} in node["status"]["addresses"]
    assert node["spec"]["taints"] == [{"key": "only", "value": "this", "effect": "NoSchedule"}]
    host.stop()
    host.config.update({"node-label": ["tier=b"], "node-taint": []})
    host.up()
    wait_for(host.is_ready)
    again = host.node()
    assert again["metadata"]["labels"]["tier"] == "a", "K3s's documentation: labels are set when a node registers"
    assert again["spec"] == node["spec"]


def test_the_verbs_of_kubectl(hosts: Site) -> None:
    host = hosts.server().up()
    wait_for(host.is_ready)
    change = ("node", "server-1", "--overwrite")
    assert host.kubectl("label", *change, "a=b", "c=d") == "node/server-1 labeled\n"
    host.kubectl("label", *change, "a=", "c-")
    host.kubectl("taint", *change, "x=y:NoSchedule", "z:NoExecute")
    host.kubectl("taint", *change, "x=new:NoSchedule", "z:NoExecute-")
    host.kubectl("annotate", *change, 'note={"a":"b=c"}')
    node = host.node()
    assert node["metadata"]["labels"]["a"] == ""
    assert "c" not in node["metadata"]["labels"]
    assert node["metadata"]["annotations"]["note"] == '{"a":"b=c"}'
    assert node["spec"]["taints"] == [{"key": "x", "value": "new", "effect": "NoSchedule"}]
    assert host.kubectl("drain", "server-1", "--ignore-daemonsets", "--timeout=60s") == "node/server-1 drained\n"
    assert host.node()["spec"]["unschedulable"] is True
    host.kubectl("uncordon", "server-1")
    assert "unschedulable" not in host.node()["spec"]
    assert [
        each["metadata"]["name"] for each in json.loads(host.kubectl("get", "nodes", "--output", "json"))["items"]
    ] == ["server-1"]
    assert host.kubectl("delete", "node", "server-1") == 'node "server-1" deleted\n'
    secret = ("delete", "secret", "--namespace", "kube-system", "--ignore-not-found", "server-1.node-password.k3s")
    assert host.kubectl(*secret) == "", "it went with its node"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("get node other --output json", 'Error from server (NotFound): nodes "other" not found\n'),
        ("label node other --overwrite a=b", 'Error from server (NotFound): nodes "other" not found\n'),
        ("delete node other", 'Error from server (NotFound): nodes "other" not found\n'),
        ("delete secret --namespace kube-system other", 'Error from server (NotFound): secrets "other" not found\n'),
        ("taint node server-1 --overwrite a:NoSchedule-", 'error: taint "a:NoSchedule" not found\n'),
        ("taint node server-1 --overwrite a:Sometimes", "invalid taint spec: a:Sometimes\n"),
        ("label node server-1 kubernetes.io/os=other", "error: 'kubernetes.io/os' already has a value (linux), and "),
        ("get node server-1 --watch", "error: unknown flag: --watch\n"),
        ("get --raw /nothing", "Error from server (NotFound): the server could not find "),
    ],
)
def test_kubectl_fails_in_the_words_of_the_real_one(one: Host, arguments: str, words: str) -> None:
    done = one.call("kubectl", *arguments.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(words)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with site(tmp_path_factory.mktemp("one")) as found:
        host = found.server().up()
        wait_for(host.is_ready)
        yield host


def test_who_asks_must_be_known(one: Host) -> None:
    own = one.root / "etc/rancher/k3s/k3s.yaml"
    stranger = one.file("stranger", re.sub(r"(client-key-data: ).*", r"\1YWRtaW46bm8=", own.read_text()))
    assert "(Unauthorized)" in one.call("kubectl", "--kubeconfig", str(stranger), "get", "nodes").stderr
    kubelet = str(one.data / "agent/kubelet.kubeconfig")
    assert one.kubectl("--kubeconfig", kubelet, "get", "nodes")
    done = one.call("kubectl", "--kubeconfig", kubelet, "delete", "node", "server-1")
    assert "Error from server (Forbidden)" in done.stderr
    gone = one.file("gone", own.read_text().replace(one.url, "https://127.0.0.1:1"))
    done = one.call("kubectl", "--kubeconfig", str(gone), "get", "nodes")
    assert (
        done.stderr
        == "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?\n"
    )


def test_starts_stops_and_calls_are_counted(hosts: Site) -> None:
    host = hosts.server(token="secret").up()
    host.kubectl("get", "--raw", "/readyz")
    host.stop()
    host.config["token"] = "another"
    assert "bootstrap data already found and encrypted with different token" in host.fails()
    assert host.notes == [
        "start server server-1",
        "kubectl get --raw /readyz",
        "stop server server-1 0",
        "start server server-1",
        "stop server server-1 1",
    ]


def test_a_taint_that_is_none_ends_it(hosts: Site) -> None:
    assert "invalid taint spec: a:Sometimes" in hosts.server(node_taint=["a:Sometimes"]).fails()


def test_a_taken_port_is_named(hosts: Site) -> None:
    first = hosts.server().up()
    second = hosts.server("server-2", https_listen_port=first.config["https-listen-port"])
    assert "bind: address already in use" in second.fails()


def test_a_full_disk_ends_it(hosts: Site, standin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = hosts.server()
    host.file("var/lib/rancher/x")
    (host.root / "var/lib/rancher/standin.log").symlink_to("/dev/full")
    assert "standin.log: no space left on device" in host.fails()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    target = tmp_path / "state.db"
    target.write_text("old")
    with pytest.raises(OSError, match=r"No space left on device: .*state\.db"):
        standin.write(target, "new")
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["state.db"]
    assert target.read_text() == "old"
