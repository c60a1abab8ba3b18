# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology held against what a cluster has: it is not changed in place, and nobody loses a scheduler unasked."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.seldon_plan import runtime_plan
from tests.sample_serving import settings

OURS = {"app.kubernetes.io/managed-by": "modelops.serving"}
Objects = list[dict[str, Any]]


def live(kind: str, namespace: str, name: str = "one", *, ours: bool = True) -> dict[str, Any]:
    labels = ({"modelops.serving/role": "seldon"} if kind == "SeldonRuntime" else OURS) if ours else {}
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": labels}}


def runtimes(*namespaces: str, ours: bool = True) -> Objects:
    return [live("SeldonRuntime", each, "seldon", ours=ours) for each in namespaces]


def named(*namespaces: str, ours: bool = True) -> Objects:
    return [live("Service", each, "seldon-scheduler", ours=ours) for each in namespaces]


def plan(found: Objects, **changes: Any) -> dict[str, Any]:
    return runtime_plan(settings(**changes), found)


CENTRAL = [*runtimes("seldon-system"), *named("team-a", "team-b"), live("Server", "team-a", "mlserver-team-a")]
NAMESPACED = runtimes("team-a", "team-b")
SINGLE = [*runtimes("seldon-system"), live("Server", "seldon-system", "mlserver-team-a")]
FOUND = {"central": CENTRAL, "namespaced": NAMESPACED, "single": SINGLE}
CHANGES = [(found, wanted) for found in FOUND for wanted in FOUND if found != wanted]


@pytest.mark.parametrize("topology", FOUND)
def test_topology_that_is_there_is_no_problem(topology: str) -> None:
    assert plan(FOUND[topology], topology=topology)["problems"] == []
    assert plan([], topology=topology)["problems"] == []


@pytest.mark.parametrize(("found", "wanted"), CHANGES)
def test_topology_is_not_changed_in_place(found: str, wanted: str) -> None:
    (sentence, *more) = plan(FOUND[found], topology=wanted)["problems"]
    where = "team-a and team-b" if found == "namespaced" else "seldon-system"
    assert sentence == (
        f"seldon_topology is {wanted}, and the cluster is {found}: its SeldonRuntime is in {where}. Schedulers, "
        f"Services and names change places, so it is not changed in place. Set seldon_topology to {found}, or remove "
        "Seldon first, with seldon_state: absent."
    )
    # What a namespace of its own would lose is said as well.
    assert len(more) == (wanted == "namespaced")


def test_runtime_of_somebody_else_in_a_team_is_in_the_way_of_central() -> None:
    (sentence,) = plan([*CENTRAL, *runtimes("team-a", ours=False)])["problems"]
    assert sentence.startswith("seldon_topology is central, and the cluster is namespaced: its SeldonRuntime is in")


def test_runtime_of_somebody_else_elsewhere_is_no_business_of_ours() -> None:
    found = [*NAMESPACED, *runtimes("theirs", ours=False)]
    assert plan(found, topology="namespaced")["problems"] == []
    assert plan(found, topology="namespaced", state="absent")["left"] == ["team-a", "team-b"]
    assert plan([*CENTRAL, *runtimes("theirs", ours=False)])["problems"] == []


def test_service_of_somebody_else_is_not_led_elsewhere() -> None:
    (sentence,) = plan([*runtimes("seldon-system"), *named("team-b", ours=False)])["problems"]
    assert sentence == (
        "The Service team-b/seldon-scheduler is somebody else's, and would lead there to the scheduler of "
        "seldon-system. Remove it, with the runtime that it belongs to, or set seldon_topology to namespaced."
    )


def test_namespace_that_is_taken_out_keeps_its_scheduler_unless_that_is_confirmed() -> None:
    found = [*NAMESPACED, live("Model", "team-b", "enhanced"), live("Experiment", "team-b", "ab", ours=False)]
    fewer: dict[str, Any] = {"topology": "namespaced", "namespaces": [{"name": "team-a"}]}
    assert plan(found, **fewer)["problems"] == [
        "The namespace 'team-b' is served, and serving_namespaces has it no more: its scheduler would go, with the "
        "model enhanced. Put it back, or confirm with seldon_removed_namespaces: [team-b]."
    ]
    confirmed = plan(found, **fewer, removed_namespaces=["team-b"])
    assert (confirmed["problems"], confirmed["left"]) == ([], ["team-b"])
    assert [each["kind"] for each in confirmed["remove"]] == ["Experiment", "Model"]


def test_models_of_others_do_not_go_with_their_scheduler_unasked() -> None:
    found = [*CENTRAL, live("Model", "team-a", "theirs", ours=False), live("Pipeline", "team-b", "flow", ours=False)]
    assert plan(found, state="absent")["problems"] == [
        "Pipelines that this collection did not make would go with their scheduler: team-b/flow. Remove them, or set "
        "seldon_remove_foreign to true.",
        "Models that this collection did not make would go with their scheduler: team-a/theirs. Remove them, or set "
        "seldon_remove_foreign to true.",
    ]
    assert plan(found, state="absent", remove_foreign=True)["problems"] == []


def test_what_needs_a_scheduler_to_go_goes_before_it() -> None:
    found = [
        live("Server", "team-a"),
        live("Model", "team-b"),
        live("Pipeline", "team-a"),
        live("Experiment", "team-b"),
        live("Model", "elsewhere"),
        *CENTRAL,
    ]
    gone = plan(found, state="absent")
    assert [(each["kind"], each["metadata"]["namespace"]) for each in gone["remove"]] == [
        ("Experiment", "team-b"),
        ("Pipeline", "team-a"),
        ("Model", "team-b"),
        ("Server", "team-a"),
        ("Server", "team-a"),
    ]
    assert (gone["left"], gone["runtimes"], gone["aliases"]) == (["seldon-system"], [], [])
    assert [each["metadata"]["namespace"] for each in gone["stale_aliases"]] == ["team-a", "team-b"]


def test_names_go_where_a_team_does() -> None:
    gone = plan(CENTRAL, namespaces=[{"name": "team-a"}])
    assert [each["metadata"] for each in gone["stale_aliases"]] == [{"name": "seldon-scheduler", "namespace": "team-b"}]
    assert len(gone["aliases"]) == 2


def test_runtimes_are_where_schedulers_belong() -> None:
    assert plan([])["runtimes"] == ["seldon-system"]
    assert plan([], topology="single")["runtimes"] == ["seldon-system"]
    assert plan([], topology="namespaced")["runtimes"] == ["team-a", "team-b"]


def test_runtime_that_is_not_known_as_ours_yet_is_marked() -> None:
    assert plan([])["unmarked"] == ["seldon-system"]
    assert plan(runtimes("seldon-system", ours=False))["unmarked"] == ["seldon-system"]
    assert plan(CENTRAL)["unmarked"] == []
    assert plan(CENTRAL, state="absent")["unmarked"] == []
    # A run that was cut off before that is made good by a removal as well.
    assert plan(runtimes("seldon-system", ours=False), state="absent")["left"] == ["seldon-system"]


def test_experiments_are_those_of_the_cluster() -> None:
    assert plan([live("Experiment", "team-b", "ab"), live("Experiment", "team-a", "z")])["experiments"] == [
        "team-a/z",
        "team-b/ab",
    ]


@pytest.mark.parametrize(("topology", "places"), [("central", ["seldon-system"]), ("namespaced", ["team-a", "team-b"])])
def test_volumes_of_schedulers_that_nobody_would_make_are_in_the_way(topology: str, places: list[str]) -> None:
    found = runtime_plan(settings(topology=topology), [], [])["problems"]
    claims = " and ".join(f"{each}/scheduler-state-seldon-scheduler-0" for each in places)
    assert len(found) == 1
    assert f"it has none. Seldon claims {claims} without a class" in found[0]
    assert runtime_plan(settings(topology=topology), [])["problems"] == []
    assert runtime_plan(settings(topology=topology, state="absent"), [], [])["problems"] == []
