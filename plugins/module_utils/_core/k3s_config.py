# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a node's config.yaml, in K3s's own keys.

Source of the keys and of what they mean: https://docs.k3s.io/cli/server and https://docs.k3s.io/cli/agent.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Iterable, Mapping

from .errors import ServingError
from .k3s_keys import AGENT_KEYS, SERVER_KEYS
from .names import nearest_name

SERVER, AGENT = "server", "agent"
EMBEDDED, EXTERNAL, SINGLE = "etcd", "external", "sqlite"

# What an option or the inventory itself decides. A second place for the same thing would be a trap.
OWNED = {
    "agent-token": "k3s_agent_token",
    "agent-token-file": "k3s_agent_token",
    "cluster-cidr": "k3s_cluster_cidr",
    "cluster-init": "k3s_servers",
    "datastore-endpoint": "k3s_datastore_endpoint",
    "disable-network-policy": "k3s_network_policy",
    "embedded-registry": "k3s_embedded_registry",
    "flannel-backend": "k3s_flannel_backend",
    "https-listen-port": "k3s_api_port",
    "node-external-ip": "k3s_node_external_ip",
    "node-ip": "k3s_node_ip",
    "node-label": "k3s_node_labels",
    "node-name": "k3s_node_name",
    "node-taint": "k3s_node_taints",
    "protect-kernel-defaults": "k3s_hardening",
    "secrets-encryption": "k3s_secrets_encryption",
    "server": "k3s_api_address",
    "service-cidr": "k3s_service_cidr",
    "token": "k3s_token",
    "token-file": "k3s_token",
}
# What the role would lose sight of.
REFUSED = {
    "cluster-reset": "which is done once and not kept. Run `k3s server --cluster-reset` by hand",
    "cluster-reset-restore-path": "which is done once and not kept. Run `k3s server --cluster-reset` by hand",
    "data-dir": "and the role knows K3s's data in /var/lib/rancher/k3s only. Mount a file system there instead",
    "with-node-id": "and the role knows a node by k3s_node_name. Set that instead",
    "write-kubeconfig": "and the role reads /etc/rancher/k3s/k3s.yaml. Leave it out",
}
RESERVED = re.compile(r"(^|\.)(kubernetes|k8s)\.io$")
# Nobody reads these in a diff: they stand in a file of their own.
SECRET_KEYS = frozenset(("etcd-s3-access-key", "etcd-s3-secret-key", "etcd-s3-session-token", "vpn-auth"))
# Where the CIS guide wants more than K3s does by itself: https://docs.k3s.io/security/hardening-guide
CIS_APISERVER = (
    "admission-control-config-file={directory}/psa.yaml",
    "audit-policy-file={directory}/audit.yaml",
    "audit-log-path=/var/lib/rancher/k3s/server/logs/audit.log",
    "audit-log-maxage=30",
    "audit-log-maxbackup=10",
    "audit-log-maxsize=100",
    "service-account-extend-token-expiration=false",
)
CIS_CONTROLLER_MANAGER = ("terminated-pod-gc-threshold=10",)
CIS_KUBELET = ("streaming-connection-idle-timeout=5m", "make-iptables-util-chains=true")


def datastore(wanted: Mapping[str, Any]) -> str:
    """Return where a cluster keeps its state: ``sqlite`` (one server), ``etcd`` (more of them) or ``external``."""
    if wanted.get("external_datastore"):
        return EXTERNAL
    return EMBEDDED if len(wanted["servers"]) > 1 else SINGLE


def node_config(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of config.yaml of one node.

    Args:
        wanted: ``type`` (server or agent), ``name``, ``servers`` and the ``leader`` among them, ``join_url``, ``host``
            (the node's name in the inventory), ``directory`` and ``token_file``; the rest as in the role's options.

    Raises:
        ServingError: A key is unknown, not one of this type of node, or decided by an option.
    """
    if wanted.get("kube_vip"):
        _require_address(wanted["api_address"])
    own = _server(wanted) if wanted["type"] == SERVER else {}
    own.update(_common(wanted))
    return _merged(own, check_keys(wanted.get("config") or {}, wanted["type"], where="k3s_config"))


def registration(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what K3s heeds when the node joins, and never again.

    Who leads may change while the others run on: a server that has its data joins nobody, and an agent keeps a list
    of all servers.
    """
    # The kubelet refuses to set those of Kubernetes itself, and ends; the API takes them from an administrator.
    declared = (wanted.get("node_labels") or {}).items()
    labels = [f"{key}={value}" for key, value in sorted(declared) if not RESERVED.search(str(key).partition("/")[0])]
    found: dict[str, Any] = {
        "node-label": labels,
        "node-taint": [str(each) for each in wanted.get("node_taints") or ()],
    }
    if wanted["type"] == SERVER and datastore(wanted) == EMBEDDED and wanted["host"] == wanted["leader"]:
        found["cluster-init"] = True
    if _joins(wanted):
        found["server"] = wanted["join_url"]
    return {key: found[key] for key in sorted(found) if found[key]}


def check_keys(config: Mapping[str, Any], node_type: str, *, where: str) -> Mapping[str, Any]:
    """Return a part of config.yaml as it is, or refuse what K3s would silently ignore."""
    known = SERVER_KEYS if node_type == SERVER else AGENT_KEYS
    for key in config:
        # `key+` appends to a list that stands in an earlier file.
        name = str(key).rstrip("+")
        if name in OWNED:
            raise ServingError(f"{where} sets '{name}', which {OWNED[name]} decides. Set {OWNED[name]} instead.")
        if name in REFUSED:
            raise ServingError(f"{where} sets '{name}', {REFUSED[name]}.")
        if name in known:
            continue
        if name in SERVER_KEYS:
            raise ServingError(
                f"{where} sets '{name}' on an agent; only servers have it. Set it for the servers alone."
            )
        near = nearest_name(name, known)
        hint = f"did you mean '{near}'?" if near else "remove it, or set one of https://docs.k3s.io/cli/server."
        raise ServingError(f"{where} sets '{name}', which K3s {node_type}s do not know: {hint}")
    return config


def _require_address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        found = f"'{text}' is none" if text else "it is empty"
        raise ServingError(
            f"k3s_kube_vip needs an address in k3s_api_address, and {found}. Set one of the servers' network that "
            "nothing else has."
        ) from None


def _common(wanted: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"node-name": wanted["name"]}
    if wanted.get("token_file"):
        found["token-file"] = wanted["token_file"]
    for key, option in (("node-ip", "node_ip"), ("node-external-ip", "node_external_ip")):
        if wanted.get(option):
            found[key] = _text_list(wanted[option])
    if wanted.get("hardening") == "cis":
        found["protect-kernel-defaults"] = True
        found["kubelet-arg"] = list(CIS_KUBELET)
    return found


def _server(wanted: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "write-kubeconfig-mode": "0600",
        "cluster-cidr": _text_list(wanted["cluster_cidr"]),
        "service-cidr": _text_list(wanted["service_cidr"]),
        "flannel-backend": wanted["flannel_backend"],
        "disable": list(wanted["disable"]),
        "secrets-encryption": bool(wanted["secrets_encryption"]),
    }
    if wanted["api_port"] != 6443:
        found["https-listen-port"] = wanted["api_port"]
    names = [*wanted.get("tls_san", ()), *([wanted["api_address"]] if wanted.get("api_address") else [])]
    if names:
        found["tls-san"] = sorted(set(names))
    if wanted.get("agent_token_file"):
        found["agent-token-file"] = wanted["agent_token_file"]
    if not wanted["network_policy"]:
        found["disable-network-policy"] = True
    if wanted.get("embedded_registry"):
        found["embedded-registry"] = True
    if wanted.get("hardening") == "cis":
        found["kube-apiserver-arg"] = [each.format(directory=wanted["directory"]) for each in CIS_APISERVER]
        found["kube-controller-manager-arg"] = list(CIS_CONTROLLER_MANAGER)
    return found


def _joins(wanted: Mapping[str, Any]) -> bool:
    if wanted["type"] == AGENT:
        return True
    return datastore(wanted) == EMBEDDED and wanted["host"] != wanted["leader"]


def _text_list(value: Any) -> str:
    """Return K3s's form of one or several values: with commas."""
    return ",".join(str(each) for each in value) if isinstance(value, (list, tuple)) else str(value)


def _merged(own: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Return both: lists one after the other, anything else as the user has it."""
    found = dict(own)
    for key, value in theirs.items():
        mine = found.get(key)
        found[key] = [*mine, *_listed(value)] if isinstance(mine, list) else value
    return {key: found[key] for key in sorted(found)}


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple)) else [value]


__all__ = [
    "AGENT",
    "EMBEDDED",
    "EXTERNAL",
    "OWNED",
    "SECRET_KEYS",
    "SERVER",
    "SINGLE",
    "check_keys",
    "datastore",
    "node_config",
    "registration",
]
