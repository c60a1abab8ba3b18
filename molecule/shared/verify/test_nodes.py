# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands and runs on each node after the playbook has run, and what the cluster says of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

# The controller is no node.
testinfra_hosts = ["ansible://" + ("k3s_server" if os.environ.get("K3S_NO_KUBELET") else "k3s_cluster")]
NODES = pytest.mark.skipif(
    bool(os.environ.get("K3S_NO_KUBELET")), reason=f"no kubelet can run here: {os.environ.get('K3S_NO_KUBELET')}"
)
SECRETS = ("/etc/rancher/k3s/config.yaml", "/etc/rancher/k3s/token", "/etc/systemd/system/{unit}.service.env")


@pytest.fixture(scope="module")
def is_server(host: Any) -> bool:
    return str(host.backend.get_hostname()).startswith("server")


@pytest.fixture(scope="module")
def unit(is_server: bool) -> str:
    return "k3s" if is_server else "k3s-agent"


def test_unit_runs_and_starts_with_the_machine(host: Any, unit: str) -> None:
    service = host.service(unit)
    assert service.is_running
    assert service.is_enabled
    assert host.check_output("systemctl show --property NRestarts --value %s", unit) == "0"


def test_secrets_are_roots_alone(host: Any, unit: str) -> None:
    for path in SECRETS:
        file = host.file(path.format(unit=unit))
        # The first server makes a token of its own, in the data directory.
        if file.exists:
            assert (file.user, file.mode) == ("root", 0o600), path


def test_everything_in_the_folder_of_the_configuration_is_roots_alone(host: Any) -> None:
    assert host.check_output("find /etc/rancher -type f -not -perm 600") == ""


def test_no_token_stands_on_a_command_line_or_in_the_unit(host: Any, unit: str) -> None:
    text = host.file(f"/etc/systemd/system/{unit}.service").content_string
    assert "token" not in text.lower()
    assert host.run("pgrep --full --list-full 'k3s.*K10'").stdout == ""


def test_program_and_its_names(host: Any) -> None:
    program = host.file("/usr/local/bin/k3s")
    assert (program.user, program.mode) == ("root", 0o755)
    for name in ("kubectl", "crictl", "ctr"):
        assert host.file(f"/usr/local/bin/{name}").linked_to == "/usr/local/bin/k3s"


def test_server_listens_and_is_ready(host: Any, is_server: bool) -> None:
    listens = host.check_output("ss -Hltn sport = :6443") != ""
    assert listens is is_server
    if is_server:
        assert host.check_output("k3s kubectl get --raw /readyz") == "ok"
        assert host.file("/etc/rancher/k3s/k3s.yaml").mode == 0o600


@NODES
def test_every_host_is_a_ready_node_of_the_version(host: Any, is_server: bool) -> None:
    if not is_server:
        return
    wanted = host.check_output("k3s --version").split()[2]
    nodes = json.loads(host.check_output("k3s kubectl get nodes --output json"))["items"]
    found = {
        node["metadata"]["name"]: (
            node["status"]["nodeInfo"]["kubeletVersion"],
            {each["type"]: each["status"] for each in node["status"]["conditions"]}["Ready"],
        )
        for node in nodes
    }
    assert found == dict.fromkeys(os.environ["K3S_NODES"].split(","), (wanted, "True"))


def servers() -> list[str]:
    return [name for name in os.environ["K3S_NODES"].split(",") if name.startswith("server")]


@NODES
def test_the_nodes_say_that_all_servers_vote(host: Any, is_server: bool) -> None:
    if not is_server or len(servers()) == 1:
        return
    nodes = json.loads(host.check_output("k3s kubectl get nodes --output json"))["items"]
    voters = {
        node["metadata"]["name"]
        for node in nodes
        for each in node["status"]["conditions"]
        if (each["type"], each["status"]) == ("EtcdIsVoter", "True")
    }
    assert voters == set(servers())


def test_etcd_has_all_servers_where_there_are_several(host: Any, is_server: bool) -> None:
    if not is_server or len(servers()) == 1:
        return
    tls = "/var/lib/rancher/k3s/server/tls/etcd"
    said = host.check_output(
        f"curl --silent --fail --cacert {tls}/server-ca.crt --cert {tls}/client.crt --key {tls}/client.key "
        "--data '{}' https://127.0.0.1:2382/v3/cluster/member/list"
    )
    members = json.loads(said)["members"]
    assert {each["name"].rpartition("-")[0] for each in members} == set(servers())
    assert not any(each.get("isLearner") for each in members)


# K3s keeps the state of it with the node.
@NODES
def test_secrets_are_encrypted(host: Any, is_server: bool) -> None:
    if is_server:
        assert "Encryption Status: Enabled" in host.check_output("k3s secrets-encrypt status")


def test_the_api_server_is_told_to_encrypt_secrets(host: Any, is_server: bool) -> None:
    config = host.file("/var/lib/rancher/k3s/server/cred/encryption-config.json")
    # The stand-in stores no secret of anybody's.
    if is_server and config.exists:
        first = json.loads(config.content_string)["resources"][0]
        assert first["resources"] == ["secrets"]
        assert "identity" not in first["providers"][0]


def test_second_run_has_started_nothing(host: Any) -> None:
    log = host.file("/var/lib/rancher/standin.log")
    # The real one keeps no such log; its unit's counter and the record of its start stand for it.
    if log.exists:
        assert log.content_string.count(" start ") == 1
    record = json.loads(host.file("/etc/rancher/k3s/started.json").content_string)
    assert "/usr/local/bin/k3s" in record


def test_kubeconfig_is_on_the_controller(host: Any) -> None:
    path = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "kube", "config")
    assert path.stat().st_mode & 0o777 == 0o600
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert found["current-context"] == "molecule"
    assert host.backend.get_hostname() not in found["clusters"][0]["cluster"]["server"]
    assert "127.0.0.1" not in found["clusters"][0]["cluster"]["server"]
