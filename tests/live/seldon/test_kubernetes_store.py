# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments in a cluster: declared, confirmed by the request path, and refused, against a real API server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.seldon_experiment import LOCK
from plugins.module_utils._wiring.store import experiments_from
from tests.api_server import MERGE
from tests.live.seldon.crds import path
from tests.live.seldon.stand_in import FINALIZER
from tests.live.seldon.world import BASELINE, ENHANCED, NAME, SHADOW, World, until

ROUTE = f"{NAME}.experiment"


def refusal(world: World, *weights: int, **options: Any) -> str:
    """Return why a declaration is refused, which changes nothing."""
    with pytest.raises(ServingError) as raised:
        world.declare(*weights, **options)
    return str(raised.value)


# First, second, check mode


def test_first_run_is_proven_by_the_answers(world: World) -> None:
    change = world.declare(70, 30, default=BASELINE)
    assert change.changed
    assert change.before == {}
    assert change.live is not None
    assert change.live.experiments[0].weights == {BASELINE: 70, ENHANCED: 30}
    assert set(change.observed) == {ROUTE, BASELINE}
    assert all(sum(counts.values()) >= 20 for counts in change.observed.values())
    found = world.read()
    assert found["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "modelops.serving"}
    assert found["spec"]["default"] == BASELINE


def test_second_run_writes_nothing_and_proves_it_again(world: World) -> None:
    first = world.declare(70, 30)
    version = world.read()["metadata"]["generation"]
    second = world.declare(70, 30)
    assert (second.changed, second.before, second.after) == (False, first.after, first.after)
    assert second.live is not None
    assert world.read()["metadata"]["generation"] == version


@pytest.mark.parametrize("is_there", [False, True])
def test_check_mode_writes_nothing_and_tells_the_same(world: World, is_there: bool) -> None:
    if is_there:
        world.declare(70, 30)
    before = world.api.ask("GET", path("experiments", world.namespace, NAME))
    told = world.declare(50, 50, dry_run=True)
    after = world.api.ask("GET", path("experiments", world.namespace, NAME))
    assert (after.status, after.body.get("spec")) == (before.status, before.body.get("spec"))
    done = world.declare(50, 50)
    assert (told.before, told.after, told.changed) == (done.before, done.after, done.changed)


def test_what_is_not_asked_for_stays(world: World) -> None:
    world.declare(70, 30, default=BASELINE)
    assert world.declare(mirror={"name": SHADOW, "percent": 10}).after == {
        "name": NAME,
        "default": BASELINE,
        "candidates": [{"name": BASELINE, "weight": 70}, {"name": ENHANCED, "weight": 30}],
        "mirror": {"name": SHADOW, "percent": 10},
    }
    world.declare(0, 100, mirror={"name": SHADOW, "percent": 0}, default="")
    assert set(world.read()["spec"]) == {"candidates"}


def test_candidate_before_its_baseline_is_put_behind_it(world: World) -> None:
    """Seldon builds routes in this order, and stops at the first model that is not ready."""
    spec = {"default": BASELINE, "candidates": [{"name": ENHANCED, "weight": 30}, {"name": BASELINE, "weight": 70}]}
    world.api.create(f"{path('experiments', world.namespace)}?fieldManager=kubectl-create", experiment(spec))
    assert world.declare(70, 30).changed
    assert list(world.weights()) == [BASELINE, ENHANCED]


def experiment(spec: object, name: str = NAME) -> dict[str, Any]:
    meta = {"name": name}
    return {"apiVersion": "mlops.seldon.io/v1alpha1", "kind": "Experiment", "metadata": meta, "spec": spec}


# The end


def test_deleted_experiment_is_gone_and_its_routes_are_as_before(world: World) -> None:
    world.declare(0, 100, default=BASELINE)
    change = world.declare(state="absent")
    assert change.changed
    assert world.api.ask("GET", path("experiments", world.namespace, NAME)).status == 404
    assert change.observed[BASELINE][BASELINE] >= 20
    assert ENHANCED not in change.observed[BASELINE]
    again = world.declare(state="absent")
    assert not again.changed


def test_deleted_experiment_in_check_mode_stays(world: World) -> None:
    world.declare(70, 30)
    assert world.declare(state="absent", dry_run=True).changed
    assert world.weights() == {BASELINE: 70, ENHANCED: 30}


def test_stuck_finalizer_is_told_and_what_is_leaving_is_not_declared_anew(world: World) -> None:
    world.declare(70, 30)
    world.quirks(keeps_finalizer=True)
    said = refusal(world, state="absent", wait_timeout=1.0)
    assert f"still there after 1 s (finalizers: {FINALIZER})" in said
    assert "is being deleted" in refusal(world, 70, 30)
    assert not world.declare(state="absent", dry_run=True).changed
    world.quirks()
    assert not world.declare(state="absent").changed


# What Seldon says, and what is so


def test_stale_ready_is_not_believed(world: World) -> None:
    world.settle(70, 30)
    world.quirks(is_idle=True)
    said = refusal(world, 0, 100, wait_timeout=2.0)
    assert "enhanced 100 %" in said.partition("wanted is")[2]
    assert f"is answered by {BASELINE} " in said
    assert f", {ENHANCED} " in said
    assert "What was there before was put back" in said
    assert world.weights() == {BASELINE: 70, ENHANCED: 30}


def test_stale_ready_is_not_believed_where_no_path_is_asked(world: World) -> None:
    world.settle(70, 30)
    world.quirks(is_idle=True)
    assert "which is before the change" in refusal(world, 0, 100, wait_timeout=1.0, request_path=None)
    assert world.weights() == {BASELINE: 70, ENHANCED: 30}


def test_split_that_came_without_a_word_is_believed(world: World) -> None:
    world.settle(70, 30)
    world.quirks(is_silent=True)
    assert world.declare(0, 100).live is not None


def test_split_that_comes_late_is_waited_for(world: World) -> None:
    world.declare(70, 30)
    world.quirks(late_seconds=2.0)
    assert set(world.declare(0, 100).observed[ROUTE]) == {ENHANCED}


def test_change_that_no_answer_can_show_has_to_be_told(world: World) -> None:
    """The answers of a mirror are thrown away."""
    world.declare(70, 30)
    assert world.declare(mirror={"name": SHADOW, "percent": 10}).live is not None
    world.quirks(is_silent=True)
    said = refusal(world, mirror={"name": SHADOW, "percent": 20}, wait_timeout=1.0)
    assert "which is before the change" in said


def test_flapping_conditions_are_waited_out(world: World) -> None:
    world.declare(70, 30)
    world.quirks(flaps=8, flap_seconds=0.1)
    assert world.declare(0, 100).live is not None


@pytest.mark.parametrize("is_asked", [True, False])
def test_rejection_is_told_at_once_and_taken_back(world: World, is_asked: bool) -> None:
    world.settle(70, 30)
    world.quirks(refusal="resource already in use")
    options: dict[str, Any] = {} if is_asked else {"request_path": None}
    said = refusal(world, 0, 100, **options)
    assert "Seldon refuses it: resource already in use. What was there before was put back." in said
    assert world.weights() == {BASELINE: 70, ENHANCED: 30}


def test_rejected_new_experiment_is_deleted_again(world: World) -> None:
    world.quirks(refusal="default is no candidate")
    assert "It was new, and was deleted again" in refusal(world, 70, 30)
    world.quirks()
    until(lambda: world.api.ask("GET", path("experiments", world.namespace, NAME)).status == 404)


def test_rejection_of_long_ago_is_no_rejection(world: World) -> None:
    """Nobody ever takes that condition back."""
    world.settle(70, 30)
    world.quirks(refusal="no")
    refusal(world, 0, 100)
    world.quirks()
    until(lambda: world.mesh.routes.splits[NAME][ROUTE] == {BASELINE: 70, ENHANCED: 30})
    assert world.declare(0, 100).live is not None


@pytest.mark.parametrize("weights", [(0, 100), (30, 70)])
def test_appended_weights_are_no_new_split(world: World, weights: tuple[int, int]) -> None:
    world.settle(90, 10)
    world.quirks(appends=True)
    said = refusal(world, *weights, wait_timeout=4.0)
    assert "did not come into force" in said
    assert world.weights() == {BASELINE: 90, ENHANCED: 10}


def test_address_where_nobody_listens_is_named(world: World) -> None:
    """As on a cluster that has no edge yet."""
    nobody = {"address": "127.0.0.1", "http_port": 1, "host": "ml-api.example.com"}
    said = refusal(world, 70, 30, wait_timeout=2.0, request_path=nobody)
    assert "answered by nobody" in said
    assert "(last: no answer: 127.0.0.1:1: [Errno 111] Connection refused)" in said


def test_without_a_path_nothing_is_claimed(world: World) -> None:
    change = world.declare(70, 30, request_path=None)
    assert change.live is None
    assert change.observed == {}
    assert "is not proven that callers get this split: set request_path" in change.warnings[0]
    assert world.declare(70, 30, request_path=None).warnings == ()


def test_declared_split_that_callers_do_not_get_is_a_failure(world: World) -> None:
    world.declare(70, 30)
    world.mesh.routes.splits[NAME][ROUTE] = {BASELINE: 1}
    assert "is declared so already, and callers get something else" in refusal(world, 70, 30, wait_timeout=1.0)


# Who else has a word in it


def lock(seconds: float) -> str:
    holder = {"name": "alice@controller", "machine": "", "pid": 0, "born": ""}
    return json.dumps({"token": "t", "holder": holder, "renewed": seconds, "ttl": 120})


def test_live_lock_forbids_other_weights_unless_forced(world: World) -> None:
    world.declare(70, 30)
    world.annotate(**{LOCK: lock(9e9)})
    assert "is being rolled out by alice@controller" in refusal(world, 0, 100)
    assert "is being rolled out by alice@controller" in refusal(world, state="absent")
    assert not world.declare(70, 30).changed
    assert world.declare(0, 100, force=True).changed


def test_lock_that_ran_out_forbids_nothing_and_one_that_nobody_can_read_does(world: World) -> None:
    world.declare(70, 30)
    world.annotate(**{LOCK: "mine"})
    assert "whose lock cannot be read" in refusal(world, 0, 100)
    world.annotate(**{LOCK: lock(1.0)})
    assert world.declare(0, 100).changed


def test_experiment_of_another_program_is_taken_over_on_request_alone(world: World) -> None:
    spec = {"candidates": [{"name": BASELINE, "weight": 70}, {"name": ENHANCED, "weight": 30}]}
    world.api.create(f"{path('experiments', world.namespace)}?fieldManager=argocd-controller", experiment(spec))
    until(lambda: NAME in world.mesh.routes.splits)
    said = refusal(world, 0, 100)
    assert "belongs to Argo CD (field manager 'argocd-controller')" in said
    assert "take_over: true" in said
    assert "belongs to Argo CD" in refusal(world, state="absent")
    assert not world.declare(70, 30).changed
    taken = world.declare(0, 100, take_over=True)
    assert taken.changed
    assert "puts its own back unless it is told not to" in taken.warnings[0]
    assert world.declare(70, 30).changed


MANAGERS = {
    "Flux": ("kustomize-controller", "Flux (field manager"),
    "one that nobody knows": ("tool", "the field manager 'tool'"),
}


@pytest.mark.parametrize(("manager", "words"), MANAGERS.values(), ids=MANAGERS.keys())
def test_program_that_changed_the_weights_last_is_named(world: World, manager: str, words: str) -> None:
    world.settle(70, 30)
    world.edit({"spec": {"candidates": [{"name": BASELINE, "weight": 1}]}}, manager=manager)
    assert words in refusal(world, 70, 30)


def test_what_was_edited_by_hand_is_declared_over(world: World) -> None:
    world.declare(70, 30)
    world.edit({"spec": {"candidates": [{"name": BASELINE, "weight": 1}]}}, manager="kubectl-edit")
    assert world.declare(70, 30).changed


# What is around it


def set_image(world: World, name: str) -> None:
    one = f"{world.apps}/seldon-v2-controller-manager"
    found = world.api.ask("GET", one).require()
    found["spec"]["template"]["spec"]["containers"][0]["image"] = name
    world.api.ask("PUT", one, found).require()


@pytest.mark.parametrize("name", ["registry.example.com:5000/seldonv2-controller:2.9.1", "x:v2.8.5@sha256:00"])
def test_older_seldon_is_refused(world: World, name: str) -> None:
    set_image(world, name)
    said = refusal(world, 70, 30)
    assert "2.10.0 is the first that this works with" in said
    assert world.api.ask("GET", path("experiments", world.namespace, NAME)).status == 404


@pytest.mark.parametrize("name", ["registry.example.com:5000/controller@sha256:00", "controller:latest"])
def test_seldon_of_an_unknown_version_is_a_warning(world: World, name: str) -> None:
    set_image(world, name)
    assert "which Seldon runs (the operator's image is" in world.declare(70, 30).warnings[0]


def test_namespace_that_nobody_schedules_is_refused(world: World) -> None:
    world.api.ask("DELETE", f"{world.core}/services/seldon-scheduler").require()
    assert "has no Service seldon-scheduler" in refusal(world, 70, 30)


def test_unknown_and_unready_models_are_refused_together(world: World) -> None:
    world.model(ENHANCED, ready="False")
    world.api.ask("DELETE", path("models", world.namespace, BASELINE)).require()
    said = refusal(world, 70, 30)
    assert f"model {BASELINE!r} is not known (known: {ENHANCED}, {SHADOW})" in said
    assert f"model {ENHANCED!r} is not ready (Ready is False (LoadFailed))" in said


def test_way_back_is_open_when_the_candidate_is_not_ready(world: World) -> None:
    world.declare(70, 30)
    world.model(ENHANCED, ready="False")
    assert f"model {ENHANCED!r} is not ready" in refusal(world, 50, 50)
    change = world.declare(100, 0)
    assert change.changed
    assert f"model {ENHANCED!r} is not ready" in change.warnings[0]


def test_two_experiments_of_one_scheduler_share_no_name_and_no_default(world: World) -> None:
    other = world.api.namespace()
    there = {"type": "ExternalName", "externalName": f"seldon-scheduler.{world.namespace}.svc.cluster.local"}
    world.api.create(f"/api/v1/namespaces/{other}/services", {"metadata": {"name": "seldon-scheduler"}, "spec": there})
    spec = {"default": BASELINE, "candidates": [{"name": BASELINE, "weight": 1}]}
    for name in (NAME, "another"):
        world.api.create(path("experiments", other), experiment(spec, name))
    said = refusal(world, 70, 30, default=BASELINE)
    assert f"namespace {other!r} has an experiment {NAME!r}, too" in said
    assert f"is the default of experiment 'another' in namespace {other!r}" in said


def test_models_may_be_in_other_namespaces_of_the_scheduler(world: World) -> None:
    other = world.api.namespace()
    there = {"type": "ExternalName", "externalName": f"seldon-scheduler.{world.namespace}"}
    world.api.create(f"/api/v1/namespaces/{other}/services", {"metadata": {"name": "seldon-scheduler"}, "spec": there})
    change = world.declare(70, 30, namespace=other, dry_run=True)
    assert change.changed
    assert change.warnings == ()


def test_pipelines_are_left_alone(world: World) -> None:
    spec = {"resourceType": "pipeline", "candidates": [{"name": BASELINE, "weight": 1}]}
    world.api.create(path("experiments", world.namespace), experiment(spec))
    assert "only experiments with models" in refusal(world, 70, 30)


def test_experiment_that_makes_no_sense_is_left_out_and_can_be_mended(world: World) -> None:
    spec = {"candidates": [{"name": BASELINE, "weight": -1}]}
    world.api.create(f"{path('experiments', world.namespace)}?fieldManager=kubectl-create", experiment(spec))
    found, warnings = experiments_from(world.params())
    assert found["experiments"] == []
    assert "is left out" in warnings[0]
    assert "set a whole number, 0 or more" in refusal(world, default=BASELINE)
    assert world.declare(70, 30).changed


def test_what_is_declared_is_read_with_its_conditions(world: World) -> None:
    world.declare(70, 30)
    found, warnings = experiments_from(world.params(namespace=None))
    (one,) = [each for each in found["experiments"] if each["namespace"] == world.namespace]
    assert warnings == () or all("is left out" in each for each in warnings)
    assert one["ready"] is True
    assert one["candidates"][1] == {"name": ENHANCED, "weight": 30, "share": 0.3}
    assert {each["type"] for each in one["conditions"]} == {
        "CandidatesReady",
        "ExperimentReady",
        "MirrorReady",
        "Ready",
    }
    world.api.ask(
        "PATCH",
        f"{path('experiments', world.namespace, NAME)}/status",
        {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
        kind=MERGE,
    ).require()
    assert experiments_from(world.params())[0]["experiments"][0]["ready"] is False
