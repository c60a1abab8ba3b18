# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walls: what each room under plugins/ may import, read from the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# What a room may import besides the standard library. `ansible` stands for all of it.
ALLOWED: dict[str, tuple[str, ...]] = {
    "module_utils/_core": ("_core",),
    "module_utils/_adapters": ("_core", "_adapters", "ansible.module_utils"),
    "module_utils/_wiring": ("_core", "_adapters", "_wiring", "ansible.module_utils"),
    "modules": ("_core", "_wiring", "ansible.module_utils"),
    # Jinja2 comes with ansible-core, and the controller has both.
    # As does PyYAML.
    "plugin_utils": ("_core", "_wiring", "plugin_utils", "ansible", "jinja2", "yaml"),
    "action": ("_core", "_wiring", "plugin_utils", "ansible"),
    "filter": ("_core", "plugin_utils", "ansible", "yaml"),
    "lookup": ("_core", "_adapters", "ansible"),
    "doc_fragments": (),
}

# The core touches nothing: time, chance, files and the network come in as arguments.
OUTWARD = {
    "asyncio",
    "concurrent",
    "fcntl",
    "glob",
    "http",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}
# Builtins that reach out without an import.
OUTWARD_CALLS = {"open", "print", "input", "__import__", "eval", "exec"}
# Clocks hide inside an inward module.
OUTWARD_ATTRIBUTES = {"now", "utcnow", "today"}


@dataclass(frozen=True)
class Import:
    """A module that a file imports, in full: `plugins.…` for our own."""

    line: int
    name: str


def room_of(path: str) -> str:
    """Return the room of a file, given relative to plugins/."""
    return next((room for room in ALLOWED if path.startswith(f"{room}/")), "")


def imports(tree: ast.AST, path: str) -> Iterator[Import]:
    """Yield what a file imports; relative names are resolved against its place."""
    package = ["plugins", *Path(path).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module or "").split(".")]
            # `from . import x` and `from ansible import y` name their module last.
            yield from (Import(node.lineno, ".".join(filter(None, [*module, alias.name]))) for alias in node.names)


def is_allowed(name: str, room: str) -> bool:
    parts = name.split(".")
    if parts[0] == "plugins":
        return bool({part for part in parts[1:3] if part != "module_utils"} & set(ALLOWED[room]))
    if parts[0] == "ansible_collections":
        return False
    if parts[0] in sys.stdlib_module_names:
        return room != "module_utils/_core" or parts[0] not in OUTWARD
    # Anything else is Ansible or an optional library, which only an adapter may know.
    if parts[0] != "ansible":
        return room == "module_utils/_adapters" or parts[0] in ALLOWED[room]
    return any(f"{name}.".startswith(f"{allowed}.") for allowed in ALLOWED[room] if allowed.startswith("ansible"))


def reaches_out(tree: ast.AST) -> Iterator[str]:
    """Yield calls in the core that touch the outside without an import."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in OUTWARD_CALLS:
            yield f"line {node.lineno}: calls {node.func.id}"
        if isinstance(node.func, ast.Attribute) and node.func.attr in OUTWARD_ATTRIBUTES:
            yield f"line {node.lineno}: calls .{node.func.attr}"


def strays(path: str, source: str) -> list[str]:
    """Return what a file does that its room does not allow."""
    room = room_of(path)
    if not room:
        return ["lies in no room: see ALLOWED"]
    # The oldest Python that a target may have.
    tree = ast.parse(source, feature_version=(3, 8))
    found = [
        f"line {item.line}: imports {item.name}" for item in imports(tree, path) if not is_allowed(item.name, room)
    ]
    return [*found, *(reaches_out(tree) if room == "module_utils/_core" else [])]


FILES = sorted(Path(__file__).parents[2].joinpath("plugins").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path).rpartition("/plugins/")[2])
def test_file_stays_in_its_room(path: Path) -> None:
    relative = str(path).rpartition("/plugins/")[2]
    assert strays(relative, path.read_text(encoding="utf-8")) == []


@dataclass(frozen=True)
class Stray:
    """A file that leaves its room, and what is said about it."""

    path: str
    source: str
    found: str


CORE = "module_utils/_core/x.py"
STRAYS = {
    "the core reads a clock": Stray(CORE, "import time", "line 1: imports time"),
    "the core reads a clock by another name": Stray(
        CORE, "from datetime import datetime\ndatetime.now()", "line 2: calls .now"
    ),
    "the core opens a file": Stray(CORE, "open('x')", "line 1: calls open"),
    "the core knows a path": Stray(CORE, "import os.path as p", "line 1: imports os.path"),
    "the core knows Ansible": Stray(
        CORE,
        "from ansible.module_utils.basic import AnsibleModule",
        "line 1: imports ansible.module_utils.basic.AnsibleModule",
    ),
    "the core asks an adapter": Stray(
        CORE, "from .._adapters.files import F", "line 1: imports plugins.module_utils._adapters.files.F"
    ),
    "the core imports inside a function": Stray(CORE, "def f():\n    import socket", "line 2: imports socket"),
    "an adapter knows the wiring": Stray(
        "module_utils/_adapters/x.py",
        "from .._wiring import store",
        "line 1: imports plugins.module_utils._wiring.store",
    ),
    "an adapter knows the controller": Stray(
        "module_utils/_adapters/x.py",
        "from ansible.plugins.loader import x",
        "line 1: imports ansible.plugins.loader.x",
    ),
    "a module goes around the wiring": Stray(
        "modules/x.py",
        "from ..module_utils._adapters.files import F",
        "line 1: imports plugins.module_utils._adapters.files.F",
    ),
    "a module brings a library": Stray("modules/x.py", "import yaml", "line 1: imports yaml"),
    "a module spells out the address": Stray(
        "modules/x.py",
        "from ansible_collections.modelops.serving.plugins.module_utils._core import errors",
        "line 1: imports ansible_collections.modelops.serving.plugins.module_utils._core.errors",
    ),
    "a filter asks an adapter": Stray(
        "filter/x.py",
        "from ..module_utils._adapters import files",
        "line 1: imports plugins.module_utils._adapters.files",
    ),
    "a new room": Stray("callback/x.py", "", "lies in no room: see ALLOWED"),
}


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS.keys())
def test_stray_is_named(stray: Stray) -> None:
    (found,) = strays(stray.path, stray.source)
    assert found == stray.found


def test_newer_syntax_than_a_target_knows_is_named() -> None:
    with pytest.raises(SyntaxError, match=r"only supported in Python 3\.10"):
        strays(CORE, "match 1:\n    case _: pass")
