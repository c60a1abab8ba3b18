# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model server of a team, as an inventory has it, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Iterable, Iterator, Mapping, Sequence

from .errors import ServingError
from .names import is_object_name, nearest_name
from .preflight_report import Finding, spoken
from .seldon_sizes import MLSERVER, RUNTIME, SERVER, quantity, total
from .seldon_topology import NAMESPACED, SINGLE, Topology

SERVERS = "mlserver_servers"
KEYS = ("namespace", "replicas", "capabilities", "image", "cpu", "memory", "volumes", "quota")
VOLUME_KEYS = ("name", "mount", "claim", "nfs")
CPU_LIMIT = "limits.cpu"
Sized = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Volume:
    """Storage of models that pods mount, and where rclone finds it."""

    name: str
    mount: str
    source: Mapping[str, Any]


@dataclass(frozen=True)
class Server:
    """What one team's model server is to be; what is empty stays as its size has it."""

    team: str
    capabilities: tuple[str, ...]
    replicas: int = 1
    image: str = ""
    asks: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[Volume, ...] = ()
    quota: Mapping[str, Any] = field(default_factory=dict)

    def parts(self, size: Sized) -> dict[str, Mapping[str, Any]]:
        """Return what the containers of its pod ask for."""
        return {name: {**size[name], **(self.asks if name == MLSERVER else {})} for name in SERVER}


def parse_servers(entries: Any, teams: Sequence[str], capabilities: Sequence[str]) -> list[Server]:
    """Return the server of each team; one that is not named has what goes without saying."""
    said = {str(each.get("namespace") or ""): each for each in entries or () if isinstance(each, Mapping)}
    return [_server(team, said.get(team, {}), capabilities) for team in teams]


def server_findings(entries: Any, topology: Topology, size: Sized) -> Iterator[Finding]:
    """Yield everything that is wrong with the servers of an inventory."""
    named: list[str] = []
    for number, each in enumerate(entries or (), start=1):
        if not isinstance(each, Mapping):
            yield Finding(f"Server {number} of {SERVERS} is no dictionary. Write it as {{namespace: …, replicas: …}}.")
            continue
        team = str(each.get("namespace") or "")
        named.append(team)
        where = f"The server of '{team or number}' in {SERVERS}"
        texts = [*_keys(each, KEYS, ""), *_team(team, topology.teams), *_numbers(each), *_volumes(each)]
        for text in (*texts, *_quota(each, topology, size)):
            yield Finding(f"{where} {text}")
    for team in sorted({each for each in named if named.count(each) > 1}):
        yield Finding(f"{SERVERS} names the namespace '{team}' {named.count(team)} times. Name it once.")


def _server(team: str, said: Mapping[str, Any], capabilities: Sequence[str]) -> Server:
    volumes = [each for each in said.get("volumes") or () if isinstance(each, Mapping)]
    return Server(
        team,
        tuple(str(each) for each in said.get("capabilities") or capabilities),
        _number(said.get("replicas", 1)),
        str(said.get("image") or ""),
        {key: str(said[key]) for key in ("cpu", "memory") if said.get(key)},
        tuple(Volume(str(each.get("name") or ""), str(each.get("mount") or ""), _source(each)) for each in volumes),
        said.get("quota") or {},
    )


def _number(replicas: Any) -> int:
    """Return how many replicas there are; what is none is said elsewhere."""
    return max(int(replicas), 1) if str(replicas).isdigit() else 1


def _source(volume: Mapping[str, Any]) -> dict[str, Any]:
    """Return a volume's source in Kubernetes' own words; models are only read."""
    if volume.get("nfs"):
        return {"nfs": {**volume["nfs"], "readOnly": True}}
    return {"persistentVolumeClaim": {"claimName": str(volume.get("claim") or ""), "readOnly": True}}


def _keys(entry: Mapping[str, Any], known: Sequence[str], within: str) -> Iterator[str]:
    for key in entry:
        if str(key) not in known:
            near = nearest_name(str(key), known)
            hint = f"Did you mean {near}?" if near else f"It may have {', '.join(known)}."
            yield f"has '{within}{key}', which nobody reads. {hint}"


def _team(team: str, teams: Sequence[str]) -> Iterator[str]:
    if team not in teams:
        yield f"has a namespace that is none of serving_namespaces. Set one of {spoken(teams) or 'them'}."


def _numbers(entry: Mapping[str, Any]) -> Iterator[str]:
    replicas = str(entry.get("replicas", 1))
    if not replicas.isdigit() or not int(replicas):
        yield f"has the replicas '{replicas}'. Set replicas to a whole number, 1 or more."
    for key in ("cpu", "memory"):
        if entry.get(key):
            try:
                quantity(entry[key])
            except ServingError as error:
                yield f"has a {key} that cannot be read: {error}"


def _volumes(entry: Mapping[str, Any]) -> Iterator[str]:
    volumes = entry.get("volumes") or ()
    for each in volumes:
        if not isinstance(each, Mapping):
            yield "has a volume that is no dictionary. Write it as {name: …, mount: …, claim: …}."
            continue
        yield from _keys(each, VOLUME_KEYS, "volumes.")
        if not is_object_name(str(each.get("name") or "")):
            yield f"has a volume '{each.get('name') or ''}'. Set its name to small letters, digits and hyphens."
        if not str(each.get("mount") or "").startswith("/"):
            yield (
                f"has a volume whose mount is '{each.get('mount') or ''}'. Set mount to a whole path, such as "
                "/mnt/models."
            )
        if bool(each.get("claim")) == bool(each.get("nfs")):
            yield "has a volume with not exactly one of claim and nfs. Set claim, or nfs: {server: …, path: …}."


def _quota(entry: Mapping[str, Any], topology: Topology, size: Sized) -> Iterator[str]:
    """Yield limits of the namespace that Seldon's own pods would not fit into."""
    quota = entry.get("quota") or {}
    if not isinstance(quota, Mapping):
        yield "has a quota that is no dictionary. Write it as {requests.memory: 8Gi}."
        return
    if not quota:
        return
    if topology.kind == SINGLE:
        yield f"has a quota, and its pods are in {topology.seldon} with those of all teams. Leave quota out."
        return
    try:
        limits = {str(key): quantity(value) for key, value in quota.items()}
        needed = _needed(entry, topology, size)
    except ServingError as error:
        yield f"has a quota that cannot be held against it: {error}"
        return
    for key, value in limits.items():
        if key in needed and value < needed[key]:
            yield (
                f"has a quota of {quota[key]} for {key}, and its pods ask for {_plain(needed[key], key)}. Set more, or "
                "fewer replicas."
            )


def _needed(entry: Mapping[str, Any], topology: Topology, size: Sized) -> dict[str, Decimal]:
    """Return what the pods of a team's namespace ask for, in the words of a ResourceQuota."""
    number = _number(entry.get("replicas", 1))
    own = {key: entry[key] for key in ("cpu", "memory") if entry.get(key)}
    pod = [*(size[name] for name in SERVER if name != MLSERVER), {**size[MLSERVER], **own}]
    runtime = [size[name] for name in RUNTIME] if topology.kind == NAMESPACED else []
    asked = total(pod).times(number) + total(runtime)
    containers = len(pod) * number + len(runtime)
    return {
        "pods": Decimal(number + len(runtime)),
        "persistentvolumeclaims": Decimal(number + bool(runtime)),
        "cpu": asked.cpu,
        "requests.cpu": asked.cpu,
        CPU_LIMIT: cpu_limit([*pod, *runtime]) * containers,
        "memory": asked.memory,
        "requests.memory": asked.memory,
        "limits.memory": asked.memory_limit,
        "requests.storage": asked.storage,
    }


def cpu_limit(parts: Iterable[Mapping[str, Any]]) -> Decimal:
    """Return the cores that each container may have, where a quota of them has everybody say how many."""
    return max(Decimal(1), *(quantity(part["cpu"]) for part in parts)).normalize()


def _plain(value: Decimal, key: str) -> str:
    """Return a number as people write it: memory and disk in MiB, cores as they are."""
    if "memory" in key or "storage" in key:
        return f"{-(-value // 1024**2)}Mi"
    return format(value.normalize(), "f")


__all__ = ["CPU_LIMIT", "SERVERS", "Server", "Volume", "cpu_limit", "parse_servers", "server_findings"]
