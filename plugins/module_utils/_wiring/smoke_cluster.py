# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of smoke_test into the checks of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Mapping

from .._adapters.cluster_reader import ClusterReader
from .._adapters.kubernetes_api import KubernetesApi
from .._core.errors import ServingError
from .._core.inside_questions import INGRESS, sources
from .._core.policy_flows import CENTRAL, NAMESPACED, SINGLE, TOPOLOGIES
from .._core.policy_settings import read
from .._core.smoke_cluster import cluster_checks
from .._core.smoke_cluster_edge import NOWHERE, PLACES, before_calls, edge_checks
from .._core.smoke_platform import Platform
from .._core.smoke_pods import pod_checks
from .._core.smoke_rights import asking, probing
from .kubernetes import API_OPTIONS

if TYPE_CHECKING:
    from .._core.cluster_view import ClusterView
    from .._core.inside_questions import Source
    from .._core.policy_flows import Settings
    from .._core.request_path import RequestPath
    from .._core.smoke import Check, Key
    from .._core.smoke_rights import Needed

Spec = Dict[str, Dict[str, Any]]

PROBE: Spec = {
    "enabled": {"type": "bool", "default": True},
    "image": {"type": "str", "default": "docker.io/seldonio/mlserver:1.7.1"},
    "timeout": {"type": "int", "default": 120},
}
CLUSTER: Spec = {
    **API_OPTIONS,
    "topology": {"type": "str", "choices": list(TOPOLOGIES), "default": CENTRAL},
    "namespaces": {"type": "list", "elements": "str", "required": True},
    "seldon_namespace": {"type": "str", "default": "seldon-system"},
    "metallb_namespace": {"type": "str", "default": "metallb-system"},
    "ingress_controller": {"type": "str", "choices": [*PLACES, "none"], "default": "nginx"},
    "ingress_namespace": {"type": "str"},
    "mesh_namespace": {"type": "str"},
    "exposed_services": {"type": "list", "elements": "str", "default": []},
    "network_policies": {"type": "dict"},
    "probe": {"type": "dict", "default": {}, "apply_defaults": True, "options": PROBE},
}


def platform_from(params: Mapping[str, Any], path: RequestPath) -> Platform:
    """Return what the options say of the cluster that serves a path."""
    values = params["cluster"]
    namespace, name = PLACES.get(values["ingress_controller"], NOWHERE)
    return Platform(
        topology=values["topology"],
        namespaces=tuple(values["namespaces"]),
        seldon_namespace=values["seldon_namespace"],
        metallb_namespace=values["metallb_namespace"],
        controller=values["ingress_controller"],
        ingress=(values["ingress_namespace"] or namespace, name) if name else NOWHERE,
        address=path.http.address,
        host=path.host,
        grpc_host=path.grpc_host if path.grpc else "",
        mesh_namespace=_mesh_namespace(values),
        models=tuple((each.name, _home(values, each.namespace)) for each in path.models),
        experiments=path.experiments,
        exposed=tuple(values["exposed_services"]),
    )


def _home(values: Mapping[str, Any], team: str) -> str:
    """Return where a team's models are."""
    return str(values["seldon_namespace"]) if values["topology"] == SINGLE else team


def _mesh_namespace(values: Mapping[str, Any]) -> str:
    """Return where the mesh is that the host leads to."""
    if values["topology"] != NAMESPACED:
        return str(values["seldon_namespace"])
    names = values["namespaces"]
    if not values["mesh_namespace"] and len(names) != 1:
        raise ServingError(
            f"In the topology {NAMESPACED} each of {', '.join(names) or 'no namespace'} has a mesh of its own; set "
            "mesh_namespace of cluster to the one that host leads to."
        )
    return str(values["mesh_namespace"] or names[0])


def settings_from(values: Mapping[str, Any]) -> Settings | None:
    """Return what NetworkPolicies are made of, where they are wanted."""
    if values["network_policies"] is None:
        return None
    settings, problems = read(values["network_policies"])
    if problems:
        raise ServingError(f"network_policies of cluster makes no sense. {' '.join(problems)}")
    return settings


class ClusterSide:
    """The half of a smoke test that asks the cluster's API. It asks nothing before it is asked for checks."""

    def __init__(self, params: Mapping[str, Any], path: RequestPath) -> None:
        self.platform = platform_from(params, path)
        self._options = params["cluster"]
        self._timeout = params["timeout"]
        self.settings = settings_from(self._options)
        # The walls are tried in the full profile alone.
        self.walls = self.settings if params["profile"] == "full" else None

    @property
    def before_calls(self) -> tuple[Key, ...]:
        """What must hold before a call from outside says anything of the edge."""
        return before_calls(self.platform)

    def reader(self) -> ClusterReader:
        """Return whoever reads the cluster; refuses when nobody is let in."""
        return ClusterReader(KubernetesApi(self._options, timeout=self._timeout))

    def view(self) -> ClusterView:
        """Return the cluster as it is now."""
        return self.reader().view()

    def places(self, namespace: str = "") -> list[Source]:
        """Return where probes stand; without walls only the mesh is left to ask, from beside the controller."""
        found = sources(self.platform, self.settings, namespace)
        return [each for each in found if self.walls or each.name == INGRESS]

    def _needed(self) -> list[Needed]:
        """Return the rights that the profile needs besides those to read."""
        found = list(asking(self.platform))
        if self._options["probe"]["enabled"] and self.places():
            found += probing(self.places(), walls=self.walls is not None)
        return found

    def checks(self) -> list[Check]:
        """Return the checks that the cluster's objects decide."""
        reader = self.reader()
        view = reader.view()
        return [
            *cluster_checks(view, self.platform, lambda: reader.lacking(self._needed())),
            *edge_checks(view, self.platform),
            *pod_checks(view, self.platform, reader, walled=self.settings is not None),
        ]


__all__ = ["CLUSTER", "ClusterSide", "platform_from", "settings_from"]
