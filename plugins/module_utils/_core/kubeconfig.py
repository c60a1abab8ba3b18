# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's kubeconfig merged into a user's, under a name of its own, and taken out of it again."""

from __future__ import annotations

from typing import Any, Collection, Mapping

from .errors import ServingError

KINDS = ("clusters", "contexts", "users")
EMPTY: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "preferences": {}}


def merged(mine: Any, theirs: Any, *, context: str, server: str) -> dict[str, Any]:
    """Return the user's kubeconfig with one cluster, context and user more, or brought up to date.

    Args:
        mine: The user's kubeconfig; empty when there is none.
        theirs: The cluster's, with one context, which it may call as it likes.
        context: What the context, the cluster and the user are to be called.
        server: Where the API answers, as the user sees it.

    Raises:
        ServingError: Either is no kubeconfig. Nothing of the user's is lost, then.
    """
    found = {**EMPTY, **_checked(mine or {}, "The user's kubeconfig")}
    new = _checked(theirs, "What the server wrote")
    cluster = {**_only(new, "clusters", "cluster"), "server": server}
    entries = {
        "clusters": {"name": context, "cluster": cluster},
        "contexts": {"name": context, "context": {"cluster": context, "user": context}},
        "users": {"name": context, "user": _only(new, "users", "user")},
    }
    for kind in KINDS:
        found[kind] = _with(found.get(kind) or [], entries[kind])
    found.setdefault("current-context", context)
    return found


def without(mine: Any, *, context: str, servers: Collection[str]) -> dict[str, Any]:
    """Return the user's kubeconfig without a cluster that is gone, its context and its user.

    Args:
        mine: The user's kubeconfig; empty when there is none.
        context: What the context, the cluster and the user are called.
        servers: Where its API answered, any of ``https://HOST:PORT``. A context that leads elsewhere stays.

    Raises:
        ServingError: It is no kubeconfig.
    """
    found = dict(_checked(mine or {}, "The user's kubeconfig"))
    leads_to = {each["name"]: (each.get("cluster") or {}).get("server") for each in found.get("clusters") or []}
    if leads_to.get(context) not in servers:
        return found
    found["contexts"] = _others(found, "contexts", context)
    # Contexts that the user made of the same cluster or user go on as they were.
    used = [each.get("context") or {} for each in found["contexts"]]
    for kind, key in (("clusters", "cluster"), ("users", "user")):
        if context not in [each.get(key) for each in used]:
            found[kind] = _others(found, kind, context)
    if found.get("current-context") == context:
        del found["current-context"]
    return found


def _others(config: Mapping[str, Any], kind: str, name: str) -> list[Any]:
    return [each for each in config.get(kind) or [] if each["name"] != name]


def _with(entries: list[Any], entry: Mapping[str, Any]) -> list[Any]:
    """Return the entries with one of them replaced where it stands, or added."""
    if any(each.get("name") == entry["name"] for each in entries):
        return [dict(entry) if each.get("name") == entry["name"] else each for each in entries]
    return [*entries, dict(entry)]


def _only(config: Mapping[str, Any], kind: str, key: str) -> dict[str, Any]:
    entries = config.get(kind) or []
    if len(entries) != 1 or not isinstance(entries[0].get(key), dict):
        raise ServingError(f"What the server wrote has {len(entries)} {kind} instead of one. Is it K3s's k3s.yaml?")
    return dict(entries[0][key])


def _checked(config: Any, what: str) -> dict[str, Any]:
    if not isinstance(config, dict):
        raise ServingError(f"{what} is no kubeconfig. Mend it, or set k3s_kubeconfig to another file.")
    for kind in KINDS:
        entries = config.get(kind) or []
        if not isinstance(entries, list) or not all(isinstance(each, dict) and "name" in each for each in entries):
            raise ServingError(f"{what} has {kind} without names. Mend it, or set k3s_kubeconfig to another file.")
        if not all(isinstance(each.get(kind[:-1]) or {}, dict) for each in entries):
            raise ServingError(f"{what} has {kind} without keys. Mend it, or set k3s_kubeconfig to another file.")
    return config


__all__ = ["merged", "without"]
