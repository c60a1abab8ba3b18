# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which host a smoke test calls the models of teams that have a mesh each."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.request_path import (
    Answer,
    Question,
    RequestPath,
    parse_experiment,
    parse_model,
    parse_samples,
)
from plugins.module_utils._core.route_table import Endpoint
from plugins.module_utils._core.smoke import PASS, SKIP, Result, examine
from plugins.module_utils._core.smoke_load import targets
from plugins.module_utils._core.smoke_through import passage_checks

PLACE, SAFE = Endpoint("192.0.2.200", 80), Endpoint("192.0.2.200", 443)
HOSTS = {"team-a": "a.example.com", "team-b": "b.example.com"}
TEAMS = {"first": "team-a", "other": "team-a", "second": "team-b", "third": "team-b"}
OUTPUT = b'"outputs": [{"name": "p", "shape": [1], "datatype": "INT64", "data": [1]}]}'
BY_MODEL = ("first", "other", "second", "third")


class Meshes:
    """Two Envoys behind one address, each of which knows the models of its team alone."""

    grpc_missing = ""

    def __init__(self) -> None:
        self.called: dict[str, set[str]] = {}

    def ask(self, _place: Endpoint, question: Question) -> Answer:
        header = question.headers.get("seldon-model", "")
        sticky = question.headers.get("x-seldon-route", "")
        name = sticky.strip(":").rpartition("_")[0] or {"ab.experiment": "first", "cd.experiment": "second"}.get(
            header, header
        )
        if name in TEAMS:
            self.called.setdefault(header, set()).add(str(question.host))
        if question.host != HOSTS.get(TEAMS.get(name, "")):
            return Answer(404, {}, b"", 0.0)
        headers = {"x-seldon-route": f":{name}_1:", "x-request-id": "1", "x-envoy-upstream-service-time": "2"}
        return Answer(200, headers, f'{{"model_name": "{name}_1", '.encode() + OUTPUT, 0.0)

    def series(self, place: Endpoint, question: Question, count: int) -> list[Answer]:
        return [self.ask(place, question)] * count

    def call(self, *_words: Any, metadata: dict[str, str], path: RequestPath) -> Any:
        self.called.setdefault(f"grpc {metadata['seldon-model']}", set()).add(path.grpc_host)
        return type("Said", (), {"code": "UNAVAILABLE", "details": "", "message": b"", "metadata": {}})()


def path_of(hosts: dict[str, str] | None, **more: Any) -> RequestPath:
    answers = ", ".join(f'"{name}": {{}}' for name in TEAMS)
    samples = parse_samples({"s": f'{{"requests": [{{"inputs": []}}], "models": {{{answers}}}}}'.encode()})
    models = tuple(
        parse_model({"name": name, "namespace": team, "version": 1, "http": None, "grpc": None}, samples)
        for name, team in TEAMS.items()
    )
    experiments = tuple(
        parse_experiment({"name": name, "candidates": [{"name": one, "weight": 100}]})
        for name, one in (("ab", "first"), ("cd", "second"))
    )
    return RequestPath(HOSTS["team-a"], PLACE, models=models, experiments=experiments, hosts=hosts, **more)


def asked(path: RequestPath, meshes: Meshes, ids: tuple[str, ...]) -> dict[tuple[str, str], Result]:
    checks = [each for each in passage_checks(path, meshes) if each.id in ids]  # type: ignore[arg-type]  # asked no more than that
    return {each.key: each for each in examine(checks, (), lambda: 0.0)}


@pytest.fixture
def meshes() -> Meshes:
    return Meshes()


def test_each_model_and_experiment_is_called_by_the_host_of_its_team(meshes: Meshes) -> None:
    found = asked(path_of(HOSTS), meshes, ("nginx.route", "envoy.internal_header", "mlserver.infer"))
    wrong = [each for each in found.values() if each.status not in (PASS, "warn")]
    assert wrong == []
    assert {name: hosts for name, hosts in meshes.called.items() if len(hosts) > 1} == {}
    assert meshes.called["cd.experiment"] == {HOSTS["team-b"]}


def test_a_team_without_a_route_is_skipped_and_told_what_to_add(meshes: Meshes) -> None:
    found = asked(path_of({"team-a": HOSTS["team-a"]}), meshes, ("nginx.route", "envoy.sticky", "mlserver.infer"))
    theirs = [each for key, each in found.items() if key[1] in ("second", "third", "cd", "cd.experiment")]
    assert {each.status for each in theirs} == {SKIP}
    assert {each.reason for each in theirs} == {
        "no route of REST leads to the mesh of team-b; add one with namespace: team-b"
    }
    assert found["nginx.route", "first"].status == PASS
    known = list(found.values())
    assert [each.header for each in targets(path_of({"team-a": HOSTS["team-a"]}), known)] == ["ab.experiment"]


def test_the_load_takes_the_same_ways() -> None:
    found = [each.question.host for each in targets(path_of(HOSTS), ())]
    assert found == [HOSTS["team-a"], HOSTS["team-b"]]


def test_grpc_has_hosts_of_its_own(meshes: Meshes) -> None:
    path = path_of(HOSTS, grpc=SAFE, grpc_hosts={"team-b": "grpc.b.example.com"})
    found = asked(path, meshes, ("nginx.grpc",))
    assert found["nginx.grpc", "first"].reason.startswith("no route of gRPC leads to the mesh of team-a")
    assert meshes.called["grpc third"] == {"grpc.b.example.com"}


def test_one_mesh_for_all_has_one_host() -> None:
    assert {path_of(None).towards(each).host for each in BY_MODEL} == {HOSTS["team-a"]}
