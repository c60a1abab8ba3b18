# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters into K3s: what a host has of it, a unit that runs what it should, and nodes as they are declared."""

from __future__ import annotations

from typing import Any, Mapping

from .._adapters.k3s_etcd import K3sEtcd
from .._adapters.k3s_files import K3sFiles, StartRecord, alone, digest
from .._adapters.k3s_program import K3sProgram
from .._adapters.k3s_remains import K3sRemains
from .._adapters.systemd_unit import Clock, SystemdUnit
from .._core.k3s_members import Members, require_apart
from .._core.k3s_nodes import Declared
from .._core.k3s_removal import clear_away
from .._core.k3s_start import Doors, Start, Watched
from .._core.k3s_unit import Plan

MARK = "Ansible managed"
BINARY = "/usr/local/bin/k3s"
LOCK = "/run/modelops-serving-k3s.lock"

INFO_ARGUMENTS: dict[str, dict[str, Any]] = {
    "unit": {"type": "str", "choices": ["k3s", "k3s-agent"], "required": True},
}
SERVICE_ARGUMENTS: dict[str, dict[str, Any]] = {
    "unit": {"type": "str", "choices": ["k3s", "k3s-agent"], "required": True},
    "version": {"type": "str", "required": True},
    "node_name": {"type": "str", "required": True},
    "runs_pods": {"type": "bool", "default": True},
    "has_network": {"type": "bool", "default": True},
    "api_port": {"type": "int", "default": 6443},
    "inputs": {"type": "list", "elements": "path", "required": True},
    "announced": {"type": "list", "elements": "path", "default": []},
    "other_servers": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "int", "default": 300},
}
NODES_ARGUMENTS: dict[str, dict[str, Any]] = {
    "nodes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "labels": {"type": "dict", "default": {}},
            "taints": {"type": "list", "elements": "str", "default": []},
        },
    },
    "absent": {"type": "list", "elements": "str", "default": []},
    "only_lost": {"type": "bool", "default": False},
}


def survey(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a host has of K3s; nothing is changed, and nothing of it is secret."""
    unit = SystemdUnit(params["unit"]).look()
    return {
        "version": K3sProgram(BINARY).version(),
        "sha256": digest(BINARY),
        "state": unit.state,
        **K3sFiles().survey(MARK),
    }


def _start(params: Mapping[str, Any]) -> Start:
    """Return what keeps a unit running with its files as they are."""
    is_server = params["unit"] == "k3s"
    kubeconfig = "" if is_server else "/var/lib/rancher/k3s/agent/kubelet.kubeconfig"
    watched = Watched(
        name=params["unit"],
        node=params["node_name"],
        version=params["version"],
        is_server=is_server,
        runs_pods=params["runs_pods"],
        timeout=float(params["timeout"]),
        has_network=params["has_network"],
        others=tuple(params["other_servers"]),
    )
    return Start(
        watched,
        Doors(
            SystemdUnit(params["unit"]),
            K3sProgram(BINARY, kubeconfig=kubeconfig, port=params["api_port"]),
            K3sEtcd(),
            StartRecord(),
            Clock(),
        ),
    )


def keep_running(params: Mapping[str, Any], *, dry_run: bool) -> Plan:
    """Start K3s if need be, wait until it is well, and return what was done."""
    start = _start(params)
    if dry_run:
        return start.plan(_digests(params), params["announced"])
    with alone(LOCK, float(params["timeout"])):
        found = _digests(params)
        plan = start.plan(found, [])
        start.carry_out(plan, found)
    return plan


def _digests(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the files that a unit reads when it starts."""
    found = {path: digest(path) for path in params["inputs"]}
    return {path: each for path, each in found.items() if each}


def bring_about_nodes(params: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """Keep labels and taints as declared, and remove nodes that are to be forgotten."""
    declared = {each["name"]: Declared.parse(each, node=each["name"]) for each in params["nodes"]}
    require_apart(declared, params["absent"])
    members = Members(K3sProgram(BINARY), K3sEtcd(), Clock())
    kept = members.keep(declared, dry_run=dry_run)
    gone = members.forget(params["absent"], only_lost=params["only_lost"], dry_run=dry_run)
    return {
        "changed": bool(kept or gone),
        "changed_nodes": [each["after_header"] for each in kept],
        "removed_nodes": [each["after_header"] for each in gone],
        "diff": [*kept, *gone],
    }


def clear_host(*, dry_run: bool) -> dict[str, Any]:
    """Remove everything that K3s left on a host."""
    removed = clear_away(K3sRemains(), dry_run=dry_run)
    return {"changed": bool(removed), "removed": removed}


__all__ = [
    "INFO_ARGUMENTS",
    "NODES_ARGUMENTS",
    "SERVICE_ARGUMENTS",
    "bring_about_nodes",
    "clear_host",
    "keep_running",
    "survey",
]
