# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clusters that the molecule scenario `preflight` judges, for the tests that judge them without Ansible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from plugins.filter.preflight_problems import preflight_problems
from tests.support import ROOT


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def options(role: str) -> dict[str, Any]:
    found: dict[str, Any] = load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return found


ROLES = ("k3s", "preflight", "helm", "ingress", "metallb", "mlserver", "network_policies", "seldon")
CONTRACT = {name: option for role in ROLES for name, option in options(role).items()}
SCENARIO = "molecule/preflight/vars"
GOOD: dict[str, Any] = load(f"{SCENARIO}/inventories.yml")["good"]
INVENTORIES: list[dict[str, Any]] = load(f"{SCENARIO}/inventories.yml")["cases_of_inventories"]


def variables(case: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variables of the hosts of a case."""
    hosts = case.get("hosts", GOOD["hosts"])
    return {host: {**GOOD["all"], **case.get("all", {}), **own} for host, own in hosts.items()}


def judged(case: Mapping[str, Any], **more: Any) -> dict[str, list[str]]:
    """Return what is said of a case."""
    inventory = variables(case)
    return preflight_problems(
        inventory, hosts=list(inventory), contract=CONTRACT, **{"found": case.get("found"), **more}
    )


SHOWED: dict[str, Any] = load(f"{SCENARIO}/hosts.yml")["showed"]
HOSTS: list[dict[str, Any]] = load(f"{SCENARIO}/hosts.yml")["cases_of_hosts"]
SETTINGS = {"version": "v1.36.4+k3s1", "clock_skew": 30, "free_disk": 4, "layer2": True}


def showed(case: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the hosts of a case showed."""
    found = {}
    for host, own in variables(case).items():
        address = {"interface": "eth0", "address": own.get("ansible_host", ""), "prefix": 24}
        changes = case.get("showed", {}).get(host, {})
        if changes is not None:
            found[host] = changes if "msg" in changes else merged({**SHOWED, "addresses": [address]}, changes)
    return found


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return two dictionaries as one, and so the dictionaries in them."""
    both = {**one, **other}
    return {
        key: merged(one[key], other[key]) if isinstance(one.get(key), dict) and key in other else both[key]
        for key in both
    }
