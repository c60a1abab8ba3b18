# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the templates of the role make of its defaults and of the local inventory, in full.

With UPDATE_GOLDEN=1 in the environment, a run writes the expected files anew.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import golden
from tests.support import ROOT, run

ROLE = ROOT / "roles" / "data_plane"
GOLDEN = Path(__file__).parent / "golden" / "data_plane"
PROGRAMS = ("envoy", "nginx", "mlserver-financial-inference", "mlserver-financial-research")
UNITS = tuple(f"{program}.service" for program in PROGRAMS)


def play(folder: Path) -> list[dict[str, Any]]:
    """Return a play that renders into ``folder``, with what the role knows when it runs."""
    tasks: list[dict[str, Any]] = [
        {
            "ansible.builtin.include_role": {
                "name": "modelops.serving.data_plane",
                "tasks_from": "facts.yml",
                "public": True,
            }
        },
        *(
            {"ansible.builtin.template": {"src": f"{name}.j2", "dest": f"{folder}/{name}"}}
            for name in ("nginx.conf", "supervisord.conf")
        ),
        {
            "ansible.builtin.template": {
                "src": "unit.service.j2",
                "dest": f"{folder}/{{{{ __data_plane_process.name }}}}.service",
            },
            "loop": "{{ __data_plane_processes }}",
            "loop_control": {"loop_var": "__data_plane_process"},
        },
    ]
    variables = {"data_plane_user": "serving", "role_path": str(ROLE)}
    return [{"hosts": "data_plane", "gather_facts": False, "vars": variables, "tasks": tasks}]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the rendered files, among which is a home of their own."""
    folder = tmp_path_factory.mktemp("rendered")
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps(play(folder)))
    # The role looks for them beside its tasks, and here beside the playbook.
    for name in ("files", "templates"):
        (folder / name).symlink_to(ROLE / name)
    collections = folder / "collections" / "ansible_collections" / "modelops"
    collections.mkdir(parents=True)
    (collections / "serving").symlink_to(ROOT)
    environment = {"HOME": str(folder / "home"), "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections")}
    program = Path(sys.executable).parent / "ansible-playbook"
    run([program, "--inventory", ROOT / "inventories" / "local", playbook], env=environment).require()
    return folder


def portable(text: str, folder: Path) -> str:
    """Return a text without what differs between machines: folders, and the checksums over them."""
    text = text.replace(str(folder / "home"), "/home/serving").replace(sys.prefix, "/srv/venv")
    return re.sub(r"\b[0-9a-f]{64}\b", "CHECKSUM", text)


@pytest.mark.parametrize("name", ["nginx.conf", "supervisord.conf", *UNITS])
def test_rendered_file_is_as_expected(name: str, rendered: Path) -> None:
    text = portable((rendered / name).read_text(), rendered)
    golden.hold(text, GOLDEN / name)


def test_each_program_has_a_golden_unit() -> None:
    assert {path.name for path in GOLDEN.glob("*.service")} == set(UNITS)


def test_systemd_finds_nothing_wrong_with_the_units(rendered: Path) -> None:
    said = run(["systemd-analyze", "verify", "--man=no", *(rendered / unit for unit in UNITS)], cwd=rendered)
    about_ours = [line for line in said.require().splitlines() if any(unit in line for unit in UNITS)]
    assert about_ours == []
