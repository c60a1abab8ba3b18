# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's option table says what its argument_specs say, in rows that stay rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.role_docs import BEGIN, END, table, written

HEAD = "| Option | Type | Default | Meaning |\n| --- | --- | --- | --- |\n"

ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "a default": (
        {"port": {"type": "int", "default": 80, "description": "Where it listens."}},
        "| `port` | int | `80` | Where it listens. |\n",
    ),
    "required": (
        {"name": {"type": "str", "required": True, "description": "The name."}},
        "| `name` | str | required | The name. |\n",
    ),
    "neither": ({"name": {"type": "str", "description": "The name."}}, "| `name` | str |  | The name. |\n"),
    "no text by default": (
        {"name": {"type": "str", "default": "", "description": "The name."}},
        '| `name` | str | `""` | The name. |\n',
    ),
    "choices and a pipe": (
        {"state": {"type": "str", "default": "a", "choices": ["a", "b"], "description": ["This | that.", "More."]}},
        "| `state` | str | `a` | This \\| that. More. One of `a`, `b`. |\n",
    ),
    "Ansible's marks": (
        {"path": {"type": "str", "description": "Below O(home), V(a) or C(~)."}},
        "| `path` | str |  | Below `home`, `a` or `~`. |\n",
    ),
    "a list of dictionaries": (
        {
            "models": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "description": "The models.",
                "options": {"name": {"type": "str", "required": True, "description": "Its name."}},
            }
        },
        "| `models` | list of dict | `[]` | The models. |\n| `models[].name` | str | required | Its name. |\n",
    ),
}


@pytest.mark.parametrize(("options", "rows"), ROWS.values(), ids=ROWS.keys())
def test_table(options: dict[str, Any], rows: str) -> None:
    assert table(options) == HEAD + rows


def test_text_around_the_table_stays(tmp_path: Path) -> None:
    options = {"name": {"type": "str", "description": "The name."}}
    specs = {"argument_specs": {"main": {"options": options}, "again": {"options": options}, "bare": {}}}
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/argument_specs.yml").write_text(yaml.safe_dump(specs), encoding="utf-8")
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    expected = f"before\n{BEGIN}\n\n{table(options)}\nWith `tasks_from: again`:\n\n{table(options)}\n{END}\nafter\n"
    assert written(readme) == expected


def test_readme_without_the_markers_is_refused(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="the option table needs the lines"):
        written(readme)
