# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Model servers and models of a cluster, held against an inventory: what comes, what goes, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.seldon_remotes import Secret
from plugins.module_utils._core.serving_plan import secrets_to_read, serving_plan
from tests.sample_serving import model, settings

Objects = list[dict[str, Any]]


def live(kind: str, namespace: str, name: str, *, component: str = "model", **spec: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "modelops.serving", "app.kubernetes.io/component": component}
    metadata = {"name": name, "namespace": namespace, "labels": labels if component else {}}
    return {"apiVersion": "v", "kind": kind, "metadata": metadata, "spec": spec}


def plan(found: Objects | None = None, secrets: list[Secret] | None = None, **changes: Any) -> dict[str, Any]:
    return serving_plan(settings(**changes), found or [], secrets or [])


def problems(found: Objects, **changes: Any) -> list[str]:
    said: list[str] = plan(found, **changes)["problems"]
    return said


def test_everything_is_made_where_nothing_is() -> None:
    made = plan()
    assert made["problems"] == []
    assert [each["metadata"]["name"] for each in made["models"]] == ["baseline", "enhanced"]
    assert [each["metadata"]["name"] for each in made["namespaces"]] == ["team-a", "team-b"]
    assert len(made["servers"]) == 17
    assert (made["remove"], made["remove_models"]) == ([], [])


def test_experiments_belong_where_their_baseline_is() -> None:
    (experiment,) = plan()["experiments"]
    assert (experiment["name"], experiment["namespace"], experiment["default"]) == ("ab", "team-a", "baseline")
    assert plan(topology="single")["experiments"][0]["namespace"] == "seldon-system"


def test_what_is_not_wanted_any_more_goes_in_order_and_what_others_made_stays() -> None:
    found = [
        live("Secret", "team-c", "seldon-rclone-gs-public", component="remote"),
        live("ResourceQuota", "team-a", "serving", component="quota"),
        live("Server", "team-c", "mlserver-team-c", component="server"),
        live("Secret", "team-c", "minio", component="remote"),
        live("Model", "team-c", "old", server="x"),
        live("Model", "team-a", "baseline", server="x"),
        live("Model", "team-a", "theirs", component="", server="x"),
        live("Service", "team-c", "seldon-mesh", component="seldon-alias"),
    ]
    gone = plan(found)
    assert [each["metadata"]["name"] for each in gone["remove_models"]] == ["old"]
    # What was made together goes together.
    assert [each["kind"] for each in gone["remove"]] == [
        "Server",
        "LimitRange",
        "ResourceQuota",
        "Secret",
        "Secret",
        "ConfigMap",
        "ConfigMap",
        "RoleBinding",
        "Role",
        "ServiceAccount",
    ]
    assert gone["remove"][0] == {
        "apiVersion": "v",
        "kind": "Server",
        "metadata": {"name": "mlserver-team-c", "namespace": "team-c"},
    }


def test_what_other_roles_made_stays() -> None:
    assert plan([live("Secret", "team-c", "models-tls", component="ingress-route")])["remove"] == []


def test_model_may_move_to_another_team() -> None:
    """It goes before it comes, and an experiment finds it again."""
    found = [
        live("Model", "team-b", "baseline", server="x"),
        live("Model", "team-a", "baseline", component="", server="x"),
        live("Experiment", "team-b", "ab", component="", candidates=[{"name": "baseline", "weight": 1}]),
    ]
    moved = plan(found)
    assert moved["problems"] == []
    assert [each["metadata"]["namespace"] for each in moved["remove_models"]] == ["team-b"]


def test_nothing_is_wanted_where_all_is_to_go() -> None:
    gone = plan([live("Model", "team-a", "baseline", server="x")], state="absent")
    assert (gone["problems"], gone["models"], gone["servers"], gone["namespaces"]) == ([], [], [], [])
    assert [each["metadata"]["name"] for each in gone["remove_models"]] == ["baseline"]


def test_what_makes_no_sense_makes_and_removes_nothing() -> None:
    broken = plan([live("Model", "team-c", "old", server="x")], size="tiny")
    assert broken["problems"] == ["seldon_size is 'tiny'. Set it to small, medium or large."]
    assert [broken[key] for key in ("servers", "models", "remove", "remove_models")] == [[], [], [], []]


def test_model_made_by_hand_without_a_server_is_refused_where_all_share_a_scheduler() -> None:
    found = [live("Model", "team-b", "free", component=""), live("Model", "other", "free", component="")]
    start = "names no server, and in seldon_topology 'central' the scheduler could place it at any team's. Set its"
    assert problems(found) == [
        f"The Model team-b/free {start} spec.server to mlserver-team-b.",
        f"The Model other/free {start} spec.server, or remove it.",
    ]
    assert problems(found, topology="namespaced", experiments=[]) == []


@pytest.mark.parametrize(("kind", "name"), [("Model", "baseline"), ("Server", "mlserver-team-a")])
def test_name_that_is_taken_elsewhere_is_refused_where_all_share_a_scheduler(kind: str, name: str) -> None:
    found = [live(kind, "team-b", name, component="", server="x")]
    assert problems(found) == [
        f"There is a {kind} team-b/{name} already, and one scheduler would take it and that of team-a for the same. "
        "Remove it, or give one of them another name."
    ]
    assert problems(found, topology="namespaced", experiments=[]) == []


def test_model_that_an_experiment_has_does_not_go() -> None:
    found = [
        live("Model", "team-a", "old", server="x"),
        live(
            "Experiment",
            "team-b",
            "ab",
            component="",
            candidates=[{"name": "baseline", "weight": 1}, {"name": "old", "weight": 1}],
        ),
        live(
            "Experiment",
            "team-b",
            "copy",
            component="",
            candidates=[{"name": "baseline", "weight": 1}],
            mirror={"name": "old", "percent": 1},
        ),
        live("Experiment", "team-b", "fine", component="", candidates=[{"name": "baseline", "weight": 1}]),
    ]
    end = "has the model old, which serving_models has no more. End the experiment first, or put the model back."
    assert problems(found) == [f"The experiment team-b/ab {end}", f"The experiment team-b/copy {end}"]


def split(name: str, *weights: int, **more: Any) -> dict[str, Any]:
    candidates = [{"name": f"m{number}", "weight": weight} for number, weight in enumerate(weights)]
    return live("Experiment", "team-b", name, component="", candidates=candidates, **more)


def test_experiment_that_stands_in_the_way_of_all_teams_is_named() -> None:
    found = [
        split("negative", -1, 2),
        split("zero", 0, 0),
        split("mirrored", 1, mirror={"name": "x", "percent": 0}),
        split("fine", 0, 1, mirror={"name": "x", "percent": 1}),
        split("shadow", mirror={"name": "x", "percent": 1}),
    ]
    assert problems(found) == [
        "The Experiment team-b/negative has a weight below 0, and Seldon's operator reads no experiment of anybody as "
        "long as it is there. Set its weights to 0 or more, or remove it.",
        "The Experiment team-b/zero has weights that add up to 0, and Envoy takes no new route of its scheduler as "
        "long "
        "as it is there. Set one of them above 0, or remove it.",
        "The Experiment team-b/mirrored has a mirror of 0 percent, and Envoy takes no new mirror of its scheduler as "
        "long as it is there. Set 1 to 100, or take the mirror away.",
    ]


# Secrets that somebody else keeps

FOREIGN = {"models": [model("baseline", storage_uri="s3://m/b", secret="theirs")], "experiments": []}


def test_secrets_of_others_are_read_where_the_models_are() -> None:
    assert secrets_to_read(settings(**FOREIGN)) == [{"namespace": "team-a", "name": "theirs"}]
    assert secrets_to_read(settings(**FOREIGN, topology="single")) == [{"namespace": "seldon-system", "name": "theirs"}]
    assert secrets_to_read(settings(models=[model("baseline", secret="minio")])) == []


SECRETS: dict[str, tuple[list[Secret], list[str]]] = {
    "one that is right": (
        [Secret("team-a", "theirs", {"x": {"name": "s3", "type": "s3", "parameters": {"a": "b"}}})],
        [],
    ),
    "none": (
        [],
        [
            "The model 'baseline' of team-a has the secret 'theirs', which is neither in mlserver_secrets nor in the "
            "namespace team-a. Add it to one of them."
        ],
    ),
    "two keys": (
        [Secret("team-a", "theirs", {"a": {}, "b": {}})],
        [
            "The Secret team-a/theirs has 2 keys, a and b, and Seldon reads one that has a single key. Make a secret "
            "of each remote."
        ],
    ),
    "no remote": (
        [Secret("team-a", "theirs", {"a": None})],
        ["The Secret team-a/theirs has no remote of rclone. Write it as {name: …, type: …, parameters: …}."],
    ),
    "another name": (
        [Secret("team-a", "theirs", {"x": {"name": "minio", "type": "s3", "parameters": {"a": "b"}}})],
        [
            "The model 'baseline' of team-a is stored at s3://m/b, and its secret 'theirs' has a remote that is named "
            "'minio'. Set the remote's name to 's3', or storage_uri to one that begins with minio:."
        ],
    ),
}


@pytest.mark.parametrize("name", SECRETS)
def test_secret_of_somebody_else_is_judged_as_one_of_ours(name: str) -> None:
    secrets, sentences = SECRETS[name]
    assert plan([], secrets, **FOREIGN)["problems"] == sentences


def test_volumes_of_servers_that_nobody_would_make_are_in_the_way() -> None:
    found = serving_plan(settings(storage_class="fast"), [], [], [])["problems"]
    assert len(found) == 1
    assert "serving_storage_class is 'fast', and the cluster has none. Seldon claims " in found[0]
    assert "team-a/mlserver-models-mlserver-team-a-0" in found[0]
    assert serving_plan(settings(), [], [])["problems"] == []
    assert serving_plan(settings(state="absent"), [], [], [])["problems"] == []
