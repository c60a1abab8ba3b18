# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a node's config.yaml, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.k3s_config import OWNED, check_keys, datastore, node_config, registration
from plugins.module_utils._core.k3s_keys import AGENT_KEYS, SERVER_KEYS

BASE: dict[str, Any] = {
    "type": "server",
    "host": "server-1",
    "name": "one",
    "servers": ["server-1"],
    "leader": "server-1",
    "join_url": "https://192.0.2.11:6443",
    "directory": "/var/lib/rancher/k3s/server",
    "token_file": "",
    "agent_token_file": "",
    "api_address": "",
    "api_port": 6443,
    "tls_san": [],
    "external_datastore": False,
    "cluster_cidr": ["10.42.0.0/16"],
    "service_cidr": ["10.43.0.0/16"],
    "flannel_backend": "vxlan",
    "network_policy": True,
    "disable": ["servicelb", "traefik"],
    "secrets_encryption": True,
    "hardening": "none",
    "node_ip": [],
    "node_external_ip": [],
    "embedded_registry": False,
    "config": {},
}
PLAIN = {
    "cluster-cidr": "10.42.0.0/16",
    "disable": ["servicelb", "traefik"],
    "flannel-backend": "vxlan",
    "node-name": "one",
    "secrets-encryption": True,
    "service-cidr": "10.43.0.0/16",
    "write-kubeconfig-mode": "0600",
}
THREE = ["server-1", "server-2", "server-3"]


CONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a single server": ({}, PLAIN),
    "who leads shows in no server's own": ({"servers": THREE}, PLAIN),
    "a server that joins has the token": (
        {"servers": THREE, "host": "server-2", "token_file": "/t"},
        {**PLAIN, "token-file": "/t"},
    ),
    "with an external database none of them joins": (
        {"servers": THREE, "host": "server-2", "external_datastore": True, "token_file": "/t"},
        {**PLAIN, "token-file": "/t"},
    ),
    "an agent has nothing of a server": (
        {"type": "agent", "host": "agent-1", "name": "two", "token_file": "/t"},
        {"node-name": "two", "token-file": "/t"},
    ),
    "both families": (
        {
            "cluster_cidr": ["10.42.0.0/16", "2001:db8:42::/56"],
            "service_cidr": ["10.43.0.0/16", "2001:db8:43::/112"],
            "node_ip": ["192.0.2.11", "2001:db8::11"],
        },
        {
            **PLAIN,
            "cluster-cidr": "10.42.0.0/16,2001:db8:42::/56",
            "service-cidr": "10.43.0.0/16,2001:db8:43::/112",
            "node-ip": "192.0.2.11,2001:db8::11",
        },
    ),
    "the API's address is in its certificate": (
        {"api_address": "k3s.example.com", "tls_san": ["192.0.2.10"], "api_port": 7443},
        {**PLAIN, "tls-san": ["192.0.2.10", "k3s.example.com"], "https-listen-port": 7443},
    ),
    "lists are appended, anything else is the user's": (
        {"config": {"disable": ["metrics-server"], "kubelet-arg": "max-pods=64", "snapshotter": "native"}},
        {
            **PLAIN,
            "disable": ["servicelb", "traefik", "metrics-server"],
            "kubelet-arg": "max-pods=64",
            "snapshotter": "native",
        },
    ),
    "no policies, an embedded registry, a token for agents": (
        {"network_policy": False, "embedded_registry": True, "agent_token_file": "/a"},
        {**PLAIN, "agent-token-file": "/a", "disable-network-policy": True, "embedded-registry": True},
    ),
}


@pytest.mark.parametrize(("options", "expected"), CONFIGS.values(), ids=CONFIGS.keys())
def test_config(options: dict[str, Any], expected: dict[str, Any]) -> None:
    found = node_config({**BASE, **options})
    assert found == expected
    assert list(found) == sorted(found), "a file that is written the same each time"


def test_hardening_of_a_server_and_of_an_agent() -> None:
    server = node_config({**BASE, "hardening": "cis", "config": {"kubelet-arg": ["max-pods=64"]}})
    assert server["protect-kernel-defaults"] is True
    assert server["kubelet-arg"][-1] == "max-pods=64"
    assert "admission-control-config-file=/var/lib/rancher/k3s/server/psa.yaml" in server["kube-apiserver-arg"]
    agent = node_config({**BASE, "type": "agent", "hardening": "cis"})
    assert agent["protect-kernel-defaults"] is True
    assert "kube-apiserver-arg" not in agent


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a typing error": (
        "server",
        {"flanel-iface": "eth1"},
        "k3s_config sets 'flanel-iface', which K3s servers do not know: did you mean 'flannel-iface'?",
    ),
    "nothing like it": (
        "agent",
        {"zzzzzz": 1},
        "k3s_config sets 'zzzzzz', which K3s agents do not know: remove it, or set one of "
        "https://docs.k3s.io/cli/server.",
    ),
    "a server's key on an agent": (
        "agent",
        {"disable-etcd": True},
        "k3s_config sets 'disable-etcd' on an agent; only servers have it. Set it for the servers alone.",
    ),
    "what the role would lose sight of": (
        "agent",
        {"with-node-id": True},
        "k3s_config sets 'with-node-id', and the role knows a node by k3s_node_name. Set that instead.",
    ),
    "what an option decides": (
        "server",
        {"node-label+": ["a=b"]},
        "k3s_config sets 'node-label', which k3s_node_labels decides. Set k3s_node_labels instead.",
    ),
}


@pytest.mark.parametrize(("node_type", "config", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(node_type: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ServingError, match=f"^{re.escape(message)}$"):
        check_keys(config, node_type, where="k3s_config")


def test_keys_of_an_agent_are_those_of_a_server_too() -> None:
    assert AGENT_KEYS < SERVER_KEYS
    assert set(OWNED) <= SERVER_KEYS


def test_datastores() -> None:
    assert datastore(BASE) == "sqlite"
    assert datastore({**BASE, "servers": THREE}) == "etcd"
    assert datastore({**BASE, "servers": THREE, "external_datastore": True}) == "external"


RESERVED = {"node-role.kubernetes.io/models": "", "topology.kubernetes.io/zone": "a", "x.k8s.io/b": "1"}
JOINS = {"server": "https://192.0.2.11:6443"}
REGISTRATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one server has nothing to tell": ({}, {}),
    "labels and taints": (
        {"node_labels": {"b": 2, "a": "1"}, "node_taints": ["c=d:NoSchedule"]},
        {"node-label": ["a=1", "b=2"], "node-taint": ["c=d:NoSchedule"]},
    ),
    "the kubelet may not set what is Kubernetes's": (
        {"node_labels": {**RESERVED, "example.com/kubernetes.io": "1", "zone": "a"}},
        {"node-label": ["example.com/kubernetes.io=1", "zone=a"]},
    ),
    "the first of three begins an etcd": ({"servers": THREE}, {"cluster-init": True}),
    "the second joins the one that leads": ({"servers": THREE, "host": "server-2"}, JOINS),
    "an agent joins": ({"type": "agent", "host": "agent-1"}, JOINS),
    "with an external database no server joins": (
        {"servers": THREE, "host": "server-2", "external_datastore": True},
        {},
    ),
}


VIP: dict[str, str] = {"": "it is empty", "api.example.com": "'api.example.com' is none"}


@pytest.mark.parametrize(("address", "found"), VIP.items())
def test_kube_vip_needs_an_address(address: str, found: str) -> None:
    with pytest.raises(ServingError, match=f"k3s_kube_vip needs an address in k3s_api_address, and {found}. Set one"):
        node_config({**BASE, "kube_vip": True, "api_address": address})
    for good in ("192.0.2.10", "2001:db8::10"):
        assert node_config({**BASE, "kube_vip": True, "api_address": good})["tls-san"] == [good]


@pytest.mark.parametrize(("more", "expected"), REGISTRATIONS.values(), ids=REGISTRATIONS.keys())
def test_registration_has_what_is_heeded_once(more: dict[str, Any], expected: dict[str, Any]) -> None:
    assert registration({**BASE, **more}) == expected
