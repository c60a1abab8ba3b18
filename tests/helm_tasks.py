# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of a cluster's edge hand to kubernetes.core.helm, for inventories of ours and what is set beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.staged_role import arguments, handed, shown
from tests.support import ROOT

MODULE = "kubernetes.core.helm"
ROLES = ("ingress", "metallb")
BGP = "metallb_bgp_backend"
# An inventory, and what is set beside it. Together they set every option that changes what a chart is told.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "homelab": ("homelab", {}),
    "homelab-traefik": ("homelab", {"ingress_controller": "traefik"}),
    "ha": ("ha", {}),
    "ha-traefik": ("ha", {"ingress_controller": "traefik"}),
    "routers": ("ha", {BGP: "frr-k8s", "metallb_namespace": "lb"}),
    "routers-frr": ("ha", {BGP: "frr"}),
    "routers-native": ("homelab", {BGP: "native"}),
    "ipv6": ("ha", {"ingress_address": "2001:db8::200", "ingress_replicas": 1}),
    "offline": (
        "homelab",
        {
            "serving_artifacts_dir": "/srv/offline",
            "metallb_wait_timeout": 60,
            "ingress_wait_timeout": 90,
            "metallb_values": {"loadBalancerClass": "metallb", "speaker": {"ignoreExcludeLB": True}},
        },
    ),
}
# What is set beside an inventory whose controller is the one that K3s brings.
BUNDLED: dict[str, dict[str, Any]] = {
    "homelab": {},
    "slow-ipv6": {
        "ingress_address": "2001:db8::200",
        "ingress_routes": [{"name": "slow", "host": "slow.example.com", "timeout": 900}],
    },
}


def said(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the parameters of each task that runs, by case, and by role, file and name of the task."""
    found: dict[str, dict[str, Any]] = {case: {} for case in CASES}
    for role in ROLES:
        for inventory in sorted({inventory for inventory, _ in CASES.values()}):
            for case, tasks in of_role(folder / role / inventory, role, inventory).items():
                found[case] |= {f"{role}/{name}": handed(each) for name, each in tasks.items() if runs(case, name)}
    return found


def of_role(folder: Path, role: str, inventory: str) -> dict[str, Any]:
    """Return what a role's tasks say in the cases of an inventory."""
    hosts = {case: values for case, (name, values) in CASES.items() if name == inventory}
    given = {name: {**defaults(), **each} for name, each in arguments(role, MODULE).items()}
    place = shown(folder, role, given, hosts, inventory)
    return {case: json.loads((place / case).read_text(encoding="utf-8")) for case in hosts}


def defaults() -> dict[str, Any]:
    """Return what the playbook says to all tasks."""
    (play,) = yaml.safe_load((ROOT / "playbooks/edge.yml").read_text(encoding="utf-8"))
    said: dict[str, Any] = play["module_defaults"]["group/kubernetes.core.helm"]
    return said


def runs(case: str, task: str) -> bool:
    """Tell whether a task runs: what installs ingress-nginx does with that controller alone."""
    return not task.startswith("nginx.yml") or CASES[case][1].get("ingress_controller") != "traefik"


def bundled(folder: Path) -> dict[str, Any]:
    """Return what the chart that K3s brings is told, by case."""
    content = "{{ __ingress_traefik_config.spec.valuesContent }}"
    hosts = {case: {**values, "ingress_controller": "traefik"} for case, values in BUNDLED.items()}
    place = shown(folder, "ingress", content, hosts, "homelab")
    return {case: yaml.safe_load((place / case).read_text(encoding="utf-8")) for case in hosts}
