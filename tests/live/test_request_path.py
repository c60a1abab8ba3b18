# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule of Seldon's routes, asked of the running NGINX, Envoy and MLServers."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from mlserver.grpc import dataplane_pb2 as messages
from mlserver.grpc import model_repository_pb2 as repository_messages
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, HOST, SHADOW, DataPlane, experiment, wait_for

ROUTE = f"{EXPERIMENT}.experiment"
BASELINE_ROUTE, ENHANCED_ROUTE = f":{BASELINE}_1:", f":{ENHANCED}_1:"
# A share may be this many standard deviations off: once in a thousand million runs by chance.
SIGMAS = 6


def is_share(count: int, calls: int, share: float) -> bool:
    return abs(count - calls * share) <= SIGMAS * math.sqrt(calls * share * (1 - share))


# --- REST -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [ROUTE, BASELINE], ids=["the experiment", "its default, by its own name"])
def test_split(data_plane: DataPlane, name: str) -> None:
    answers = [data_plane.infer(name) for _ in range(400)]
    assert {answer.status for answer in answers} == {200}
    assert {(answer.route, answer.model) for answer in answers} == {
        (BASELINE_ROUTE, f"{BASELINE}_1"),
        (ENHANCED_ROUTE, f"{ENHANCED}_1"),
    }
    assert is_share(sum(answer.route == ENHANCED_ROUTE for answer in answers), len(answers), 0.3)


def test_other_candidates_keep_their_own_route(data_plane: DataPlane) -> None:
    assert {data_plane.infer(ENHANCED).route for _ in range(50)} == {ENHANCED_ROUTE}


@pytest.mark.parametrize(("name", "route"), [(BASELINE, BASELINE_ROUTE), (ENHANCED, ENHANCED_ROUTE)])
def test_golden_answers(data_plane: DataPlane, name: str, route: str) -> None:
    golden = data_plane.golden()
    answers = [
        data_plane.call(seldon_model=ROUTE, route=route, body=json.dumps(request).encode())
        for request in golden["requests"]
    ]
    predictions = [json.loads(answer.body)["outputs"][0]["data"][0] for answer in answers]
    assert predictions == golden["models"][name]["answers"]


@pytest.mark.parametrize("route", [BASELINE_ROUTE, ENHANCED_ROUTE])
@pytest.mark.parametrize("name", [ROUTE, BASELINE])
def test_sticky(data_plane: DataPlane, name: str, route: str) -> None:
    assert {data_plane.infer(name, route=route).route for _ in range(20)} == {route}


@dataclass(frozen=True)
class Case:
    """A call, and what must come back."""

    call: Callable[[DataPlane], Any]
    status: int
    routed: bool = False
    empty: bool = True


def ask(path: str, **more: Any) -> Callable[[DataPlane], Any]:
    return lambda plane: plane.call(path, **more)


def infer(seldon_model: str | None = None, **more: Any) -> Callable[[DataPlane], Any]:
    return lambda plane: plane.infer(seldon_model, **more)


CASES: dict[str, Case] = {
    "any name in the path": Case(infer(ROUTE, name="whatever"), 200, routed=True),
    "capitals in the header's name": Case(infer(headers={"Seldon-Model": ROUTE}), 200, routed=True),
    "path alone: infer": Case(infer(name=ENHANCED), 200, routed=True),
    "path alone: ready": Case(ask(f"/v2/models/{ENHANCED}/ready"), 200, routed=True),
    "path alone: metadata": Case(ask(f"/v2/models/{ENHANCED}"), 200, routed=True),
    "path alone: a query": Case(ask(f"/v2/models/{ENHANCED}?x=1"), 200, routed=True),
    "path alone: a version": Case(ask(f"/v2/models/{ENHANCED}/versions/1/ready"), 200, routed=True),
    "path alone: an experiment's name": Case(infer(name=ROUTE), 404, routed=True, empty=False),
    "stale x-seldon-route": Case(infer(ROUTE, route=f":{ENHANCED}_2:"), 404),
    "x-seldon-route of a model that takes no part": Case(infer(ROUTE, route=f":{SHADOW}_1:"), 404),
    "x-seldon-route to a model that nothing splits": Case(infer(ENHANCED, route=ENHANCED_ROUTE), 404),
    "unknown model in the header": Case(infer("nobody"), 404),
    "unknown model in the path": Case(infer(name="nobody"), 404),
    "an experiment that is not there": Case(infer("nobody.experiment"), 404),
    "health without a model": Case(ask("/v2/health/live"), 404),
    "health of a model's server": Case(ask("/v2/health/live", seldon_model=ENHANCED), 200, routed=True, empty=False),
    "repository without a model": Case(ask("/v2/repository/index", body=b"{}"), 404),
    "repository of a model's server": Case(
        ask("/v2/repository/index", seldon_model=ENHANCED, body=b"{}"), 404, routed=True
    ),
    "repository in disguise": Case(ask("/v2/%72epository/index", seldon_model=ENHANCED, body=b"{}"), 404, routed=True),
    "repository behind two slashes": Case(
        ask("/v2//repository/index", seldon_model=ENHANCED, body=b"{}"), 404, routed=True
    ),
    "repository behind a model": Case(
        ask(f"/v2/models/{ENHANCED}/../../repository/index", seldon_model=ENHANCED, body=b"{}"),
        404,
        routed=True,
        empty=False,
    ),
    "another host": Case(infer(ROUTE, headers={"Host": "example.com"}), 404, empty=False),
    "no host that is known": Case(infer(ROUTE, headers={"Host": "127.0.77.3"}), 404, empty=False),
    "malformed JSON": Case(ask(f"/v2/models/{ENHANCED}/infer", body=b"{"), 422, routed=True, empty=False),
    "a body over the limit": Case(ask(f"/v2/models/{ENHANCED}/infer", body=b"x" * (3 * 2**20 + 1)), 413, empty=False),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_rest(data_plane: DataPlane, case: Case) -> None:
    answer = case.call(data_plane)
    assert answer.status == case.status
    assert (answer.route is not None) == case.routed
    if case.status == 404:
        assert (answer.body == b"") == case.empty, answer.body


def test_headers_of_an_answer(data_plane: DataPlane) -> None:
    first, second = (data_plane.infer(ROUTE, headers={"x-request-id": "mine"}) for _ in range(2))
    assert int(first.headers["x-envoy-upstream-service-time"]) >= 0
    assert re.fullmatch("[0-9a-f]{32}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


def test_access_log_tells_route_and_times(data_plane: DataPlane) -> None:
    answer = data_plane.infer(ROUTE)
    log = data_plane.directory / "logs" / "access.log"
    # NGINX logs a request when it has sent the answer, so perhaps after we have it.
    wait_for(lambda: answer.headers["x-request-id"] in log.read_text(), "the request stands in the access log", 5)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = [line for line in lines if line["id"] == answer.headers["x-request-id"]]
    assert (line["status"], line["route"], line["model"]) == (200, answer.route, ROUTE)
    # NGINX reads its clock once an event, in milliseconds, so the inner time may look the longer one by that much.
    assert 0 <= float(line["upstream_time"]) <= float(line["request_time"]) + 0.0011


def test_stats_are_there_and_the_rest_of_the_admin_interface_is_not(data_plane: DataPlane) -> None:
    data_plane.infer(ROUTE)
    counter = f'envoy_cluster_upstream_rq_total{{envoy_cluster_name="{BASELINE}_1_http"}}'
    assert re.search(rf"^{re.escape(counter)} [1-9]", data_plane.stats(), re.MULTILINE)
    for path in ("/", "/quitquitquit", "/config_dump", "/stats"):
        assert data_plane.call(path, port="data_plane_envoy_stats_port", address="127.0.0.1").status == 404


# --- gRPC -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def channel(data_plane: DataPlane) -> Any:
    """Return a gRPC channel to NGINX, over TLS, that checks the certificate for the API host."""
    certificate = (data_plane.directory / "nginx" / "tls.crt").read_bytes()
    target = f"{data_plane.variables['data_plane_address']}:{data_plane.variables['data_plane_grpc_port']}"
    options = [("grpc.ssl_target_name_override", HOST), ("grpc.default_authority", HOST)]
    with grpc.secure_channel(target, grpc.ssl_channel_credentials(certificate), options=options) as opened:
        yield opened


def grpc_request(data_plane: DataPlane, name: str = BASELINE) -> Any:
    (given,) = data_plane.golden()["requests"][0]["inputs"]
    contents = messages.InferTensorContents(fp64_contents=given["data"])
    tensor = messages.ModelInferRequest.InferInputTensor(
        name=given["name"], datatype="FP64", shape=given["shape"], contents=contents
    )
    return messages.ModelInferRequest(model_name=name, inputs=[tensor])


def grpc_infer(
    channel: Any, request: Any, seldon_model: str | None, route: str | None = None, **more: Any
) -> tuple[str, str]:
    """Return the model's name from the answer, and the route from its metadata."""
    metadata = [("seldon-model", seldon_model)] if seldon_model else []
    metadata += [("x-seldon-route", route)] if route else []
    answer, call = GRPCInferenceServiceStub(channel).ModelInfer.with_call(
        request, metadata=metadata, timeout=30, **more
    )
    return answer.model_name, dict(call.initial_metadata())["x-seldon-route"]


def test_grpc_split(data_plane: DataPlane, channel: Any) -> None:
    request = grpc_request(data_plane)
    found = Counter(grpc_infer(channel, request, ROUTE) for _ in range(200))
    assert set(found) == {(f"{BASELINE}_1", BASELINE_ROUTE), (f"{ENHANCED}_1", ENHANCED_ROUTE)}
    assert is_share(found[f"{ENHANCED}_1", ENHANCED_ROUTE], 200, 0.3)


@pytest.mark.parametrize("name", ["", "x", "a-name-that-is-much-longer-than-the-candidates-own-names-" * 2])
def test_grpc_name_in_the_message_does_not_matter(data_plane: DataPlane, channel: Any, name: str) -> None:
    assert grpc_infer(channel, grpc_request(data_plane, name), ENHANCED) == (f"{ENHANCED}_1", ENHANCED_ROUTE)


def test_grpc_message_may_be_as_large_as_a_body(data_plane: DataPlane, channel: Any) -> None:
    request = grpc_request(data_plane)
    request.parameters["padding"].string_param = "x" * (5 * 2**19)
    assert grpc_infer(channel, request, ENHANCED) == (f"{ENHANCED}_1", ENHANCED_ROUTE)


@pytest.mark.parametrize("route", [BASELINE_ROUTE, ENHANCED_ROUTE])
def test_grpc_sticky(data_plane: DataPlane, channel: Any, route: str) -> None:
    request = grpc_request(data_plane)
    assert {grpc_infer(channel, request, ROUTE, route)[1] for _ in range(10)} == {route}


def test_grpc_ready_and_metadata(channel: Any) -> None:
    stub, metadata = GRPCInferenceServiceStub(channel), [("seldon-model", ROUTE), ("x-seldon-route", ENHANCED_ROUTE)]
    assert stub.ModelReady(messages.ModelReadyRequest(name="x"), metadata=metadata, timeout=30).ready
    assert stub.ModelReady(messages.ModelReadyRequest(), metadata=metadata, timeout=30).ready
    found = stub.ModelMetadata(messages.ModelMetadataRequest(name="x"), metadata=metadata, timeout=30)
    assert found.name == f"{ENHANCED}_1"


@pytest.mark.parametrize(
    ("seldon_model", "route"),
    [(None, None), ("nobody", None), (ROUTE, f":{ENHANCED}_2:"), (ENHANCED, ENHANCED_ROUTE)],
    ids=["no header", "unknown model", "stale x-seldon-route", "x-seldon-route where nothing is split"],
)
def test_grpc_without_a_route(data_plane: DataPlane, channel: Any, seldon_model: str | None, route: str | None) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        grpc_infer(channel, grpc_request(data_plane), seldon_model, route)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"])
def test_grpc_repository_is_out_of_reach(channel: Any, method: str) -> None:
    call = channel.unary_unary(
        f"/inference.GRPCInferenceService/{method}",
        request_serializer=repository_messages.RepositoryIndexRequest.SerializeToString,
        response_deserializer=repository_messages.RepositoryIndexResponse.FromString,
    )
    with pytest.raises(grpc.RpcError) as caught:
        call(repository_messages.RepositoryIndexRequest(), metadata=[("seldon-model", ENHANCED)], timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


# --- what a change brings ---------------------------------------------------------------------------------------


def mirrored(data_plane: DataPlane, protocol: str) -> int:
    pattern = rf'^envoy_cluster_upstream_rq_total{{envoy_cluster_name="{SHADOW}_1_{protocol}"}} (\d+)'
    found = re.search(pattern, data_plane.stats(), re.MULTILINE)
    return int(found[1]) if found else 0


@pytest.fixture(scope="module")
def with_mirror(data_plane: DataPlane) -> Any:
    """Mirror half of the experiment's requests for a while."""
    declared = experiment(mirror={"name": SHADOW, "percent": 50})
    data_plane.up(variables={"serving_experiments": [declared]})
    yield data_plane
    data_plane.up(variables={"serving_experiments": [experiment(mirror={"name": SHADOW, "percent": 0})]})


@pytest.mark.parametrize("name", [ROUTE, BASELINE])
def test_mirror(with_mirror: DataPlane, name: str) -> None:
    before = mirrored(with_mirror, "http")
    answers = [with_mirror.infer(name) for _ in range(200)]
    assert {(answer.status, answer.route) for answer in answers} == {(200, BASELINE_ROUTE), (200, ENHANCED_ROUTE)}
    assert is_share(mirrored(with_mirror, "http") - before, 200, 0.5)
    before = mirrored(with_mirror, "http")
    for _ in range(20):
        with_mirror.infer(name, route=BASELINE_ROUTE)
    assert mirrored(with_mirror, "http") == before


def test_grpc_mirror(with_mirror: DataPlane, channel: Any) -> None:
    request = grpc_request(with_mirror)
    before = mirrored(with_mirror, "grpc")
    routes = {grpc_infer(channel, request, ROUTE)[1] for _ in range(100)}
    assert routes == {BASELINE_ROUTE, ENHANCED_ROUTE}
    assert is_share(mirrored(with_mirror, "grpc") - before, 100, 0.5)


def test_weight_zero_keeps_who_comes_back(data_plane: DataPlane) -> None:
    data_plane.declare(100, 0)
    try:
        assert {data_plane.infer(ROUTE).route for _ in range(100)} == {BASELINE_ROUTE}
        assert data_plane.infer(ROUTE, route=ENHANCED_ROUTE).route == ENHANCED_ROUTE
    finally:
        data_plane.declare(70, 30)


def test_weights_need_not_add_up_to_100(data_plane: DataPlane) -> None:
    data_plane.declare(1, 3)
    try:
        found = Counter(data_plane.infer(ROUTE).route for _ in range(400))
        assert is_share(found[ENHANCED_ROUTE], 400, 0.75)
    finally:
        data_plane.declare(70, 30)


def test_compressed_body_is_passed_on(data_plane: DataPlane) -> None:
    body = gzip.compress(data_plane.payload())
    answer = data_plane.call(seldon_model=ENHANCED, body=body, headers={"Content-Encoding": "gzip"})
    assert answer.route == ENHANCED_ROUTE
