# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artefact: what a user of Galaxy gets, installed alone and run by its full name."""

from __future__ import annotations

import json
import shlex
import tarfile
from pathlib import Path

import pytest

from tests.live.data_plane import EXPERIMENT, DataPlane, free_ports
from tests.support import BUNDLED, ROOT, copy_checkout, run

# All that an artefact may hold at its top.
PRODUCT = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "examples",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
ADDRESS = "ansible_collections/modelops/serving"
NEEDED = {"MANIFEST.json", "README.md", "LICENSE", "meta/runtime.yml", "meta/pins.yml"}


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a checkout in which people worked: caches and a venv lie around."""
    checkout = copy_checkout(tmp_path_factory.mktemp("checkout"))
    for litter in (".venv/lib/x.py", ".cache/x", ".ansible/x", ".pytest_cache/x", "roles/__pycache__/x.pyc"):
        (checkout / litter).parent.mkdir(parents=True, exist_ok=True)
        (checkout / litter).write_text("", encoding="utf-8")
    target = tmp_path_factory.mktemp("artefact")
    run(["ansible-galaxy", "collection", "build", "--output-path", target], cwd=checkout).require()
    (path,) = target.glob("modelops-serving-*.tar.gz")
    return path


@pytest.fixture(scope="module")
def installed(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which Ansible finds the artefact and the bundled collections, and nothing else."""
    path = tmp_path_factory.mktemp("collections")
    home = tmp_path_factory.mktemp("home")
    (home / "ansible.cfg").touch()
    elsewhere = {"HOME": str(home), "ANSIBLE_CONFIG": str(home / "ansible.cfg")}
    run(
        ["ansible-galaxy", "collection", "install", "--offline", "--no-deps", "--collections-path", path, artefact],
        env=elsewhere,
        cwd=path,
    ).require()
    assert (path / ADDRESS / "MANIFEST.json").is_file()
    return {**elsewhere, "ANSIBLE_COLLECTIONS_PATH": f"{path}:{BUNDLED}", "INSTALLED": f"{path}/{ADDRESS}"}


def test_artefact_holds_product_files_only(artefact: Path) -> None:
    with tarfile.open(artefact) as archive:
        names = {member.name for member in archive if member.isfile()}
    assert {name.split("/")[0] for name in names} - PRODUCT == set()
    assert NEEDED - names == set()
    assert [name for name in names if "__pycache__" in name or name.startswith("changelogs/fragments")] == []


def playbooks() -> list[str]:
    return sorted(path.stem for path in ROOT.glob("playbooks/*.yml"))


@pytest.mark.parametrize("playbook", playbooks())
@pytest.mark.parametrize("mode", ["--syntax-check", "--list-tasks"])
def test_playbook_loads_by_its_full_name(mode: str, playbook: str, installed: dict[str, str], tmp_path: Path) -> None:
    said = play(playbook, mode, installed, tmp_path)
    assert "[WARNING]" not in said
    assert "[ERROR]" not in said


def test_site_runs_by_its_full_name_in_check_mode(installed: dict[str, str], tmp_path: Path) -> None:
    """With the inventory that the artefact brings, in a home where nothing was ever made."""
    # The inventory's own ports may be another data plane's.
    said = play("site", f"--check --extra-vars='{json.dumps(free_ports())}'", installed, tmp_path)
    assert "failed=0" in said
    assert list(tmp_path.iterdir()) == []


def test_site_serves_by_its_full_name(
    installed: dict[str, str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plane = DataPlane(tmp_path_factory.mktemp("site") / "plane")
    variables = f"--extra-vars='{json.dumps(plane.variables)}'"
    try:
        play("site", variables, installed, tmp_path)
        assert plane.infer(f"{EXPERIMENT}.experiment").status == 200
    finally:
        play("reset", variables, installed, tmp_path)
    assert plane.processes() == {}
    assert not plane.directory.exists()


def play(playbook: str, arguments: str, installed: dict[str, str], folder: Path) -> str:
    inventory = f"{installed['INSTALLED']}/inventories/local"
    command = ["ansible-playbook", f"modelops.serving.{playbook}", "-i", inventory, *shlex.split(arguments)]
    return run(command, cwd=folder, env=installed).require()
