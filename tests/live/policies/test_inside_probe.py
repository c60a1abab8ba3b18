# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe of the smoke test in networks with policies that the kernel enforces: it finds each hole in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._core.cluster_view import ClusterView
from plugins.module_utils._core.inside_questions import OUTSIDE, Asked, Source, enforcement, questions, sources
from plugins.module_utils._core.network_policies import NAMESPACE_LABEL, manifests
from plugins.module_utils._core.policy_settings import read
from plugins.module_utils._core.smoke import Result, examine
from plugins.module_utils._core.smoke_inside import Inside, inside_checks
from tests.live.policies.rules import Endpoint, ruleset
from tests.live.policies.test_policy_enforcement import lacking
from tests.sample_smoke_cluster import Names, Thing, healthy, thing
from tests.support import ROOT
from tests.unit.plugins.module_utils._core.test_smoke_cluster import view

SECONDS = 120
WORLD = ["unshare", "--net", "--mount", "--fork", "--kill-child", sys.executable, "-m"]
WORLD += ["tests.live.policies.inside_world"]
NAMES = Names()
PLATFORM = NAMES.platform()
SETTINGS, _PROBLEMS = read({"namespaces": [{"name": each} for each in NAMES.teams], "api_servers": ["192.0.2.11"]})
SPACE = "serving-smoke-abc"
PLACES = sources(PLATFORM, SETTINGS, SPACE)
# A round without rules has to wait for what never comes.
PATIENCE, TIMEOUT = 2.0, 1.0
RESEARCH = NAMES.teams[1]
LISTENERS = {"open": "10.42.3.1", "closed": "10.42.3.2"}
CLOSED = {
    "metadata": {"name": "closed", "namespace": SPACE},
    "spec": {"podSelector": {"matchLabels": {"role": "closed"}}, "policyTypes": ["Ingress"]},
}
RESOLVER = "10.42.0.2"
Answers = Mapping[str, Mapping[str, Mapping[str, Any]]]


@pytest.fixture(scope="module", autouse=True)
def able() -> None:
    if lacking():
        pytest.skip(lacking())


def cluster(policies: Sequence[Thing]) -> ClusterView:
    """Return a cluster with these policies. Its DNS is asked by its pod's address: nobody translates Services here."""
    things = healthy()
    spec: Thing = {"clusterIP": RESOLVER, "selector": {"k8s-app": "kube-dns"}, "ports": [{"port": 53}]}
    things.update([thing("services", "kube-system", "kube-dns", spec)])
    said = {"phase": "Running", "podIP": RESOLVER, "conditions": [{"type": "Ready", "status": "True"}]}
    things.update([thing("pods", "kube-system", "coredns-0", {}, labels={"k8s-app": "kube-dns"}, status=said)])
    for each in policies:
        things["networkpolicies", each["metadata"]["namespace"], each["metadata"]["name"]] = each
    return view(things)


def pods(seen: ClusterView) -> dict[str, Endpoint]:
    """Return everybody in the network: the pods that are asked, those that listen, and those that ask."""
    found = {
        f"{each['metadata']['namespace']}/{each['metadata']['name']}": Endpoint(
            each["status"]["podIP"], each["metadata"]["namespace"], each["metadata"]["labels"]
        )
        for each in seen.all("pods")
        if each["status"]["podIP"].startswith("10.42.")
    }
    found.update({name: Endpoint(address, SPACE, {"role": name}) for name, address in LISTENERS.items()})
    for index, each in enumerate(PLACES):
        found[each.name] = Endpoint(f"10.42.9.{index + 1}", each.namespace, each.labels)
    return found


def asked_of(seen: ClusterView) -> list[Asked]:
    everything = [*enforcement(LISTENERS), *questions(seen, PLATFORM, SETTINGS, PLACES)]
    return [each for each in everything if each.how != "http"]


def probed(folder: Path, seen: ClusterView, rounds: Sequence[Sequence[Thing]]) -> list[Answers]:
    """Return what the probes say under some policies, in each of the rounds."""
    parties = pods(seen)
    spaces = {each.namespace: {NAMESPACE_LABEL: each.namespace} for each in parties.values()}
    asked = asked_of(seen)
    question = {
        "parties": [{"name": name, "address": each.address} for name, each in parties.items()],
        "ports": sorted({each.port for each in asked}),
        "rounds": [ruleset(policies, list(parties.values()), spaces) if policies else "" for policies in rounds],
        "plans": {each.name: plan(each, asked) for each in PLACES},
        "folder": str(folder),
    }
    done = subprocess.run(
        WORLD, input=json.dumps(question), capture_output=True, text=True, cwd=ROOT, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[Answers] = json.loads(done.stdout)
    return found


def plan(source: Source, asked: Sequence[Asked]) -> dict[str, Any]:
    mine = [each.as_dict() for each in asked if each.source == source.name]
    return {"patience": PATIENCE, "timeout": TIMEOUT, "questions": mine}


def judged(seen: ClusterView, answers: Answers) -> dict[str, Result]:
    found = examine(inside_checks(seen, PLATFORM, SETTINGS, PLACES, Inside(asked_of(seen), answers)), (), lambda: 0.0)
    return {f"{each.id} {each.target}".strip(): each for each in found if each.id.startswith("policies.")}


def broken(found: Mapping[str, Result]) -> dict[str, str]:
    return {name: each.observed for name, each in found.items() if each.status in ("fail", "warn", "error")}


WANTED = manifests(SETTINGS)


def without(*names: str) -> list[Thing]:
    return [CLOSED, *(each for each in WANTED if each["metadata"]["name"] not in names)]


def opened() -> Thing:
    """Return a policy of somebody else's that lets everybody in to rclone."""
    spec = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "seldon-server"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": 5572}]}],
    }
    return {"metadata": {"name": "opened", "namespace": RESEARCH}, "spec": spec}


def test_probes_find_walls_as_they_are_and_every_hole_in_them(tmp_path: Path) -> None:
    # What is declared is the same in all rounds; what is enforced is not.
    seen = cluster(WANTED)
    whole, unenforced, hole, no_dns, no_door = probed(
        tmp_path,
        seen,
        [
            without(),
            [],
            [*without(), opened()],
            [
                each
                for each in without()
                if (each["metadata"]["namespace"], each["metadata"]["name"]) != (RESEARCH, "serving-dns")
            ],
            without("serving-seldon-envoy"),
        ],
    )
    found = judged(seen, whole)
    assert broken(found) == {}
    assert {each.status for each in found.values()} == {"pass"}

    found = judged(seen, unenforced)
    assert broken(found) == {"policies.enforced": "the pod that a policy closes was reached"}
    assert {each.root for name, each in found.items() if name.startswith(("policies.open", "policies.closed"))} == {
        ("policies.enforced", "")
    }

    said = broken(judged(seen, hole))
    # Teams do not get that far: nothing leaves their own namespaces.
    assert sorted(said) == ["policies.closed ingress", "policies.closed outside"]
    assert said[f"policies.closed {OUTSIDE}"] == f"outside reaches {RESEARCH}/mlserver-{RESEARCH}-0:5572"

    said = broken(judged(seen, no_dns))
    assert list(said) == [f"policies.open team {RESEARCH}"]
    assert f"team {RESEARCH} does not reach dns by UDP: timed out" in said[f"policies.open team {RESEARCH}"]
    assert f"team {RESEARCH} does not reach dns by TCP" in said[f"policies.open team {RESEARCH}"]

    said = broken(judged(seen, no_door))
    assert list(said) == ["policies.open ingress"]
    assert said["policies.open ingress"].startswith("ingress does not reach seldon-system/seldon-envoy-0:9000")
