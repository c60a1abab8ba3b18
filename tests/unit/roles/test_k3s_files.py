# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role k3s writes on nodes of each kind, in full.

With UPDATE_GOLDEN=1 in the environment, a run writes the expected files anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import golden
from tests.support import COLLECTIONS, ROOT, run

ROLE = ROOT / "roles" / "k3s"
GOLDEN = Path(__file__).parent / "golden" / "k3s"
THREE = ["server-1", "server-2", "server-3"]
FOUND = {
    "drop_ins": [],
    "manifests": [],
    "has_datastore": False,
    "state": "absent",
    "architecture": "x86_64",
    "version": "",
}
NODES: dict[str, dict[str, Any]] = {
    "single": {"k3s_servers": ["single"]},
    "server-1": {"k3s_servers": THREE},
    "server-2": {
        "k3s_servers": THREE,
        "k3s_kube_vip": True,
        "k3s_api_address": "192.0.2.10",
        "k3s_kube_vip_interface": "eth0",
    },
    "agent-1": {
        "k3s_servers": THREE,
        "k3s_node_type": "agent",
        "k3s_node_labels": {"example.com/zone": "attic"},
        "k3s_node_taints": ["example.com/dedicated=models:NoSchedule"],
    },
    "hardened": {
        "k3s_servers": ["hardened"],
        "k3s_hardening": "cis",
        "k3s_node_ip": ["192.0.2.11", "2001:db8::11"],
        "k3s_cluster_cidr": ["10.42.0.0/16", "2001:db8:42::/56"],
        "k3s_service_cidr": ["10.43.0.0/16", "2001:db8:43::/112"],
        "k3s_api_address": "k3s.example.com",
        "k3s_agent_token": "for agents",
        "k3s_datastore_endpoint": "postgres://k3s:hidden@192.0.2.5:5432/k3s",
        "k3s_environment": {"HTTPS_PROXY": 'http://a"b@192.0.2.9:3128', "NO_PROXY": "192.0.2.0/24"},
        "k3s_registries": {"mirrors": {"docker.io": {"endpoint": ["https://registry.example.com"]}}},
        "k3s_config": {"etcd-s3-secret-key": "hidden", "kube-apiserver-arg": ["v=1"]},
        "k3s_config_drop_ins": {"50-logs": {"v": 2}},
    },
}
SHOWN = """{% for file in __k3s_files + __k3s_secret_files %}
==> {{ file.path }} {{ file.mode | default('0600') }}
{{ file.content }}{% endfor %}
"""


def play(folder: Path) -> list[dict[str, Any]]:
    """Return a play that writes what each node would get into ``folder``."""
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.include_vars": {"dir": str(ROLE / "vars" / "main")}},
        {"ansible.builtin.copy": {"content": SHOWN, "dest": f"{folder}/{{{{ inventory_hostname }}}}.txt"}},
    ]
    variables = {**yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()), "role_path": str(ROLE)}
    # What a host says of itself comes before a default.
    variables = {name: value for name, value in variables.items() if not any(name in each for each in NODES.values())}
    return [{"hosts": "all", "gather_facts": False, "vars": variables, "tasks": tasks}]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    (folder / "play.yml").write_text(json.dumps(play(folder)))
    # The role looks for them beside its tasks, and here beside the playbook.
    (folder / "templates").symlink_to(ROLE / "templates")
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    chosen = {name for each in NODES.values() for name in each}
    hosts = {
        name: {**{each: defaults[each] for each in chosen if each in defaults}, **values, "__k3s_found": FOUND}
        for name, values in NODES.items()
    }
    hosts |= {name: {"k3s_servers": THREE, "__k3s_found": FOUND} for name in ("server-3",)}
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    shared = {**local, **{each: defaults[each] for each in chosen if each in defaults}}
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"vars": shared, "hosts": hosts}}))
    program = Path(sys.executable).parent / "ansible-playbook"
    run(
        [program, "--inventory", inventory, folder / "play.yml"], env={"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    ).require()
    return folder


@pytest.mark.parametrize("name", NODES)
def test_node_gets_what_is_expected(name: str, rendered: Path) -> None:
    text = (rendered / f"{name}.txt").read_text()
    golden.hold(text, GOLDEN / f"{name}.txt")


def test_files_of_configuration_are_yaml(rendered: Path) -> None:
    for name in NODES:
        parts = (rendered / f"{name}.txt").read_text().split("==> ")[1:]
        for part in parts:
            path, _, content = part.partition("\n")
            if ".yaml " in path:
                assert all(isinstance(each, dict) for each in yaml.safe_load_all(content)), path


@pytest.mark.parametrize("name", NODES)
def test_systemd_finds_nothing_wrong_with_the_unit(name: str, rendered: Path, tmp_path: Path) -> None:
    text = (rendered / f"{name}.txt").read_text()
    unit = next(
        part for part in text.split("==> ") if part.startswith("/etc/systemd/system/") and ".env" not in part[:50]
    )
    path = tmp_path / Path(unit.partition(" ")[0]).name
    path.write_text(unit.partition("\n")[2].replace("/usr/local/bin/k3s", "/bin/true"))
    said = run(["systemd-analyze", "verify", "--man=no", path], cwd=tmp_path)
    assert [line for line in said.require().splitlines() if path.name in line] == []
