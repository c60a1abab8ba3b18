# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter reads what it needs of the variables of hosts, as Ansible hands them over, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plugins.filter.preflight_problems import preflight_problems
from tests.sample_clusters import CONTRACT, GOOD, SHOWED


class Variables(Mapping[str, Any]):
    """Variables of a host that are worked out when they are asked for, and remember it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def test_secrets_and_what_belongs_to_others_are_not_worked_out() -> None:
    foreign = {"k3s_token": "secret", "k3s_registries": {}, "web_password": "secret", "k3s_flanel_backend": "secret"}
    variables = Variables({**GOOD["all"], **foreign})
    report = preflight_problems({"server-1": variables}, hosts=["server-1"], contract=CONTRACT)
    assert variables.asked == {"k3s_servers", "metallb_address_pools", "serving_network_policies"}
    # Its name alone tells that nobody reads it.
    assert len(report["problems"]) == 1
    assert "k3s_flanel_backend" in report["problems"][0]


def test_hosts_outside_the_cluster_are_nobodys_business() -> None:
    outside = Variables({"k3s_flanel_backend": "none"})
    hosts = {"server-1": Variables(GOOD["all"]), "printer": outside}
    assert preflight_problems(hosts, hosts=["server-1"], contract=CONTRACT)["problems"] == []
    assert outside.asked == set()


def test_judgement_of_hosts_is_strict_unless_it_is_told_otherwise() -> None:
    variables = {"server-1": GOOD["all"]}
    shown = {**SHOWED, "clock_skew": 31, "disk": {"directory": "/var/lib/rancher", "path": "/", "free": 3 << 30}}
    address = {"interface": "eth0", "address": "198.51.100.7", "prefix": 24}
    found = {"hosts": {"server-1": {**shown, "addresses": [address]}}}
    report = preflight_problems(variables, hosts=["server-1"], contract=CONTRACT, found=found)
    assert [each.split(",")[0] for each in report["problems"]] == [
        "server-1: the clock is 31 s ahead of the controller's",
        "server-1: /",
        "The pool 'lan' has 192.0.2.200-192.0.2.219",
    ]
