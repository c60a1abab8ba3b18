# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oldest ansible-core that meta/runtime.yml names; everything else runs on the pinned, newest one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from tests.house.test_docs import PLUGINS, documentation
from tests.support import BUNDLED, CACHE, COLLECTIONS, ROOT, run


def oldest() -> str:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    return str(runtime["requires_ansible"]).removeprefix(">=")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment with that ansible-core first on the path; its venv is kept from run to run."""
    venv = CACHE / f"ansible-core-{oldest()}"
    if not (venv / ".complete").exists():
        run([sys.executable, "-m", "venv", "--clear", venv]).require()
        run([venv / "bin/python", "-m", "pip", "install", "--quiet", f"ansible-core=={oldest()}"]).require()
        (venv / ".complete").touch()
    # An empty configuration: the checkout's is for the pinned ansible-core.
    configuration = tmp_path_factory.mktemp("oldest") / "ansible.cfg"
    configuration.touch()
    return {
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(configuration),
        "ANSIBLE_COLLECTIONS_PATH": f"{COLLECTIONS}:{BUNDLED}",
    }


def test_floor_is_a_full_version(environment: dict[str, str]) -> None:
    assert f"[core {oldest()}]" in run(["ansible", "--version"], env=environment).require()


@pytest.mark.parametrize("kind", sorted({plugin[0] for plugin in PLUGINS}))
def test_plugins_load(kind: str, environment: dict[str, str]) -> None:
    assert all(entry["doc"] for entry in documentation(kind, environment).values())


@pytest.mark.parametrize("playbook", sorted(path.name for path in ROOT.glob("playbooks/*.yml")))
def test_playbook_loads(playbook: str, environment: dict[str, str]) -> None:
    path = Path("playbooks") / playbook
    run(["ansible-playbook", "-i", "inventories/local", "--syntax-check", path], env=environment).require()
