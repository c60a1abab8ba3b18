# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's own defaults and values on a stage, without its tasks: what they are worth for hosts."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support import COLLECTIONS, ROOT, run

PROGRAM = Path(sys.executable).parent / "ansible-playbook"
# As roles do: the process of each task would load them anew.
LOAD_FILTERS = {"ansible.builtin.meta": "end_role", "when": "[] | modelops.serving.unknown_names([]) | length > 0"}
# Text has no value for what is left out.
OMIT, LEFT_OUT = re.compile(r"\bomit\b"), "left out"


def shown(
    folder: Path,
    role: str,
    content: str | Mapping[str, Any],
    hosts: Mapping[str, Mapping[str, Any]],
    inventory: str = "",
) -> Path:
    """Write what ``content`` is worth for each host into a file of its name, below the folder that is returned.

    Text is written as it comes out, anything else as JSON. Each host has variables of its own, beside those that an
    inventory of ours gives to all.
    """
    place = folder / "shown"
    place.mkdir(parents=True)
    text = content if isinstance(content, str) else "{{ given | to_json }}"
    written = {"content": text, "dest": f"{place}/{{{{ inventory_hostname }}}}"}
    stage(folder, role, {"ansible.builtin.copy": written, "vars": {"given": content}})
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    groups = {"stage": {"vars": local, "hosts": hosts}}
    (folder / "hosts.json").write_text(json.dumps({"all": {"children": groups}}), encoding="utf-8")
    inventories = [*([ROOT / "inventories" / inventory] if inventory else []), folder / "hosts.json"]
    words: list[str | Path] = [word for each in inventories for word in ("--inventory", each)]
    run([PROGRAM, *words, folder / "play.yml"], env={"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}).require()
    return place


def stage(folder: Path, role: str, task: Mapping[str, Any]) -> None:
    """Make a play of the role with one task."""
    source, home = ROOT / "roles" / role, folder / "roles" / role
    (home / "tasks").mkdir(parents=True)
    for name in ("defaults", "vars"):
        (home / name).symlink_to(source / name)
    (folder / "meta").symlink_to(ROOT / "meta")
    (home / "tasks/main.yml").write_text(json.dumps([LOAD_FILTERS, task]), encoding="utf-8")
    book = [{"hosts": "stage", "gather_facts": False, "roles": [role]}]
    (folder / "play.yml").write_text(json.dumps(book), encoding="utf-8")


def arguments(role: str, module: str) -> dict[str, dict[str, Any]]:
    """Return what the role's tasks say to a module, by file and name of the task, as it stands there.

    JSON has no value for what is left out, so it is marked.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        for task in flat(yaml.safe_load(path.read_text(encoding="utf-8"))):
            if module in task:
                said = task[module]
                marked = {name: OMIT.sub(f"'{LEFT_OUT}'", each) for name, each in said.items() if isinstance(each, str)}
                found[f"{path.stem}.yml: {task['name']}"] = said | marked
    return found


def flat(tasks: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Return tasks, and those inside of blocks."""
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from flat(task.get(part, []))


def handed(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments without what is left out."""
    return {name: each for name, each in said.items() if each != LEFT_OUT}
