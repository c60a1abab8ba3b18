# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contracts between files: what is said in two places is the same, and nothing is without a reader."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

from tests.live.data_plane import FIRST_PORT, PORT_BLOCKS
from tests.support import BUNDLED, ROOT

ROLES = sorted(path.parent.parent for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
PLUGINS = sorted(path for path in ROOT.glob("plugins/*/*.py") if path.parent.name in {"modules", "filter", "lookup"})
# Where a plugin is called from. Tests and documentation do not count.
CALLERS = [
    path
    for folder in ("roles", "playbooks", "plugins", "molecule")
    for path in sorted(ROOT.joinpath(folder).rglob("*"))
    if path.suffix in {".yml", ".j2", ".py"}
]
COLLECTION = "modelops.serving"
# A default that takes what several roles are told together.
SHARED = re.compile(r"\{\{ (?:serving|seldon|ingress)_\w+ \| default\((.*)\) \}\}")


def load(path: Path | str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def pins_of(*names: str) -> dict[str, dict[str, Any]]:
    """Return what requirements files pin, in the form of meta/pins.yml; a line that pins nothing fails."""
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names).replace("\\\n", " ")
    wanted = [line for line in text.splitlines() if line and not line.startswith(("#", "-r "))]
    found = {}
    for pin, *hashes in (line.split() for line in wanted):
        name, version = pin.split("==")
        sums = [one.removeprefix("--hash=sha256:") for one in hashes]
        found[re.sub(r"[-_.]+", "-", name).lower()] = {"version": version, "sha256": sums}
    return found


# What a role declares


def options_of(role: Path) -> dict[str, Any]:
    options: dict[str, Any] = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return options


def fallback(value: Any) -> Any:
    """Return what a default is in an inventory without collection-wide values, which are only named in defaults."""
    named = SHARED.fullmatch(value) if isinstance(value, str) else None
    return yaml.safe_load(named[1]) if named else value


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_are_those_of_the_argument_specs(role: Path) -> None:
    declared = {name: option["default"] for name, option in options_of(role).items() if "default" in option}
    defaults = load(role / "defaults/main.yml") or {}
    assert [(name, fallback(value)) for name, value in defaults.items()] == list(declared.items())


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_input_without_a_default_stands_in_defaults_as_a_comment(role: Path) -> None:
    text = role.joinpath("defaults/main.yml").read_text(encoding="utf-8")
    missing = [
        name for name, option in options_of(role).items() if "default" not in option and f"\n# {name}:" not in text
    ]
    assert missing == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_option_has_a_reader(role: Path) -> None:
    files = [path for path in role.rglob("*") if path.suffix in {".yml", ".j2"} and path.parent.name != "meta"]
    code = {path: path.read_text(encoding="utf-8") for path in files}
    # A default may name another option; it does not read itself.
    code[role / "defaults/main.yml"] = "\n".join(
        line.partition(":")[2] for line in code[role / "defaults/main.yml"].splitlines() if not line.startswith("#")
    )
    everything = "\n".join(code.values())
    assert [name for name in options_of(role) if not re.search(rf"\b{name}\b", everything)] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_has_the_skeleton(role: Path) -> None:
    wanted = ["README.md", "defaults/main.yml", "meta/argument_specs.yml", "meta/main.yml", "tasks/main.yml"]
    wanted += ["tasks/absent.yml", "tasks/present.yml", "tasks/validate.yml"]
    assert [name for name in wanted if not (role / name).is_file()] == []


def test_option_tables_are_those_of_the_argument_specs() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/role_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_roles_import_their_own_files_by_their_full_path() -> None:
    """Below a file that is included, Ansible looks for what is imported in `tasks` of the working directory first.

    Only a role's main.yml is looked for in the role alone (DataLoader.path_dwim_relative of ansible-core 2.19).
    """
    written = [
        (str(path.relative_to(ROOT)), name)
        for path in sorted(ROOT.glob("roles/*/tasks/*.yml"))
        if path.name != "main.yml"
        for name in re.findall(r"ansible\.builtin\.import_tasks: (.*)", path.read_text(encoding="utf-8"))
    ]
    assert len(written) > 30
    assert [each for each in written if not each[1].startswith('"{{ role_path }}/tasks/')] == []


def test_no_role_is_without_a_contract() -> None:
    assert [path.name for path in sorted(ROOT.glob("roles/*")) if path not in ROLES] == []


# Plugins


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_plugin_has_a_caller(plugin: Path) -> None:
    name = re.compile(rf"\b{re.escape(COLLECTION)}\.{plugin.stem}\b(?!\.py)")
    # A module's own text names it, in EXAMPLES.
    callers = [path for path in CALLERS if path != plugin and path.parent.parent.name != "plugins"]
    assert any(name.search(path.read_text(encoding="utf-8")) for path in callers), "no role and no playbook calls it"


def test_action_group_holds_every_module() -> None:
    modules = [path.stem for path in PLUGINS if path.parent.name == "modules"]
    assert load("meta/runtime.yml")["action_groups"]["serving"] == modules


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_changelog_announces_the_plugin(plugin: Path) -> None:
    announced = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("\\", "")
    assert f"{COLLECTION}.{plugin.stem} - " in announced, "run antsibull-changelog generate --reload-plugins"


# Versions


def test_ports_of_scenarios_are_lent_to_nobody() -> None:
    """A data plane of the tests may live until their end, and scenarios are the last."""
    fixed = {
        (path.parent.parent.name, name): port
        for path in sorted(ROOT.glob("molecule/*/host_vars/localhost.yml"))
        for name, port in load(path).items()
        if name.endswith("_port")
    }
    lent = range(FIRST_PORT, FIRST_PORT + PORT_BLOCKS * 16)
    assert len(fixed) > 30
    # Each kind has a port for every namespace, from the one that is named.
    assert [each for each, port in fixed.items() if {port, port + 9} & set(lent)] == []


def test_requirements_hold_the_pins() -> None:
    requirements = pins_of("requirements.txt")
    pins = load("meta/pins.yml")["pypi"]
    assert {name: requirements.get(name) for name in pins} == pins


PINNED = {"meta/pins.yml": load("meta/pins.yml")["pypi"]} | {
    name: pins_of(name) for name in ("requirements.txt", "requirements-dev.txt")
}


@pytest.mark.parametrize("pins", PINNED.values(), ids=PINNED.keys())
def test_every_pin_has_checksums(pins: dict[str, dict[str, Any]]) -> None:
    bad = [
        name
        for name, pin in pins.items()
        if not pin["sha256"] or not all(re.fullmatch("[0-9a-f]{64}", one) for one in pin["sha256"])
    ]
    assert bad == [], "run make lock"


def test_role_hands_pip_the_pins() -> None:
    """What the role's template says is what requirements.txt says of the same distributions."""
    pins = load("meta/pins.yml")["pypi"]
    template = ROOT / "roles/data_plane/templates/requirements.txt.j2"
    environment = Environment(trim_blocks=True, autoescape=False)
    text = environment.from_string(template.read_text(encoding="utf-8")).render(__data_plane_pins=pins)
    lines = {line.split("==")[0]: line.split() for line in text.splitlines() if not line.startswith("#")}
    assert lines == {
        name: [f"{name}=={pin['version']}", *(f"--hash=sha256:{one}" for one in pin["sha256"])]
        for name, pin in pins.items()
    }


def test_requirements_pin_all_that_is_installed() -> None:
    """What the pinned distributions need is pinned as well."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "freeze", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    installed = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in done.stdout.splitlines()}
    assert installed - set(pins_of("requirements.txt", "requirements-dev.txt")) == set()


def test_data_plane_stands_on_its_own() -> None:
    """The Ansible half of requirements.txt shares nothing with the pins that roles install."""
    ours = set(pins_of("requirements.txt")) - set(load("meta/pins.yml")["pypi"])
    assert {"ansible", "ansible-core", "cryptography"} <= ours


def bundled_version(collection: str) -> str:
    manifest = BUNDLED / "ansible_collections" / collection.replace(".", "/") / "MANIFEST.json"
    return str(yaml.safe_load(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])


def test_collections_are_those_of_the_ansible_package() -> None:
    pinned = {row["name"]: row["version"] for row in load("collections/requirements.yml")["collections"]}
    assert pinned == {name: bundled_version(name) for name in pinned}


def test_dependencies_are_the_pinned_collections_and_in_range() -> None:
    dependencies = load("galaxy.yml")["dependencies"]
    pinned = {row["name"]: row["version"] for row in load("collections/requirements.yml")["collections"]}
    assert list(dependencies) == list(pinned)
    for name, version in pinned.items():
        lowest, above = re.findall(r"(\d+)\.0\.0", dependencies[name])
        assert int(lowest) <= int(version.split(".")[0]) < int(above), name


def test_dependencies_are_used_and_what_is_used_is_a_dependency() -> None:
    # The collections that a role may use.
    called = re.compile(r"\b(ansible\.posix|community\.[a-z]+|kubernetes\.core)\.[a-z]")
    used = {
        name for path in CALLERS if path.suffix == ".yml" for name in called.findall(path.read_text(encoding="utf-8"))
    }
    assert used == set(load("galaxy.yml")["dependencies"])
