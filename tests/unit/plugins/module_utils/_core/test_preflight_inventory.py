# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A good inventory gives nothing, and each bad one exactly what is wrong with it; the cases are the scenario's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._core.preflight_cluster import (
    OWN_PREFIXES,
    ROLE_PREFIXES,
    SHARED_VARIABLES,
    known_variables,
)
from tests.sample_clusters import CONTRACT, INVENTORIES, judged
from tests.support import ROOT


@pytest.mark.parametrize("case", INVENTORIES, ids=lambda case: case["name"])
def test_inventory_is_judged(case: dict[str, Any]) -> None:
    assert judged(case) == {"problems": case["problems"], "warnings": case.get("warnings", [])}


@pytest.mark.parametrize(("length", "problems"), [(253, 0), (254, 1)])
def test_a_name_has_room_for_253_letters(length: int, problems: int) -> None:
    case = {"hosts": {"server-1": {"k3s_node_name": "a" * length}}}
    assert len(judged(case)["problems"]) == problems


def test_secrets_are_not_looked_at() -> None:
    secrets = {"k3s_token", "k3s_agent_token", "k3s_registries", "k3s_environment"}
    assert secrets <= set(CONTRACT)
    assert secrets.isdisjoint(known_variables(CONTRACT))


def test_whatever_roles_and_playbooks_read_may_be_set() -> None:
    read = {
        name
        for folder in ("roles", "playbooks")
        for file in (ROOT / folder).rglob("*.yml")
        for name in re.findall(r"(?<![\w.])serving_\w+", file.read_text(encoding="utf-8"))
    }
    assert read == set(SHARED_VARIABLES)


@pytest.mark.parametrize("file", sorted((ROOT / "inventories").glob("h*/group_vars/all/*.yml")), ids=str)
def test_variable_of_a_sample_inventory_may_be_set(file: Path) -> None:
    found = re.findall(r"^(?:# *)?([a-z0-9_]+):", file.read_text(encoding="utf-8"), re.MULTILINE)
    case = {"all": dict.fromkeys(name for name in found if name.startswith((*OWN_PREFIXES, *ROLE_PREFIXES)))}
    assert [each for each in judged(case)["problems"] if "There is no variable" in each] == []
