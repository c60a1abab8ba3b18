# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles that the guide of the smoke test has to be pasted, as a reader would paste them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from plugins.module_utils._core.smoke_rights import Right
from tests.support import ROOT

GUIDE = ROOT / "docs" / "guides" / "smoke_test.md"
TITLE, FENCE = "### What its user needs", "```"
PREFIX = "smoke-test-"
PATHS = {"Role": "roles", "ClusterRole": "clusterroles", "RoleBinding": "rolebindings"}
PATHS["ClusterRoleBinding"] = "clusterrolebindings"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def documents(names: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the objects of the guide, with other names where some are given."""
    text = GUIDE.read_text(encoding="utf-8").partition(TITLE)[2].partition(f"{FENCE}yaml\n")[2].partition(FENCE)[0]
    for old, new in (names or {}).items():
        text = text.replace(old, new)
    return [each for each in yaml.safe_load_all(text) if each]


def rights(role: Mapping[str, Any]) -> set[Right]:
    """Return what a role allows."""
    return {
        Right(verb, resource, group)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def place(document: Mapping[str, Any]) -> str:
    """Return where the API takes an object of RBAC."""
    namespace = document["metadata"].get("namespace")
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{RBAC}{scope}/{PATHS[document['kind']]}"
