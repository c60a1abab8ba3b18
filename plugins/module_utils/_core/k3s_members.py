# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a cluster, brought to what is declared: labelled, tainted, or forgotten."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Protocol, Sequence

from .errors import ServingError
from .k3s_nodes import Declared, change
from .k3s_quorum import Member
from .k3s_start import ClockDoor
from .k3s_unit import FORGOTTEN_SECONDS, has

POLL_SECONDS = 2.0
# K3s takes a server whose node has gone out of etcd, a little later.
MEMBER_SECONDS = 30.0


class NodesDoor(Protocol):
    """Whoever asks the cluster of its nodes, and changes them."""

    def nodes(self) -> list[dict[str, Any]]: ...
    def node(self, name: str) -> dict[str, Any] | None: ...
    def change(self, *arguments: str) -> None: ...


class EtcdDoor(Protocol):
    """The embedded etcd, asked by one of its members."""

    def members(self) -> Sequence[Member]: ...
    def remove(self, member: Member) -> None: ...


class Members:
    """The nodes, and the members of etcd, each behind a door."""

    def __init__(self, door: NodesDoor, etcd: EtcdDoor, clock: ClockDoor) -> None:
        self._door = door
        self._etcd = etcd
        self._clock = clock

    def keep(self, declared: Mapping[str, Declared], *, dry_run: bool) -> list[dict[str, str]]:
        """Keep labels and taints as declared, and return what changed, as Ansible shows it."""
        if not declared:
            return []
        known = {node["metadata"]["name"]: node for node in self._door.nodes()}
        missing = sorted(set(declared) - set(known))
        if missing:
            raise ServingError(
                f"The cluster has no node {', '.join(missing)}, but {', '.join(sorted(known)) or 'none'}. "
                "Look at the journal of k3s or k3s-agent there, or take it out of the inventory."
            )
        changes = [each for each in (change(known[name], wanted) for name, wanted in declared.items()) if each]
        for command in (command for each in changes for command in each.commands if not dry_run):
            self._door.change(*command)
        return [_diff(each.node, each.before, each.after) for each in changes]

    def forget(self, names: Sequence[str], *, only_lost: bool, dry_run: bool) -> list[dict[str, str]]:
        """Have the cluster forget nodes and their passwords, and return those that it knew.

        With ``only_lost`` a node that is Ready is waited for, and refused when it lives on.
        """
        if not names:
            return []
        known = {node["metadata"]["name"] for node in self._door.nodes()}
        voters = {member.node for member in self._etcd.members()}
        found = [name for name in names if name in known or name in voters]
        if not dry_run:
            for name in known.intersection(found) if only_lost else ():
                self._require_lost(name)
            for name in known.intersection(found):
                self._door.change("delete", "node", name)
            for name in names:
                self._leave_etcd(name, patience=MEMBER_SECONDS if name in known else 0.0)
                secret = ("secret", "--namespace", "kube-system", "--ignore-not-found", f"{name}.node-password.k3s")
                self._door.change("delete", *secret)
        return [_diff(name, ("node",), ()) for name in found]

    def _members(self, name: str) -> list[Member]:
        return [each for each in self._etcd.members() if each.node == name]

    def _leave_etcd(self, name: str, *, patience: float) -> None:
        """Have etcd forget a server: of one without a kubelet there is no node, and K3s would not do it."""
        deadline = self._clock.monotonic() + patience
        while self._members(name) and self._clock.monotonic() < deadline:
            self._clock.sleep(POLL_SECONDS)
        for member in self._members(name):
            self._etcd.remove(member)

    def _require_lost(self, name: str) -> None:
        deadline = self._clock.monotonic() + FORGOTTEN_SECONDS
        while has(self._door.node(name) or {}, "Ready"):
            if self._clock.monotonic() >= deadline:
                raise ServingError(
                    f"The cluster has a node {name} that lives. Set another k3s_node_name, or take that one out with "
                    "playbooks/remove_node.yml."
                )
            self._clock.sleep(POLL_SECONDS)


def require_apart(declared: Iterable[str], absent: Iterable[str]) -> None:
    """Refuse names that are to be kept and to be forgotten at once."""
    both = sorted(set(declared) & set(absent))
    if both:
        raise ServingError(f"nodes and absent both name {', '.join(both)}. Take it out of one of them.")


def _diff(name: str, before: Sequence[str], after: Sequence[str]) -> dict[str, str]:
    texts = ("".join(f"{line}\n" for line in lines) for lines in (before, after))
    return {"before_header": name, "after_header": name, **dict(zip(("before", "after"), texts))}


__all__ = ["Members", "NodesDoor", "require_apart"]
