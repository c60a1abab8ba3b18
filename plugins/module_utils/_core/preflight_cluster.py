# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as the inventory describes it, before anything is asked of a host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from .address_spans import Span, address_span
from .k3s_config import EMBEDDED, datastore
from .metallb_addresses import DHCP, PINS
from .policy_settings import DEFAULTS, PREFIX

POOLS = "metallb_address_pools"
POLICIES = "serving_network_policies"
# What decides it for the role, and what does where that is left out.
WALLS = (f"{PREFIX}wanted", POLICIES)
NAMESPACES = "serving_namespaces"
STORAGE_CLASS = "serving_storage_class"
# What says that the cluster is to have an edge.
EDGE_VARIABLES = ("ingress_controller", "ingress_address", "ingress_routes", "seldon_topology")
# Options of the policies, and where they are taken from when they are not set themselves.
SHARED_WITH_POLICIES = {
    "namespaces": NAMESPACES,
    "topology": "seldon_topology",
    "ingress_controller": "ingress_controller",
}
POLICY_VARIABLES = (NAMESPACES, *(PREFIX + name for name in DEFAULTS))
# What Seldon Core v2 is to serve. Of the secrets among it, keys and names alone are looked at.
SERVING_VARIABLES = (
    NAMESPACES,
    "serving_models",
    "serving_experiments",
    "seldon_topology",
    "seldon_size",
    "seldon_namespace",
    "seldon_pipelines",
    "seldon_kafka_bootstrap",
    "mlserver_servers",
    "mlserver_secrets",
    "mlserver_capabilities",
)
# What several roles and playbooks share, and so is an option of none.
SHARED_VARIABLES = (
    NAMESPACES,
    POLICIES,
    STORAGE_CLASS,
    "serving_artifacts_dir",
    "serving_budgets",
    "serving_enforce_budgets",
    "serving_experiments",
    "serving_exposed_services",
    "serving_metrics",
    "serving_models",
    "serving_probe",
    "serving_report_directory",
    "serving_samples",
)
# How variables of this collection begin: those of the roles that make hosts a cluster, and those of the others.
OWN_PREFIXES = ("k3s_", "preflight_")
ROLE_PREFIXES = ("helm_", "ingress_", "metallb_", "mlserver_", "network_policies_", "seldon_", "serving_")
# Variables of a host that are no options of the role k3s, and are looked at as well.
WHERE = ("ansible_host", "ansible_port")
OTHERS = (
    *WHERE,
    POOLS,
    PINS,
    DHCP,
    *WALLS,
    "metallb_state",
    "metallb_namespace",
    STORAGE_CLASS,
    *EDGE_VARIABLES,
    *POLICY_VARIABLES,
    *SERVING_VARIABLES,
)
# Nobody needs to know them here.
SECRETS = frozenset(("k3s_token", "k3s_agent_token", "k3s_registries", "k3s_environment"))


@dataclass(frozen=True)
class Node:
    """A host: what its inventory says, and the defaults where it is silent.

    ``names``: every variable of this collection's roles that is set for it, also one that nobody knows.
    """

    host: str
    is_server: bool
    names: frozenset[str]
    variables: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.variables.get("k3s_node_name") or self.host)

    @property
    def kind(self) -> str:
        return "server" if self.is_server else "agent"

    @property
    def destination(self) -> str:
        """Where Ansible finds it."""
        return str(self.variables.get("ansible_host") or self.host)

    @property
    def runs_pods(self) -> bool:
        """Whether there is a kubelet."""
        return not is_true(self.config.get("disable-agent"))

    @property
    def config(self) -> dict[str, Any]:
        """What it adds to config.yaml, in K3s's own keys; the drop-ins come last."""
        found = dict(mapping(self.variables.get("k3s_config")))
        drop_ins = mapping(self.variables.get("k3s_config_drop_ins"))
        for name in sorted(drop_ins):
            found = _merged(found, mapping(drop_ins[name]))
        return found

    def texts(self, option: str) -> list[str]:
        """Return the values of an option that takes several."""
        return listed(self.variables.get(option))

    def addresses(self) -> list[Span]:
        """Return the addresses that the inventory gives it."""
        texts = [*self.texts("k3s_node_ip"), *self.texts("k3s_node_external_ip"), self.destination]
        found = [span for span in map(address_span, texts) if span]
        return list({(span.version, span.first): span for span in found}.values())


@dataclass(frozen=True)
class Cluster:
    """All hosts; what holds for the whole cluster is read from the first server, or the first host."""

    nodes: tuple[Node, ...]
    server_names: tuple[str, ...]

    @property
    def shared(self) -> Mapping[str, Any]:
        first = next((node for node in self.nodes if node.is_server), next(iter(self.nodes), None))
        return first.variables if first else {}

    @property
    def servers(self) -> list[Node]:
        return [node for node in self.nodes if node.is_server]

    @property
    def agents(self) -> list[Node]:
        return [node for node in self.nodes if not node.is_server]

    @property
    def has_etcd(self) -> bool:
        """Whether the servers keep the state of the cluster among themselves."""
        external = bool(self.shared.get("k3s_datastore_endpoint"))
        return datastore({"external_datastore": external, "servers": self.server_names}) == EMBEDDED

    @property
    def has_flannel(self) -> bool:
        """Whether K3s connects pods, and no CNI of the user's own."""
        return self.shared.get("k3s_flannel_backend") != "none"

    @property
    def api_port(self) -> int:
        return int(self.shared.get("k3s_api_port") or 6443)

    @property
    def has_walls(self) -> bool:
        """Whether teams are isolated: where there are any, they are unless the inventory says no."""
        said = next((value for name in WALLS if (value := self.shared.get(name)) is not None), None)
        teams = self.shared.get(PREFIX + "namespaces") or self.shared.get(NAMESPACES)
        return bool(teams) if said is None else is_true(said)

    @property
    def pools(self) -> list[Mapping[str, Any]]:
        found = self.shared.get(POOLS) or []
        return [mapping(each) for each in found] if isinstance(found, (list, tuple)) else []

    def texts(self, option: str) -> list[str]:
        return listed(self.shared.get(option))


def known_variables(contract: Mapping[str, Any]) -> list[str]:
    """Return the variables whose values are looked at."""
    return [*(name for name in contract if name not in SECRETS), *OTHERS]


def parse_cluster(
    hosts: Sequence[str],
    variables: Mapping[str, Mapping[str, Any]],
    names: Mapping[str, Iterable[str]],
    contract: Mapping[str, Any],
) -> Cluster:
    """Read the inventory.

    Args:
        hosts: The hosts of the cluster.
        variables: Their variables, by host.
        names: The names of all their variables that belong to this collection's roles, by host.
        contract: The options of the roles, as their argument specifications have them.
    """
    # A default with Jinja in it stands for what each host has of its own.
    defaults = {
        name: option["default"] for name, option in contract.items() if "{{" not in str(option.get("default", "{{"))
    }
    filled = {host: {**defaults, **variables[host]} for host in hosts}
    servers = listed(filled[hosts[0]].get("k3s_servers")) if hosts else []
    nodes = tuple(Node(host, host in servers, frozenset(names[host]), filled[host]) for host in hosts)
    return Cluster(nodes, tuple(servers))


def listed(value: Any) -> list[str]:
    """Return several values that may be written as a list, or as one text with commas."""
    values = value if isinstance(value, (list, tuple)) else str(value or "").split(",")
    return [str(each).strip() for each in values if str(each).strip()]


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a dictionary; of anything else, which the role k3s refuses, an empty one."""
    return value if isinstance(value, dict) else {}


def is_true(value: Any) -> bool:
    """Say whether an inventory means yes."""
    return str(value).strip().lower() in ("true", "yes", "on", "1", "y", "t")


def _merged(earlier: dict[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return what K3s makes of two files: a later key replaces, and one with a plus appends."""
    found = dict(earlier)
    for key, value in later.items():
        name = str(key).rstrip("+")
        found[name] = value if name == key else [*listed(found.get(name)), *listed(value)]
    return found


__all__ = [
    "EDGE_VARIABLES",
    "NAMESPACES",
    "OWN_PREFIXES",
    "POLICIES",
    "POOLS",
    "ROLE_PREFIXES",
    "SERVING_VARIABLES",
    "SHARED_VARIABLES",
    "SHARED_WITH_POLICIES",
    "STORAGE_CLASS",
    "Cluster",
    "Node",
    "is_true",
    "known_variables",
    "listed",
    "mapping",
    "parse_cluster",
]
