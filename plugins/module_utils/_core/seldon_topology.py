# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where schedulers, model servers and models of Seldon Core v2 are, in each of three topologies.

- central: one scheduler and one Envoy in the operator's namespace, and a model server in each team's namespace.
- namespaced: each team's namespace has all of it.
- single: everything is in the operator's namespace, and each team has a model server there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from .ingress_routes import CENTRAL, NAMESPACED, SINGLE, TOPOLOGIES

# A StatefulSet puts its name, and a digest, into a label of its pods, which may have 63 characters.
LONGEST_SERVER = 52
SERVER = "mlserver"


@dataclass(frozen=True)
class Topology:
    """One of the three, the operator's namespace, and those of the teams."""

    kind: str
    seldon: str
    teams: tuple[str, ...]

    @property
    def has_one_scheduler(self) -> bool:
        """Whether all teams share it, and so the names of models and experiments, too."""
        return self.kind != NAMESPACED

    @property
    def runtimes(self) -> tuple[str, ...]:
        """The namespaces with a scheduler and an Envoy."""
        return (self.seldon,) if self.has_one_scheduler else self.teams

    @property
    def homes(self) -> tuple[str, ...]:
        """The namespaces with model servers, models and experiments."""
        return (self.seldon,) if self.kind == SINGLE else self.teams

    @property
    def aliases(self) -> tuple[str, ...]:
        """The namespaces where scheduler and Envoy are known by names that lead elsewhere."""
        return self.teams if self.kind == CENTRAL else ()

    def home(self, team: str) -> str:
        """Return where a team's model server and models are."""
        return self.seldon if self.kind == SINGLE else team

    def runtime(self, team: str) -> str:
        """Return where the scheduler is that knows a team's models."""
        return self.seldon if self.has_one_scheduler else team

    def server(self, team: str) -> str:
        """Return the name of a team's model server; a scheduler tells servers apart by their names alone."""
        return f"{SERVER}-{team}" if self.has_one_scheduler else SERVER


def topology_of(settings: Mapping[str, Any]) -> Topology:
    """Read it from what an inventory says."""
    return Topology(str(settings["topology"]), str(settings["seldon_namespace"]), teams(settings["namespaces"]))


def teams(entries: Any) -> tuple[str, ...]:
    """Return the names of the teams' namespaces, each once."""
    found = entries if isinstance(entries, Sequence) and not isinstance(entries, str) else []
    names = [str(each.get("name") or "") for each in found if isinstance(each, Mapping)]
    return tuple(dict.fromkeys(name for name in names if name))


__all__ = [
    "CENTRAL",
    "LONGEST_SERVER",
    "NAMESPACED",
    "SERVER",
    "SINGLE",
    "TOPOLOGIES",
    "Topology",
    "teams",
    "topology_of",
]
