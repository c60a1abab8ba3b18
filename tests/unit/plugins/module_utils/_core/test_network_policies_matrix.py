# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies allow what the traffic table of Seldon Core v2 has, and nothing else, cell by cell."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from plugins.module_utils._core.policy_evaluator import Policies
from plugins.module_utils._core.policy_flows import TOPOLOGIES
from tests.sample_policies import COMMON, LABELLED
from tools.policy_matrix import LISTENS, PORTS, PROTOCOLS, Sample, sample

# The table, written down by hand: who, whom, on which ports of pods. TCP, unless it says otherwise.
DNS = "53/TCP 53/UDP"
CENTRAL = """
    seldon-system/operator    seldon-system/scheduler  9004
    seldon-system/operator    API                      6443
    seldon-system/scheduler   API                      6443
    seldon-system/envoy       seldon-system/scheduler  9002
    seldon-system/envoy       team-a/server            9001 9501
    seldon-system/envoy       team-b/server            9001 9501
    team-a/server             seldon-system/scheduler  9005
    team-a/server             API                      6443
    team-a/server             storage                  443
    team-b/server             seldon-system/scheduler  9005
    team-b/server             API                      6443
    team-b/server             storage                  443
    ingress-nginx/ingress     seldon-system/envoy      9000
    monitoring/prometheus     seldon-system/operator   4000
    monitoring/prometheus     seldon-system/envoy      9003
    monitoring/prometheus     team-a/server            9006 8082
    monitoring/prometheus     team-b/server            9006 8082
"""
TEAM = """
    seldon-system/operator    {team}/scheduler         9004
    {team}/scheduler          API                      6443
    {team}/envoy              {team}/scheduler         9002
    {team}/envoy              {team}/server            9001 9501
    {team}/server             {team}/scheduler         9005
    {team}/server             API                      6443
    {team}/server             storage                  443
    ingress-nginx/ingress     {team}/envoy             9000
    monitoring/prometheus     {team}/envoy             9003
    monitoring/prometheus     {team}/server            9006 8082
"""
NAMESPACED = f"""
    seldon-system/operator    API                      6443
    monitoring/prometheus     seldon-system/operator   4000
    {TEAM.format(team="team-a")}
    {TEAM.format(team="team-b")}
"""
SINGLE = f"""
    seldon-system/operator    API                      6443
    monitoring/prometheus     seldon-system/operator   4000
    {TEAM.format(team="seldon-system")}
"""
TABLES = {"central": CENTRAL, "namespaced": NAMESPACED, "single": SINGLE}
CLOSED = ("seldon-system/", "team-a/", "team-b/")
EVERYTHING = {(port, protocol) for port in PORTS for protocol in PROTOCOLS}


def table(text: str) -> dict[tuple[str, str], set[tuple[int, str]]]:
    """Return the table by pair."""
    found: dict[tuple[str, str], set[tuple[int, str]]] = {}
    for line in filter(str.strip, text.splitlines()):
        source, target, *ports = line.split()
        found.setdefault((source, target), set()).update((int(port), "TCP") for port in ports)
    return found


def wanted(topology: str, source: str, target: str) -> set[tuple[int, str]]:
    """Return what a cell has to hold."""
    if source == target or not (source.startswith(CLOSED) or target.startswith(CLOSED)):
        return EVERYTHING
    if source.startswith(CLOSED) and target == "kube-system/dns":
        return {(53, "TCP"), (53, "UDP")}
    return table(TABLES[topology]).get((source, target), set())


SAMPLES = {topology: sample(topology) for topology in TOPOLOGIES}
CELLS = [
    (topology, source, target)
    for topology, shown in SAMPLES.items()
    for source, target in itertools.product(shown.parties, repeat=2)
]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_cell_is_the_tables(topology: str) -> None:
    shown = SAMPLES[topology]
    different = {
        (source, target): set(shown.open_ports(source, target)) ^ wanted(topology, source, target)
        for _, source, target in (cell for cell in CELLS if cell[0] == topology)
    }
    assert {cell: ports for cell, ports in different.items() if ports} == {}


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_party_of_the_table_is_in_the_cluster(topology: str) -> None:
    named = {name for pair in table(TABLES[topology]) for name in pair}
    assert named <= set(SAMPLES[topology].parties)
    # Who takes part and is not in the table must be closed altogether.
    assert set(SAMPLES[topology].parties) - named == {"team-a/other", "default/other", "kube-system/dns", "elsewhere"}


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("port", [5572, 7777, 9000, 9007, 9500])
def test_what_takes_orders_from_anybody_is_closed_to_everybody(topology: str, port: int) -> None:
    """rclone's control, the debugging port, MLServer past the agent, and /terminate."""
    shown = SAMPLES[topology]
    servers = [name for name in shown.parties if name.endswith("/server")]
    for source, server in itertools.product(shown.parties, servers):
        assert source == server or not {(port, each) for each in PROTOCOLS} & set(shown.open_ports(source, server))


def test_pods_of_nobody_have_the_names_of_what_is_asked_for() -> None:
    assert all(LISTENS.values())
    assert {port for ports in LISTENS.values() for port in ports} == set(PORTS)


BROKEN = {
    "DNS over UDP": ("team-a/server", "kube-system/dns", 53, "UDP"),
    "model operations (9005)": ("team-a/server", "team-a/scheduler", 9005, "TCP"),
    "xDS (9002)": ("team-a/envoy", "team-a/scheduler", 9002, "TCP"),
    "requests to the models": ("team-a/envoy", "team-a/server", 9001, "TCP"),
    "the API server": ("team-a/server", "API", 6443, "TCP"),
    "storage": ("team-a/server", "storage", 443, "TCP"),
    "scraping": ("monitoring/prometheus", "team-a/server", 9006, "TCP"),
    "the operator": ("seldon-system/operator", "team-a/scheduler", 9004, "TCP"),
}


def under_common(namespaces: dict[str, dict[str, str]]) -> Sample:
    return dataclasses.replace(SAMPLES["namespaced"], policies=Policies([COMMON], namespaces))


@pytest.mark.parametrize("flow", BROKEN.values(), ids=BROKEN.keys())
def test_common_sample_breaks(flow: tuple[str, str, int, str]) -> None:
    source, target, port, protocol = flow
    assert (port, protocol) not in under_common(LABELLED).open_ports(source, target)
    assert (port, protocol) in SAMPLES["namespaced"].open_ports(source, target), "ours does not"


def test_common_sample_lets_everybody_of_the_namespace_at_the_controls() -> None:
    """What enters is open to all pods of the namespace, and only the closed way out hides it: add DNS and it shows."""
    shown = under_common(LABELLED)
    notebook, server = shown.parties["team-a/other"], shown.parties["team-a/server"]
    open_egress = {
        "metadata": COMMON["metadata"],
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    assert Policies([COMMON, open_egress], LABELLED).allow(notebook, server, 5572)


def test_common_sample_as_labels_are_lets_nothing_in_or_out_at_all() -> None:
    real = {name: {"kubernetes.io/metadata.name": name} for name in LABELLED}
    shown = under_common(real)
    reached = [
        (source, target)
        for source, target in itertools.product(shown.parties, repeat=2)
        if source != target and "team-a/server" in (source, target) and shown.open_ports(source, target)
    ]
    assert reached == []
    assert shown.open_ports("ingress-nginx/ingress", "team-a/envoy") == []
    assert (53, "TCP") in under_common(LABELLED).open_ports("team-a/server", "kube-system/dns"), "with the label, TCP"
