# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ingress says of real certificates in files, and of everything else that is wrong, in one message."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sample_certificates import HOST, day, write_pair
from tests.support import COLLECTIONS, ROOT, run


def edge(folder: Path, certificate: str, key: str, **more: Any) -> dict[str, Any]:
    tls = {"source": "files", "certificate": str(folder / certificate), "key": str(folder / key)}
    route = {"name": "models", "host": HOST, "tls": tls}
    pools = [{"name": "lan", "addresses": ["192.0.2.200-192.0.2.219"]}]
    return {"ingress_address": "192.0.2.200", "ingress_routes": [route], "metallb_address_pools": pools, **more}


PAIRS = {"good": (-1, 100), "other": (-1, 100), "old": (-9, -2), "early": (3, 100), "late": (-100, 5)}
CASES: dict[str, tuple[tuple[str, str], dict[str, Any], list[str]]] = {
    "good": (("good.crt", "good.key"), {}, ["Nothing is in the way."]),
    "late": (
        ("late.crt", "late.key"),
        {},
        [
            "Nothing is in the way. Think of this:",
            f"- The route 'models': %/late.crt expires on {day(5)}. Put a newer one there.",
        ],
    ),
    "mismatched": (
        ("good.crt", "other.key"),
        {},
        [
            "Nothing was changed. Mend this first:",
            "- The route 'models' has a certificate and a key that do not belong together. Set tls.key to the key of "
            "%/good.crt.",
        ],
    ),
    "old": (
        ("old.crt", "old.key"),
        {},
        [
            "Nothing was changed. Mend this first:",
            f"- The route 'models' has a certificate that expired on {day(-2)}. Put a newer one at %/old.crt.",
        ],
    ),
    "early": (
        ("early.crt", "early.key"),
        {},
        [
            "Nothing was changed. Mend this first:",
            f"- The route 'models' has a certificate that is not valid before {day(3)}. Correct the clock, or put "
            "another one at %/early.crt.",
        ],
    ),
    "everything": (
        ("foreign.crt", "good.crt"),
        {"seldon_topology": "star", "ingress_address": "192.0.2.7"},
        [
            "Nothing was changed. Mend this first:",
            "- seldon_topology is 'star'. Set it to central, namespaced or single.",
            "- ingress_address is 192.0.2.7, which lies in no address pool. Set one of 192.0.2.200-192.0.2.219, or add "
            "it to metallb_address_pools.",
            "- The route 'models' cannot use %/good.crt: ",
            f"- The route 'models' has a certificate for else.example.com, and not for {HOST}. Put one with that name "
            "at %/foreign.crt.",
        ],
    ),
    "missing": (
        ("no.crt", "no.key"),
        {},
        [
            "Nothing was changed. Mend this first:",
            "- The route 'models' cannot use %/no.crt: ",
            "- The route 'models' cannot use %/no.key: ",
        ],
    ),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the lines that each case is told, without the folder."""
    folder = tmp_path_factory.mktemp("tls")
    for name, days in PAIRS.items():
        write_pair(folder, name, days=days)
    write_pair(folder, "foreign", days=(-1, 100), host="else.example.com")
    shown = "{{ __ingress_refusal if __ingress_report.problems else __ingress_consent }}"
    tasks: list[dict[str, Any]] = [
        {
            "block": [{"ansible.builtin.include_role": {"name": "modelops.serving.ingress", "tasks_from": "validate"}}],
            "rescue": [{"ansible.builtin.set_fact": {"refused": "{{ ansible_failed_result.msg }}"}}],
        },
        {
            "ansible.builtin.include_role": {
                "name": "modelops.serving.ingress",
                "tasks_from": "validate",
                "public": True,
            },
            "vars": {"ingress_state": "absent"},
        },
        {
            "ansible.builtin.copy": {
                "content": f"{{{{ refused | default('') or ({shown[3:-3]}) }}}}",
                "dest": "{{ told }}",
            }
        },
    ]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {
        name: {**edge(folder, *pair, **more), "told": str(folder / f"{name}.txt")}
        for name, (pair, more, _) in CASES.items()
    }
    (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"vars": local, "hosts": hosts}}))
    program = Path(sys.executable).parent / "ansible-playbook"
    run(
        [program, "--inventory", folder / "inventory.yml", folder / "play.yml"],
        env={"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
    ).require()
    return {name: (folder / f"{name}.txt").read_text().replace(str(folder), "%").splitlines() for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_all_that_is_wrong_is_said_in_one_message(name: str, said: dict[str, list[str]]) -> None:
    expected = CASES[name][2]
    lines = [line.rstrip() for line in said[name] if line.strip()]
    assert len(lines) == len(expected), lines
    for line, start in zip(lines, expected, strict=True):
        # What a library says of a file is its own.
        assert line.startswith(start) if start.endswith(": ") else line == start
