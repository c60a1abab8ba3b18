# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What probes inside a cluster ask, what it is to come to, and what is made of their answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from plugins.module_utils._core.cluster_view import ClusterView
from plugins.module_utils._core.inside_objects import Probe
from plugins.module_utils._core.inside_questions import Asked, enforcement, questions, sources, with_api
from plugins.module_utils._core.network_policies import manifests
from plugins.module_utils._core.policy_flows import Settings
from plugins.module_utils._core.policy_settings import read
from plugins.module_utils._core.smoke import Result, examine
from plugins.module_utils._core.smoke_inside import NOT_WANTED, Inside, inside_checks
from tests.sample_smoke_cluster import Names, Thing, healthy, thing
from tests.unit.plugins.module_utils._core.test_smoke_cluster import view

NAMES = Names()
PLATFORM = NAMES.platform()
SETTINGS, _PROBLEMS = read({"namespaces": [{"name": each} for each in NAMES.teams], "api_servers": ["192.0.2.11"]})
PROBE = Probe("abc", "example.com/python:3", 240, "print(1)\n")
PLACES = sources(PLATFORM, SETTINGS, PROBE.namespace)
LISTENERS = {"open": "10.42.3.1", "closed": "10.42.3.2"}
RESEARCH = NAMES.teams[1]
ROUTE = "financial-ab-test-experiment.experiment"
SERVER = f"{RESEARCH}/mlserver-{RESEARCH}-0"
SERVICE = "kubernetes.io/service-name"
Answers = dict[str, dict[str, dict[str, Any]]]


def cluster(*without: str, policies: Sequence[Thing] | None = None) -> ClusterView:
    """Return a healthy cluster with its DNS and its policies, apart from some."""
    things = healthy()
    servers = [{"addresses": ["192.0.2.12", "192.0.2.11"]}]
    api: Thing = {"ports": [{"name": "https", "port": 6444}], "endpoints": servers}
    things.update([thing("endpointslices", "default", "kubernetes", labels={SERVICE: "kubernetes"}, **api)])
    spec: Thing = {"clusterIP": "10.43.0.10", "selector": {"k8s-app": "kube-dns"}, "ports": [{"port": 53}]}
    things.update([thing("services", "kube-system", "kube-dns", spec)])
    said = {"phase": "Running", "podIP": "10.42.0.2", "conditions": [{"type": "Ready", "status": "True"}]}
    things.update([thing("pods", "kube-system", "coredns-0", {}, labels={"k8s-app": "kube-dns"}, status=said)])
    for each in manifests(SETTINGS) if policies is None else policies:
        metadata = each["metadata"]
        if metadata["name"] not in without:
            things["networkpolicies", metadata["namespace"], metadata["name"]] = each
    return view(things)


def all_asked(seen: ClusterView) -> list[Asked]:
    return [*enforcement(LISTENERS), *questions(seen, PLATFORM, SETTINGS, PLACES)]


def as_wanted(asked: list[Asked]) -> Answers:
    found: Answers = {}
    for each in asked:
        text = "connected" if each.wanted else "timed out"
        found.setdefault(each.source, {})[each.id] = {"reached": each.wanted, "text": text}
    return found


def judged(seen: ClusterView, inside: Inside, settings: Settings | None = SETTINGS) -> dict[str, Result]:
    places = PLACES if settings else PLACES[1:2]
    found = examine(inside_checks(seen, PLATFORM, settings, places, inside), (), lambda: 0.0)
    return {f"{each.id} {each.target}".strip(): each for each in found}


def test_the_matrix_is_what_the_role_means() -> None:
    wanted = {(each.source, each.id): each.wanted for each in all_asked(cluster())}
    assert len(PLACES) == 4
    open_ = sorted(key for key, passes in wanted.items() if passes)
    assert open_ == sorted(
        [
            ("outside", "enforced/open"),
            *(("ingress", f"mesh/{name}") for name in ("baseline-predictor", "enhanced-predictor", ROUTE)),
            ("ingress", "seldon-system/seldon-envoy-0:9000"),
            *((source.name, f"dns by {protocol}") for source in PLACES for protocol in ("TCP", "UDP")),
        ]
    )
    closed = {
        ("outside", f"{SERVER}:5572"),
        ("outside", f"{SERVER}:9001"),
        ("outside", "seldon-system/seldon-scheduler-0:9004"),
        ("ingress", f"{SERVER}:9000"),
        ("ingress", "seldon-system/seldon-envoy-0:9003"),
        (f"team {RESEARCH}", "seldon-system/seldon-scheduler-0:9005"),
        (f"team {RESEARCH}", "seldon-system/seldon-envoy-0:9000"),
    }
    assert closed <= {key for key, passes in wanted.items() if not passes}


def test_answers_as_wanted_pass() -> None:
    seen = cluster()
    asked = all_asked(seen)
    found = judged(seen, Inside(asked, as_wanted(asked)))
    skips = {name: each.reason for name, each in found.items() if each.status == "skip"}
    assert skips == {}
    assert {each.status for each in found.values()} == {"pass"}


def turned(source: str, id_: str, text: str = "turned") -> Callable[[Answers], None]:
    def make(answers: Answers) -> None:
        answer = answers[source][id_]
        answer.update(reached=not answer["reached"], text=text)

    return make


WRONG: dict[str, tuple[Callable[[Answers], None], str, str, str]] = {
    "policies are not enforced": (
        turned("outside", "enforced/closed"),
        "policies.enforced",
        "fail",
        "the pod that a policy closes was reached",
    ),
    "nobody is reached at all": (
        turned("outside", "enforced/open", "timed out"),
        "policies.enforced",
        "error",
        "the pod that nothing closes was not reached: timed out",
    ),
    "a stranger reaches rclone": (
        turned("outside", f"{SERVER}:5572"),
        "policies.closed outside",
        "fail",
        f"outside reaches {SERVER}:5572",
    ),
    "the controller does not reach Envoy": (
        turned("ingress", "seldon-system/seldon-envoy-0:9000", "timed out"),
        "policies.open ingress",
        "fail",
        "timed out (policies seldon-system/serving-default-deny, seldon-system/serving-dns, "
        "seldon-system/serving-seldon-envoy)",
    ),
    "a team has no DNS by UDP": (
        turned(f"team {RESEARCH}", "dns by UDP", "timed out"),
        f"policies.open team {RESEARCH}",
        "fail",
        f"team {RESEARCH} does not reach dns by UDP: timed out (policies {RESEARCH}/serving-default-deny",
    ),
    "the scheduler lost the experiment": (
        turned("ingress", f"mesh/{ROUTE}", "404, x-seldon-route missing"),
        "scheduler.route financial-ab-test-experiment",
        "fail",
        "404, x-seldon-route missing",
    ),
    "the mesh does not answer for a model": (
        turned("ingress", "mesh/enhanced-predictor", "404, x-seldon-route missing"),
        "mesh.inside enhanced-predictor",
        "fail",
        "404, x-seldon-route missing",
    ),
}


@pytest.mark.parametrize(("make", "check", "status", "words"), WRONG.values(), ids=WRONG.keys())
def test_an_answer_that_is_wrong_is_found(make: Callable[[Answers], None], check: str, status: str, words: str) -> None:
    seen = cluster()
    asked = all_asked(seen)
    answers = as_wanted(asked)
    make(answers)
    found = judged(seen, Inside(asked, answers))
    bad = {name: each for name, each in found.items() if each.status in ("fail", "warn", "error")}
    assert list(bad) == [check]
    assert (bad[check].status, words in bad[check].observed) == (status, True), bad[check]
    if check == "policies.enforced":
        # Without a proof that policies are enforced, nothing else is said of them.
        rest = {each.status for name, each in found.items() if name.startswith(("policies.closed", "policies.open"))}
        assert rest == {"skip"}


def test_an_answer_that_is_missing_is_no_proof_that_something_is_open() -> None:
    seen = cluster()
    asked = all_asked(seen)
    answers = as_wanted(asked)
    del answers["ingress"]["seldon-system/seldon-envoy-0:9000"]
    assert judged(seen, Inside(asked, answers))["policies.open ingress"].observed.endswith("serving-seldon-envoy)")


def test_policies_that_are_missing_are_named_and_nothing_else_is_said_of_walls() -> None:
    seen = cluster("serving-seldon-server")
    asked = all_asked(seen)
    found = judged(seen, Inside(asked, as_wanted(asked)))
    assert found["policies.declared"].observed == (
        "financial-inference/serving-seldon-server: it is missing. financial-research/serving-seldon-server: it is "
        "missing"
    )
    assert found["policies.closed outside"].root == ("policies.declared", "")


def changed(name: str, change: Callable[[Thing], Any]) -> Callable[[list[Thing]], Any]:
    def make(policies: list[Thing]) -> None:
        change(next(each for each in policies if each["metadata"]["name"] == name)["spec"])

    return make


SERVER_POLICY = f"{NAMES.teams[0]}/serving-seldon-server"
DIFFERENT: dict[str, tuple[Callable[[list[Thing]], Any], str]] = {
    "a port is closed": (
        changed("serving-seldon-server", lambda spec: spec["ingress"][0]["ports"].pop()),
        f"{SERVER_POLICY}: ingress lacks 9501/TCP from the pods app.kubernetes.io/name=seldon-envoy of the namespaces "
        "kubernetes.io/metadata.name=seldon-system",
    ),
    "a door is open": (
        changed("serving-default-deny", lambda spec: spec.update(ingress=[{}])),
        "seldon-system/serving-default-deny: ingress has also all ports from anywhere",
    ),
    "one is not wanted any more": (
        lambda policies: policies.append({**policies[0], "metadata": {**policies[0]["metadata"], "name": "old"}}),
        "seldon-system/old: nobody wants it any more",
    ),
    "many are different": (
        lambda policies: [each["spec"].update(policyTypes=["Ingress"]) for each in policies],
        "it says nothing of egress. And ",
    ),
}


@pytest.mark.parametrize(("make", "words"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_a_policy_that_is_not_as_it_is_wanted_is_named(make: Callable[[list[Thing]], Any], words: str) -> None:
    policies = copy.deepcopy(manifests(SETTINGS))
    make(policies)
    found = judged(cluster(policies=policies), Inside(reason="not now"))["policies.declared"]
    assert (found.status, words in found.observed) == ("fail", True), found.observed


def test_where_the_api_is_is_asked_of_the_cluster_when_nobody_says_it() -> None:
    settings, _problems = read({"namespaces": [{"name": each} for each in NAMES.teams]})
    there = with_api(cluster(), settings)
    assert ([*there.api.blocks], there.api_port) == (["192.0.2.11/32", "192.0.2.12/32"], 6444)
    seen = cluster(policies=manifests(there))
    assert judged(seen, Inside(reason="not now"), settings)["policies.declared"].status == "pass"
    assert with_api(cluster(), SETTINGS) == SETTINGS


def test_a_reason_is_told_by_every_check_that_it_keeps_from_asking() -> None:
    found = judged(cluster(), Inside(reason="ErrImagePull: no such image"))
    rest = {each.reason for name, each in found.items() if name != "policies.declared"}
    assert rest == {"ErrImagePull: no such image"}
    assert found["policies.declared"].status == "pass"


def test_without_policies_the_mesh_alone_is_asked() -> None:
    seen = view(healthy())
    asked = questions(seen, PLATFORM, None, sources(PLATFORM, None, PROBE.namespace))
    assert {each.id for each in asked} == {"mesh/baseline-predictor", "mesh/enhanced-predictor", f"mesh/{ROUTE}"}
    found = judged(seen, Inside(asked, as_wanted(asked)), None)
    assert {each.reason for name, each in found.items() if name.startswith("policies")} == {NOT_WANTED}
    assert found["mesh.inside enhanced-predictor"].status == "pass"
