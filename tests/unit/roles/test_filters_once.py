# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles load the collection's filters in the process that starts those of the tasks.

Ansible compiles a collection's plugins each time it loads them, and one filter loads all of them. A task has a process
of its own: what is not loaded before it starts, it loads for itself.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.support import COLLECTIONS, ROOT, run

FILTERS = sorted(path.stem for path in (ROOT / "plugins/filter").glob("*.py"))
ROLES = [
    role
    for role in sorted((ROOT / "roles").iterdir())
    if any(
        f"modelops.serving.{name}" in path.read_text(encoding="utf-8")
        for folder in ("tasks", "vars", "templates")
        for path in (role / folder).rglob("*.*")
        for name in FILTERS
    )
]
# A callback runs in that process, and its words of the end are the last ones.
CALLBACK = """
import sys
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_NAME = "loaded"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_stats(self, stats):
        prefix = "ansible_collections.modelops.serving.plugins.filter."
        self._display.display("LOADED " + " ".join(sorted(n.removeprefix(prefix) for n in sys.modules if prefix in n)))
"""


def first_task(path: Path) -> dict[str, object]:
    task: dict[str, object] = yaml.safe_load(path.read_text(encoding="utf-8"))[0]
    imported = task.get("ansible.builtin.import_tasks")
    return first_task(path.parent / str(imported)) if imported else task


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_begins_with_its_filters(role: Path) -> None:
    task = first_task(role / "tasks/main.yml")
    assert task["ansible.builtin.meta"] == "end_role"
    assert "modelops.serving." in str(task["when"])


def test_filters_are_loaded_before_the_processes_of_the_tasks_are(tmp_path: Path) -> None:
    (tmp_path / "loaded.py").write_text(CALLBACK, encoding="utf-8")
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"preflight_hosts": []},
        "tasks": [{"ansible.builtin.import_role": {"name": "modelops.serving.preflight", "tasks_from": "validate"}}],
    }
    (tmp_path / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    said = run(
        ["ansible-playbook", "--inventory", "localhost,", tmp_path / "play.yml"],
        env={
            "ANSIBLE_CALLBACKS_ENABLED": "loaded",
            "ANSIBLE_CALLBACK_PLUGINS": str(tmp_path),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        },
    ).require()
    assert f"LOADED {' '.join(FILTERS)}\n" in said
