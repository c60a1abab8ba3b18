# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a smoke test reads, asks and makes in a cluster, as the rights that its user needs for it, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, Mapping, Sequence, Tuple

from .cluster_view import KINDS
from .inside_questions import OUTSIDE, Source
from .smoke_platform import Platform


@dataclass(frozen=True)
class Right:
    """A verb for a resource of a group; the group of Kubernetes' own core has no name."""

    verb: str
    resource: str
    group: str = ""


# A right, and the namespace that it is needed in; the empty one means all of them.
Needed = Tuple[str, Right]


def _listed(path: str) -> Right:
    """Return the right to list what the API has under a path."""
    *_start, group, _version, plural = ["", *path.split("/")]
    return Right("list", plural, "" if group == "api" else group)


# Every kind that is looked at, in all namespaces.
READING = tuple(_listed(paths[0]) for paths in KINDS.values())
# To ask Envoy and MLServer through the API server, where they are.
ASKING = (Right("get", "pods/proxy"),)
# Short Jobs, in each namespace that they stand in.
PROBING = (
    *(Right(verb, "jobs", "batch") for verb in ("create", "list", "delete")),
    *(Right(verb, "configmaps") for verb in ("create", "get", "list", "delete")),
    Right("get", "pods/log"),
)
# A throw-away namespace with a policy of its own. Its name is not known before, so nor is where Jobs have to be made.
WALLING = (
    *(Right(verb, "namespaces") for verb in ("create", "delete")),
    Right("create", "networkpolicies", "networking.k8s.io"),
    *PROBING,
)
RIGHTS: Mapping[str, Sequence[Right]] = {
    "reading": READING,
    "asking": ASKING,
    "probing": PROBING,
    "walling": WALLING,
}


def asking(platform: Platform) -> Iterator[Needed]:
    """Yield what asking pods needs."""
    yield from ((each, right) for each in dict.fromkeys((*platform.runtimes, *platform.servers)) for right in ASKING)


def probing(places: Iterable[Source], *, walls: bool) -> Iterator[Needed]:
    """Yield what probes need."""
    if walls:
        yield from (("", right) for right in WALLING)
        return
    yield from ((each.namespace, right) for each in places if each.name != OUTSIDE for right in PROBING)


def spoken_rights(lacking: Sequence[Needed]) -> str:
    """Return rights that are missing, each once."""
    found: dict[Right, list[str]] = {}
    for namespace, right in lacking:
        found.setdefault(right, []).append(namespace or "all namespaces")
    return "; ".join(f"may not {each.verb} {each.resource} in {', '.join(names)}" for each, names in found.items())


__all__ = ["ASKING", "PROBING", "READING", "RIGHTS", "WALLING", "Needed", "Right"]
__all__ += ["asking", "probing", "spoken_rights"]
