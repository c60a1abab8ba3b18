# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel lets through under NetworkPolicies is what the evaluator says, cell by cell, by TCP and UDP."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plugins.module_utils._core.policy_evaluator import Outsider, Pod, Policies
from plugins.module_utils._core.policy_flows import TOPOLOGIES
from tests.live.policies.rules import Endpoint, ruleset
from tests.sample_policies import BACK, CASES, COMMON, FRONT, LABELLED, LAN, SIBLING
from tests.support import ROOT
from tools.policy_matrix import PORTS, PROTOCOLS, sample

SECONDS, WORLDS = 60, 4
WORLD = ["unshare", "--net", "--mount", "--fork", "--kill-child", sys.executable, "-m", "tests.live.policies.world"]
Party = Pod | Outsider
Reached = set[tuple[str, str, int, str]]


def lacking() -> str:
    """Return what keeps this machine from having networks of its own."""
    try:
        done = subprocess.run(
            ["unshare", "--net", "--mount", "nft", "list", "ruleset"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        return f"there is no {error.filename}"
    return f"no network namespaces with nftables here: {done.stderr.strip()}" if done.returncode else ""


@pytest.fixture(scope="module", autouse=True)
def able() -> None:
    if lacking():
        pytest.skip(lacking())


def enforced(parties: Sequence[Party], ports: Sequence[int], rounds: Sequence[Policies]) -> list[Reached]:
    """Return what gets through under some policies, in each of the rounds."""
    pods = [
        Endpoint(each.address, each.namespace, each.labels, [(p.name, p.number, p.protocol) for p in each.ports])
        for each in parties
        if isinstance(each, Pod)
    ]
    rules = [ruleset(each.policies, pods, each.namespaces) for each in rounds]
    # Most of the time of a round is waiting for what does not come, so several worlds wait at once.
    chunks = [rules[start::WORLDS] for start in range(min(WORLDS, len(rules)))]
    with ThreadPoolExecutor(WORLDS) as pool:
        answers = list(pool.map(lambda chunk: ask(parties, ports, chunk), chunks))
    return [answers[index % WORLDS][index // WORLDS] for index in range(len(rules))]


def ask(parties: Sequence[Party], ports: Sequence[int], rules: Sequence[str]) -> list[Reached]:
    """Return what gets through in a world, in each of its rounds."""
    question = {
        "parties": [{"name": each.name, "address": each.address} for each in parties],
        "ports": list(ports),
        "rounds": list(rules),
    }
    done = subprocess.run(
        WORLD, input=json.dumps(question), capture_output=True, text=True, cwd=ROOT, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return [{(each[0], each[1], each[2], each[3]) for each in reached} for reached in json.loads(done.stdout)]


def judged(parties: Sequence[Party], ports: Sequence[int], policies: Policies) -> Reached:
    """Return what gets through as the evaluator reads the policies."""
    return {
        (source.name, target.name, port, protocol)
        for source, target in itertools.permutations(parties, 2)
        for port, protocol in itertools.product(ports, PROTOCOLS)
        if policies.allow(source, target, port, protocol)
    }


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_matrix_is_what_the_kernel_enforces(topology: str) -> None:
    shown = sample(topology)
    parties = list(shown.parties.values())
    (reached,) = enforced(parties, PORTS, [shown.policies])
    wanted = judged(parties, PORTS, shown.policies)
    assert (sorted(reached - wanted), sorted(wanted - reached)) == ([], [])
    # Neither of the two is empty, or all there is.
    assert 0 < len(reached) < len(parties) * (len(parties) - 1) * len(PORTS) * len(PROTOCOLS)


def test_policies_that_people_misread_mean_the_same_to_the_kernel() -> None:
    parties: list[Party] = [FRONT, BACK, SIBLING, LAN]
    ports = [1, 9, 53, 5399, 5400, 5431, 5432, 5433, 5440, 5441, 6543]
    rounds = [Policies(case.policies, case.namespaces) for case in CASES.values()]
    different = {
        name: sorted(reached ^ judged(parties, ports, policies))
        for name, policies, reached in zip(CASES, rounds, enforced(parties, ports, rounds), strict=True)
    }
    assert {name: cells for name, cells in different.items() if cells} == {}


def test_common_sample_breaks_serving_on_the_wire() -> None:
    parties = list(sample("namespaced").parties.values())
    (reached,) = enforced(parties, PORTS, [Policies([COMMON], LABELLED)])
    broken = {
        ("team-a/server", "kube-system/dns", 53, "UDP"),
        ("team-a/envoy", "team-a/scheduler", 9002, "TCP"),
        ("team-a/server", "API", 6443, "TCP"),
        ("team-a/server", "storage", 443, "TCP"),
    }
    assert broken & reached == set()
    assert ("team-a/server", "kube-system/dns", 53, "TCP") in reached


def test_nothing_is_left_of_the_networks() -> None:
    enforced([FRONT, LAN], [80], [Policies([], {})])
    assert [path for path in (Path("/run/netns/p0"), Path("/sys/class/net/v0")) if path.exists()] == []
