# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the option table of every role's README from its argument_specs.

python tools/role_docs.py          write
python tools/role_docs.py --check  only say which README is not what would be written
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- options:begin -->"
END = "<!-- options:end -->"
# Ansible's marks for a value, an option, code and the like, which Markdown does not know.
MARK = re.compile(r"\b[BCIMOV]\(([^)]*)\)")


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    stale = [path for path in sorted(ROOT.glob("roles/*/README.md")) if written(path) != path.read_text("utf-8")]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'stale, run make docs' if check else 'written'}")
        if not check:
            path.write_text(written(path), encoding="utf-8")
    return 1 if check and stale else 0


def written(readme: Path) -> str:
    """Return the README with the table that its role's argument_specs ask for."""
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{readme}: the option table needs the lines {BEGIN} and {END}, once each")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    specs = yaml.safe_load((readme.parent / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    tables = [table(specs["main"]["options"])]
    # A task file that is reached by tasks_from has a contract of its own.
    tables += [
        f"With `tasks_from: {entry}`:\n\n{table(spec['options'])}"
        for entry, spec in specs.items()
        if entry != "main" and spec.get("options")
    ]
    return f"{before}{BEGIN}\n\n" + "\n".join(tables) + f"\n{END}{after}"


def table(options: dict[str, Any]) -> str:
    rows = ["| Option | Type | Default | Meaning |", "| --- | --- | --- | --- |", *lines(options, "")]
    return "\n".join(rows) + "\n"


def lines(options: dict[str, Any], prefix: str) -> Iterator[str]:
    """Yield a row for each option, and those inside it below."""
    for name, option in options.items():
        yield f"| `{prefix}{name}` | {kind(option)} | {default(option)} | {meaning(option)} |"
        yield from lines(option.get("options", {}), f"{prefix}{name}{'[]' if option['type'] == 'list' else ''}.")


def kind(option: dict[str, Any]) -> str:
    if "elements" in option:
        return f"list of {option['elements']}"
    return str(option["type"])


def default(option: dict[str, Any]) -> str:
    if option.get("required"):
        return "required"
    if "default" not in option:
        return ""
    value = option["default"]
    return cell(f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`")


def meaning(option: dict[str, Any]) -> str:
    words = option["description"]
    text = MARK.sub(r"`\1`", " ".join([words] if isinstance(words, str) else words))
    if "choices" in option:
        text += " One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
    return cell(text)


def cell(text: str) -> str:
    """Return a text that stays in its cell."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
