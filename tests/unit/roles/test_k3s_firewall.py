# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules the role k3s sets in a host's firewall, and which of an earlier run it takes away."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import COLLECTIONS, ROOT, run

ROLE = ROOT / "roles" / "k3s"
UFW = {"k3s_firewall": "ufw", "k3s_firewall_sources": ["192.0.2.11"]}
INSIDE = ["10.42.0.0/16 0", "10.43.0.0/16 0", "192.0.2.11 0"]
OLD = [
    {"firewall": "ufw", "source": "192.0.2.7", "port": 0},
    {"firewall": "ufw", "source": "192.0.2.11", "port": 0},
    {"firewall": "firewalld", "source": "192.0.2.0/24", "port": 6443},
]
CASES: dict[str, tuple[dict[str, Any], list[Any], list[str], list[str]]] = {
    "a-server": (UFW, [], [*INSIDE, "0.0.0.0/0 6443"], []),
    "an-agent": ({**UFW, "k3s_node_type": "agent"}, [], INSIDE, []),
    "a-cluster-with-both-families": (
        {**UFW, "k3s_cluster_cidr": ["10.42.0.0/16", "2001:db8:42::/56"], "k3s_service_cidr": ["10.43.0.0/16"]},
        [],
        ["10.42.0.0/16 0", "2001:db8:42::/56 0", "10.43.0.0/16 0", "192.0.2.11 0", "0.0.0.0/0 6443", "::/0 6443"],
        [],
    ),
    "sources-that-are-declared-no-more": (
        UFW,
        OLD,
        [*INSIDE, "0.0.0.0/0 6443"],
        ["ufw 192.0.2.7 0", "firewalld 192.0.2.0/24 6443"],
    ),
    "no-firewall-any-more": (
        {},
        OLD,
        [],
        ["ufw 192.0.2.7 0", "ufw 192.0.2.11 0", "firewalld 192.0.2.0/24 6443"],
    ),
    "a-host-that-is-given-back": (
        {**UFW, "k3s_state": "absent", "k3s_node_type": "agent"},
        OLD[:1],
        [],
        ["ufw 10.42.0.0/16 0", "ufw 10.43.0.0/16 0", "ufw 192.0.2.11 0", "ufw 192.0.2.7 0"],
    ),
}
SHOWN = {"wanted": "{{ __k3s_firewall_wanted }}", "rules": "{{ __k3s_firewall_rules }}"}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rules")
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    hosts = {
        name: {"k3s_servers": [name], **defaults, **options, "__k3s_found": {"firewall": noted}}
        for name, (options, noted, _wanted, _closed) in CASES.items()
    }
    tasks = [
        {"ansible.builtin.include_vars": {"dir": str(ROLE / "vars/main")}},
        {
            "ansible.builtin.copy": {
                "content": "{{ shown | to_json }}",
                "dest": f"{folder}/{{{{ inventory_hostname }}}}",
            },
            "vars": {"shown": SHOWN},
        },
    ]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (folder / "inventory.json").write_text(json.dumps({"all": {"vars": local, "hosts": hosts}}))
    program = Path(sys.executable).parent / "ansible-playbook"
    command: list[str | Path] = [program, "--inventory", folder / "inventory.json", folder / "play.yml"]
    run(command, env={"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}).require()
    return folder


@pytest.mark.parametrize("name", CASES)
def test_rules_are_those_that_are_declared_and_others_of_ours_go(rules: Path, name: str) -> None:
    _options, _noted, wanted, closed = CASES[name]
    found = json.loads((rules / name).read_text())
    assert [f"{each['source']} {each['port']}" for each in found["wanted"]] == wanted
    gone = [each for each in found["rules"] if each not in found["wanted"]]
    assert [f"{each['firewall']} {each['source']} {each['port']}" for each in gone] == closed
