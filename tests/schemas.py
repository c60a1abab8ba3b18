# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the schema of every report: each field is described, and none may be missing or come on top."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest

from tests.support import ROOT

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Schema:
    """A schema under docs/. ``free``: the fields whose own fields nobody knows beforehand."""

    name: str
    free: frozenset[str]

    @property
    def plain(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(ROOT.joinpath("docs", self.name).read_text(encoding="utf-8"))
        return found

    def validate(self, report: object) -> None:
        """Require that a report fits."""
        jsonschema.Draft202012Validator(self.plain).validate(report)

    def nodes(self, node: object = None, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every description of a value, and where it stands."""
        node = self.plain if node is None else node
        if not isinstance(node, dict):
            return
        yield path, node
        for key in ("properties", "$defs"):
            for name, child in node.get(key, {}).items():
                yield from self.nodes(child, f"{path}.{name}")
        for key in ("items", "additionalProperties"):
            if key in node:
                yield from self.nodes(node[key], f"{path}.{key}")

    def require_described(self, path: str, node: dict[str, Any]) -> None:
        """Require that a field says what it is, and knows which fields it has."""
        assert str(node.get("description", "")).endswith("."), path
        if "properties" in node:
            assert node["additionalProperties"] is False
            assert sorted(node["required"]) == sorted(node["properties"])
        elif "object" in str(node.get("type")):
            assert path.removesuffix(".items").rpartition(".")[2] in self.free, path

    def places(self, value: object, path: Path = ()) -> Iterator[Path]:
        """Yield the place of every dictionary in a report, but those with fields of their own."""
        if isinstance(value, dict) and not self.free & set(path):
            yield path
            for key, child in value.items():
                yield from self.places(child, (*path, key))
        elif isinstance(value, list):
            # The first stands for all.
            for child in value[:1]:
                yield from self.places(child, (*path, 0))

    def require_exact(self, report: dict[str, Any], path: Path) -> None:
        """Require that a place in a report takes no field more, and none less."""
        self.validate(report)
        more = copy.deepcopy(report)
        reach(more, path)["surprise"] = 1
        with pytest.raises(jsonschema.ValidationError):
            self.validate(more)
        for name in reach(report, path):
            less = copy.deepcopy(report)
            del reach(less, path)[name]
            with pytest.raises(jsonschema.ValidationError):
                self.validate(less)


def reach(report: Any, path: Path) -> dict[str, Any]:
    """Return the dictionary at a place."""
    for step in path:
        report = report[step]
    found: dict[str, Any] = report
    return found
