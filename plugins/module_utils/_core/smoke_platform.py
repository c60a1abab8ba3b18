# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says of a cluster, as far as its checks look at it."""

from __future__ import annotations

from dataclasses import dataclass

from .experiment import Experiment
from .policy_flows import CENTRAL, NAMESPACED


@dataclass(frozen=True)
class Platform:
    """What the inventory says of a cluster. ``models`` are names with their namespaces.

    ``ingress`` is where the Service and the Deployment of the controller are; with no name when they are somebody
    else's.
    """

    topology: str
    namespaces: tuple[str, ...]
    seldon_namespace: str
    metallb_namespace: str
    controller: str
    ingress: tuple[str, str]
    address: str
    host: str
    mesh_namespace: str
    grpc_host: str = ""
    models: tuple[tuple[str, str], ...] = ()
    experiments: tuple[Experiment, ...] = ()
    exposed: tuple[str, ...] = ()

    @property
    def runtimes(self) -> tuple[str, ...]:
        """The namespaces that have a scheduler and an Envoy."""
        return self.namespaces if self.topology == NAMESPACED else (self.seldon_namespace,)

    @property
    def aliased(self) -> tuple[str, ...]:
        """The namespaces whose seldon-mesh and seldon-scheduler are names of those in another namespace."""
        return self.namespaces if self.topology == CENTRAL else ()

    @property
    def servers(self) -> tuple[str, ...]:
        """The namespaces that have model servers."""
        return self.namespaces if self.topology in (CENTRAL, NAMESPACED) else (self.seldon_namespace,)

    @property
    def all(self) -> tuple[str, ...]:
        """Every namespace of the platform."""
        return tuple(dict.fromkeys((self.seldon_namespace, *self.namespaces)))

    @property
    def behind_mesh(self) -> tuple[str, ...]:
        """The models that the host's own mesh leads to."""
        return tuple(name for name, home in self.models if self.runtime_of(home) == self.mesh_namespace)

    @property
    def split_behind_mesh(self) -> tuple[Experiment, ...]:
        """The experiments over those models."""
        return tuple(each for each in self.experiments if set(each.weights) <= set(self.behind_mesh))

    def runtime_of(self, namespace: str) -> str:
        """Return the namespace of the scheduler that a namespace's models belong to."""
        return namespace if self.topology == NAMESPACED else self.seldon_namespace


__all__ = ["Platform"]
