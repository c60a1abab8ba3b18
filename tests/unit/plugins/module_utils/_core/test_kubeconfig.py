# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's kubeconfig among a user's others."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.kubeconfig import merged, without

THEIRS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [
        {"name": "default", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": "Q0E="}}
    ],
    "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
    "users": [{"name": "default", "user": {"client-key-data": "S0VZ"}}],
    "current-context": "default",
}
SERVER = "https://192.0.2.11:6443"


def test_a_new_file_has_the_cluster_and_uses_it() -> None:
    found = merged(None, THEIRS, context="homelab", server=SERVER)
    assert found["clusters"] == [
        {"name": "homelab", "cluster": {"server": SERVER, "certificate-authority-data": "Q0E="}}
    ]
    assert found["contexts"] == [{"name": "homelab", "context": {"cluster": "homelab", "user": "homelab"}}]
    assert found["users"] == [{"name": "homelab", "user": {"client-key-data": "S0VZ"}}]
    assert found["current-context"] == "homelab"


def test_what_the_user_has_stays_where_it_stands() -> None:
    mine = {
        "current-context": "work",
        "preferences": {"colors": True},
        "clusters": [
            {"name": "work", "cluster": {"server": "https://w"}},
            {"name": "homelab", "cluster": {"server": "old"}},
        ],
        "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me", "namespace": "team"}}],
        "users": [{"name": "me", "user": {"token": "x"}}],
    }
    found = merged(mine, THEIRS, context="homelab", server=SERVER)
    assert (found["current-context"], found["preferences"]) == ("work", {"colors": True})
    assert found["contexts"][0] == mine["contexts"][0]  # type: ignore[index]  # a list
    assert found["users"][0] == mine["users"][0]  # type: ignore[index]  # a list
    assert [each["name"] for each in found["clusters"]] == ["work", "homelab"]
    assert found["clusters"][1]["cluster"]["server"] == SERVER
    assert merged(found, THEIRS, context="homelab", server=SERVER) == found, "a second time changes nothing"


@pytest.mark.parametrize(
    "mine",
    [["a"], "text", {"clusters": [{"cluster": {}}]}, {"users": {"a": 1}}, {"users": [{"name": "me", "user": "x"}]}],
)
def test_what_is_no_kubeconfig_is_left_alone(mine: Any) -> None:
    with pytest.raises(
        ServingError, match=r"^The user's kubeconfig .*Mend it, or set k3s_kubeconfig to another file\."
    ):
        merged(mine, THEIRS, context="homelab", server=SERVER)
    with pytest.raises(ServingError, match=r"^The user's kubeconfig "):
        without(mine, context="homelab", servers=[SERVER])


def test_a_server_that_wrote_something_else_is_refused() -> None:
    with pytest.raises(ServingError, match=r"^What the server wrote has 0 clusters instead of one\."):
        merged(None, {"kind": "Config"}, context="homelab", server=SERVER)


WORK: dict[str, Any] = {
    "current-context": "work",
    "clusters": [{"name": "work", "cluster": {"server": "https://w"}}],
    "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me"}}],
    "users": [{"name": "me", "user": {"token": "x"}}],
}


def test_a_cluster_that_is_gone_leaves_nothing() -> None:
    mine = merged(WORK, THEIRS, context="homelab", server=SERVER)
    found = without(mine, context="homelab", servers=["https://server-1:6443", SERVER])
    assert {key: found[key] for key in WORK} == WORK


def test_a_context_in_use_is_none_afterwards() -> None:
    mine = merged(None, THEIRS, context="homelab", server=SERVER)
    found = without(mine, context="homelab", servers=[SERVER])
    assert "current-context" not in found
    assert (found["clusters"], found["contexts"], found["users"]) == ([], [], [])


def test_a_context_that_leads_elsewhere_stays() -> None:
    mine = merged(WORK, THEIRS, context="homelab", server="https://198.51.100.1:6443")
    assert without(mine, context="homelab", servers=[SERVER]) == mine
    assert without(mine, context="other", servers=[SERVER]) == mine
    assert without(None, context="other", servers=[SERVER]) == {}


def test_contexts_of_the_users_own_keep_what_they_name() -> None:
    mine = merged(WORK, THEIRS, context="homelab", server="https://[2001:db8::11]:6443")
    mine["contexts"].append({"name": "team", "context": {"cluster": "homelab", "user": "me", "namespace": "team"}})
    found = without(mine, context="homelab", servers=["https://[2001:db8::11]:6443"])
    assert [each["name"] for each in found["contexts"]] == ["work", "team"]
    assert [each["name"] for each in found["clusters"]] == ["work", "homelab"]
    assert [each["name"] for each in found["users"]] == ["me"]
