# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs parts of a role against an API server, as a play of a user would, and says what it changed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import Outcome, run

PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
RECAP = re.compile(r"^localhost .*?ok=(\d+) +changed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Played:
    """How a play ended."""

    outcome: Outcome

    @property
    def changed(self) -> int:
        """Return how many tasks changed something, of a play that had to work."""
        found = RECAP.search(self.outcome.require())
        assert found, self.outcome.output
        return int(found[2])

    @property
    def refusal(self) -> str:
        """Return what a play said that had to fail, without line breaks."""
        assert self.outcome.status == 2, self.outcome.output
        return " ".join(self.outcome.output.split())


def play(
    folder: Path, role: str, parts: Sequence[str], kubeconfig: Path, variables: Mapping[str, Any], *words: str
) -> Played:
    """Run task files of a role on this machine."""
    tasks = [
        {"ansible.builtin.include_role": {"name": f"modelops.serving.{role}", "tasks_from": part}} for part in parts
    ]
    api = {"kubeconfig": str(kubeconfig)}
    helm = {**api, "binary_path": "{{ helm_binary | default('') }}"}
    book = [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "module_defaults": {"group/kubernetes.core.k8s": api, "group/kubernetes.core.helm": helm},
            "vars": {"ansible_python_interpreter": sys.executable, **variables},
            "tasks": tasks,
        }
    ]
    path = folder / "play.yml"
    path.write_text(json.dumps(book), encoding="utf-8")
    return Played(run([PLAYBOOK, "--inventory", "localhost,", path, *words], timeout=400))
