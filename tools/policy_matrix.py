# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/network-policies.md: who may reach whom under the policies of each topology.

python -m tools.policy_matrix            write
python -m tools.policy_matrix --check    only say whether the page is what would be written
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins.module_utils._core.network_policies import NAMESPACE_LABEL, manifests
from plugins.module_utils._core.policy_evaluator import NamedPort, Outsider, Pod, Policies
from plugins.module_utils._core.policy_flows import CENTRAL, NAMESPACED, SINGLE, TOPOLOGIES
from plugins.module_utils._core.policy_settings import read

PAGE = Path(__file__).parent.parent / "docs/network-policies.md"
SELDON, TEAMS = "seldon-system", ("team-a", "team-b")
# The options of the role, for a cluster of two teams.
OPTIONS: dict[str, Any] = {
    "topology": CENTRAL,
    "namespaces": [{"name": name} for name in TEAMS],
    "seldon_namespace": SELDON,
    "ingress_controller": "nginx",
    "ingress_namespace": "",
    "monitoring_namespace": "monitoring",
    "monitoring_labels": {"app.kubernetes.io/name": "prometheus"},
    "storage": [{"cidrs": ["198.51.100.0/24"], "ports": [{"port": 443}]}],
    "api_servers": ["192.0.2.11"],
    "api_port": 6443,
    "components": [],
    "control_plane_tls": False,
    "extra_flows": [],
}
# What each kind of pod listens on; those of DNS by both protocols.
LISTENS = {
    "operator": (4000, 8081),
    "scheduler": (6060, 9002, 9004, 9005, 9008, 9044, 9055, 9999),
    "envoy": (9000, 9001, 9003),
    "server": (5572, 7777, 8082, 9000, 9001, 9006, 9007, 9008, 9500, 9501),
    "ingress": (80, 443, 8443, 10254),
    "prometheus": (9090,),
    "dns": (53, 9153),
    "other": (8888,),
    "API": (6443,),
    "storage": (443,),
    "elsewhere": (80, 443),
}
LABELS = {
    "operator": {"control-plane": "v2-controller-manager"},
    "scheduler": {"app.kubernetes.io/name": "seldon-scheduler"},
    "envoy": {"app.kubernetes.io/name": "seldon-envoy"},
    "server": {"app.kubernetes.io/name": "seldon-server", "seldon-server-name": "mlserver"},
    "ingress": {"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"},
    "prometheus": {"app.kubernetes.io/name": "prometheus"},
    "dns": {"k8s-app": "kube-dns"},
    "other": {"app": "notebook"},
}
NEIGHBOURS = (("ingress", "ingress-nginx"), ("prometheus", "monitoring"), ("dns", "kube-system"), ("other", "default"))
OUTSIDERS = (
    Outsider("API", "192.0.2.11"),
    Outsider("storage", "198.51.100.10"),
    Outsider("elsewhere", "192.0.2.200"),
)
PORTS = sorted({port for ports in LISTENS.values() for port in ports})
PROTOCOLS = ("TCP", "UDP")
Party = Pod | Outsider


@dataclass(frozen=True)
class Sample:
    """A cluster with the policies of a topology."""

    parties: dict[str, Party]
    policies: Policies

    def open_ports(self, source: str, target: str) -> list[tuple[int, str]]:
        """Return what one party may reach of another, of all ports that anybody listens on, by both protocols."""
        allow, one, other = self.policies.allow, self.parties[source], self.parties[target]
        return [(port, protocol) for port in PORTS for protocol in PROTOCOLS if allow(one, other, port, protocol)]

    def is_closed(self, name: str) -> bool:
        """Say whether a party lives in a namespace that the policies close."""
        party = self.parties[name]
        return isinstance(party, Pod) and party.namespace in (SELDON, *TEAMS)


def sample(topology: str, **options: Any) -> Sample:
    """Return a cluster of a topology, under policies made from other options where some are given."""
    settings, problems = read({**OPTIONS, "topology": topology, **options})
    if problems:
        raise ValueError(problems)
    pods = [_pod(kind, namespace, index) for index, (kind, namespace) in enumerate(_kinds(topology), start=10)]
    parties: dict[str, Party] = {pod.name: pod for pod in pods}
    parties |= {each.name: each for each in OUTSIDERS}
    namespaces = {pod.namespace: {NAMESPACE_LABEL: pod.namespace} for pod in pods}
    return Sample(parties, Policies(manifests(settings), namespaces))


def _kinds(topology: str) -> Iterator[tuple[str, str]]:
    """Yield the pods of a topology: their kind and their namespace."""
    runtimes = TEAMS if topology == NAMESPACED else (SELDON,)
    yield "operator", SELDON
    yield from ((kind, runtime) for runtime in runtimes for kind in ("scheduler", "envoy"))
    yield from (("server", namespace) for namespace in ((SELDON,) if topology == SINGLE else TEAMS))
    yield "other", TEAMS[0]
    yield from NEIGHBOURS


def _pod(kind: str, namespace: str, index: int) -> Pod:
    ports = tuple(NamedPort(f"port-{number}", number) for number in LISTENS[kind])
    return Pod(f"{namespace}/{kind}", namespace, LABELS[kind], f"10.42.0.{index}", ports)


def page() -> str:
    """Return the page."""
    sections = [f"## {topology}\n\n{ABOUT[topology]}\n\n{_table(sample(topology))}" for topology in TOPOLOGIES]
    return HEAD + "\n\n".join(sections) + "\n"


def _table(shown: Sample) -> str:
    names = list(shown.parties)
    lines = [f"| from ↓ to → | {' | '.join(map(_title, names))} |", "| --- |" + " --- |" * len(names)]
    for source in names:
        if source in ("API", "storage"):
            # They only answer.
            continue
        cells = [_cell(shown, source, target) for target in names]
        lines.append(f"| {_title(source)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _title(name: str) -> str:
    return name.replace("/", "/<wbr>") if "/" in name else f"_{name}_"


def _cell(shown: Sample, source: str, target: str) -> str:
    found = shown.open_ports(source, target)
    if source == target or not (shown.is_closed(source) or shown.is_closed(target)):
        return ""
    if len(found) == len(PORTS) * len(PROTOCOLS):
        return "all"
    return ", ".join(str(port) if protocol == "TCP" else f"{port}/udp" for port, protocol in found) or "-"


ABOUT = {
    CENTRAL: "One scheduler and one Envoy in `seldon-system`, an MLServer in the namespace of each team.",
    NAMESPACED: "A scheduler, an Envoy and an MLServer in the namespace of each team, the operator in `seldon-system`.",
    SINGLE: "Everything in `seldon-system`. The teams' namespaces are closed, and hold nothing of Seldon's.",
}
HEAD = """# Who may reach whom

Written by `python -m tools.policy_matrix` out of the policies themselves, by reading them as Kubernetes does. How to
set them, and what to do when something does not get through: [the guide](guides/network_policies.md).

The cluster of these tables has two teams, ingress-nginx, a Prometheus in `monitoring`, storage at 198.51.100.0/24 port
443, an API server at 192.0.2.11, and no extra flows. `other` is a pod that has no part in serving; `elsewhere` is any
other address.

- A number is a port of the pod that may be reached by TCP; `/udp` by UDP.
- `-` is nothing. Every port that any of these pods listens on was tried, by both protocols.
- An empty cell is no business of these policies: neither end is in a namespace that they close.
- Nodes reach their own pods whatever policies say, so probes of the kubelet are in no table.

"""


def main() -> int:
    """Write the page, or say that it is stale."""
    text = page()
    is_stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
    if sys.argv[1:] == ["--check"]:
        print("docs/network-policies.md is stale: run python -m tools.policy_matrix" if is_stale else "up to date")
        return int(is_stale)
    PAGE.write_text(text, encoding="utf-8")
    print(f"docs/network-policies.md: {'written' if is_stale else 'as it was'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
