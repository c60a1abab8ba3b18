# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an embedded etcd can do without one of its members for a while."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol, Sequence

from .errors import ServingError

# What K3s appends to the name of a node, to have one for its member of etcd.
MEMBER_SUFFIX = re.compile(r"-[0-9a-f]{8}$")


class SilentError(ServingError):
    """An etcd that may be there and does not answer; the message says what it did instead."""


@dataclass(frozen=True)
class Member:
    """A member of the embedded etcd: its name there, and the address that the others know it by.

    A learner is on its way in, and has no vote yet. The number is what etcd itself calls it.
    """

    name: str
    address: str
    is_learner: bool = False
    number: str = ""

    @property
    def node(self) -> str:
        """The name of its node."""
        return MEMBER_SUFFIX.sub("", self.name) or self.address


class EtcdDoor(Protocol):
    """The embedded etcd of the host, and of others.

    ``members`` is empty where no etcd runs. Either call raises a SilentError for one that does not answer.
    """

    def name(self) -> str: ...
    def members(self) -> Sequence[Member]: ...
    def members_by(self, address: str) -> Sequence[Member]: ...


class ApiDoor(Protocol):
    """Whoever asks the API of a server why it is not ready; it is not without a majority of etcd."""

    def readiness(self, address: str = ...) -> str: ...


@dataclass(frozen=True)
class Quorum:
    """The members of an embedded etcd: how many there are, and which others are ill.

    ``silence``: what the etcd of this host did instead of saying who they are. ``unknown``: others that did not either;
    then nobody did, and they are taken from the inventory.
    """

    members: int
    ill: tuple[str, ...] = ()
    silence: str = ""
    unknown: tuple[str, ...] = ()

    @property
    def has_majority(self) -> bool:
        """Whether those that are well, this one among them, are a majority."""
        return self.members - len(self.ill) > self.members // 2

    @property
    def may_lose_one(self) -> bool:
        """Whether this one may go: the others are a majority, or there is none that could be lost.

        The other one of two never is a majority. Both have to be restarted some day, while the other one is well.
        """
        if self.silence:
            # It may vote all the same. Where another one is well there is a majority, perhaps by this very vote.
            without = not self.unknown if self._well == 0 else self.members == 2
        elif self.members <= 2:
            return not self.ill
        else:
            without = not self.has_majority
        return without or self._well > self.members // 2

    @property
    def _well(self) -> int:
        """How many others are well."""
        return self.members - len(self.ill) - 1

    @property
    def problem(self) -> str:
        """Why this one may not go, and what to do about it."""
        if self.silence and self._well == 0:
            return (
                f"its etcd listens and does not answer ({self.silence}), nor could {', '.join(self.unknown)} be asked, "
                "so the majority may hang on it. Mend the way there. Where you know that nothing is lost, stop it by "
                "hand: systemctl stop k3s."
            )
        ill = f"of {self.members} members of etcd {', '.join(self.ill)} is not well"
        if self.silence:
            return (
                f"{ill}, and the one here listens and does not answer ({self.silence}), so the majority may hang on "
                "its vote. Mend the other one first, or remove it with playbooks/remove_node.yml."
            )
        return (
            f"{ill}, and without this one there would be no majority. Mend it first, or remove it with "
            "playbooks/remove_node.yml."
        )


def survey(etcd: EtcdDoor, api: ApiDoor, others: Sequence[str]) -> Quorum:
    """Return what the cluster could lose with the member of this host.

    Each other member is asked itself: what the cluster says of a node may be 50 s old. Whether this one is well does
    not matter, as long as its etcd votes. ``others``: the addresses of the other servers, for an etcd that is silent.
    """
    silence = ""
    unknown: list[str] = []
    try:
        members = etcd.members()
    except SilentError as error:
        silence = str(error)
        members, unknown = _listed_by_others(etcd, others)
    own = etcd.name()
    # One that runs no etcd, or that the cluster has forgotten, takes no part in a majority.
    if not any(each.name == own for each in members):
        return Quorum(0)
    ill = [each.node for each in members if each.name != own and (each.is_learner or api.readiness(each.address))]
    return Quorum(len(members), tuple(ill), silence, tuple(unknown))


def _listed_by_others(etcd: EtcdDoor, others: Sequence[str]) -> tuple[Sequence[Member], list[str]]:
    """Return the members, and where nobody lists them those that are not known to have no etcd that runs."""
    unknown: list[str] = []
    for address in others:
        try:
            found = etcd.members_by(address)
        except SilentError:
            unknown.append(address)
            continue
        if found:
            return found, []
    return [Member(etcd.name(), ""), *(Member("", address) for address in others)], unknown


__all__ = ["ApiDoor", "EtcdDoor", "Member", "Quorum", "SilentError", "survey"]
