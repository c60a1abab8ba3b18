# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide gives a user just what the table of rights has, and where."""

from __future__ import annotations

import pytest

from plugins.module_utils._core.inside_questions import Source
from plugins.module_utils._core.smoke_rights import PROBING, RIGHTS, WALLING, Right, asking, probing, spoken_rights
from tests import smoke_roles
from tests.sample_smoke_cluster import Names

PLACES = [Source("outside", "throw-away"), Source("ingress", "ingress-nginx")]


@pytest.mark.parametrize("purpose", RIGHTS)
def test_guide_has_the_rights_of_a_purpose_and_no_other(purpose: str) -> None:
    [role] = [each for each in smoke_roles.documents() if each["metadata"]["name"] == smoke_roles.PREFIX + purpose
              and each["kind"] == "ClusterRole"]  # fmt: skip
    assert smoke_roles.rights(role) == set(RIGHTS[purpose])


def test_every_role_of_the_guide_is_bound_to_its_user() -> None:
    found = smoke_roles.documents()
    roles = {each["metadata"]["name"] for each in found if each["kind"] in ("ClusterRole", "Role")}
    bindings = [each for each in found if each["kind"].endswith("Binding")]
    assert {each["roleRef"]["name"] for each in bindings} == roles
    [account] = [each["metadata"] for each in found if each["kind"] == "ServiceAccount"]
    for each in bindings:
        [subject] = each["subjects"]
        assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])


def test_what_is_needed_is_needed_where_it_is_done() -> None:
    platform = Names().platform()
    assert {namespace for namespace, _right in asking(platform)} == {platform.seldon_namespace, *platform.namespaces}
    assert list(probing(PLACES, walls=False)) == [("ingress-nginx", each) for each in PROBING]
    # The name of a throw-away namespace is not known before.
    assert list(probing(PLACES, walls=True)) == [("", each) for each in WALLING]


def test_rights_that_are_missing_are_said_once_each() -> None:
    job, log = Right("create", "jobs", "batch"), Right("get", "pods/log")
    assert spoken_rights([("a", job), ("a", log), ("b", job), ("", log)]) == (
        "may not create jobs in a, b; may not get pods/log in a, all namespaces"
    )
