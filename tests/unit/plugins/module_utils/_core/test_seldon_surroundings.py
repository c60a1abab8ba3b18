# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an experiment finds in a cluster: what forbids it there, and what only raises doubts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils._core.experiment import Experiment, Request
from plugins.module_utils._core.seldon_surroundings import Surroundings, problems, version_of

TEAM, OTHER, SYSTEM = "team", "other", "seldon-system"


def experiment(default: str | None = None, **weights: int) -> Experiment:
    made = Request.parse({"name": "split", "default": default, "weights": weights}).applied_to(None)
    assert made is not None
    return made


def named(name: str, namespace: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, **more}


def operator(image: str, namespace: str = SYSTEM) -> dict[str, Any]:
    containers = [{"name": "kube-rbac-proxy", "image": "proxy:v0.1.0"}, {"name": "manager", "image": image}]
    return named("operator", namespace, spec={"template": {"spec": {"containers": containers}}})


def scheduler(namespace: str, elsewhere: str = "") -> dict[str, Any]:
    spec = {"type": "ExternalName", "externalName": elsewhere} if elsewhere else {"type": "ClusterIP"}
    return named("seldon-scheduler", namespace, spec=spec)


def model(name: str, namespace: str = TEAM, ready: str = "True") -> dict[str, Any]:
    return named(name, namespace, status={"conditions": [{"type": "Ready", "status": ready, "reason": "said"}]})


ALIAS = f"seldon-scheduler.{SYSTEM}.svc.cluster.local"
CENTRAL = Surroundings(
    TEAM,
    operators=(operator("seldonv2-controller:2.10.2"),),
    services=(scheduler(SYSTEM), scheduler(TEAM, ALIAS), scheduler(OTHER, f"seldon-scheduler.{SYSTEM}")),
    models=(model("a"), model("b", OTHER)),
    experiments=(),
    is_whole=True,
)
NAMESPACED = replace(CENTRAL, services=(scheduler(TEAM), scheduler(OTHER)))
SPLIT = experiment(a=50, b=50)


def an_experiment(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    return named(name, namespace, spec=spec)


FORBIDDEN = {
    "models of another scheduler": (NAMESPACED, SPLIT, None, ["model 'b' is not known (known: a)"]),
    "nobody schedules it": (replace(CENTRAL, services=(scheduler(SYSTEM),)), experiment(a=1), None, ["has no Service"]),
    "an older Seldon": (
        replace(CENTRAL, operators=(operator("seldonv2-controller:2.9.9"),)),
        SPLIT,
        None,
        ["the operator is of Seldon Core 2.9.9 in namespace 'seldon-system'"],
    ),
    "an older Seldon of its own": (
        replace(CENTRAL, operators=(operator("x:2.11.0"), operator("x:2.8.5", TEAM))),
        SPLIT,
        None,
        ["2.8.5 in namespace 'team'"],
    ),
    "the same name": (replace(CENTRAL, experiments=(an_experiment("split", OTHER),)), SPLIT, None, ["'split', too"]),
    "the same default": (
        replace(CENTRAL, experiments=(an_experiment("x", TEAM, default="a"),)),
        experiment("a", a=50, b=50),
        None,
        ["is the default of experiment 'x'"],
    ),
    "a new model that is not ready": (
        replace(CENTRAL, models=(model("a"), model("b", OTHER, "False"))),
        SPLIT,
        experiment(a=1),
        ["model 'b' is not ready (Ready is False (said))"],
    ),
    "more for a model that is not ready": (
        replace(CENTRAL, models=(model("a"), model("b", OTHER, "False"))),
        SPLIT,
        experiment(a=90, b=10),
        ["model 'b' is not ready"],
    ),
    "two things at once": (
        replace(CENTRAL, models=(), operators=(operator("x:2.0.0"),)),
        experiment(a=1),
        None,
        ["the operator is of", "model 'a' is not known (known: none)"],
    ),
}


@pytest.mark.parametrize(("found", "wanted", "before", "said"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_seldon_could_not_do_is_forbidden(
    found: Surroundings, wanted: Experiment, before: Experiment | None, said: list[str]
) -> None:
    forbidden, _doubts = problems(found, wanted, before)
    assert len(forbidden) == len(said)
    assert all(words in text for words, text in zip(said, forbidden, strict=True))


UNREADY = replace(CENTRAL, models=(model("a"), model("b", OTHER, "False")))
FINE = {
    "all is well": (CENTRAL, SPLIT, None, []),
    "its own name": (replace(CENTRAL, experiments=(an_experiment("split", TEAM),)), SPLIT, SPLIT, []),
    "the name with another scheduler": (
        replace(NAMESPACED, experiments=(an_experiment("split", OTHER),), models=(model("a"), model("b"))),
        SPLIT,
        None,
        [],
    ),
    "less for a model that is not ready": (UNREADY, experiment(a=1, b=0), SPLIT, ["model 'b' is not ready"]),
    "more for a baseline that is not ready": (
        replace(CENTRAL, models=(model("a", ready="False"), model("b"))),
        experiment(a=1, b=0),
        SPLIT,
        ["model 'a' is not ready"],
    ),
    "one of two operators is new": (
        replace(CENTRAL, operators=(operator("x:2.9.0", "one"), operator("x:2.10.0", "two"))),
        SPLIT,
        None,
        [],
    ),
    "no operator": (replace(CENTRAL, operators=()), SPLIT, None, ["there is no Deployment"]),
    "nothing may be read": (
        Surroundings(TEAM),
        SPLIT,
        None,
        ["which Seldon runs", "who schedules", "in another namespace", "whether the models are ready"],
    ),
    "only its own namespace may be read": (
        replace(CENTRAL, models=(model("a"),), is_whole=False),
        SPLIT,
        None,
        ["model 'b' is not known"],
    ),
}


@pytest.mark.parametrize(("found", "wanted", "before", "said"), FINE.values(), ids=FINE.keys())
def test_what_may_be_is_let_through_with_its_doubts(
    found: Surroundings, wanted: Experiment, before: Experiment | None, said: list[str]
) -> None:
    forbidden, doubts = problems(found, wanted, before)
    assert forbidden == []
    assert len(doubts) == len(said)
    assert all(words in text for words, text in zip(said, doubts, strict=True))


IMAGES = {
    "docker.io/seldonio/seldonv2-controller:2.10.2": (2, 10, 2),
    "registry.example.com:5000/controller:v2.9.1": (2, 9, 1),
    "registry.example.com:5000/controller:2.10.0-rc.1@sha256:00ff": (2, 10, 0),
    "registry.example.com:5000/controller@sha256:00ff": None,
    "registry.example.com:5000/controller": None,
    "controller:latest": None,
    "": None,
}


@pytest.mark.parametrize(("image", "wanted"), IMAGES.items())
def test_version_is_read_from_the_tag(image: str, wanted: tuple[int, int, int] | None) -> None:
    assert version_of(operator(image)) == (wanted, image)
